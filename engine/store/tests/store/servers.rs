//! Databases that are not what they should be: another program's, older, newer, a stranger's, full of connections.

use noctule_store::{OpenOptions, StoreError};
use noctule_test_postgres::database;
use sqlx::Executor as _;

use crate::bed::Bed;
use crate::sample::{chain, create, manual, owner, run, version};

#[tokio::test]
async fn nothing_is_made_in_a_database_where_nothing_is_to_be_made() {
    let bed = Bed::database().await;
    let looking = OpenOptions {
        create: false,
        ..bed.options()
    };
    let error = bed.open_with(looking).await.err().unwrap();
    assert!(matches!(error, StoreError::Missing(_)), "{error:?}");
    let eye = bed.base().pool().await.unwrap();
    let made: bool = sqlx::query_scalar("SELECT to_regnamespace('noctule') IS NOT NULL")
        .fetch_one(&eye)
        .await
        .unwrap();
    assert!(!made);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_as_it_is() {
    let bed = Bed::database().await;
    drop(bed.open().await);
    let eye = bed.base().pool().await.unwrap();
    eye.execute("INSERT INTO noctule.migrations (version, checksum) VALUES (99, '')")
        .await
        .unwrap();
    let error = bed.open_with(bed.options()).await.err().unwrap();
    assert!(
        matches!(error, StoreError::SchemaNewer { found: 99, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_schema_that_was_changed_by_hand_is_refused() {
    let bed = Bed::database().await;
    drop(bed.open().await);
    let eye = bed.base().pool().await.unwrap();
    eye.execute("UPDATE noctule.migrations SET checksum = ''")
        .await
        .unwrap();
    let error = bed.open_with(bed.options()).await.err().unwrap();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[tokio::test]
async fn a_store_that_could_not_be_made_whole_is_not_there_and_is_made_later() {
    let bed = Bed::database().await;
    let eye = bed.base().pool().await.unwrap();
    // In the way of what is made last.
    sqlx::raw_sql("CREATE SCHEMA noctule; CREATE TABLE noctule.inbox ()")
        .execute(&eye)
        .await
        .unwrap();
    assert!(bed.open_with(bed.options()).await.is_err());
    let left: bool = sqlx::query_scalar("SELECT to_regclass('noctule.store') IS NOT NULL")
        .fetch_one(&eye)
        .await
        .unwrap();
    assert!(!left, "half a store was left");
    eye.execute("DROP TABLE noctule.inbox").await.unwrap();
    bed.open().await.check().await.unwrap();
}

#[tokio::test]
async fn a_text_that_is_no_document_is_found_in_every_table() {
    let bed = Bed::database().await;
    let store = bed.open().await;
    let eye = bed.base().pool().await.unwrap();
    let hash = "0".repeat(64);
    // By hand, past the constraints that keep it from happening.
    let broken = [
        (
            "messages",
            "(id, body, state, live, created_at) VALUES ('m', '{', 'sent', false, '')".to_owned(),
        ),
        (
            "tokens",
            format!("(hash, name, body) VALUES ('{hash}', 'x', '{{')"),
        ),
        ("audit", "(name, body) VALUES ('x', '{')".to_owned()),
        ("dropped_ticks", "(dag, body) VALUES ('d', '{')".to_owned()),
        ("asks", "(name, body) VALUES ('x', '{')".to_owned()),
        (
            "backfills",
            "(id, body, dag, created_at, live) VALUES ('b', '{', 'd', '', false)".to_owned(),
        ),
    ];
    for (table, row) in broken {
        store.check().await.unwrap();
        let loose = format!("ALTER TABLE noctule.{table} DROP CONSTRAINT {table}_body_check");
        eye.execute(sqlx::AssertSqlSafe(loose)).await.unwrap();
        let insert = format!("INSERT INTO noctule.{table} {row}");
        eye.execute(sqlx::AssertSqlSafe(insert)).await.unwrap();
        let error = store.check().await.err();
        let corrupt = matches!(error, Some(StoreError::Corrupt { .. }));
        assert!(corrupt, "{table}: {error:?}");
        let clean = format!("DELETE FROM noctule.{table}");
        eye.execute(sqlx::AssertSqlSafe(clean)).await.unwrap();
    }
}

#[tokio::test]
async fn a_password_is_never_shown() {
    let database = database().await.unwrap();
    let url = database
        .role_with_password("shy", "hunter2")
        .await
        .unwrap()
        .replace("hunter2", "hunter3");
    let bed = Bed::at(database, url);
    let error = bed.open_with(bed.options()).await.err().unwrap();
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("shy"), "{shown}");
    assert!(!shown.contains("hunter"), "{shown}");
}

/// A plain role with two connections: one writes, one renews, and nothing is left for reading.
#[tokio::test]
async fn a_lease_is_kept_and_commits_pass_where_no_more_connections_are_to_be_had() {
    let database = database().await.unwrap();
    let url = database.role_with_password("few", "pw").await.unwrap();
    let eye = database.pool().await.unwrap();
    let grant = format!("GRANT CREATE ON DATABASE {} TO few", database.name());
    sqlx::raw_sql(sqlx::AssertSqlSafe(grant))
        .execute(&eye)
        .await
        .unwrap();
    let bed = Bed::at(database, format!("{url}&lease_ttl=4"));
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let dag = chain("d", 1);
    let pin = version(&dag);
    store
        .commit(&lease, &[noctule_store::Write::Pin { version: &pin }])
        .await
        .unwrap();
    eye.execute("ALTER ROLE few CONNECTION LIMIT 2")
        .await
        .unwrap();
    let fresh = bed.open_with(bed.options()).await;
    let fresh = fresh
        .err()
        .map(|error| (error.is_passing(), error.to_string()));
    assert!(
        matches!(&fresh, Some((true, _))),
        "nobody else gets in: {fresh:?}"
    );
    // The lease is shorter than the patience of whoever wanted in, and longer than a busy machine hesitates.
    assert!(lease.is_trusted(), "it was renewed meanwhile");
    let (one, step) = run(&dag, "r", manual());
    store.commit(&lease, &[create(&one, &step)]).await.unwrap();
    let runs: i64 = sqlx::query_scalar("SELECT count(*) FROM noctule.runs")
        .fetch_one(&eye)
        .await
        .unwrap();
    assert_eq!(runs, 1);
}
