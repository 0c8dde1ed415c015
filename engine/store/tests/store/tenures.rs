//! Leases in a database: one holder by its clock, which stops trusting before another can have it.

use std::task::Poll;
use std::time::{Duration, Instant};

use noctule_store::{Lease, Owner, Store, StoreError, Write};
use noctule_test_postgres::{Database, Proxy, database};
use sqlx::Executor as _;

use crate::bed::Bed;
use crate::sample::{chain, create, manual, owner, run, unknown_version, version};

/// Far beyond what anything here takes on a busy machine.
const IN_VAIN: Duration = Duration::from_secs(60);

/// A holder over a road that can be cut, whose lease lasts so many seconds.
async fn held(ttl: &str) -> (Database, Proxy, Store, Lease) {
    let database = database().await.unwrap();
    let road = Proxy::to(&database).await.unwrap();
    let url = format!("{}&lease_ttl={ttl}", road.url());
    let store = Bed::at(database.clone(), url).open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    (database, road, store, lease)
}

/// Another engine, whose road is its own.
async fn other(database: &Database) -> Store {
    Bed::of(database.clone()).open().await
}

fn second() -> Owner {
    Owner {
        pid: 99,
        host: "owl".to_owned(),
        ..owner()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_that_race_for_a_free_store_one_has_it_and_epochs_grow() {
    let database = database().await.unwrap();
    let mut last = 0;
    let stores = [
        other(&database).await,
        other(&database).await,
        other(&database).await,
        other(&database).await,
    ];
    for _ in 0..5 {
        let racing = stores
            .clone()
            .map(|store| tokio::spawn(async move { store.acquire(&owner()).await }));
        let mut leases = Vec::new();
        for raced in racing {
            match raced.await.unwrap() {
                Ok(lease) => leases.push(lease),
                Err(error) => assert!(matches!(error, StoreError::HeldBy(_)), "{error:?}"),
            }
        }
        assert_eq!(leases.len(), 1);
        assert!(leases[0].epoch() > last);
        last = leases[0].epoch();
        leases[0].release().await.unwrap();
        assert!(!leases[0].is_trusted());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_whom_nobody_hears_stops_trusting_before_another_has_the_store() {
    let (database, road, store, lease) = held("1.5").await;
    let other = other(&database).await;
    road.hold();
    let silent = Instant::now();
    let newer = other.acquire_when_free(&second(), IN_VAIN).await.unwrap();
    assert!(!lease.is_trusted(), "both trusted");
    lease.lost().await;
    let taken = silent.elapsed();
    assert!(taken > Duration::from_millis(500), "{taken:?}");
    assert!(newer.epoch() > lease.epoch());
    road.restore();
    let refused = store.commit(&lease, &[]).await.unwrap_err();
    assert!(refused.is_loss_of_lease(), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_that_is_gone_is_followed_within_twice_the_time_of_a_lease() {
    let (database, road, _store, lease) = held("2").await;
    let other = other(&database).await;
    let waiting = tokio::spawn(async move { other.stand_by(&second()).await });
    road.cut();
    let gone = Instant::now();
    waiting.await.unwrap().unwrap();
    assert!(!lease.is_trusted());
    let took = gone.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test]
async fn a_lease_that_is_given_back_is_taken_at_once() {
    let (database, _road, _store, lease) = held("60").await;
    let next = other(&database).await;
    let waiting = tokio::spawn(async move { next.stand_by(&second()).await });
    while other(&database)
        .await
        .handover_asked()
        .await
        .unwrap()
        .is_none()
    {
        tokio::task::yield_now().await;
    }
    let begun = Instant::now();
    lease.release().await.unwrap();
    let lease = waiting.await.unwrap().unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "it was waited for"
    );
    assert!(lease.is_trusted());
    // Also where nobody says so: the last hold is dropped.
    let third = other(&database).await;
    drop(lease);
    let begun = Instant::now();
    third.acquire_when_free(&owner(), IN_VAIN).await.unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "it was waited for"
    );
}

#[tokio::test]
async fn a_lease_is_kept_while_the_runtime_of_the_engine_stands_still() {
    let database = database().await.unwrap();
    let url = format!("{}&lease_ttl=1", database.url());
    let store = Bed::at(database.clone(), url).open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    // The fault itself: nothing of this runtime goes on.
    std::thread::sleep(Duration::from_millis(2_500));
    assert!(lease.is_trusted());
    let refused = other(&database).await.acquire(&second()).await;
    assert!(matches!(refused, Err(StoreError::HeldBy(_))), "{refused:?}");
    store.commit(&lease, &[]).await.unwrap();
}

#[tokio::test]
async fn an_engine_that_was_overtaken_commits_nothing_not_even_nothing() {
    let (database, _road, store, lease) = held("60").await;
    let dag = chain("d", 1);
    let pin = version(&dag);
    store
        .commit(&lease, &[Write::Pin { version: &pin }])
        .await
        .unwrap();
    // It does not know yet.
    let eye = database.pool().await.unwrap();
    eye.execute("UPDATE noctule.lease SET expires_at = '-infinity'")
        .await
        .unwrap();
    let next = other(&database).await;
    let newer = next.acquire(&second()).await.unwrap();
    assert!(lease.is_trusted());
    let (one, step) = run(&dag, "r", manual());
    let (mut orphan, orphan_step) = run(&dag, "o", manual());
    orphan.facts.version = unknown_version();
    for writes in [
        vec![create(&one, &step)],
        vec![],
        vec![create(&orphan, &orphan_step)],
    ] {
        let refused = store.commit(&lease, &writes).await;
        assert!(matches!(refused, Err(StoreError::Fenced(_))), "{refused:?}");
    }
    assert!(next.live_runs().await.unwrap().is_empty());
    next.commit(&newer, &[create(&one, &step)]).await.unwrap();
    assert_eq!(next.live_runs().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_lease_that_another_has_taken_is_noticed_at_the_next_renewal() {
    let (database, _road, _store, lease) = held("1.5").await;
    let eye = database.pool().await.unwrap();
    eye.execute("UPDATE noctule.lease SET token = 'of another'")
        .await
        .unwrap();
    let begun = Instant::now();
    lease.lost().await;
    assert!(
        begun.elapsed() < Duration::from_millis(1_400),
        "by expiry only"
    );
}

#[tokio::test]
async fn the_clock_of_the_database_decides_when_a_lease_is_over() {
    let (database, _road, _store, lease) = held("60").await;
    let expires =
        "SELECT extract(epoch FROM expires_at - clock_timestamp())::float8 FROM noctule.lease";
    let eye = database.pool().await.unwrap();
    let left: f64 = sqlx::query_scalar(expires).fetch_one(&eye).await.unwrap();
    assert!((1.0..=60.0).contains(&left), "{left}");
    drop(lease);
}

/// Its time to live is far longer than this test: only being given back frees it.
#[tokio::test]
async fn a_lease_that_nobody_waits_for_any_more_is_given_back_when_it_comes() {
    let database = database().await.unwrap();
    let url = format!("{}&lease_ttl=600", database.url());
    let bed = Bed::at(database, url);
    let store = bed.open().await;
    let me = owner();
    let mut asking = Box::pin(store.acquire(&me));
    // It is taken, and who asked is not told any more.
    while store.holder().await.unwrap().is_none() {
        let asked =
            std::future::poll_fn(|context| Poll::Ready(asking.as_mut().poll(context))).await;
        if asked.is_ready() {
            drop(asked);
            asking = Box::pin(store.acquire(&me));
        }
    }
    drop(asking);
    store.acquire_when_free(&me, IN_VAIN).await.unwrap();
}
