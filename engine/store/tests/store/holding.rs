//! The right to write: one engine, known by name, fenced once another has it.

use std::time::Duration;

use noctule_core::run::Phase;
use noctule_store::{Role, StoreError, Write};

use crate::stage::{Stage, at, bear, dag, id, manual, owner, run};

#[tokio::test]
async fn a_second_engine_is_refused_and_told_who_holds_the_store() {
    let stage = Stage::new();
    let (first, second) = (stage.open().await, stage.open().await);
    let lease = first.acquire(&owner()).await.unwrap();
    let Err(StoreError::HeldBy(holder)) = second.acquire(&owner()).await else {
        panic!("two engines hold one store")
    };
    assert_eq!((holder.pid, holder.host.as_str()), (4_711, "elsewhere"));
    assert_eq!(second.holder().unwrap(), Some(owner()));
    drop(lease);
    assert_eq!(second.holder().unwrap(), None);
    assert!(second.acquire(&owner()).await.is_ok());
}

#[tokio::test]
async fn the_epoch_grows_and_a_fenced_engine_commits_nothing() {
    let stage = Stage::new();
    let store = stage.open().await;
    let dag = dag(1);
    let old = store.acquire(&owner()).await.unwrap();
    let (mut run, step) = run(&dag, "r1", manual(), at(0));
    bear(&store, &old, &dag, &run, &step).await;
    // An engine that lost its lock without noticing: the file was removed under it.
    std::fs::remove_file(stage.dir.path().join("state/state.db.lock")).unwrap();
    let new = store.acquire(&owner()).await.unwrap();
    assert!(new.epoch() > old.epoch());
    run.phase = Phase::Queued { since: at(9) };
    let write = [Write::Step {
        run: &run,
        step: &step,
    }];
    assert!(matches!(
        store.commit(&old, &write).await,
        Err(StoreError::Fenced(_))
    ));
    let stored = store.run(&id("r1")).await.unwrap().unwrap();
    assert_eq!(stored.phase, Phase::Queued { since: at(0) });
    assert!(store.commit(&new, &write).await.is_ok());
}

#[tokio::test]
async fn an_engine_that_waits_is_seen_by_the_holder_and_gets_the_store() {
    let stage = Stage::new();
    let (first, second) = (stage.open().await, stage.open().await);
    let lease = first.acquire(&owner()).await.unwrap();
    let waiting = tokio::spawn(async move {
        second
            .acquire_when_free(&owner(), Duration::from_secs(30))
            .await
    });
    let mut token = first.change_token().await.unwrap();
    while first.handover_asked().await.unwrap().is_none() {
        token = first
            .changed_since(token, Duration::from_secs(5))
            .await
            .unwrap();
    }
    assert_eq!(
        first.handover_asked().await.unwrap().unwrap().role,
        Role::Serve
    );
    drop(lease);
    assert!(waiting.await.unwrap().is_ok());
    assert!(first.handover_asked().await.unwrap().is_none());
}
