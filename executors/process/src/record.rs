//! What is written down of an attempt: its start and its end, and what they tell together.
//!
//! One file, made before the command is started; then a line for the start, and one for the end. Each line is one
//! write, and counts only with its line feed. It is not synced: power loss changes the boot id, hence `lost`. The
//! supervisor alone writes records; whoever finds no supervisor reads them.

use std::fs::File;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::files::{Files, RECORD};
use crate::machine::{Life, Machine};

const RECORD_LIMIT: u64 = 64 * 1024;

/// A command that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Start {
    pub(crate) pid: i32,
    /// In clock ticks since boot: with the pid and the boot it names the process for good.
    pub(crate) start_time: u64,
    pub(crate) boot_id: String,
    pub(crate) host: String,
    /// Milliseconds since 1970, UTC.
    pub(crate) started_at: i64,
}

/// A command that ended. Without code and signal nobody saw how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exit {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    /// It was asked to stop before it ended.
    pub(crate) cancelled: bool,
    /// Milliseconds since 1970, UTC.
    pub(crate) ended_at: i64,
}

impl Exit {
    /// An end that nobody saw.
    pub(crate) fn unseen(cancelled: bool) -> Self {
        Self {
            code: None,
            signal: None,
            cancelled,
            ended_at: now(),
        }
    }
}

/// How an attempt stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// Nothing was ever begun under this key.
    Absent,
    /// It was about to be started when the supervisor died: perhaps it was.
    Unstarted,
    Running {
        start: Start,
    },
    Ended {
        start: Start,
        exit: Exit,
    },
    /// The process is no more and its end was not seen.
    Vanished {
        start: Start,
    },
    /// The machine was started anew since.
    Lost {
        start: Start,
    },
    /// It belongs to another host.
    Elsewhere {
        start: Start,
    },
}

impl Standing {
    /// Reads the record of an attempt.
    pub(crate) fn read(files: &Files, machine: &Machine) -> io::Result<Self> {
        let Some(bytes) = files.read(RECORD, RECORD_LIMIT)? else {
            return Ok(Self::Absent);
        };
        let (start, exit) = parse(&bytes);
        let Some(start) = start else {
            return Ok(Self::Unstarted);
        };
        if let Some(exit) = exit {
            return Ok(Self::Ended { start, exit });
        }
        let standing = Self::of_life(machine.life(&start), start);
        if !matches!(standing, Self::Vanished { .. }) {
            return Ok(standing);
        }
        // The end may have been written while we looked at the process.
        let bytes = files.read(RECORD, RECORD_LIMIT)?.unwrap_or_default();
        Ok(match parse(&bytes) {
            (Some(start), Some(exit)) => Self::Ended { start, exit },
            _ => standing,
        })
    }

    /// What can be said of a process of which only the start is known.
    pub(crate) fn of_life(life: Life, start: Start) -> Self {
        match life {
            Life::Alive => Self::Running { start },
            Life::Gone => Self::Vanished { start },
            Life::OtherBoot => Self::Lost { start },
            Life::OtherHost => Self::Elsewhere { start },
        }
    }

    pub(crate) fn start(&self) -> Option<&Start> {
        match self {
            Self::Absent | Self::Unstarted => None,
            Self::Running { start }
            | Self::Ended { start, .. }
            | Self::Vanished { start }
            | Self::Lost { start }
            | Self::Elsewhere { start } => Some(start),
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self, Self::Running { .. })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line<S, E> {
    Start(S),
    Exit(E),
}

/// What whole lines say; the first of each kind counts.
pub(crate) fn parse(bytes: &[u8]) -> (Option<Start>, Option<Exit>) {
    let mut found = (None, None);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match serde_json::from_slice::<Line<Start, Exit>>(line) {
            _ if !line.ends_with(b"\n") => {}
            Ok(Line::Start(start)) => found.0 = found.0.or(Some(start)),
            Ok(Line::Exit(exit)) => found.1 = found.1.or(Some(exit)),
            Err(_) => {}
        }
    }
    found
}

/// Writes the start into the claimed record.
pub(crate) fn write_start(mut record: &File, start: &Start) -> io::Result<()> {
    record.write_all(&line(&Line::<_, ()>::Start(start))?)
}

/// Adds the end to the record.
pub(crate) fn write_exit(files: &Files, exit: &Exit) -> io::Result<()> {
    files
        .record()?
        .write_all(&line(&Line::<(), _>::Exit(exit))?)
}

fn line<T: Serialize>(record: &T) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(record)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Milliseconds since 1970, UTC.
pub(crate) fn now() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_not_whole_does_not_count() {
        let exit = Exit::unseen(true);
        let whole = line(&Line::<(), _>::Exit(&exit)).unwrap();
        assert_eq!(parse(&whole), (None, Some(exit)));
        assert_eq!(parse(&whole[..whole.len() - 1]), (None, None));
        assert_eq!(parse(b"nonsense\n\xff\n"), (None, None));
    }
}
