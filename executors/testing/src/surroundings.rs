//! What a call needs besides an executor: attempts with fresh keys, a context, and a canary in place of every secret.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;

use noctule_executor::secrecy::SecretString;
use noctule_executor::{
    Attempt, AttemptKey, Connection, Context, ExecutorError, Host, RunFacts, SecretRef,
    SecretSource, Unlimited,
};

/// The value of every secret in a [`context`]: whatever shows it is a leak.
pub const CANARY: &str = "canary-7d1f0c5e-must-never-be-seen";

/// The store of every key made here.
const STORE_ID: &str = "7e570000";

static KEYS: AtomicU64 = AtomicU64::new(0);

/// Gives the canary for every reference.
#[derive(Debug, Clone, Copy, Default)]
pub struct CanarySecrets;

#[async_trait]
impl SecretSource for CanarySecrets {
    async fn resolve(&self, _secret: &SecretRef) -> Result<SecretString, ExecutorError> {
        Ok(SecretString::from(CANARY))
    }
}

/// A key that no attempt had before, in any process.
#[must_use]
pub fn fresh_key() -> AttemptKey {
    fresh_key_of(STORE_ID)
}

/// The same for an attempt of another store.
pub(crate) fn fresh_key_of(store: &str) -> AttemptKey {
    let count = KEYS.fetch_add(1, Ordering::Relaxed);
    let pid = std::process::id();
    let nanos = SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |time| time.as_nanos() as u64);
    AttemptKey::from_text(format!("n1-{store}-{nanos:016x}{pid:08x}{count:016x}"))
}

/// A first attempt of a task, under a fresh key.
#[must_use]
pub fn attempt(task: &str, with: Value) -> Attempt<Value> {
    let moment = DateTime::<Utc>::from(SystemTime::now());
    Attempt {
        key: fresh_key(),
        run: RunFacts {
            id: "run-1".to_owned(),
            dag: "conformance".to_owned(),
            ingestion_id: "20250926".to_owned(),
            logical_time: moment,
        },
        task: task.to_owned(),
        map_key: None,
        number: 1,
        sends: 1,
        intended_at: moment,
        hold: false,
        failed_before: None,
        passing: noctule_executor::Passing::default(),
        traceparent: None,
        config: with,
    }
}

/// A context with canaries for secrets and no limit of rate. Its fields may be replaced.
#[must_use]
pub fn context(connection: Option<Connection>) -> Context {
    Context {
        connection,
        secrets: Arc::new(CanarySecrets),
        budget: Arc::new(Unlimited),
        host: Arc::new(Host {
            state_dir: std::env::temp_dir(),
            store_id: STORE_ID.to_owned(),
            env: BTreeMap::new(),
            binary: PathBuf::from("noctule"),
        }),
    }
}
