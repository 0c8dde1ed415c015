//! One process of the binary: what it says, what it is sent, how it ends. It never outlives its test.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Far beyond what anything here takes on a busy machine: a test that waits for longer waits in vain.
const IN_VAIN: Duration = Duration::from_secs(60);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(3);

/// Looks until something is so, and gives what was seen.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + IN_VAIN;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(LOOK);
    }
}

/// A process that was started here.
pub(crate) struct Process {
    child: Child,
    line: String,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    line: String,
    status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Process {
    /// Starts a command; what it writes goes to two files of this name.
    pub(crate) fn start(mut command: Command, output: &Path) -> Self {
        let (stdout, stderr) = (output.with_extension("out"), output.with_extension("err"));
        command
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap());
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        let line = words.join(" ");
        let child = command.spawn().unwrap();
        Self {
            child,
            line,
            stdout,
            stderr,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// All that it has told people so far.
    pub(crate) fn told(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    /// Waits until this process has told something, and gives what stands there between `before` and the end of the word.
    pub(crate) fn tells(&mut self, before: &str) -> String {
        let what = format!("`{}` tells `{before}`", self.line);
        until(&what, || {
            let alive = self.is_alive();
            let told = self.told();
            let found = told.split_once(before).and_then(|(_, rest)| {
                let (word, _) = rest.split_once(char::is_whitespace)?;
                Some(word.to_owned())
            });
            assert!(
                alive || found.is_some(),
                "`{}` ended without telling `{before}`: {told}",
                self.line
            );
            found
        })
    }

    /// SIGKILL; says whether that is what it died of.
    pub(crate) fn kill(mut self) -> bool {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        status.signal() == Some(Signal::KILL.as_raw())
    }

    pub(crate) fn send(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its own end.
    pub(crate) fn end(mut self) -> Ended {
        let what = format!("`{}` ends", self.line);
        let child = &mut self.child;
        let status = until(&what, || child.try_wait().unwrap());
        Ended {
            line: self.line.clone(),
            status,
            stdout: fs::read_to_string(&self.stdout).unwrap(),
            stderr: fs::read_to_string(&self.stderr).unwrap(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already in every test that went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Ended {
    /// That it ended with this code.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        self
    }

    /// What it printed: one JSON document and nothing else.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}: {}", self.line, self.stdout))
    }
}
