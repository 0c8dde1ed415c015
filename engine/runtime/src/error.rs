//! What can end an engine.

use noctule_core::dag::DagError;
use noctule_core::name::DagHash;
use noctule_store::StoreError;
use thiserror::Error;

/// Why an engine could not start, or had to end.
#[derive(Debug, Error)]
pub enum RuntimeError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A live run is pinned to a version that the store does not hold.
    #[error("run `{run}` is pinned to version {hash}, which the store does not hold")]
    VersionMissing {
        /// The run.
        run: String,
        /// The version.
        hash: DagHash,
    },
    /// A stored version that is no graph.
    #[error("the stored version {hash} of `{dag}` cannot be read: {source}")]
    VersionUnreadable {
        /// The DAG.
        dag: String,
        /// The version.
        hash: DagHash,
        /// Why.
        source: DagError,
    },
    /// The engine has ended.
    #[error("the engine has ended")]
    Ended,
}
