//! Processes of the program under fire: started with an environment of their own, sent signals, awaited within bounds. None
//! outlives its value.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::CampaignError;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(2);

/// Looks until something is so, or time is up.
pub(crate) fn until<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + patience;
    loop {
        if let Some(seen) = look() {
            return Some(seen);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(LOOK);
    }
}

/// A process that was started here.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    told: PathBuf,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        match status.signal() {
            Some(signal) => Self::Signal(signal),
            None => Self::Code(status.code().unwrap_or(-1)),
        }
    }
}

impl Process {
    /// Starts a command. What it writes goes to two files of this name, `.out` and `.err`.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn start(
        mut command: Command,
        output: &std::path::Path,
    ) -> Result<Self, CampaignError> {
        let failed = || CampaignError::io("start the program under fire");
        let told = output.with_extension("err");
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(output.with_extension("out")).map_err(failed())?)
            .stderr(File::create(&told).map_err(failed())?)
            .spawn()
            .map_err(failed())?;
        Ok(Self { child, told })
    }

    /// Its id.
    #[must_use]
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<End> {
        self.child.try_wait().ok().flatten().map(End::from)
    }

    /// Waits for its own end, but not for ever.
    pub(crate) fn end_within(&mut self, patience: Duration) -> Option<End> {
        until(patience, || self.ended())
    }

    /// Sends a signal. Whether it still was there is seen by its end.
    pub(crate) fn send(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, signal);
        }
    }

    /// SIGKILL; says how it ended, which may have been earlier and otherwise.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub(crate) fn kill(&mut self) -> Result<End, CampaignError> {
        self.send(Signal::KILL);
        let status = self.child.wait();
        status
            .map(End::from)
            .map_err(CampaignError::io("wait for a process"))
    }

    /// Whether it stands still after SIGSTOP.
    #[must_use]
    pub(crate) fn is_stopped(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        stat.rsplit_once(')')
            .is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
    }

    /// All that it has told people so far.
    #[must_use]
    pub(crate) fn told(&self) -> String {
        fs::read_to_string(&self.told).unwrap_or_default()
    }

    /// All that it has printed so far.
    #[must_use]
    pub(crate) fn printed(&self) -> String {
        fs::read_to_string(self.told.with_extension("out")).unwrap_or_default()
    }

    /// Forgets what it wrote.
    pub(crate) fn tidy(&self) {
        drop(fs::remove_file(&self.told));
        drop(fs::remove_file(self.told.with_extension("out")));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already wherever all went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
