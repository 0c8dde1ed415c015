//! What every asynchronous call gets besides its arguments: connection, secrets, rate budget, and the host.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::{Connection, ExecutorError, SecretRef};

/// The surroundings of a call. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The connection that the task names, or the only one of its kind.
    pub connection: Option<Connection>,
    /// Where secret references become values, at the moment of the call.
    pub secrets: Arc<dyn SecretSource>,
    /// The rate budget of the connection.
    pub budget: Arc<dyn Budget>,
    /// The machine and the store that the engine works for.
    pub host: Arc<Host>,
}

/// The machine and the store that the engine works for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// A private folder beside the store, where an executor may keep files of its own.
    pub state_dir: PathBuf,
    /// The id of the store, 8 hex digits: the second part of every attempt key.
    pub store_id: String,
    /// The environment of the engine, read once at start-up.
    pub env: BTreeMap<String, String>,
    /// The running `noctule` binary, for executors that start it again under a hidden name.
    pub binary: PathBuf,
}

/// Turns references into secret values.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// The value of one secret.
    ///
    /// # Errors
    /// `Rejected` with class `config` or `permission` when there is no such secret, or it may not be used here.
    async fn resolve(&self, secret: &SecretRef) -> Result<SecretString, ExecutorError>;
}

/// The two kinds of calls that a connection's `rate` counts apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// Starts work.
    Launch,
    /// Everything else: reads, cancels.
    Poll,
}

/// The rate budget of one connection.
#[async_trait]
pub trait Budget: Send + Sync {
    /// Waits until one more call of this kind may be made.
    async fn take(&self, call: Call);
}

/// A budget without a limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unlimited;

#[async_trait]
impl Budget for Unlimited {
    async fn take(&self, _call: Call) {}
}
