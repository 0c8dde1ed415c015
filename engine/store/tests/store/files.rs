//! Opening: nothing that is not ours is touched, nothing damaged is used, and nobody else may read along.

use std::os::unix::fs::PermissionsExt;

use noctule_store::StoreError;

use crate::stage::{Stage, bear, dag, id, manual, owner, run};

#[tokio::test]
async fn what_was_acknowledged_is_there_when_the_store_is_opened_again() {
    let stage = Stage::new();
    let dag = dag(1_000);
    let (written, step) = run(&dag, "r1", manual(), crate::stage::at(0));
    {
        let store = stage.open().await;
        let lease = store.acquire(&owner()).await.unwrap();
        bear(&store, &lease, &dag, &written, &step).await;
    }
    let store = stage.open().await;
    assert_eq!(store.run(&id("r1")).await.unwrap().unwrap(), written);
    assert_eq!(store.live_runs().await.unwrap(), [written]);
    assert_eq!(
        store.records(&id("r1"), 0, 10).await.unwrap().len(),
        step.records.len()
    );
}

#[tokio::test]
async fn the_files_are_private() {
    let stage = Stage::new();
    let store = stage.open().await;
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(store.path()), 0o600);
    assert_eq!(mode(store.path().parent().unwrap()), 0o700);
}

#[tokio::test]
async fn looking_makes_no_store() {
    let stage = Stage::new();
    let opened = stage.try_open("test", false).await;
    assert!(matches!(opened.err(), Some(StoreError::Missing(_))));
    assert!(!stage.file().exists());
}

#[tokio::test]
async fn a_file_that_is_no_store_is_refused_and_left_as_it_is() {
    for content in [
        &b""[..],
        b"garbage that is no database at all, whatever it is",
        &[0u8; 4096],
    ] {
        let stage = Stage::new();
        std::fs::create_dir(stage.dir.path().join("state")).unwrap();
        std::fs::write(stage.file(), content).unwrap();
        let error = stage.try_open("test", true).await.err().unwrap();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        assert_eq!(std::fs::read(stage.file()).unwrap(), content);
    }
}

#[tokio::test]
async fn a_truncated_store_is_refused() {
    let stage = Stage::new();
    {
        let store = stage.open().await;
        let lease = store.acquire(&owner()).await.unwrap();
        let dag = dag(200);
        let (written, step) = run(&dag, "r1", manual(), crate::stage::at(0));
        bear(&store, &lease, &dag, &written, &step).await;
    }
    {
        // Everything is in the one file before it is cut.
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(stage.file());
        let mut all = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options)
            .await
            .unwrap();
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        sqlx::query(checkpoint).execute(&mut all).await.unwrap();
        sqlx::Connection::close(all).await.unwrap();
    }
    let whole = std::fs::read(stage.file()).unwrap();
    std::fs::write(stage.file(), &whole[..whole.len() / 2]).unwrap();
    assert!(stage.try_open("test", true).await.is_err());
}

#[tokio::test]
async fn a_store_of_a_newer_noctule_is_refused() {
    let stage = Stage::new();
    drop(stage.open().await);
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(stage.file());
    let mut newer = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options)
        .await
        .unwrap();
    let insert = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                  VALUES (9999, 'later', 1, x'00', 0)";
    sqlx::query(insert).execute(&mut newer).await.unwrap();
    let error = stage.try_open("test", true).await.err().unwrap();
    assert!(
        matches!(error, StoreError::SchemaNewer { found: 9999, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_store_belongs_to_one_profile_and_says_so() {
    let stage = Stage::new();
    drop(stage.open().await);
    let error = stage.try_open("prod", true).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "the store belongs to profile `test`, you asked for profile `prod`"
    );
}

#[test]
fn the_linked_sqlite_is_3_51_3_or_later() {
    // The WAL-reset corruption is fixed from there on.
    let version = i64::from(libsqlite3_sys::SQLITE_VERSION_NUMBER);
    assert!(version >= 3_051_003, "{version}");
}
