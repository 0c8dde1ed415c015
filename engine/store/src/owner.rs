//! Who holds a store, or waits for it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Who holds, or asks for, the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its process.
    pub pid: u32,
    /// Its machine.
    pub host: String,
    /// What it does.
    pub role: Role,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Where it listens.
    pub listen: Option<String>,
}

/// What the holder of a store does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Schedules, asks, everything, until it is stopped.
    Serve,
    /// One run, and gives the store over to a `serve`.
    Run,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.pid == 0 {
            return f.write_str("one that has not said its name yet");
        }
        let role = match self.role {
            Role::Serve => "serve",
            Role::Run => "run",
        };
        let since = self.since.format("%Y-%m-%dT%H:%M:%SZ");
        write!(
            f,
            "`noctule {role}`, pid {} on {}, since {since}",
            self.pid, self.host
        )
    }
}

impl Owner {
    /// As it was written down.
    pub(crate) fn read(text: Option<&str>) -> Self {
        let owner = text.and_then(|text| serde_json::from_str(text.trim_end()).ok());
        owner.unwrap_or_else(Self::nameless)
    }

    /// Somebody holds the lock and has not written who: it is just starting. A `run`, so that a `serve` waits for it.
    pub(crate) fn nameless() -> Self {
        let host = "unknown".to_owned();
        Self {
            pid: 0,
            host,
            role: Role::Run,
            since: DateTime::UNIX_EPOCH,
            listen: None,
        }
    }
}
