//! Runs by their nominal times, each page read from the index of those.

use sqlx::{QueryBuilder, Row, Sqlite};

use super::SqliteStore;
use super::said::On;
use crate::error::StoreError;
use crate::rows::written;
use crate::runs::RunSummary;
use crate::stretch::{Mark, Stretch};

const FIND: &str = "SELECT facts, progress, logical_time FROM runs WHERE true";

impl SqliteStore {
    pub(crate) async fn stretch(
        &self,
        stretch: &Stretch,
    ) -> Result<(Vec<RunSummary>, Option<Mark>), StoreError> {
        let path = &self.path;
        let mut find = finding(FIND, stretch);
        let rows = find.build().fetch_all(&self.readers).await.on(path)?;
        let mut runs = Vec::with_capacity(rows.len());
        let mut last = None;
        for row in &rows {
            let run = RunSummary::of(row.try_get(0).on(path)?, row.try_get(1).on(path)?)?;
            last = Some(Mark {
                nominal: row.try_get(2).on(path)?,
                run: run.facts.id.clone(),
            });
            runs.push(run);
        }
        Ok((runs, last))
    }
}

/// The place of the page before is where the next one begins in the index; the signs keep SQLite from any other way.
fn finding(select: &'static str, stretch: &Stretch) -> QueryBuilder<Sqlite> {
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
        find.push(" AND (+logical_time > ")
            .push_bind(mark.nominal.clone());
        find.push(" OR +id > ")
            .push_bind(mark.run.as_str().to_owned())
            .push(")");
    }
    if let Some(state) = &stretch.state {
        find.push(" AND +state = ").push_bind(state.clone());
    }
    if stretch.of_ticks {
        find.push(" AND +tick IS NOT NULL");
    }
    find.push(" ORDER BY logical_time, id LIMIT ")
        .push_bind(stretch.limit);
    find
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use chrono::Utc;
    use sqlx::{Connection, SqliteConnection};

    use super::*;
    use crate::sqlite::schema;

    #[tokio::test]
    async fn no_page_of_a_stretch_reads_what_lies_outside_of_it() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let migrated = schema::migrate(&mut connection, Path::new("memory"));
        migrated.await.unwrap();
        let first = Stretch {
            dag: "d".parse().unwrap(),
            nominal: (Utc::now(), Utc::now()),
            state: None,
            of_ticks: true,
            after: None,
            limit: 500,
        };
        let next = Stretch {
            after: Some(Mark {
                nominal: written(Utc::now()),
                run: "r".parse().unwrap(),
            }),
            ..first.clone()
        };
        let of_state = |stretch: &Stretch| Stretch {
            state: Some("failed".to_owned()),
            of_ticks: false,
            ..stretch.clone()
        };
        for stretch in [of_state(&first), of_state(&next), first, next] {
            let explain =
                "EXPLAIN QUERY PLAN SELECT facts, progress, logical_time FROM runs WHERE true";
            let mut find = finding(explain, &stretch);
            let rows = find.build().fetch_all(&mut connection).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            // Only runs of one nominal time are sorted among themselves.
            let steps = [
                "SEARCH runs USING INDEX runs_by_time (dag=? AND logical_time>? AND logical_time<?)",
                "USE TEMP B-TREE FOR RIGHT PART OF ORDER BY",
            ];
            assert_eq!(plan[0], steps[0], "{stretch:?}");
            assert!(
                plan[1..]
                    .iter()
                    .all(|step| step.contains(steps[1]) || step.contains("LAST TERM OF ORDER BY")),
                "{plan:?}"
            );
        }
    }
}
