//! One running server process. A small shell watches a pipe to us: when that closes, however this process ends, the
//! server is stopped by its pid and its folder removed.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use crate::error::Error;
use crate::folder::Folder;

/// How long a start may take on a loaded machine.
const READY_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A line of the pipe names the signal; its end means that nobody needs the folder any more.
const WATCH: &str = r#"
folder=$1; shift
"$@" &
server=$!
if read -r signal; then kill -s "$signal" $server; wait $server; exit; fi
kill -s QUIT $server; wait $server
rm -rf "$folder"
"#;

const OPTIONS: [&str; 12] = [
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "port=5432",
    "fsync=off",
    "full_page_writes=off",
    "max_connections=100",
    "shared_buffers=16MB",
    "max_wal_senders=0",
    "wal_level=minimal",
    "autovacuum=off",
    "timezone=UTC",
    // In the data folder, so that nothing is left elsewhere.
    "dynamic_shared_memory_type=mmap",
];

/// How a server is made to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stop {
    /// Sessions are ended, everything is written.
    Fast,
    /// As a crash would be: the next start recovers.
    Crash,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    watcher: Child,
    pipe: Option<ChildStdin>,
}

impl Server {
    pub(crate) fn spawn(binaries: &Path, folder: &Folder) -> Result<Self, Error> {
        // A crashed server leaves its own behind, and it says `ready`. That server was waited for.
        drop(fs::remove_file(pid_file(folder)));
        let log = || {
            let file = File::options().create(true).append(true).open(folder.log());
            file.map_err(Error::io("opening the server's log"))
        };
        let mut command: Command = folder.command(Path::new("/bin/sh"));
        command
            .args(["-c", WATCH, "sh"])
            .arg(folder.path())
            .arg(binaries.join("postgres"))
            .arg("-D")
            .arg(folder.data())
            .arg("-k")
            .arg(folder.path());
        for option in OPTIONS {
            command.args(["-c", option]);
        }
        let mut watcher = command
            .stdin(Stdio::piped())
            .stdout(log()?)
            .stderr(log()?)
            // Whoever ends our group must not end the one who cleans up.
            .process_group(0)
            .spawn()
            .map_err(Error::io("starting postgres"))?;
        let pipe = watcher.stdin.take();
        Ok(Self { watcher, pipe })
    }

    /// Waits until the server says in its pid file that it takes connections.
    pub(crate) async fn ready(&self, folder: &Folder) -> Result<(), Error> {
        let file = pid_file(folder);
        let started = std::time::Instant::now();
        while !fs::read_to_string(&file).is_ok_and(|text| is_ready(&text)) {
            if started.elapsed() > READY_WITHIN {
                return Err(Error::NotReady {
                    seconds: READY_WITHIN.as_secs(),
                    log: folder.log_end(),
                });
            }
            // On the clock of the machine: a test may have paused tokio's.
            blocking(|| std::thread::sleep(LOOK_EVERY)).await?;
        }
        Ok(())
    }

    /// Stops the server and waits for its end.
    pub(crate) fn stop(mut self, how: Stop) -> Result<(), Error> {
        let signal: &[u8] = match how {
            Stop::Fast => b"INT\n",
            Stop::Crash => b"QUIT\n",
        };
        if let Some(mut pipe) = self.pipe.take() {
            pipe.write_all(signal)
                .map_err(Error::io("stopping postgres"))?;
        }
        self.watcher
            .wait()
            .map(drop)
            .map_err(Error::io("waiting for the end of postgres"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // A server that `stop` has ended is waited for already, and this returns at once.
        drop(self.watcher.wait());
    }
}

fn pid_file(folder: &Folder) -> PathBuf {
    folder.data().join("postmaster.pid")
}

/// The eighth line of the pid file is the server's state.
fn is_ready(pid_file: &str) -> bool {
    pid_file
        .lines()
        .nth(7)
        .is_some_and(|state| state.trim() == "ready")
}

/// Runs what blocks where it may.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.map_err(|error| Error::Io {
        what: "running a thread".to_owned(),
        cause: error.into(),
    })
}
