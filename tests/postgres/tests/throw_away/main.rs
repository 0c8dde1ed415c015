//! The throw-away server keeps what it promises to tests.

mod clusters;
mod proxies;

use sqlx::{Executor as _, PgPool};

async fn number(pool: &PgPool, query: &'static str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(query).fetch_one(pool).await
}

async fn make_table(pool: &PgPool) {
    pool.execute("CREATE TABLE t (n bigint)")
        .await
        .expect("a table");
}
