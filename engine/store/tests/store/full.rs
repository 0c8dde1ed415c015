//! A full disk: nothing half, and on it goes once there is room.

use noctule_core::ask::{Ask, Wish};
use noctule_core::run::Actor;
use noctule_store::{StoreError, Write, Written};

use crate::bed::open;
use crate::sample::{begin, chain, manual, minutes, noon, owner, run, version};

#[tokio::test]
async fn a_full_store_takes_nothing_half_and_recovers_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let lease = store.acquire(&owner()).await.unwrap();
    let dag = chain("d", 2_000);
    let (small, small_step) = run(&dag, "small", manual());
    let create = |run, step| Write::Create {
        run,
        step,
        idempotency_key: None,
    };
    let pin = version(&dag);
    store
        .commit(
            &lease,
            &[Write::Pin { version: &pin }, create(&small, &small_step)],
        )
        .await
        .unwrap();

    store.limit_size(Some(0)).await.unwrap();
    let (mut large, mut step) = run(&dag, "large", manual());
    step.fold(begin(&mut large));
    for _ in 0..3 {
        let refused = store
            .commit(&lease, &[create(&large, &step)])
            .await
            .unwrap_err();
        assert!(
            matches!(refused, StoreError::Full(_)) && refused.is_passing(),
            "{refused:?}"
        );
        assert!(refused.to_string().contains("state.db"), "{refused}");
    }
    assert_eq!(
        store.live_runs().await.unwrap(),
        std::slice::from_ref(&small)
    );
    assert!(
        store
            .records(&large.facts.id, 0, 10)
            .await
            .unwrap()
            .is_empty()
    );
    store.check().await.unwrap();

    store.limit_size(None).await.unwrap();
    let written = store
        .commit(&lease, &[create(&large, &step)])
        .await
        .unwrap();
    assert!(matches!(&written[..], [Written::Done]), "{written:?}");
    assert_eq!(store.run(&large.facts.id).await.unwrap(), Some(large));
    store.check().await.unwrap();
}

#[tokio::test]
async fn a_store_that_cannot_be_written_says_so_and_can_still_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    drop(store.acquire(&owner()).await.unwrap());
    drop(store);
    let file = folder.path().join("state.db");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o400)).unwrap();
    if std::fs::OpenOptions::new().write(true).open(&file).is_ok() {
        // Modes do not bind root: there is nothing to see here as this user.
        return;
    }
    let store = open(folder.path()).await;
    let by = Actor {
        name: "ada".to_owned(),
        via: "cli".to_owned(),
    };
    let ask = Ask {
        profile: "prod".parse().unwrap(),
        by,
        at: noon(),
        valid_until: minutes(1),
        wish: Wish::Reload,
    };
    assert!(matches!(
        store.ask(&ask).await,
        Err(StoreError::ReadOnly(_))
    ));
    assert!(matches!(
        store.acquire(&owner()).await,
        Err(StoreError::ReadOnly(_))
    ));
    assert!(store.live_runs().await.unwrap().is_empty());
}
