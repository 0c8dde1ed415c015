//! Copies: the same store elsewhere, byte for byte, whole or not at all.

use noctule_core::backfill::NightState;
use noctule_core::run::RunEnding;
use noctule_store::{Arrival, BackfillFilter, Copied, Lease, RunFilter, Store, StoreError, Write};

use crate::asks::reload;
use crate::backfills::{head, night};
use crate::bed::{Bed, SOON, on_every_store};
use crate::forgetting::ended;
use crate::sample::{begin, chain, hop, minutes, options, owner, run, scheduled, version};

on_every_store!(
    what_is_copied_to_a_file_and_back_is_the_same,
    a_store_that_is_not_empty_takes_no_copy,
    a_copy_that_may_be_behind_is_in_doubt,
    a_store_that_was_moved_is_taken_by_nobody,
    asks_keep_their_numbers_and_new_ones_go_on,
    a_backup_is_one_file_made_while_an_engine_writes_and_writes_over_nothing,
);

/// A store with something of everything: a live run, an ended one, asks, a spent key.
async fn fill(store: &Store, lease: &Lease) {
    ended(store, lease, "a", &[(RunEnding::Succeeded, 1)]).await;
    let dag = chain("live", 3);
    let version = version(&dag);
    let (mut live, mut step) = run(&dag, "live-1", scheduled(minutes(7)));
    step.fold(begin(&mut live));
    step.fold(hop(&mut live, 0));
    let backfill = head("b-1", "live", 7);
    let nights = [(0, night(7, NightState::Waiting))];
    let writes = [
        Write::Backfill {
            backfill: &backfill,
            nights: &nights,
        },
        Write::Pin { version: &version },
        Write::Create {
            run: &live,
            step: &step,
            idempotency_key: Some("live-key"),
        },
    ];
    store.commit(lease, &writes).await.unwrap();
    store.ask(&reload()).await.unwrap();
}

/// Everything that can be read of a store, as one text.
async fn contents(store: &Store) -> String {
    let mut all = Vec::new();
    let runs = store.find_runs(&RunFilter::default()).await.unwrap();
    for summary in runs {
        let id = &summary.facts.id;
        all.push(format!("{:?}", store.run(id).await.unwrap()));
        all.push(format!("{:?}", store.records(id, 0, 1_000).await.unwrap()));
    }
    all.push(format!("{:?}", store.pending_asks().await.unwrap()));
    all.push(format!("{:?}", store.dag_records().await.unwrap()));
    let backfills = BackfillFilter {
        live: true,
        ..BackfillFilter::default()
    };
    let backfills = store.find_backfills(&backfills).await.unwrap();
    assert_eq!(backfills.len(), 1, "a live one is live wherever it is");
    for head in backfills {
        let nights = store.nights(&head.id).await.unwrap();
        assert_eq!(nights.len(), 1);
        all.push(format!("{head:?} {nights:?}"));
    }
    all.push(store.id().to_string());
    all.join("\n")
}

async fn empty_file(folder: &tempfile::TempDir) -> Store {
    let mut options = options(folder.path());
    options.new_id = "ffffffff".parse().unwrap();
    Store::open("sqlite://copy.db", options).await.unwrap()
}

async fn what_is_copied_to_a_file_and_back_is_the_same(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    fill(&store, &lease).await;
    let before = contents(&store).await;
    let folder = tempfile::tempdir().unwrap();
    let copy = empty_file(&folder).await;
    let of_copy = copy.acquire(&owner()).await.unwrap();
    let copied = store.copy_into(&copy, &of_copy, Arrival::Moved).await;
    let Copied { runs, records, .. } = copied.unwrap();
    assert_eq!(runs, 2);
    assert!(records > 4);
    of_copy.release().await.unwrap();
    drop(copy);
    let copy = empty_file(&folder).await;
    assert_eq!(contents(&copy).await, before);
    // An epoch of the original never counts in the copy.
    let of_copy = copy.acquire(&owner()).await.unwrap();
    assert!(of_copy.epoch() > lease.epoch());
    let other = bed.another().await;
    let back = other.open().await;
    let of_back = back.acquire(&owner()).await.unwrap();
    copy.copy_into(&back, &of_back, Arrival::Moved)
        .await
        .unwrap();
    of_back.release().await.unwrap();
    drop(back);
    let back = other.open().await;
    assert_eq!(contents(&back).await, before);
    assert!(!back.inheritance().await.unwrap().doubted);
}

async fn a_store_that_is_not_empty_takes_no_copy(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    fill(&store, &lease).await;
    let folder = tempfile::tempdir().unwrap();
    let other = empty_file(&folder).await;
    let of_other = other.acquire(&owner()).await.unwrap();
    ended(&other, &of_other, "b", &[(RunEnding::Failed, 2)]).await;
    let refused = other.copy_into(&store, &lease, Arrival::Moved).await;
    assert!(
        matches!(refused, Err(StoreError::NotEmpty(_))),
        "{refused:?}"
    );
    let runs = store.find_runs(&RunFilter::default()).await.unwrap();
    assert_eq!(runs.len(), 2);
}

async fn a_copy_that_may_be_behind_is_in_doubt(bed: Bed) {
    let folder = tempfile::tempdir().unwrap();
    let backup = empty_file(&folder).await;
    let of_backup = backup.acquire(&owner()).await.unwrap();
    fill(&backup, &of_backup).await;
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    backup
        .copy_into(&store, &lease, Arrival::SetBack)
        .await
        .unwrap();
    lease.release().await.unwrap();
    drop(store);
    let store = bed.open().await;
    assert!(store.inheritance().await.unwrap().doubted);
    let lease = store.acquire_when_free(&owner(), SOON).await.unwrap();
    store.settle(&lease, "moth").await.unwrap();
    assert!(!store.inheritance().await.unwrap().doubted);
}

async fn a_store_that_was_moved_is_taken_by_nobody(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    store
        .retire(&lease, "postgres://elsewhere/noctule")
        .await
        .unwrap();
    lease.release().await.unwrap();
    let refused = store.acquire(&owner()).await;
    let Err(StoreError::Moved { to, .. }) = refused else {
        panic!("it was taken");
    };
    assert_eq!(to, "postgres://elsewhere/noctule");
    assert!(matches!(
        store.stand_by(&owner()).await,
        Err(StoreError::Moved { .. })
    ));
    assert!(
        store
            .find_runs(&RunFilter::default())
            .await
            .unwrap()
            .is_empty()
    );
}

async fn asks_keep_their_numbers_and_new_ones_go_on(bed: Bed) {
    let folder = tempfile::tempdir().unwrap();
    let from = empty_file(&folder).await;
    let mut asked = Vec::new();
    for _ in 0..3 {
        asked.push(from.ask(&reload()).await.unwrap());
    }
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    from.copy_into(&store, &lease, Arrival::Moved)
        .await
        .unwrap();
    lease.release().await.unwrap();
    drop(store);
    let store = bed.open().await;
    let kept: Vec<_> = store.pending_asks().await.unwrap();
    assert_eq!(kept.iter().map(|(id, _)| *id).collect::<Vec<_>>(), asked);
    let next = store.ask(&reload()).await.unwrap();
    assert!(next > asked[2], "{next:?} after {asked:?}");
}

async fn a_backup_is_one_file_made_while_an_engine_writes_and_writes_over_nothing(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    fill(&store, &lease).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.db");
    let backed_up = store.back_up(&file, options(folder.path()), &owner()).await;
    assert_eq!(backed_up.unwrap().runs, 2);
    let entries = folder.path().read_dir().unwrap();
    assert_eq!(entries.count(), 1, "one file, whole by itself");
    ended(&store, &lease, "later", &[(RunEnding::Failed, 9)]).await;
    let again = store.back_up(&file, options(folder.path()), &owner()).await;
    assert!(matches!(again, Err(StoreError::Taken(_))), "{again:?}");
    let copy = empty_file(&folder).await;
    assert_eq!(
        copy.find_runs(&RunFilter::default()).await.unwrap().len(),
        2
    );
    assert_eq!(copy.id(), store.id());
}
