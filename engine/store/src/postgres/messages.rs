//! The outbox, read.

use noctule_core::word::{Message, MessageId};
use sqlx::{Postgres, QueryBuilder};

use super::PostgresStore;
use super::readers::steadily;
use super::said::{At, corrupt};
use crate::error::StoreError;
use crate::messages::{Counted, MessageCounts, MessageFilter};
use crate::rows::{document, written};

const LIVE: &str = "SELECT body FROM noctule.messages WHERE live ORDER BY id";
const ONE: &str = "SELECT body FROM noctule.messages WHERE id = $1";
const FIND: &str = "SELECT body FROM noctule.messages WHERE true";
const COUNT: &str = "SELECT \
    (SELECT count(*) FROM (SELECT FROM noctule.messages WHERE state = 'gathering' LIMIT $1) AS few), \
    (SELECT count(*) FROM (SELECT FROM noctule.messages WHERE state = 'waiting' LIMIT $1) AS few), \
    (SELECT count(*) FROM (SELECT FROM noctule.messages WHERE state = 'sending' LIMIT $1) AS few), \
    (SELECT count(*) FROM (SELECT FROM noctule.messages WHERE state = 'given_up' LIMIT $1) AS few), \
    least((SELECT min(created_at) FROM noctule.messages WHERE state = 'gathering'), \
        (SELECT min(created_at) FROM noctule.messages WHERE state = 'waiting'), \
        (SELECT min(created_at) FROM noctule.messages WHERE state = 'sending'))";

impl PostgresStore {
    pub(crate) async fn live_messages(&self) -> Result<Vec<Message>, StoreError> {
        let bodies: Vec<String> = steadily!(self, connection => {
            sqlx::query_scalar(LIVE).fetch_all(connection).await.at(&self.server.place)
        })?;
        bodies
            .iter()
            .map(|body| document(body, "message"))
            .collect()
    }

    pub(crate) async fn message(&self, id: &MessageId) -> Result<Option<Message>, StoreError> {
        let body: Option<String> = steadily!(self, connection => {
            let query = sqlx::query_scalar(ONE).bind(&id.0);
            query.fetch_optional(connection).await.at(&self.server.place)
        })?;
        body.map(|body| document(&body, "message")).transpose()
    }

    pub(crate) async fn find_messages(
        &self,
        filter: &MessageFilter,
    ) -> Result<Vec<Message>, StoreError> {
        let bodies: Vec<String> = steadily!(self, connection => {
            let mut find = finding(FIND, filter);
            find.build_query_scalar().fetch_all(connection).await.at(&self.server.place)
        })?;
        bodies
            .iter()
            .map(|body| document(body, "message"))
            .collect()
    }

    pub(crate) async fn count_messages(&self, most: u32) -> Result<MessageCounts, StoreError> {
        let counted: Counted = steadily!(self, connection => {
            let query = sqlx::query_as(COUNT).bind(i64::from(most));
            query.fetch_one(connection).await.at(&self.server.place)
        })?;
        let unreadable = |error: chrono::ParseError| corrupt(&self.server.place, error.to_string());
        MessageCounts::read(counted).map_err(unreadable)
    }
}

/// Only the conditions that are asked for stand in the text, so that an index can serve them.
fn finding(select: &'static str, filter: &MessageFilter) -> QueryBuilder<Postgres> {
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
    find.push_bind(i64::from(filter.limit));
    find
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use sqlx::{Connection, Executor, PgConnection};

    use super::*;
    use crate::{OpenOptions, Store};

    /// The plans of a store in which any other way than by an index would be the worst.
    async fn store() -> (noctule_test_postgres::Database, PgConnection) {
        let database = noctule_test_postgres::database().await.unwrap();
        let options = OpenOptions {
            profile: "test".parse().unwrap(),
            new_id: "0123abcd".parse().unwrap(),
            now: Utc::now(),
            base: std::env::temp_dir(),
            create: true,
            hook: None,
        };
        drop(Store::open(&database.url(), options).await.unwrap());
        let mut connection = PgConnection::connect(&database.url()).await.unwrap();
        for way in ["seqscan", "sort", "bitmapscan"] {
            let never = sqlx::AssertSqlSafe(format!("SET enable_{way} = off"));
            connection.execute(never).await.unwrap();
        }
        (database, connection)
    }

    fn assert_indexed(plan: &str) {
        for other in ["Seq Scan", "Sort", "Bitmap"] {
            assert!(!plan.contains(other), "{plan}");
        }
    }

    #[tokio::test]
    async fn every_list_of_messages_is_read_in_order_from_an_index() {
        let (_database, mut connection) = store().await;
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
            (given_up, "messages_by_state"),
            (failed, "messages_failed"),
        ] {
            let later = MessageFilter {
                before: Some((Utc::now(), "m".to_owned())),
                ..filter.clone()
            };
            for filter in [filter, later] {
                let explain = "EXPLAIN SELECT body FROM noctule.messages WHERE true";
                let mut find = finding(explain, &filter);
                let query = find.build_query_scalar();
                let plan: Vec<String> = query.fetch_all(&mut connection).await.unwrap();
                let plan = plan.join("\n");
                assert!(plan.contains(index), "{filter:?}: {plan}");
                assert_indexed(&plan);
            }
        }
    }

    #[tokio::test]
    async fn messages_are_counted_by_an_index() {
        let (_database, mut connection) = store().await;
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN {COUNT}"));
        let query = sqlx::query_scalar(explain).bind(100_i64);
        let plan: Vec<String> = query.fetch_all(&mut connection).await.unwrap();
        let plan = plan.join("\n");
        assert_eq!(plan.matches("using messages_by_state").count(), 7, "{plan}");
        assert_indexed(&plan);
    }
}
