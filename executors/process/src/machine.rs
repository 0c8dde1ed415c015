//! Which machine this is, since which boot, and whether a process of a record is still the same one.
//!
//! A pid alone is never trusted: pids are used again. The identity of a process is host, boot id, pid and start
//! time.

use std::fs::{self, File};
use std::io::Read;

use crate::error::Error;
use crate::record::Start;

/// The machine and its boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) host: String,
    pub(crate) boot_id: String,
}

/// What is known of a process that a record names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Alive,
    Gone,
    /// The machine was started anew since.
    OtherBoot,
    /// It ran, or runs, elsewhere: nothing can be said from here.
    OtherHost,
}

impl Machine {
    pub(crate) fn read() -> Result<Self, Error> {
        Ok(Self {
            host: word("/proc/sys/kernel/hostname")?,
            boot_id: word("/proc/sys/kernel/random/boot_id")?,
        })
    }

    pub(crate) fn life(&self, start: &Start) -> Life {
        if start.host != self.host {
            return Life::OtherHost;
        }
        if start.boot_id != self.boot_id {
            return Life::OtherBoot;
        }
        if is_alive(start.pid, start.start_time) {
            Life::Alive
        } else {
            Life::Gone
        }
    }
}

fn word(path: &'static str) -> Result<String, Error> {
    let text = fs::read_to_string(path).map_err(Error::file("read", path))?;
    Ok(text.trim().to_owned())
}

/// The start time of a process in clock ticks since boot, also while it is a zombie.
pub(crate) fn start_time(pid: i32) -> Option<u64> {
    state_and_start(pid).map(|(_, start)| start)
}

fn is_alive(pid: i32, start_time: u64) -> bool {
    state_and_start(pid)
        .is_some_and(|(state, start)| start == start_time && !matches!(state, b'Z' | b'X'))
}

fn state_and_start(pid: i32) -> Option<(u8, u64)> {
    // One read: the line is at most a few hundred bytes, and this is done for each command.
    let mut line = [0; 1024];
    let length = File::open(format!("/proc/{pid}/stat"))
        .ok()?
        .read(&mut line)
        .ok()?;
    parse_stat(line.get(..length)?)
}

/// The name of a program may hold anything, parentheses too: fields are counted after the last one.
fn parse_stat(text: &[u8]) -> Option<(u8, u64)> {
    let name_end = text.iter().rposition(|byte| *byte == b')')?;
    let mut fields = std::str::from_utf8(text.get(name_end + 1..)?)
        .ok()?
        .split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    let start = fields.nth(18)?.parse().ok()?;
    Some((state, start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_program_name_does_not_shift_the_fields() {
        let line = b"7 (a) R 1 (b) S 1 7 7 0 -1 4 1 1 1 1 1 1 1 1 20 0 1 0 98765 1 1";
        assert_eq!(parse_stat(line), Some((b'S', 98765)));
    }

    #[test]
    fn a_pid_with_another_start_time_is_another_process() {
        let machine = Machine::read().unwrap();
        let pid = i32::try_from(std::process::id()).unwrap();
        let mut start = Start {
            pid,
            start_time: start_time(pid).unwrap(),
            boot_id: machine.boot_id.clone(),
            host: machine.host.clone(),
            started_at: 0,
        };
        assert_eq!(machine.life(&start), Life::Alive);
        start.start_time += 1;
        assert_eq!(machine.life(&start), Life::Gone);
        start.boot_id.push('x');
        assert_eq!(machine.life(&start), Life::OtherBoot);
        start.host.push('x');
        assert_eq!(machine.life(&start), Life::OtherHost);
    }
}
