//! Copies are whole: every table of a store has something in it, goes to the other backend and back, and is the same.
//!
//! It asks the file itself which tables there are, so one that is added later and forgotten by the copies fails here.

use std::path::Path;

use noctule_core::retention::Horizon;
use noctule_core::run::RunEnding;
use noctule_core::scheduling::{DropReason, Dropped};
use noctule_store::{Arrival, DagRecord, DroppedTicks, Lease, Store, Write};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use crate::access::{event, made};
use crate::backfills::{head, night};
use crate::bed::{Bed, on_every_store, open};
use crate::forgetting::ended;
use crate::messages::message;
use crate::sample::{minutes, noon, owner};

on_every_store!(every_table_of_a_store_goes_to_the_other_one_and_back);

/// Sessions stay behind, so that people log in again; `store` itself is another row in another place.
const LEFT: [&str; 3] = ["store", "sessions", "_sqlx_migrations"];

/// A row for every table, besides what others fill in.
async fn fill(store: &Store, lease: &Lease) {
    let good = |minute| (RunEnding::Succeeded, minute);
    ended(store, lease, "a", &[1, 2].map(good)).await;
    let horizon = Horizon {
        succeeded_before: minutes(100),
        others_before: minutes(50),
        logs_before: minutes(100),
        keep_last: 1,
    };
    store
        .forget(lease, &horizon, &["a0".parse().unwrap()])
        .await
        .unwrap();
    let dropped = DroppedTicks {
        dag: "a".parse().unwrap(),
        dropped: Dropped {
            first: minutes(0),
            last: minutes(1),
            count: 2,
            reason: DropReason::Paused,
        },
        at: noon(),
    };
    let record = DagRecord {
        dag: "a".parse().unwrap(),
        version: None,
        file: "dags/a.toml".to_owned(),
        error: None,
        withdrawn: false,
        pause: None,
        schedule_fingerprint: "f".to_owned(),
        trouble: None,
        unborn: Vec::new(),
        considered_until: Some(noon()),
        first_seen: noon(),
    };
    let (backfill, nights) = (
        head("b-1", "a", 7),
        [(0, night(7, noctule_core::backfill::NightState::Waiting))],
    );
    let message = message("m-1", Some("a1"), noon());
    let writes = [
        Write::Dropped { dropped: &dropped },
        Write::Backfill {
            backfill: &backfill,
            nights: &nights,
        },
        Write::Message { message: &message },
        Write::Dag { record: &record },
    ];
    store.commit(lease, &writes).await.unwrap();
    store.ask(&crate::asks::reload()).await.unwrap();
    made(store, "ci").await;
    store.begin_audit(&event("retry", noon())).await.unwrap();
}

/// Every table of a file but those that are left, with its rows as text.
async fn tables(folder: &Path) -> Vec<(String, Vec<String>)> {
    let file = SqliteConnectOptions::new()
        .filename(folder.join("state.db"))
        .read_only(true);
    let mut file = SqliteConnection::connect_with(&file).await.unwrap();
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let names: Vec<String> = sqlx::query_scalar(names)
        .fetch_all(&mut file)
        .await
        .unwrap();
    let mut all = Vec::new();
    for name in names
        .into_iter()
        .filter(|name| !LEFT.contains(&name.as_str()))
    {
        let columns = format!(
            "SELECT group_concat(format('quote(%s)', name), ' || '','' || ') FROM pragma_table_info('{name}')"
        );
        let columns: String = sqlx::query_scalar(sqlx::AssertSqlSafe(columns))
            .fetch_one(&mut file)
            .await
            .unwrap();
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {columns} FROM {name} ORDER BY 1"
        )));
        let rows = rows.fetch_all(&mut file).await.unwrap();
        all.push((name, rows.iter().map(|row| row.get(0)).collect()));
    }
    all
}

async fn copied(from: &Store, folder: &Path) -> Store {
    let to = open(folder).await;
    copy(from, &to).await;
    to
}

async fn copy(from: &Store, to: &Store) {
    let lease = to.acquire(&owner()).await.unwrap();
    from.copy_into(to, &lease, Arrival::Moved).await.unwrap();
    lease.release().await.unwrap();
}

async fn every_table_of_a_store_goes_to_the_other_one_and_back(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    fill(&store, &lease).await;
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let there = copied(&store, first.path()).await;
    let other = bed.another().await;
    let back = other.open().await;
    copy(&there, &back).await;
    let again = copied(&back, second.path()).await;
    let before = tables(first.path()).await;
    for (table, rows) in &before {
        assert!(!rows.is_empty(), "nothing of `{table}` came along");
    }
    assert_eq!(tables(second.path()).await, before);
    drop((there, again));
}
