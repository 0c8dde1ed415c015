//! The outbox, read.

use noctule_core::word::{Message, MessageId};
use sqlx::{QueryBuilder, Sqlite};

use super::SqliteStore;
use super::said::{On, corrupt};
use crate::error::StoreError;
use crate::messages::{Counted, MessageCounts, MessageFilter};
use crate::rows::{document, written};

const LIVE: &str = "SELECT body FROM messages WHERE live ORDER BY id";
const ONE: &str = "SELECT body FROM messages WHERE id = ?";
const FIND: &str = "SELECT body FROM messages WHERE true";
const COUNT: &str = "SELECT \
    (SELECT count(*) FROM (SELECT 1 FROM messages WHERE state = 'gathering' LIMIT ?1)), \
    (SELECT count(*) FROM (SELECT 1 FROM messages WHERE state = 'waiting' LIMIT ?1)), \
    (SELECT count(*) FROM (SELECT 1 FROM messages WHERE state = 'sending' LIMIT ?1)), \
    (SELECT count(*) FROM (SELECT 1 FROM messages WHERE state = 'given_up' LIMIT ?1)), \
    (SELECT min(at) FROM (SELECT min(created_at) AS at FROM messages WHERE state = 'gathering' \
        UNION ALL SELECT min(created_at) FROM messages WHERE state = 'waiting' \
        UNION ALL SELECT min(created_at) FROM messages WHERE state = 'sending'))";

impl SqliteStore {
    pub(crate) async fn live_messages(&self) -> Result<Vec<Message>, StoreError> {
        let query = sqlx::query_scalar(LIVE).fetch_all(&self.readers);
        let bodies: Vec<String> = query.await.on(&self.path)?;
        bodies
            .iter()
            .map(|body| document(body, "message"))
            .collect()
    }

    pub(crate) async fn message(&self, id: &MessageId) -> Result<Option<Message>, StoreError> {
        let query = sqlx::query_scalar(ONE).bind(&id.0);
        let body: Option<String> = query.fetch_optional(&self.readers).await.on(&self.path)?;
        body.map(|body| document(&body, "message")).transpose()
    }

    pub(crate) async fn find_messages(
        &self,
        filter: &MessageFilter,
    ) -> Result<Vec<Message>, StoreError> {
        let mut find = finding(FIND, filter);
        let query = find.build_query_scalar();
        let bodies: Vec<String> = query.fetch_all(&self.readers).await.on(&self.path)?;
        bodies
            .iter()
            .map(|body| document(body, "message"))
            .collect()
    }

    pub(crate) async fn count_messages(&self, most: u32) -> Result<MessageCounts, StoreError> {
        let query = sqlx::query_as(COUNT).bind(most);
        let counted: Counted = query.fetch_one(&self.readers).await.on(&self.path)?;
        MessageCounts::read(counted).map_err(|error| corrupt(&self.path, error.to_string()))
    }
}

/// Only the conditions that are asked for stand in the text, so that an index can serve them.
fn finding(select: &'static str, filter: &MessageFilter) -> QueryBuilder<Sqlite> {
    let mut find = QueryBuilder::new(select);
    if let Some(state) = &filter.state {
        find.push(" AND state = ").push_bind(state.clone());
    }
    if filter.failed {
        find.push(" AND failed");
    }
    if let Some((at, id)) = &filter.before {
        find.push(" AND (created_at, id) < (")
            .push_bind(written(*at));
        find.push(", ").push_bind(id.clone()).push(")");
    }
    find.push(" ORDER BY created_at DESC, id DESC LIMIT ");
    find.push_bind(filter.limit);
    find
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use chrono::Utc;
    use sqlx::{Connection, Row, SqliteConnection};

    use super::*;
    use crate::sqlite::schema;

    async fn store() -> SqliteConnection {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let migrated = schema::migrate(&mut connection, Path::new("memory"));
        migrated.await.unwrap();
        connection
    }

    fn steps(rows: &[sqlx::sqlite::SqliteRow]) -> Vec<String> {
        rows.iter().map(|row| row.get("detail")).collect()
    }

    #[tokio::test]
    async fn every_list_of_messages_is_read_in_order_from_an_index() {
        let mut connection = store().await;
        let all = MessageFilter {
            state: None,
            failed: false,
            before: None,
            limit: 20,
        };
        let given_up = MessageFilter {
            state: Some("given_up".to_owned()),
            ..all.clone()
        };
        let failed = MessageFilter {
            failed: true,
            ..all.clone()
        };
        for (filter, index) in [
            (all, "messages_by_creation"),
            (given_up, "messages_by_state (state=?"),
            (failed, "messages_failed"),
        ] {
            let later = MessageFilter {
                before: Some((Utc::now(), "m".to_owned())),
                ..filter.clone()
            };
            for filter in [filter, later] {
                let explain = "EXPLAIN QUERY PLAN SELECT body FROM messages WHERE true";
                let mut find = finding(explain, &filter);
                let rows = find.build().fetch_all(&mut connection).await.unwrap();
                let plan = steps(&rows).join("; ");
                assert!(plan.contains(index), "{filter:?}: {plan}");
                assert!(!plan.contains("TEMP B-TREE"), "{filter:?}: {plan}");
            }
        }
    }

    #[tokio::test]
    async fn messages_are_counted_by_an_index() {
        let mut connection = store().await;
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {COUNT}"));
        let query = sqlx::query(explain).bind(100);
        let rows = query.fetch_all(&mut connection).await.unwrap();
        let plan = steps(&rows);
        let read: Vec<&String> = plan
            .iter()
            .filter(|step| step.contains("messages"))
            .collect();
        let counted = "SEARCH messages USING INDEX messages_by_state (state=?)";
        assert_eq!(read, [counted; 7], "{plan:#?}");
    }
}
