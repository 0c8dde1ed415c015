//! How the tasks of several runs stand, in one read.

use noctule_core::run::{TaskRunIx, TaskState};
use noctule_store::Write;

use crate::bed::{Bed, on_every_store};
use crate::sample::{begin, create, hop, id, minutes, pinned, run, scheduled};

async fn the_first_task_runs_of_the_runs_that_are_asked_for_stand_as_they_are(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 3).await;
    for (number, name) in ["r0", "r1", "r2"].into_iter().enumerate() {
        let minute = minutes(i64::try_from(number).unwrap());
        let (mut run, mut step) = run(&dag, name, scheduled(minute));
        step.fold(begin(&mut run));
        store.commit(&lease, &[create(&run, &step)]).await.unwrap();
    }
    let wanted = [id("r2"), id("r0"), id("none")];
    let standings = store.standings(&wanted, 2).await.unwrap();
    let places: Vec<(&str, u32)> = standings
        .iter()
        .map(|one| (one.run.as_str(), one.ix.0))
        .collect();
    assert_eq!(places, [("r0", 0), ("r0", 1), ("r2", 0), ("r2", 1)]);
    for one in &standings {
        assert_eq!(one.task.0, one.ix.0);
        let whole = store.run(&one.run).await.unwrap().unwrap();
        assert_eq!(one.state, whole.tasks[one.ix.index()].state);
    }
    assert_eq!(standings[0].state, TaskState::Active);
    assert_eq!(standings[0].ix, TaskRunIx(0));
    assert_eq!(store.standings(&[], 9).await.unwrap(), []);
}

async fn a_run_that_changed_has_another_last_record(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 2).await;
    let (mut one, mut step) = run(&dag, "r0", scheduled(minutes(0)));
    step.fold(begin(&mut one));
    store.commit(&lease, &[create(&one, &step)]).await.unwrap();
    let (other, step) = run(&dag, "r1", scheduled(minutes(1)));
    store
        .commit(&lease, &[create(&other, &step)])
        .await
        .unwrap();
    let wanted = [id("r0"), id("r1"), id("none")];
    let before = store.last_records(&wanted).await.unwrap();
    let ends = store.records(&id("r0"), 0, 100).await.unwrap();
    assert_eq!(before[0], (id("r0"), ends.last().unwrap().0));
    assert_eq!(before[2], (id("none"), 0));
    let step = hop(&mut one, 0);
    let write = Write::Step {
        run: &one,
        step: &step,
    };
    store.commit(&lease, &[write]).await.unwrap();
    let after = store.last_records(&wanted).await.unwrap();
    assert!(after[0].1 > before[0].1, "{before:?} {after:?}");
    assert_eq!(after[1..], before[1..]);
}

on_every_store!(
    the_first_task_runs_of_the_runs_that_are_asked_for_stand_as_they_are,
    a_run_that_changed_has_another_last_record,
);
