//! Backfills as they are read.

use noctule_core::backfill::{Backfill, Night};
use noctule_core::name::BackfillId;
use sqlx::{Postgres, QueryBuilder};

use super::PostgresStore;
use super::readers::steadily;
use super::said::At;
use crate::backfills::BackfillFilter;
use crate::error::StoreError;
use crate::rows::document;

const FIND: &str = "SELECT body FROM noctule.backfills WHERE true";
const ONE: &str = "SELECT body FROM noctule.backfills WHERE id = $1";
const NIGHTS: &str = "SELECT body FROM noctule.nights WHERE backfill = $1 ORDER BY ix";

impl PostgresStore {
    pub(crate) async fn find_backfills(
        &self,
        filter: &BackfillFilter,
    ) -> Result<Vec<Backfill>, StoreError> {
        let bodies: Vec<String> = steadily!(self, connection => {
            let mut find = finding(filter);
            find.build_query_scalar().fetch_all(connection).await.at(&self.server.place)
        })?;
        let read = |body: &String| document(body, "backfill");
        bodies.iter().map(read).collect()
    }

    pub(crate) async fn backfill(&self, id: &BackfillId) -> Result<Option<Backfill>, StoreError> {
        let body: Option<String> = steadily!(self, connection => {
            let query = sqlx::query_scalar(ONE).bind(id.as_str());
            query.fetch_optional(connection).await.at(&self.server.place)
        })?;
        body.map(|body| document(&body, "backfill")).transpose()
    }

    pub(crate) async fn nights(&self, id: &BackfillId) -> Result<Vec<Night>, StoreError> {
        let bodies: Vec<String> = steadily!(self, connection => {
            let query = sqlx::query_scalar(NIGHTS).bind(id.as_str());
            query.fetch_all(connection).await.at(&self.server.place)
        })?;
        bodies.iter().map(|body| document(body, "night")).collect()
    }
}

fn finding(filter: &BackfillFilter) -> QueryBuilder<Postgres> {
    let mut find = QueryBuilder::new(FIND);
    if let Some(dag) = &filter.dag {
        find.push(" AND dag = ").push_bind(dag.as_str().to_owned());
    }
    if filter.live {
        find.push(" AND live");
    }
    if let Some(before) = &filter.before {
        find.push(
            " AND (created_at, id) < (SELECT created_at, id FROM noctule.backfills WHERE id = ",
        );
        find.push_bind(before.as_str().to_owned()).push(")");
    }
    find.push(" ORDER BY created_at DESC, id DESC LIMIT ")
        .push_bind(i64::from(filter.most()));
    find
}
