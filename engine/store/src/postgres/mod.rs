//! The store in a Postgres, for engines on several machines: one writes, the others stand by and take over.
//!
//! Everything is in the schema `noctule`, named in full, and nothing depends on the state of a session, so that a pooler may
//! stand between. The right to write is a row that expires by the database's clock; its holder stops trusting in it before
//! it expires, by a clock of its own. A commit is one statement, fenced by the epoch and counted, so that one whose answer
//! was lost is known to have been made, or is made impossible, before anything else happens. Reads that meet a restart
//! are tried again. Never: a replica, an older timeline or another server in place of the one that was used before.

mod access;
mod address;
mod asks;
mod backfills;
mod batch;
mod columns;
mod commit;
mod connection;
mod dags;
mod doubt;
mod forgetting;
mod lease;
mod messages;
mod open;
mod places;
mod readers;
mod renewal;
mod runs;
mod said;
mod schema;
mod setback;
mod statement;
mod stretches;
mod transfer;
mod trust;

use std::sync::Arc;

use noctule_core::name::StoreId;

pub(crate) use self::address::is_address;
use self::connection::Server;
pub(crate) use self::lease::Tenure;
use self::readers::Readers;
use crate::hook::CommitHook;

/// A store in a database.
pub(crate) struct PostgresStore {
    pub(crate) id: StoreId,
    server: Arc<Server>,
    readers: Readers,
    hook: Option<Arc<dyn CommitHook>>,
}

impl PostgresStore {
    pub(crate) fn place(&self) -> String {
        self.server.place.clone()
    }
}
