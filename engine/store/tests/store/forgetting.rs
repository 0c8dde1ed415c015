//! Forgetting: what is past goes, with all that hangs on it; what is not, and the keys, stay.

use chrono::{DateTime, Utc};
use noctule_core::retention::Horizon;
use noctule_core::run::{Phase, RunEnding, Step};
use noctule_store::{Inheritance, Lease, OldRun, RunFilter, Store, StoreError, Write, Written};

use crate::bed::{Bed, on_every_store};
use crate::sample::{begin, chain, hop, minutes, owner, run, scheduled, version};

on_every_store!(
    what_is_past_goes_and_the_newest_of_each_dag_stay,
    a_failed_run_stays_for_longer_than_a_good_one,
    a_run_that_is_live_again_is_not_forgotten,
    the_key_of_a_forgotten_run_makes_no_second_one,
    pages_of_ended_runs_are_in_order_and_whole,
    a_past_lease_forgets_nothing,
    how_a_store_was_left_is_told_until_it_is_settled,
);

fn horizon(keep_last: u32) -> Horizon {
    Horizon {
        succeeded_before: minutes(100),
        others_before: minutes(50),
        logs_before: minutes(100),
        keep_last,
    }
}

/// Runs `PREFIX0`, `PREFIX1`, … of a DAG that end at these minutes with two attempts each.
pub(crate) async fn ended(store: &Store, lease: &Lease, prefix: &str, ends: &[(RunEnding, i64)]) {
    let dag = chain(prefix, 2);
    let version = version(&dag);
    let pin = [Write::Pin { version: &version }];
    store.commit(lease, &pin).await.unwrap();
    for (number, (ending, minute)) in (0i64..).zip(ends) {
        let name = format!("{prefix}{number}");
        let (mut run, mut step) = run(&dag, &name, scheduled(minutes(number)));
        step.fold(begin(&mut run));
        step.fold(hop(&mut run, 0));
        run.phase = over(*ending, minutes(*minute));
        let key = format!("key-{name}");
        let create = Write::Create {
            run: &run,
            step: &step,
            idempotency_key: Some(&key),
        };
        let written = store.commit(lease, &[create]).await.unwrap();
        assert!(matches!(written[..], [Written::Done]));
    }
}

fn over(ending: RunEnding, at: DateTime<Utc>) -> Phase {
    Phase::Ended {
        ending,
        started_at: None,
        at,
    }
}

async fn left(store: &Store) -> Vec<String> {
    let found = store.find_runs(&RunFilter::default()).await.unwrap();
    let mut ids: Vec<_> = found.iter().map(|run| run.facts.id.to_string()).collect();
    ids.sort();
    ids
}

/// Everything that may go, batch after batch; gives the sizes of the batches.
async fn forget_all(store: &Store, lease: &Lease, horizon: &Horizon, rows: u32) -> Vec<usize> {
    let mut batches = Vec::new();
    loop {
        let old = store.forgettable(horizon, rows).await.unwrap();
        if old.is_empty() {
            return batches;
        }
        batches.push(old.len());
        let runs: Vec<_> = old.into_iter().map(|old| old.run).collect();
        store.forget(lease, horizon, &runs).await.unwrap();
    }
}

async fn what_is_past_goes_and_the_newest_of_each_dag_stay(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let good = |minute| (RunEnding::Succeeded, minute);
    ended(&store, &lease, "a", &[1, 2, 3, 4, 200].map(good)).await;
    ended(&store, &lease, "b", &[1, 2].map(good)).await;
    let batches = forget_all(&store, &lease, &horizon(2), 1).await;
    assert_eq!(
        batches,
        [1, 1, 1],
        "one run is more than a row, and goes alone"
    );
    assert_eq!(left(&store).await, ["a3", "a4", "b0", "b1"]);
    let a0 = "a0".parse().unwrap();
    assert_eq!(store.run(&a0).await.unwrap(), None);
    assert!(store.records(&a0, 0, 100).await.unwrap().is_empty());
    let a3 = store.run(&"a3".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(a3.tasks.len(), 2);
}

async fn a_failed_run_stays_for_longer_than_a_good_one(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let ends = [
        (RunEnding::Failed, 49),
        (RunEnding::Failed, 51),
        (RunEnding::Cancelled, 51),
        (RunEnding::TimedOut, 99),
        (RunEnding::Succeeded, 99),
        (RunEnding::Succeeded, 101),
    ];
    ended(&store, &lease, "a", &ends).await;
    let batches = forget_all(&store, &lease, &horizon(0), 1_000).await;
    assert_eq!(batches, [2]);
    assert_eq!(left(&store).await, ["a1", "a2", "a3", "a5"]);
}

async fn a_run_that_is_live_again_is_not_forgotten(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    ended(&store, &lease, "a", &[(RunEnding::Succeeded, 1)]).await;
    let id = "a0".parse().unwrap();
    let mut again = store.run(&id).await.unwrap().unwrap();
    again.phase = Phase::Queued { since: minutes(2) };
    let step = Step {
        run_changed: true,
        ..Step::default()
    };
    let write = Write::Step {
        run: &again,
        step: &step,
    };
    store.commit(&lease, &[write]).await.unwrap();
    store.forget(&lease, &horizon(0), &[id]).await.unwrap();
    assert_eq!(left(&store).await, ["a0"]);
}

async fn the_key_of_a_forgotten_run_makes_no_second_one(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    ended(&store, &lease, "a", &[(RunEnding::Succeeded, 1)]).await;
    forget_all(&store, &lease, &horizon(0), 1_000).await;
    assert_eq!(left(&store).await, [""; 0]);
    let dag = chain("a", 2);
    let a0 = "a0".parse().unwrap();
    let found = store.run_by_key(&dag.definition().id, "key-a0").await;
    assert_eq!(found.unwrap(), Some(a0));
    let (run, step) = run(&dag, "another", scheduled(minutes(500)));
    let create = Write::Create {
        run: &run,
        step: &step,
        idempotency_key: Some("key-a0"),
    };
    let written = store.commit(&lease, &[create]).await.unwrap();
    assert!(
        matches!(&written[..], [Written::Existing(id)] if id.as_str() == "a0"),
        "{written:?}"
    );
    assert_eq!(left(&store).await, [""; 0]);
}

async fn pages_of_ended_runs_are_in_order_and_whole(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let minutes_of = [5, 3, 3, 9, 1, 7];
    ended(
        &store,
        &lease,
        "a",
        &minutes_of.map(|minute| (RunEnding::Failed, minute)),
    )
    .await;
    let mut after = (minutes(2), None);
    let mut seen = Vec::new();
    loop {
        let page: Vec<OldRun> = store.ended_between(&after, minutes(9), 1).await.unwrap();
        let Some(last) = page.last() else { break };
        assert_eq!(last.keys.len(), 2, "{last:?}");
        after = (last.ended_at, Some(last.run.clone()));
        seen.extend(page.iter().map(|old| old.run.to_string()));
    }
    assert_eq!(seen, ["a1", "a2", "a0", "a5"]);
}

async fn a_past_lease_forgets_nothing(bed: Bed) {
    let store = bed.open().await;
    let past = store.acquire(&owner()).await.unwrap();
    ended(&store, &past, "a", &[(RunEnding::Succeeded, 1)]).await;
    past.release().await.unwrap();
    let lease = store.acquire(&owner()).await.unwrap();
    let runs = ["a0".parse().unwrap()];
    let refused = store.forget(&past, &horizon(0), &runs).await;
    assert!(
        matches!(
            refused,
            Err(StoreError::Fenced(_) | StoreError::LeaseLost(_))
        ),
        "{refused:?}"
    );
    let refused = store.forget_loose_ends(&past, &horizon(0)).await;
    assert!(refused.is_err());
    assert_eq!(left(&store).await, ["a0"]);
    store.forget_loose_ends(&lease, &horizon(0)).await.unwrap();
}

async fn how_a_store_was_left_is_told_until_it_is_settled(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    assert_eq!(store.inheritance().await.unwrap(), Inheritance::default());
    store.settle(&lease, "moth").await.unwrap();
    store.doubt(&lease).await.unwrap();
    let left = store.inheritance().await.unwrap();
    assert_eq!((left.doubted, left.host.as_deref()), (true, Some("moth")));
    store.settle(&lease, "other").await.unwrap();
    let left = store.inheritance().await.unwrap();
    assert_eq!((left.doubted, left.host.as_deref()), (false, Some("other")));
}
