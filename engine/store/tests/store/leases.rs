//! The right to write: one engine at a time, named to the others, given over when it is asked for.

use std::time::Duration;

use noctule_store::{Owner, Role, StoreError};

use crate::sample::{open, owner};

#[tokio::test]
async fn a_second_engine_is_refused_and_told_the_pid_and_host_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).await;
    let second = open(folder.path()).await;
    assert_eq!(second.holder().unwrap(), None);
    let lease = first.acquire(&owner()).await.unwrap();
    assert_eq!(second.holder().unwrap(), Some(owner()));
    let refused = second
        .acquire(&Owner { pid: 1, ..owner() })
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, StoreError::HeldBy(who) if **who == owner()),
        "{refused:?}"
    );
    let said = refused.to_string();
    assert!(said.contains("4711") && said.contains("moth"), "{said}");
    drop(lease);
    assert_eq!(second.holder().unwrap(), None);
    second.acquire(&owner()).await.unwrap();
}

#[tokio::test]
async fn each_acquisition_has_a_greater_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let mut last = 0;
    for _ in 0..3 {
        let lease = open(folder.path()).await.acquire(&owner()).await.unwrap();
        assert!(lease.epoch() > last);
        last = lease.epoch();
    }
}

#[tokio::test]
async fn whoever_waits_is_seen_by_the_holder_and_gets_the_store_when_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let lease = store
        .acquire(&Owner {
            role: Role::Run,
            ..owner()
        })
        .await
        .unwrap();
    assert_eq!(store.handover_asked().await.unwrap(), None);
    let next = open(folder.path()).await;
    let waiter = Owner { pid: 99, ..owner() };
    let asked = waiter.clone();
    let waiting = tokio::spawn(async move {
        next.acquire_when_free(&asked, Duration::from_secs(60))
            .await
    });
    loop {
        match store.handover_asked().await.unwrap() {
            Some(asking) if asking.pid != 0 => break assert_eq!(asking, waiter),
            _ => tokio::task::yield_now().await,
        }
    }
    drop(lease);
    let lease = waiting.await.unwrap().unwrap();
    assert_eq!(store.holder().unwrap(), Some(waiter));
    assert_eq!(
        store.handover_asked().await.unwrap(),
        None,
        "nobody waits any more"
    );
    drop(lease);
}

#[tokio::test]
async fn whoever_gave_the_store_over_cannot_take_it_back_before_the_one_that_waits() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let lease = store
        .acquire(&Owner {
            role: Role::Run,
            ..owner()
        })
        .await
        .unwrap();
    let next = open(folder.path()).await;
    let waiter = Owner { pid: 99, ..owner() };
    let asked = waiter.clone();
    let waiting = tokio::spawn(async move {
        next.acquire_when_free(&asked, Duration::from_secs(60))
            .await
    });
    while store.handover_asked().await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    drop(lease);
    let back = store.acquire(&owner()).await;
    assert!(matches!(&back, Err(StoreError::HeldBy(_))), "{back:?}");
    let _lease = waiting.await.unwrap().unwrap();
    assert_eq!(store.holder().unwrap(), Some(waiter));
}

#[tokio::test]
async fn nobody_asks_any_more_once_the_one_that_waited_has_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let _lease = store.acquire(&owner()).await.unwrap();
    let refused = open(folder.path())
        .await
        .acquire_when_free(&owner(), Duration::from_millis(1))
        .await;
    assert!(matches!(refused, Err(StoreError::HeldBy(_))), "{refused:?}");
    assert_eq!(store.handover_asked().await.unwrap(), None);
}

#[tokio::test]
async fn looking_who_is_there_never_makes_an_engine_refuse_to_start() {
    let folder = tempfile::tempdir().unwrap();
    let (store, looker) = (open(folder.path()).await, open(folder.path()).await);
    drop(store.acquire(&owner()).await.unwrap());
    let looking = tokio::task::spawn_blocking(move || {
        for _ in 0..20_000 {
            looker.holder().unwrap();
        }
    });
    while !looking.is_finished() {
        drop(store.acquire(&owner()).await.unwrap());
    }
    looking.await.unwrap();
}
