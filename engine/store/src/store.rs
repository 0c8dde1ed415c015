//! The store as its callers hold it: one type, two backends behind the same verbs.

use std::path::Path;
use std::sync::Arc;

use noctule_core::name::StoreId;

use crate::error::StoreError;
use crate::open::OpenOptions;
use crate::postgres::{self, PostgresStore};
use crate::sqlite::SqliteStore;

/// Durable memory. Cheap to clone.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Backend>);

pub(crate) enum Backend {
    Sqlite(Box<SqliteStore>),
    Postgres(PostgresStore),
}

/// Says the same to whichever backend it is. What a backend does is boxed: it is large, and callers hold it in turn.
macro_rules! either {
    ($store:expr, $backend:ident => $call:expr) => {
        match &*$store.0 {
            $crate::store::Backend::Sqlite($backend) => $call,
            $crate::store::Backend::Postgres($backend) => $call,
        }
    };
}
pub(crate) use either;

impl Store {
    /// Opens the store at an address: `sqlite://PATH`, or `postgres://…`.
    ///
    /// # Errors
    /// There is none and none is to be made, it is not ours, damaged, newer, or of another profile; or it cannot be used.
    pub async fn open(url: &str, options: OpenOptions) -> Result<Self, StoreError> {
        let backend = if postgres::is_address(url) {
            Backend::Postgres(Box::pin(PostgresStore::open(url, options)).await?)
        } else {
            Backend::Sqlite(Box::new(Box::pin(SqliteStore::open(url, options)).await?))
        };
        Ok(Self(Arc::new(backend)))
    }

    /// The id, the second part of every attempt key.
    #[must_use]
    pub fn id(&self) -> &StoreId {
        either!(self, backend => &backend.id)
    }

    /// Where it is, in words: its file, or the address of the database without a password.
    #[must_use]
    pub fn place(&self) -> String {
        either!(self, backend => backend.place())
    }

    /// The file, where it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &*self.0 {
            Backend::Sqlite(sqlite) => Some(&sqlite.path),
            Backend::Postgres(_) => None,
        }
    }

    /// Whether engines on other machines can use it too: then they stand by, and take over.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(&*self.0, Backend::Postgres(_))
    }

    /// Lets engine writes of this `Store` grow it to so many bytes, never below what it has; `None` lifts the bound. A
    /// database on a server has bounds of its own.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn limit_size(&self, bytes: Option<u64>) -> Result<(), StoreError> {
        match &*self.0 {
            Backend::Sqlite(sqlite) => sqlite.limit_size(bytes).await,
            Backend::Postgres(_) => Ok(()),
        }
    }
}
