//! Backfills through kills and full disks: no night is doubled, and none forgotten.

use std::time::Duration;

use noctule_core::ask::Wish;
use noctule_core::backfill::{Backfill, Only};
use noctule_core::run::RunEnding;

use crate::backfills::{NIGHTLY, backfill, ids, runs, until, wish};
use crate::harness::{Stage, ask, ending};

/// Runs a backfill with one kill at a place; tells whether the kill struck.
async fn backfill_with_a_kill(only: Only, place: usize) -> bool {
    let stage = Stage::new(NIGHTLY);
    let mut first = stage.start().await;
    if only == Only::All {
        backfill(&first, wish(2, Only::Missing, 2)).await;
        until(&first.store, Backfill::is_over).await;
    }
    let mut wish = wish(4, only, 2);
    wish.backfill = "b-2".parse().unwrap();
    let other = wish.backfill.clone();
    stage.killer.kill_at(place);
    // Through the inbox: an ask that is kept outlives whoever was to answer it.
    first.store.ask(&ask(Wish::Backfill(wish))).await.unwrap();
    let store = first.store.clone();
    let over = async {
        let mut token = store.change_token().await.unwrap();
        loop {
            let head = store.backfill(&other).await.unwrap();
            if let Some(head) = head.filter(Backfill::is_over) {
                return head;
            }
            let changed = store.changed_since(token, Duration::from_secs(5));
            token = changed.await.unwrap();
        }
    };
    let struck = tokio::select! {
        _ = over => false,
        // The engine dies at the place: nothing is told to anybody.
        _ = &mut first.task => true,
    };
    stage.killer.kill_at(0);
    first.task.abort();
    drop((first, store));
    let second = stage.start().await;
    let mut token = second.store.change_token().await.unwrap();
    let head = loop {
        let head = second.store.backfill(&other).await.unwrap();
        if let Some(head) = head.filter(Backfill::is_over) {
            break head;
        }
        let changed = second.store.changed_since(token, Duration::from_secs(5));
        token = changed.await.unwrap();
    };
    assert_eq!(head.tally.succeeded, 4, "killed at {place}: {head:?}");
    let made = runs(&second.store).await;
    assert_eq!(
        ids(&made),
        [
            "20260101140000",
            "20260102140000",
            "20260103140000",
            "20260104140000"
        ],
        "killed at {place}"
    );
    for (run, again) in made.iter().zip([true, true, false, false]) {
        let rounds = if again && only == Only::All { 2 } else { 1 };
        assert_eq!(run.round, rounds, "killed at {place}");
        let whole = second.store.run(&run.facts.id).await.unwrap().unwrap();
        assert_eq!(
            ending(&whole),
            Some(RunEnding::Succeeded),
            "killed at {place}"
        );
        let attempts = |task: &noctule_core::run::TaskRun| task.attempts.len() == rounds as usize;
        assert!(whole.tasks.iter().all(attempts), "killed at {place}");
    }
    stage.world.look(|ledger| {
        assert_eq!(
            ledger.double_launches(),
            Vec::<&str>::new(),
            "killed at {place}"
        );
    });
    second.drain().await;
    struck
}

async fn kill_everywhere(only: Only, least: usize) {
    let mut struck = 0;
    for place in 2.. {
        if !backfill_with_a_kill(only, place).await {
            break;
        }
        struck += 1;
    }
    assert!(struck >= least, "only {struck} kills struck");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_every_commit_neither_doubles_nor_forgets_a_night() {
    kill_everywhere(Only::Missing, 12).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_every_commit_begins_a_run_anew_once() {
    kill_everywhere(Only::All, 12).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_begins_nothing_and_the_backfill_goes_on_when_there_is_space_again() {
    let stage = Stage::new(NIGHTLY);
    let engine = stage.start().await;
    engine
        .store
        .ask(&ask(Wish::Backfill(wish(3, Only::Missing, 2))))
        .await
        .unwrap();
    stage.killer.fill_disk(2);
    let head = until(&engine.store, Backfill::is_over).await;
    assert_eq!(head.tally.succeeded, 3);
    assert_eq!(runs(&engine.store).await.len(), 3);
    engine.drain().await;
}
