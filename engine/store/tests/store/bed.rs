//! Where a store of a test stands: a file in a folder of its own, or a database of its own.

use std::path::Path;

use noctule_store::{OpenOptions, Store};
use noctule_test_postgres::Database;
use tempfile::TempDir;

use crate::sample::options;

/// Runs tests over every kind of store.
macro_rules! on_every_store {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::bed::Bed::file()).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::bed::Bed::database().await).await;
            })+
        }
    };
}
pub(crate) use on_every_store;

/// The store in a file in a folder.
pub(crate) async fn open(folder: &Path) -> Store {
    Store::open("sqlite://state.db", options(folder))
        .await
        .unwrap()
}

/// One store that can be opened several times.
pub(crate) struct Bed {
    folder: TempDir,
    url: String,
    database: Option<Database>,
}

impl Bed {
    /// A store in a file.
    pub(crate) fn file() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            url: "sqlite://state.db".to_owned(),
            database: None,
        }
    }

    /// A store in a database of its own.
    pub(crate) async fn database() -> Self {
        Self::of(noctule_test_postgres::database().await.unwrap())
    }

    /// A store in this database.
    pub(crate) fn of(database: Database) -> Self {
        let url = database.url();
        Self::at(database, url)
    }

    /// A store in a database that has this address, too.
    pub(crate) fn at(database: Database, url: String) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            url,
            database: Some(database),
        }
    }

    /// The database that it is in.
    pub(crate) fn base(&self) -> &Database {
        self.database.as_ref().unwrap()
    }

    /// The folder that relative addresses begin in.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn options(&self) -> OpenOptions {
        options(self.path())
    }

    pub(crate) async fn open(&self) -> Store {
        self.open_with(self.options()).await.unwrap()
    }

    pub(crate) async fn open_with(
        &self,
        options: OpenOptions,
    ) -> Result<Store, noctule_store::StoreError> {
        Store::open(&self.url, options).await
    }
}
