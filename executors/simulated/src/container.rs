//! A container: a child process in a group of its own.
//!
//! It sees nothing of our environment but PATH and HOME. TERM goes to the whole group, KILL after
//! the grace; when the first process ends, whatever it left behind is killed, as a container would.
//! A dropped container is killed.

use std::{
    collections::BTreeMap,
    future::Future,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinSet,
    time::timeout,
};

/// Lines beyond this are cut into pieces.
const LONGEST_LINE: usize = 64 * 1024;
/// How long output may still come from something that left the group.
const DRAIN: Duration = Duration::from_millis(500);

/// Where a line was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A command to run as a container.
pub struct Container {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// All of its environment but PATH and HOME.
    pub env: BTreeMap<String, String>,
    /// The folder it starts in.
    pub cwd: Option<PathBuf>,
}

/// How the first process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this exit code.
    Exited(i32),
    /// By this signal.
    Killed(i32),
    /// It could not be started.
    NotStarted(String),
}

impl Container {
    /// Runs to the end, or until `stop` says why not; lines go to `write` as they come.
    pub async fn run<Why>(
        self,
        stop: impl Future<Output = Why>,
        grace: Duration,
        write: impl Fn(Output, &str) + Clone + Send + Sync + 'static,
    ) -> (End, Option<Why>) {
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => return (End::NotStarted(error.to_string()), None),
        };
        let mut group = Group(child.id());
        let mut readers = read_all(&mut child, &write);
        let (status, why) = tokio::select! {
            status = child.wait() => (status, None),
            why = stop => (end(&mut child, &group, grace).await, Some(why)),
        };
        group.signal("KILL").await;
        group.0 = None;
        let drained = timeout(DRAIN, async {
            while readers.join_next().await.is_some() {}
        })
        .await;
        if drained.is_err() {
            tracing::debug!("a process left its container and still holds its output");
        }
        (ending(status), why)
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let (program, args) = self
            .command
            .split_first()
            .ok_or(std::io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(args).env_clear();
        for name in ["PATH", "HOME"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(&self.env);
        if let Some(cwd) = &self.cwd {
            command.current_dir(cwd);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true).spawn()
    }
}

async fn end(child: &mut Child, group: &Group, grace: Duration) -> std::io::Result<ExitStatus> {
    group.signal("TERM").await;
    if let Ok(status) = timeout(grace, child.wait()).await {
        return status;
    }
    group.signal("KILL").await;
    child.wait().await
}

fn ending(status: std::io::Result<ExitStatus>) -> End {
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => End::Exited(code),
            (None, signal) => End::Killed(signal.unwrap_or_default()),
        },
        Err(error) => End::NotStarted(error.to_string()),
    }
}

/// The process group of a child; killed when dropped with its number still in place.
struct Group(Option<u32>);

impl Group {
    async fn signal(&self, signal: &str) {
        let Some(group) = self.0 else { return };
        let sent = Command::from(kill(group, signal)).status().await;
        tracing::trace!(?sent, signal, group, "signalled a container");
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let sent = kill(group, "KILL").status();
            tracing::trace!(?sent, group, "killed a container");
        }
    }
}

/// The shell's own `kill` reaches a group without unsafe code.
fn kill(group: u32, signal: &str) -> std::process::Command {
    let mut command = std::process::Command::new("/bin/sh");
    command.args([
        "-c",
        "kill -s \"$1\" -- \"-$2\"",
        "sh",
        signal,
        &group.to_string(),
    ]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn read_all(
    child: &mut Child,
    write: &(impl Fn(Output, &str) + Clone + Send + Sync + 'static),
) -> JoinSet<()> {
    let mut readers = JoinSet::new();
    if let Some(stdout) = child.stdout.take() {
        let write = write.clone();
        readers.spawn(read_lines(stdout, move |line: &str| {
            write(Output::Stdout, line);
        }));
    }
    if let Some(stderr) = child.stderr.take() {
        let write = write.clone();
        readers.spawn(read_lines(stderr, move |line: &str| {
            write(Output::Stderr, line);
        }));
    }
    readers
}

async fn read_lines(from: impl AsyncRead + Unpin, write: impl Fn(&str)) {
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    let flush = |line: &mut Vec<u8>| {
        write(String::from_utf8_lossy(line).trim_end_matches(['\n', '\r']));
        line.clear();
    };
    while let Ok(bytes) = reader.fill_buf().await
        && !bytes.is_empty()
    {
        let newline = bytes.iter().position(|byte| *byte == b'\n');
        let taken = newline
            .map_or(bytes.len(), |at| at + 1)
            .min(LONGEST_LINE - line.len());
        line.extend_from_slice(&bytes[..taken]);
        let whole = line.ends_with(b"\n") || line.len() == LONGEST_LINE;
        reader.consume(taken);
        if whole {
            flush(&mut line);
        }
    }
    if !line.is_empty() {
        flush(&mut line);
    }
}
