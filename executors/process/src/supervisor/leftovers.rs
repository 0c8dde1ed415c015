//! Processes of a cancelled attempt that left its process group.
//!
//! They are found among our own children (orphans come to the supervisor) by the attempt key in their environment,
//! so that no process of somebody else is ever meant.

use std::fs;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};

/// Kills what is left of an attempt outside of its group, and says how much it was.
pub(super) fn kill(key: &str, own: impl Fn(i32) -> bool) -> usize {
    let name = format!("NOCTULE_ATTEMPT_KEY={key}");
    let mut killed = 0;
    // A killed process hands its own children to us: until nothing new comes, but not for ever.
    for _ in 0..8 {
        let found: Vec<_> = children()
            .into_iter()
            .filter(|pid| !own(pid.as_raw_nonzero().get()) && carries(*pid, &name))
            .collect();
        if found.is_empty() {
            break;
        }
        for pid in found {
            // Our child until we wait for it here: the pid cannot have become another's.
            let _ = rustix::process::kill_process(pid, Signal::KILL);
            wait_briefly(pid);
            let _ = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
            killed += 1;
        }
    }
    killed
}

/// Until a killed process has ended; one that hangs in the kernel does not hold us up for long.
fn wait_briefly(pid: Pid) {
    let limit = Timespec {
        tv_sec: 0,
        tv_nsec: 100_000_000,
    };
    if let Ok(pidfd) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
        let mut ends = [PollFd::new(&pidfd, PollFlags::IN)];
        let _ = rustix::event::poll(&mut ends, Some(&limit));
    }
}

/// Our children, and the orphans that came to us.
pub(super) fn children() -> Vec<Pid> {
    let own = std::process::id();
    let list = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
    list.split_ascii_whitespace()
        .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
        .collect()
}

fn carries(pid: Pid, entry: &str) -> bool {
    let path = format!("/proc/{}/environ", pid.as_raw_nonzero());
    let environment = fs::read(path).unwrap_or_default();
    environment
        .split(|byte| *byte == 0)
        .any(|found| found == entry.as_bytes())
}
