//! What retention takes, and how a store that was left by others is taken up.

use chrono::{Duration, Utc};
use noctule_core::backfill::{Backfill, Only};
use noctule_core::run::{Fact, RunEnding};
use noctule_core::source::Retention;
use noctule_runtime::{Clock, Forgotten, Retaining};
use noctule_store::RunFilter;

use crate::backfills::{NIGHTLY, backfill, id, until, wish};
use crate::harness::{Stage, ending};

const ONE: &str = "id = \"d\"\n[tasks.a]\nexecutor = \"scripted\"\nwith = {}\n";
const HELD: &str = "id = \"d\"\n[tasks.a]\nexecutor = \"scripted\"\nwait = \"poll\"\npoll_interval = \"20ms\"\nwith = { hold = true }\n";

fn retention(keep_last: u32) -> Retention {
    Retention {
        keep_last,
        ..Retention::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_past_goes_beside_the_engine_and_the_newest_stay() {
    let stage = Stage::new(ONE);
    let engine = stage.start().await;
    for _ in 0..3 {
        let run = engine.trigger().await;
        assert_eq!(ending(&engine.over(&run).await), Some(RunEnding::Succeeded));
    }
    let store = engine.store.clone();
    engine.drain().await;
    let lease = store.acquire(&stage.owner()).await.unwrap();
    let of = |days: i64, keep_last| {
        let clock = Clock::starting_at(Utc::now() + Duration::days(days));
        let surroundings = stage.surroundings(&store);
        Retaining::new(
            store.clone(),
            lease.clone(),
            surroundings,
            retention(keep_last),
            clock,
        )
    };
    let runs = async || store.find_runs(&RunFilter::default()).await.unwrap().len();
    let young = of(89, 0).pass().await.unwrap();
    assert_eq!((young.runs, runs().await), (0, 3));
    let old = of(91, 1).pass().await.unwrap();
    assert_eq!(
        old,
        Forgotten {
            logs: 0,
            runs: 2,
            backfills: 0
        }
    );
    assert_eq!(runs().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_that_is_over_goes_after_the_last_of_its_runs() {
    let stage = Stage::new(NIGHTLY);
    let engine = stage.start().await;
    backfill(&engine, wish(3, Only::Missing, 3)).await;
    until(&engine.store, Backfill::is_over).await;
    let store = engine.store.clone();
    engine.drain().await;
    let lease = store.acquire(&stage.owner()).await.unwrap();
    let of = |days: i64, keep_last| {
        let clock = Clock::starting_at(Utc::now() + Duration::days(days));
        let surroundings = stage.surroundings(&store);
        let (store, lease) = (store.clone(), lease.clone());
        Retaining::new(store, lease, surroundings, retention(keep_last), clock)
    };
    let young = of(89, 0).pass().await.unwrap();
    assert_eq!(young, Forgotten::default());
    let one_stays = of(91, 1).pass().await.unwrap();
    assert_eq!((one_stays.runs, one_stays.backfills), (2, 0));
    assert_eq!(store.nights(&id()).await.unwrap().len(), 3);
    let all = of(91, 0).pass().await.unwrap();
    assert_eq!((all.runs, all.backfills), (1, 1));
    assert_eq!(store.backfill(&id()).await.unwrap(), None);
    assert_eq!(store.nights(&id()).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_runs_are_told_once_that_the_store_was_set_back() {
    let stage = Stage::new(HELD);
    let engine = stage.start().await;
    let run = engine.trigger().await;
    stage.world.launched("a").await;
    let store = engine.store.clone();
    engine.kill().await;
    let lease = store
        .acquire_when_free(&stage.owner(), std::time::Duration::from_secs(10))
        .await
        .unwrap();
    store.doubt(&lease).await.unwrap();
    lease.release().await.unwrap();
    for _ in 0..2 {
        let engine = stage.start().await;
        engine.until(&run, |run| run.tasks[0].doubted).await;
        engine.kill().await;
    }
    let engine = stage.start().await;
    stage.world.succeed("a");
    assert_eq!(ending(&engine.over(&run).await), Some(RunEnding::Succeeded));
    let told = engine.facts(&run).await;
    let told = told.iter().filter(|fact| **fact == Fact::Doubted).count();
    assert_eq!(told, 1);
    assert!(!engine.store.inheritance().await.unwrap().doubted);
    stage
        .world
        .look(|ledger| assert_eq!(ledger.works.len(), 1, "launched once"));
    engine.drain().await;
}
