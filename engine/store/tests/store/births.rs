//! New runs: a tick, a key and an id each make one run, however often they come.

use noctule_store::{StoreError, Write, Written};

use crate::bed::{Bed, on_every_store};
use crate::sample::{chain, create, id, manual, minutes, pinned, run, scheduled, version};

async fn the_same_tick_twice_gives_the_run_that_is_there(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 2).await;
    let (first, step) = run(&dag, "first", scheduled(minutes(0)));
    let (second, second_step) = run(&dag, "second", scheduled(minutes(0)));
    let (later, later_step) = run(&dag, "later", scheduled(minutes(1)));
    let writes = [
        create(&first, &step),
        create(&second, &second_step),
        create(&later, &later_step),
    ];
    let written = store.commit(&lease, &writes).await.unwrap();
    assert!(
        matches!(&written[..], [Written::Done, Written::Existing(run), Written::Done] if *run == id("first")),
        "{written:?}"
    );
    let again = store
        .commit(&lease, &[create(&second, &second_step)])
        .await
        .unwrap();
    assert!(
        matches!(&again[..], [Written::Existing(run)] if *run == id("first")),
        "{again:?}"
    );
    assert_eq!(store.run(&id("second")).await.unwrap(), None);
    assert!(
        store
            .records(&id("second"), 0, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

async fn the_same_idempotency_key_gives_the_run_that_is_there_within_its_dag(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 1).await;
    let other_dag = chain("e", 1);
    store
        .commit(
            &lease,
            &[Write::Pin {
                version: &version(&other_dag),
            }],
        )
        .await
        .unwrap();
    let keyed = |run, step| Write::Create {
        run,
        step,
        idempotency_key: Some("k"),
    };
    let (first, step) = run(&dag, "first", manual());
    let (second, second_step) = run(&dag, "second", manual());
    let (elsewhere, elsewhere_step) = run(&other_dag, "elsewhere", manual());
    let writes = [
        keyed(&first, &step),
        keyed(&second, &second_step),
        keyed(&elsewhere, &elsewhere_step),
    ];
    let written = store.commit(&lease, &writes).await.unwrap();
    assert!(
        matches!(&written[..], [Written::Done, Written::Existing(run), Written::Done] if *run == id("first")),
        "{written:?}"
    );
    assert_eq!(
        store.run_by_key(&dag.definition().id, "k").await.unwrap(),
        Some(id("first"))
    );
    assert_eq!(
        store.run_by_key(&dag.definition().id, "l").await.unwrap(),
        None
    );
}

async fn the_same_run_id_twice_is_refused(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 1).await;
    let (run, step) = run(&dag, "r", manual());
    store.commit(&lease, &[create(&run, &step)]).await.unwrap();
    let again = store.commit(&lease, &[create(&run, &step)]).await.unwrap();
    assert!(
        matches!(&again[..], [Written::Failed(StoreError::Refused(_))]),
        "{again:?}"
    );
}

on_every_store!(
    the_same_tick_twice_gives_the_run_that_is_there,
    the_same_idempotency_key_gives_the_run_that_is_there_within_its_dag,
    the_same_run_id_twice_is_refused,
);
