//! The right to write: one engine at a time, named to the others, given over when it is asked for.

use std::time::Duration;

use noctule_store::{Owner, Role, StoreError};

use crate::bed::{Bed, on_every_store};
use crate::sample::owner;

async fn a_second_engine_is_refused_and_told_the_pid_and_host_of_the_first(bed: Bed) {
    let first = bed.open().await;
    let second = bed.open().await;
    assert_eq!(second.holder().await.unwrap(), None);
    let lease = first.acquire(&owner()).await.unwrap();
    assert_eq!(second.holder().await.unwrap(), Some(owner()));
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
    lease.release().await.unwrap();
    assert_eq!(second.holder().await.unwrap(), None);
    second.acquire(&owner()).await.unwrap();
}

async fn each_acquisition_has_a_greater_epoch(bed: Bed) {
    let mut last = 0;
    for _ in 0..3 {
        let lease = bed.open().await.acquire(&owner()).await.unwrap();
        assert!(lease.epoch() > last);
        last = lease.epoch();
        lease.release().await.unwrap();
    }
}

async fn whoever_waits_is_seen_by_the_holder_and_gets_the_store_when_it_is_free(bed: Bed) {
    let store = bed.open().await;
    let lease = store
        .acquire(&Owner {
            role: Role::Run,
            ..owner()
        })
        .await
        .unwrap();
    assert_eq!(store.handover_asked().await.unwrap(), None);
    let next = bed.open().await;
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
    assert_eq!(store.holder().await.unwrap(), Some(waiter));
    assert_eq!(
        store.handover_asked().await.unwrap(),
        None,
        "nobody waits any more"
    );
    drop(lease);
}

async fn whoever_gave_the_store_over_cannot_take_it_back_before_the_one_that_waits(bed: Bed) {
    let store = bed.open().await;
    let lease = store
        .acquire(&Owner {
            role: Role::Run,
            ..owner()
        })
        .await
        .unwrap();
    let next = bed.open().await;
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
    assert_eq!(store.holder().await.unwrap(), Some(waiter));
}

async fn nobody_asks_any_more_once_the_one_that_waited_has_given_up(bed: Bed) {
    let store = bed.open().await;
    let _lease = store.acquire(&owner()).await.unwrap();
    let refused = bed
        .open()
        .await
        .acquire_when_free(&owner(), Duration::from_millis(1))
        .await;
    assert!(matches!(refused, Err(StoreError::HeldBy(_))), "{refused:?}");
    assert_eq!(store.handover_asked().await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looking_who_is_there_never_makes_an_engine_refuse_to_start() {
    let bed = Bed::file();
    let (store, looker) = (bed.open().await, bed.open().await);
    drop(store.acquire(&owner()).await.unwrap());
    let looking = tokio::spawn(async move {
        for _ in 0..20_000 {
            looker.holder().await.unwrap();
        }
    });
    while !looking.is_finished() {
        drop(store.acquire(&owner()).await.unwrap());
    }
    looking.await.unwrap();
}

on_every_store!(
    a_second_engine_is_refused_and_told_the_pid_and_host_of_the_first,
    each_acquisition_has_a_greater_epoch,
    whoever_waits_is_seen_by_the_holder_and_gets_the_store_when_it_is_free,
    whoever_gave_the_store_over_cannot_take_it_back_before_the_one_that_waits,
    nobody_asks_any_more_once_the_one_that_waited_has_given_up,
);
