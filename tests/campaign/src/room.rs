//! The file system that the store stands on: one of its own in memory, where this process may mount one, so that it can be
//! full. Unmounted when it is dropped.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Far more than any campaign writes.
const SIZE: &str = "4g";

/// A folder, and the file system it may have of its own.
#[derive(Debug)]
pub(crate) struct Room {
    path: PathBuf,
    mounted: bool,
}

impl Room {
    /// Mounts one on a folder. Without the right to, the folder stays as it is and cannot be full.
    #[must_use]
    pub(crate) fn on(path: &Path) -> Self {
        let text = path.display().to_string();
        let size = format!("size={SIZE},mode=0700");
        let mounted = run(&["mount", "-t", "tmpfs", "-o", &size, "none", &text]);
        Self {
            path: path.to_owned(),
            mounted,
        }
    }

    /// Whether it can be full.
    #[must_use]
    pub(crate) fn can_be_full(&self) -> bool {
        self.mounted
    }

    /// Leaves no room for one more page. What is written meanwhile makes a look too old, so it is looked several times.
    pub(crate) fn fill(&self) -> bool {
        (0..20).any(|_| {
            let used = rustix::fs::statvfs(&self.path)
                .map(|fs| (fs.f_blocks.saturating_sub(fs.f_bfree)).saturating_mul(fs.f_frsize));
            used.is_ok_and(|used| self.resize(&used.max(4096).to_string()))
        })
    }

    /// Gives the room back.
    #[must_use]
    pub(crate) fn free(&self) -> bool {
        self.resize(SIZE)
    }

    fn resize(&self, size: &str) -> bool {
        let text = self.path.display().to_string();
        let size = format!("remount,size={size}");
        self.mounted && run(&["mount", "-o", &size, &text])
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.mounted {
            let text = self.path.display().to_string();
            // A command that still stands in it keeps it alive until it ends.
            run(&["umount", "--lazy", &text]);
        }
    }
}

fn run(words: &[&str]) -> bool {
    let [program, rest @ ..] = words else {
        return false;
    };
    let mut command = Command::new(program);
    command.args(rest).stdin(Stdio::null());
    let ended = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    ended.is_ok_and(|status| status.success())
}
