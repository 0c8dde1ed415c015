//! Runs by their nominal times, each page read from the index of those.

use sqlx::{Postgres, QueryBuilder, Row};

use super::PostgresStore;
use super::readers::steadily;
use super::said::At;
use crate::error::StoreError;
use crate::rows::written;
use crate::runs::RunSummary;
use crate::stretch::{Mark, Stretch};

const FIND: &str = "SELECT facts, progress, logical_time FROM noctule.runs WHERE true";

impl PostgresStore {
    pub(crate) async fn stretch(
        &self,
        stretch: &Stretch,
    ) -> Result<(Vec<RunSummary>, Option<Mark>), StoreError> {
        let place = &self.server.place;
        let rows = steadily!(self, connection => {
            let mut find = finding(FIND, stretch);
            find.build().fetch_all(connection).await.at(place)
        })?;
        let mut runs = Vec::with_capacity(rows.len());
        let mut last = None;
        for row in &rows {
            let run = RunSummary::of(row.try_get(0).at(place)?, row.try_get(1).at(place)?)?;
            last = Some(Mark {
                nominal: row.try_get(2).at(place)?,
                run: run.facts.id.clone(),
            });
            runs.push(run);
        }
        Ok((runs, last))
    }
}

/// The place of the page before is where the next one begins in the index.
fn finding(select: &'static str, stretch: &Stretch) -> QueryBuilder<Postgres> {
    let mut find = QueryBuilder::new(select);
    let (from, to) = stretch.nominal;
    let from = match &stretch.after {
        Some(mark) => mark.nominal.clone(),
        None => written(from),
    };
    let dag = stretch.dag.as_str().to_owned();
    find.push(" AND dag = ").push_bind(dag);
    find.push(" AND logical_time >= ").push_bind(from);
    find.push(" AND logical_time <= ").push_bind(written(to));
    if let Some(mark) = &stretch.after {
        find.push(" AND (logical_time > ")
            .push_bind(mark.nominal.clone());
        find.push(" OR id > ")
            .push_bind(mark.run.as_str().to_owned())
            .push(")");
    }
    if let Some(state) = &stretch.state {
        find.push(" AND state = ").push_bind(state.clone());
    }
    if stretch.of_ticks {
        find.push(" AND tick IS NOT NULL");
    }
    find.push(" ORDER BY logical_time, id LIMIT ")
        .push_bind(i64::from(stretch.limit));
    find
}
