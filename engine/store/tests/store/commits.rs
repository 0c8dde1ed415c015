//! Commits: all or nothing, durable once acknowledged, fenced, and one bad write does not take the others down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use noctule_core::run::Step;
use noctule_store::{CommitHook, StoreError, Write, Written};
use sqlx::{Connection, SqliteConnection};

use crate::bed::{Bed, on_every_store};
use crate::sample::{
    begin, chain, create, hop, id, manual, minutes, owner, pinned, run, scheduled, unknown_version,
    version,
};

async fn everything_acknowledged_is_there_after_a_reopen_and_equal(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 1_000).await;
    let (mut run, mut step) = run(&dag, "r", scheduled(minutes(0)));
    store.commit(&lease, &[create(&run, &step)]).await.unwrap();
    step.fold(begin(&mut run));
    let begun = Step {
        records: step.records.split_off(1),
        ..step
    };
    store
        .commit(
            &lease,
            &[Write::Step {
                run: &run,
                step: &begun,
            }],
        )
        .await
        .unwrap();
    for from in 0..20 {
        let step = hop(&mut run, from);
        store
            .commit(
                &lease,
                &[Write::Step {
                    run: &run,
                    step: &step,
                }],
            )
            .await
            .unwrap();
    }
    drop((store, lease));

    let store = bed.open().await;
    assert_eq!(store.run(&id("r")).await.unwrap().as_ref(), Some(&run));
    assert_eq!(store.live_runs().await.unwrap(), [run]);
    assert_eq!(
        store.version(dag.hash()).await.unwrap(),
        Some(version(&dag))
    );
}

async fn records_keep_their_order_over_commits_and_pages(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 10).await;
    let (mut run, step) = run(&dag, "r", manual());
    let mut written = step.records.clone();
    store.commit(&lease, &[create(&run, &step)]).await.unwrap();
    for step in [
        begin(&mut run),
        hop(&mut run, 0),
        hop(&mut run, 1),
        hop(&mut run, 2),
    ] {
        written.extend(step.records.clone());
        store
            .commit(
                &lease,
                &[Write::Step {
                    run: &run,
                    step: &step,
                }],
            )
            .await
            .unwrap();
    }
    let (mut read, mut after) = (Vec::new(), 0);
    loop {
        let page = store.records(&id("r"), after, 4).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        assert!(*last > after);
        after = *last;
        read.extend(page.into_iter().map(|(_, record)| record));
    }
    assert_eq!(read, written);
}

async fn two_steps_of_a_run_in_one_commit_are_both_written_in_order(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 3).await;
    let (first, created) = run(&dag, "r", manual());
    let mut second = first.clone();
    let begun = begin(&mut second);
    let mut third = second.clone();
    let hopped = hop(&mut third, 0);
    let writes = [
        create(&first, &created),
        Write::Step {
            run: &second,
            step: &begun,
        },
        Write::Step {
            run: &third,
            step: &hopped,
        },
    ];
    let written = store.commit(&lease, &writes).await.unwrap();
    assert!(
        written
            .iter()
            .all(|written| matches!(written, Written::Done)),
        "{written:?}"
    );
    assert_eq!(store.run(&id("r")).await.unwrap(), Some(third));
    let records: Vec<_> = [created.records, begun.records, hopped.records].concat();
    let read: Vec<_> = store
        .records(&id("r"), 0, 100)
        .await
        .unwrap()
        .into_iter()
        .map(|(_, record)| record)
        .collect();
    assert_eq!(read, records);
}

async fn one_bad_write_leaves_the_others_and_nothing_of_itself(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 3).await;
    let (good, good_step) = run(&dag, "good", manual());
    let (mut orphan, orphan_step) = run(&dag, "orphan", manual());
    orphan.facts.version = unknown_version();
    let (mut never, _) = run(&dag, "never-created", manual());
    let lost = begin(&mut never);
    let phase_only = Step {
        run_changed: true,
        ..Step::default()
    };
    let (other, other_step) = run(&dag, "other", manual());
    let writes = [
        create(&good, &good_step),
        create(&orphan, &orphan_step),
        Write::Step {
            run: &never,
            step: &lost,
        },
        Write::Step {
            run: &never,
            step: &phase_only,
        },
        create(&other, &other_step),
    ];
    let written = store.commit(&lease, &writes).await.unwrap();
    let failed: Vec<bool> = written
        .iter()
        .map(|written| matches!(written, Written::Failed(_)))
        .collect();
    assert_eq!(failed, [false, true, true, true, false], "{written:?}");
    let live = store.live_runs().await.unwrap();
    assert_eq!(
        live.iter()
            .map(|run| run.facts.id.as_str())
            .collect::<Vec<_>>(),
        ["good", "other"]
    );
    assert!(
        store
            .records(&id("orphan"), 0, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        store
            .records(&id("never-created"), 0, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_write_that_is_refused_half_way_leaves_nothing_while_the_others_are_durable() {
    let bed = Bed::file();
    let (store, lease, dag) = pinned(&bed, 3).await;
    let trigger = "CREATE TRIGGER refuse BEFORE INSERT ON records WHEN new.run = 'bad' \
        BEGIN SELECT RAISE(ABORT, 'not this one'); END";
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(bed.path().join("state.db"));
    let mut connection = SqliteConnection::connect_with(&file).await.unwrap();
    sqlx::query(trigger).execute(&mut connection).await.unwrap();
    let (bad, bad_step) = run(&dag, "bad", manual());
    let (good, good_step) = run(&dag, "good", manual());
    let written = store
        .commit(
            &lease,
            &[create(&bad, &bad_step), create(&good, &good_step)],
        )
        .await
        .unwrap();
    assert!(
        matches!(
            &written[..],
            [Written::Failed(StoreError::Refused(_)), Written::Done]
        ),
        "{written:?}"
    );
    assert_eq!(
        store.live_runs().await.unwrap(),
        std::slice::from_ref(&good)
    );
    assert_eq!(store.run(&id("bad")).await.unwrap(), None);
}

#[tokio::test]
async fn an_engine_that_was_overtaken_commits_nothing_not_even_nothing() {
    let bed = Bed::file();
    let (store, lease, dag) = pinned(&bed, 1).await;
    let (run, step) = run(&dag, "r", manual());
    // The lock is lost without the engine noticing, as on a file system that forgets locks.
    std::fs::remove_file(bed.path().join("state.db.lock")).unwrap();
    let next = bed.open().await;
    let newer = next.acquire(&owner()).await.unwrap();
    assert!(newer.epoch() > lease.epoch());
    // Also where a write breaks a rule at the same time.
    let (mut orphan, orphan_step) = crate::sample::run(&dag, "o", manual());
    orphan.facts.version = unknown_version();
    for writes in [
        vec![create(&run, &step)],
        vec![],
        vec![create(&orphan, &orphan_step)],
    ] {
        let refused = store.commit(&lease, &writes).await;
        assert!(matches!(refused, Err(StoreError::Fenced(_))), "{refused:?}");
    }
    assert!(next.live_runs().await.unwrap().is_empty());
    next.commit(&newer, &[create(&run, &step)]).await.unwrap();
    assert_eq!(next.live_runs().await.unwrap().len(), 1);
}

#[derive(Default)]
struct Refuser(AtomicBool);

impl CommitHook for Refuser {
    fn before(&self) -> Result<(), StoreError> {
        if self.0.load(Ordering::SeqCst) {
            Err(StoreError::Full("as asked".to_owned()))
        } else {
            Ok(())
        }
    }

    fn after(&self) {}
}

async fn a_commit_that_fails_just_before_it_is_durable_leaves_nothing(bed: Bed) {
    let hook = Arc::new(Refuser::default());
    let mut with_hook = bed.options();
    with_hook.hook = Some(Arc::clone(&hook) as Arc<dyn CommitHook>);
    let store = bed.open_with(with_hook).await.unwrap();
    let lease = store.acquire(&owner()).await.unwrap();
    let dag = chain("d", 50);
    store
        .commit(
            &lease,
            &[Write::Pin {
                version: &version(&dag),
            }],
        )
        .await
        .unwrap();
    let (run, step) = run(&dag, "r", manual());
    hook.0.store(true, Ordering::SeqCst);
    assert!(
        store
            .commit(&lease, &[create(&run, &step)])
            .await
            .unwrap_err()
            .is_passing()
    );
    assert!(store.run(&id("r")).await.unwrap().is_none());
    hook.0.store(false, Ordering::SeqCst);
    store.commit(&lease, &[create(&run, &step)]).await.unwrap();
    assert_eq!(store.run(&id("r")).await.unwrap(), Some(run));
}

async fn a_commit_that_nobody_waits_for_any_more_is_whole_or_absent_and_the_next_one_passes(
    bed: Bed,
) {
    let (store, lease, dag) = pinned(&bed, 5).await;
    for polls in 1..12 {
        let (run, step) = run(&dag, &format!("r{polls}"), manual());
        let writes = [create(&run, &step)];
        let mut commit = Box::pin(store.commit(&lease, &writes));
        for _ in 0..polls {
            tokio::select! { biased; done = &mut commit => { done.unwrap(); break }, () = tokio::task::yield_now() => {} }
        }
        drop(commit);
        store.commit(&lease, &[]).await.unwrap();
        let read = store.run(&run.facts.id).await.unwrap();
        assert!(read.is_none_or(|read| read == run), "after {polls} polls");
    }
}

on_every_store!(
    everything_acknowledged_is_there_after_a_reopen_and_equal,
    records_keep_their_order_over_commits_and_pages,
    two_steps_of_a_run_in_one_commit_are_both_written_in_order,
    one_bad_write_leaves_the_others_and_nothing_of_itself,
    a_commit_that_fails_just_before_it_is_durable_leaves_nothing,
    a_commit_that_nobody_waits_for_any_more_is_whole_or_absent_and_the_next_one_passes,
);
