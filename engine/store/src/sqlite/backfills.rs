//! Backfills: written by a commit, and read.

use noctule_core::backfill::{Backfill, Night};
use noctule_core::name::BackfillId;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::SqliteStore;
use super::said::On;
use crate::backfills::BackfillFilter;
use crate::error::StoreError;
use crate::rows::{document, json};

const KEEP: &str = "INSERT INTO backfills (id, body) VALUES (?, ?) \
    ON CONFLICT (id) DO UPDATE SET body = excluded.body";
const KEEP_NIGHT: &str = "INSERT INTO nights (backfill, ix, body) VALUES (?, ?, ?) \
    ON CONFLICT (backfill, ix) DO UPDATE SET body = excluded.body";
const FIND: &str = "SELECT body FROM backfills WHERE true";
const ONE: &str = "SELECT body FROM backfills WHERE id = ?";
const NIGHTS: &str = "SELECT body FROM nights WHERE backfill = ? ORDER BY ix";

impl SqliteStore {
    /// Writes a backfill and those of its nights that changed.
    pub(super) async fn keep_backfill(
        &self,
        connection: &mut SqliteConnection,
        backfill: &Backfill,
        nights: &[(u32, Night)],
    ) -> Result<(), StoreError> {
        let path = &self.path;
        let keep = sqlx::query(KEEP)
            .bind(backfill.id.as_str())
            .bind(json(backfill, "backfill")?);
        keep.execute(&mut *connection).await.on(path)?;
        for (ix, night) in nights {
            let keep = sqlx::query(KEEP_NIGHT)
                .bind(backfill.id.as_str())
                .bind(ix)
                .bind(json(night, "night")?);
            keep.execute(&mut *connection).await.on(path)?;
        }
        Ok(())
    }

    pub(crate) async fn find_backfills(
        &self,
        filter: &BackfillFilter,
    ) -> Result<Vec<Backfill>, StoreError> {
        let mut find: QueryBuilder<Sqlite> = QueryBuilder::new(FIND);
        if let Some(dag) = &filter.dag {
            find.push(" AND dag = ").push_bind(dag.as_str().to_owned());
        }
        if filter.live {
            find.push(" AND live = 1");
        }
        if let Some(before) = &filter.before {
            find.push(" AND (created_at, id) < (SELECT created_at, id FROM backfills WHERE id = ");
            find.push_bind(before.as_str().to_owned()).push(")");
        }
        find.push(" ORDER BY created_at DESC, id DESC LIMIT ")
            .push_bind(filter.most());
        let rows = find.build().fetch_all(&self.readers).await.on(&self.path)?;
        let read = |row: &SqliteRow| document(row.try_get(0).on(&self.path)?, "backfill");
        rows.iter().map(read).collect()
    }

    pub(crate) async fn backfill(&self, id: &BackfillId) -> Result<Option<Backfill>, StoreError> {
        let query = sqlx::query(ONE).bind(id.as_str());
        let row = query.fetch_optional(&self.readers).await.on(&self.path)?;
        let read = |row: SqliteRow| document(row.try_get(0).on(&self.path)?, "backfill");
        row.map(read).transpose()
    }

    pub(crate) async fn nights(&self, id: &BackfillId) -> Result<Vec<Night>, StoreError> {
        let query = sqlx::query(NIGHTS).bind(id.as_str());
        let rows = query.fetch_all(&self.readers).await.on(&self.path)?;
        let read = |row: &SqliteRow| document(row.try_get(0).on(&self.path)?, "night");
        rows.iter().map(read).collect()
    }
}
