//! Files that are no store of ours, or no longer whole: refused, named, and left exactly as they are.

use std::path::Path;

use noctule_store::{Store, StoreError, Write};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use crate::bed::open;
use crate::sample::{begin, chain, manual, options, owner, run, version};

async fn refused(folder: &Path) -> String {
    let before = std::fs::read(folder.join("state.db")).unwrap();
    let error = Store::open("sqlite://state.db", options(folder))
        .await
        .err()
        .unwrap();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert_eq!(
        std::fs::read(folder.join("state.db")).unwrap(),
        before,
        "the file was changed"
    );
    assert!(!folder.join("state.db-wal").exists(), "a log was made");
    error.to_string()
}

async fn raw(file: &Path) -> SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true);
    options.disable_statement_logging().connect().await.unwrap()
}

/// A store with a run in it, closed, so that all of it is in its one file.
async fn filled(folder: &Path) {
    let store = open(folder).await;
    let lease = store.acquire(&owner()).await.unwrap();
    let dag = chain("d", 500);
    let (mut run, mut step) = run(&dag, "r", manual());
    step.fold(begin(&mut run));
    let pin = version(&dag);
    let create = Write::Create {
        run: &run,
        step: &step,
        idempotency_key: None,
    };
    store
        .commit(&lease, &[Write::Pin { version: &pin }, create])
        .await
        .unwrap();
    drop((store, lease));
    let mut connection = raw(&folder.join("state.db")).await;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

/// The main file alone in a folder of its own.
fn alone(folder: &Path, change: impl FnOnce(&mut Vec<u8>)) -> tempfile::TempDir {
    let mut bytes = std::fs::read(folder.join("state.db")).unwrap();
    change(&mut bytes);
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("state.db"), bytes).unwrap();
    other
}

#[tokio::test]
async fn an_empty_file_is_not_made_into_a_store() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("state.db"), b"").unwrap();
    assert!(refused(folder.path()).await.contains("empty"));
}

#[tokio::test]
async fn a_file_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("state.db"),
        "id = \"not a database\"\n".repeat(400),
    )
    .unwrap();
    assert!(refused(folder.path()).await.contains("no database"));
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = raw(&folder.path().join("state.db")).await;
    sqlx::query("CREATE TABLE theirs (a)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    assert!(refused(folder.path()).await.contains("another program"));
}

#[tokio::test]
async fn a_truncated_store_is_refused_wherever_it_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    let whole = std::fs::metadata(folder.path().join("state.db"))
        .unwrap()
        .len();
    for cut in [
        1,
        50,
        100,
        4_095,
        4_096,
        8_192,
        whole / 2,
        whole - 4_096,
        whole - 1,
    ] {
        let cut_off = alone(folder.path(), |bytes| {
            bytes.truncate(usize::try_from(cut).unwrap());
        });
        let opened = Store::open("sqlite://state.db", options(cut_off.path())).await;
        let error = opened
            .err()
            .unwrap_or_else(|| panic!("opened after {cut} of {whole} bytes"));
        assert!(
            matches!(error, StoreError::Corrupt { .. }),
            "{cut}: {error:?}"
        );
    }
}

#[tokio::test]
async fn an_engine_does_not_start_on_a_store_with_a_damaged_page() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    let pages = std::fs::metadata(folder.path().join("state.db"))
        .unwrap()
        .len() as usize
        / 4_096;
    for page in (1..pages).step_by(pages / 12) {
        let damaged = alone(folder.path(), |bytes| {
            bytes[page * 4_096..page * 4_096 + 64].fill(0xa5);
        });
        let started = match Store::open("sqlite://state.db", options(damaged.path())).await {
            Ok(store) => store.acquire(&owner()).await.map(drop),
            Err(error) => Err(error),
        };
        assert!(
            matches!(started, Err(StoreError::Corrupt { .. })),
            "page {page}: {started:?}"
        );
    }
}

#[tokio::test]
async fn a_log_without_its_store_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("state.db-wal"), b"what is left").unwrap();
    let error = Store::open("sqlite://state.db", options(folder.path()))
        .await
        .err()
        .unwrap();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert_eq!(
        std::fs::read(folder.path().join("state.db-wal")).unwrap(),
        b"what is left"
    );
}

#[tokio::test]
async fn a_schema_of_a_newer_noctule_is_refused_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).await);
    let mut connection = raw(&folder.path().join("state.db")).await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99, 'x', true, x'00', 0)";
    sqlx::query(newer).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let error = Store::open("sqlite://state.db", options(folder.path()))
        .await
        .err()
        .unwrap();
    assert!(
        matches!(error, StoreError::SchemaNewer { found: 99, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_document_of_another_shape_is_found_by_a_check() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut connection = raw(&folder.path().join("state.db")).await;
    let strange = [
        (
            "messages",
            "(id, body) VALUES ('m', '{\"standing\":{\"state\":\"sent\"},\"created_at\":\"2026-01-13T00:00:00Z\"}')",
        ),
        ("audit", "(body) VALUES ('{}')"),
        ("dags", "(dag, body) VALUES ('d', '{}')"),
    ];
    for (table, row) in strange {
        store.check().await.unwrap();
        let insert = sqlx::AssertSqlSafe(format!("INSERT INTO {table} {row}"));
        sqlx::query(insert).execute(&mut connection).await.unwrap();
        let error = store.check().await.err();
        assert!(
            matches!(error, Some(StoreError::Document { .. })),
            "{table}: {error:?}"
        );
        let clean = sqlx::AssertSqlSafe(format!("DELETE FROM {table}"));
        sqlx::query(clean).execute(&mut connection).await.unwrap();
    }
}
