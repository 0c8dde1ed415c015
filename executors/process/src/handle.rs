//! All that must be remembered of a started command to find it again.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::files::Files;
use crate::record::Start;

/// A started command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handle {
    /// The attempt key.
    pub key: String,
    /// The process, which is also its process group.
    pub pid: i32,
    /// Its start, in clock ticks since boot.
    pub start_time: u64,
    /// The boot in which it runs.
    pub boot_id: String,
    /// The machine on which it runs.
    pub host: String,
    /// When it was started, in milliseconds since 1970, UTC.
    pub started_at: i64,
    /// The path of its files, to which `.record`, `.log` and `.output` are added.
    pub files: PathBuf,
}

impl Handle {
    pub(crate) fn new(key: &str, start: Start, files: &Files) -> Self {
        Self {
            key: key.to_owned(),
            pid: start.pid,
            start_time: start.start_time,
            boot_id: start.boot_id,
            host: start.host,
            started_at: start.started_at,
            files: files.path().to_owned(),
        }
    }

    pub(crate) fn start(&self) -> Start {
        Start {
            pid: self.pid,
            start_time: self.start_time,
            boot_id: self.boot_id.clone(),
            host: self.host.clone(),
            started_at: self.started_at,
        }
    }
}
