//! Opening: one profile a store, private files, and a store that is whole or not there.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use noctule_store::{OpenOptions, Store, StoreError};

use crate::bed::{Bed, on_every_store, open};
use crate::sample::{options, owner};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn nobody_else_can_read_the_files_of_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let url = "sqlite://state/deep/state.db";
    let store = Store::open(url, options(folder.path())).await.unwrap();
    let _lease = store.acquire(&owner()).await.unwrap();
    let deep = folder.path().join("state/deep");
    assert_eq!(
        (mode(&folder.path().join("state")), mode(&deep)),
        (0o700, 0o700)
    );
    let files: Vec<_> = std::fs::read_dir(&deep)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

async fn a_store_belongs_to_one_profile_and_says_so(bed: Bed) {
    drop(bed.open().await);
    let other = OpenOptions {
        profile: "staging".parse().unwrap(),
        ..bed.options()
    };
    let error = bed.open_with(other).await.err().unwrap();
    let StoreError::OtherProfile { store, asked } = &error else {
        panic!("{error:?}")
    };
    assert_eq!((store.as_str(), asked.as_str()), ("prod", "staging"));
}

async fn a_store_keeps_its_id(bed: Bed) {
    let first = bed.open().await;
    let again = OpenOptions {
        new_id: "ffffffff".parse().unwrap(),
        ..bed.options()
    };
    assert_eq!(bed.open_with(again).await.unwrap().id(), first.id());
}

#[tokio::test]
async fn nothing_is_made_where_nothing_is_to_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let looking = OpenOptions {
        create: false,
        ..options(folder.path())
    };
    let error = Store::open("sqlite://state/state.db", looking)
        .await
        .err()
        .unwrap();
    assert!(matches!(error, StoreError::Missing(_)), "{error:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_address_of_another_kind_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for url in [
        "",
        "state.db",
        "sqlite://",
        "mysql://host/db",
        "sqlite:state.db",
    ] {
        let error = Store::open(url, options(folder.path()))
            .await
            .err()
            .unwrap();
        assert!(matches!(error, StoreError::Address(_)), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn an_absolute_address_does_not_begin_at_the_base() {
    let (folder, base) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = folder.path().join("state.db");
    let store = Store::open(
        &format!("sqlite://{}", file.display()),
        options(base.path()),
    )
    .await
    .unwrap();
    assert_eq!(store.file(), Some(file.as_path()));
}

#[tokio::test]
async fn what_a_killed_process_left_of_a_store_it_was_making_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("state.db.new"), b"half").unwrap();
    std::fs::write(folder.path().join("state.db.new-wal"), b"half").unwrap();
    let store = open(folder.path()).await;
    store.check().await.unwrap();
    assert!(!folder.path().join("state.db.new").exists());
}

async fn several_that_make_the_store_at_once_open_the_same_one(bed: Bed) {
    let bed = Arc::new(bed);
    let opening = (0..8).map(|number| {
        let options = OpenOptions {
            new_id: format!("0000000{number}").parse().unwrap(),
            ..bed.options()
        };
        let bed = Arc::clone(&bed);
        tokio::spawn(async move { bed.open_with(options).await.unwrap().id().clone() })
    });
    let opening: Vec<_> = opening.collect();
    let mut ids = Vec::new();
    for opened in opening {
        ids.push(opened.await.unwrap());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[tokio::test]
async fn a_store_is_opened_with_the_settings_that_keep_it_whole() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).await);
    let bytes = std::fs::read(folder.path().join("state.db")).unwrap();
    // Bytes 18 and 19 of the head: 2 is WAL (sqlite.org/fileformat.html).
    assert_eq!(bytes[18..20], [2, 2]);
    assert_eq!(&bytes[68..72], b"noct");
}

on_every_store!(
    a_store_belongs_to_one_profile_and_says_so,
    a_store_keeps_its_id,
    several_that_make_the_store_at_once_open_the_same_one,
);
