//! Where work was started, and whose a key is.

use noctule_core::name::attempt_key;
use noctule_core::run::{Phase, RunEnding, Step};
use noctule_store::{Lease, Store, Write};
use serde_json::json;

use crate::bed::{Bed, on_every_store};
use crate::sample::{begin, create, id, minutes, pinned, run, scheduled};

fn key(run: &str) -> String {
    let store = "0123abcd".parse().unwrap();
    attempt_key(&store, &id(run), "t0", None, 1).to_string()
}

/// A run whose first task is intended, created some minutes after noon; over if it is to be.
async fn add(store: &Store, lease: &Lease, name: &str, minute: i64, over: bool) {
    let dag = crate::sample::chain("d", 2);
    let (mut run, mut step) = run(&dag, name, scheduled(minutes(minute)));
    step.fold(begin(&mut run));
    let prepared = &mut run.tasks[0].attempts[0].prepared;
    prepared.config = json!({ "job": "etl", "env": { "RUN": name }, "args": [name] });
    prepared.connection = Some("gcp".to_owned());
    store.commit(lease, &[create(&run, &step)]).await.unwrap();
    if over {
        run.phase = Phase::Ended {
            ending: RunEnding::Failed,
            started_at: None,
            at: minutes(minute),
        };
        let step = Step {
            run_changed: true,
            ..Step::default()
        };
        let write = Write::Step {
            run: &run,
            step: &step,
        };
        store.commit(lease, &[write]).await.unwrap();
    }
}

async fn a_place_is_told_once_whatever_was_handed_to_the_work(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 2).await;
    add(&store, &lease, "r1", 1, true).await;
    add(&store, &lease, "r2", 2, true).await;
    let places = store.attempt_places(minutes(0), 100).await.unwrap();
    assert_eq!(places.len(), 1, "{places:?}");
    let place = &places[0];
    assert_eq!(place.config, json!({ "job": "etl" }));
    assert_eq!(place.connection.as_deref(), Some("gcp"));
    assert_eq!(
        (&place.version, place.dag.as_str(), place.task.0),
        (dag.hash(), "d", 0)
    );
    assert_eq!(store.attempt_places(minutes(0), 0).await.unwrap(), []);
}

async fn old_runs_have_places_only_while_they_are_live(bed: Bed) {
    let (store, lease, _) = pinned(&bed, 2).await;
    add(&store, &lease, "over", 1, true).await;
    assert_eq!(store.attempt_places(minutes(5), 100).await.unwrap(), []);
    add(&store, &lease, "live", 2, false).await;
    assert_eq!(
        store.attempt_places(minutes(5), 100).await.unwrap().len(),
        1
    );
}

async fn a_key_is_found_in_every_run_however_old(bed: Bed) {
    let (store, lease, _) = pinned(&bed, 2).await;
    add(&store, &lease, "old", 1, true).await;
    add(&store, &lease, "live", 2, false).await;
    add(&store, &lease, "new", 9, true).await;
    let keys = [key("old"), key("live"), key("new"), key("never")];
    let mut found = store.attempts_of_keys(&keys, minutes(5)).await.unwrap();
    found.sort_by(|a, b| a.run.cmp(&b.run));
    let told: Vec<_> = found
        .iter()
        .map(|of| (of.run.as_str(), of.key.clone(), of.task.0, of.number))
        .collect();
    assert_eq!(
        told,
        [
            ("live", key("live"), 0, 1),
            ("new", key("new"), 0, 1),
            ("old", key("old"), 0, 1)
        ]
    );
}

async fn a_part_of_a_key_is_no_key(bed: Bed) {
    let (store, lease, _) = pinned(&bed, 2).await;
    add(&store, &lease, "r1", 1, true).await;
    let whole = key("r1");
    let parts = [whole[..30].to_owned(), "n1-0123abcd-".to_owned()];
    for since in [minutes(0), minutes(5)] {
        assert_eq!(store.attempts_of_keys(&parts, since).await.unwrap(), []);
        assert_eq!(store.attempts_of_keys(&[], since).await.unwrap(), []);
    }
}

on_every_store!(
    a_place_is_told_once_whatever_was_handed_to_the_work,
    old_runs_have_places_only_while_they_are_live,
    a_key_is_found_in_every_run_however_old,
    a_part_of_a_key_is_no_key,
);
