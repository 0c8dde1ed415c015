//! What engine and supervisor say to each other: frames of a four-byte length (big-endian) and JSON.
//!
//! Questions carry an id that their answer repeats, so that a long wait holds up nothing. Unknown fields are ignored
//! on both sides; a change that an older side would misread raises [`NEWEST`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::record::{Standing, Start};

/// The oldest protocol that this binary speaks.
pub(crate) const OLDEST: u32 = 1;
/// The newest protocol that this binary speaks.
pub(crate) const NEWEST: u32 = 1;
/// The longest frame that is sent or read.
pub(crate) const FRAME_LIMIT: usize = 4 * 1024 * 1024;

const HEADER: usize = 4;

#[derive(Serialize, Deserialize)]
pub(crate) struct Question {
    pub(crate) id: u64,
    pub(crate) ask: Ask,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Must come first.
    Hello {
        oldest: u32,
        newest: u32,
        store: String,
    },
    Launch(Launch),
    /// Answered as soon as one of these is not running, or when patience ends.
    Wait {
        keys: Vec<String>,
        patience_ms: u64,
    },
    /// Nobody waits for the answer of this question any longer. Has no answer of its own.
    Forget {
        id: u64,
    },
    Cancel {
        key: String,
        grace_ms: u64,
    },
    Find {
        key: String,
    },
}

/// A command as it is started. Holds resolved secrets: it is never written down and has no `Debug`.
#[derive(Serialize, Deserialize)]
pub(crate) struct Launch {
    pub(crate) key: String,
    pub(crate) command: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) cwd: String,
    pub(crate) stdin: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) id: u64,
    pub(crate) say: Say,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Say {
    Hello { protocol: u32, pid: u32 },
    Started(Start),
    Standings(Vec<Standing>),
    Cancelling,
    Refused(Refusal),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) kind: RefusalKind,
    pub(crate) message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefusalKind {
    /// The command is wrong; nothing was started.
    Config,
    /// The machine has no room now; nothing was started.
    Busy,
    /// Nothing was started (or asked), for a reason outside of the command.
    Unavailable,
    /// Something may have been started.
    Unknown,
    /// This supervisor and this engine cannot talk.
    Disagreed,
}

impl Refusal {
    pub(crate) fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

/// A message as one frame.
pub(crate) fn frame<T: Serialize>(message: &T) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; HEADER];
    serde_json::to_writer(&mut bytes, message).map_err(|source| Error::Decode {
        what: "a message to be sent",
        source,
    })?;
    let size = bytes.len() - HEADER;
    let length = u32::try_from(size).ok().filter(|_| size <= FRAME_LIMIT);
    let Some(length) = length else {
        let limit = FRAME_LIMIT;
        return Err(Error::Frame { size, limit });
    };
    bytes[..HEADER].copy_from_slice(&length.to_be_bytes());
    Ok(bytes)
}

/// Bytes that have arrived, from which whole frames are taken. Never grows beyond one frame and one read.
#[derive(Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    taken: usize,
}

impl Inbox {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.taken > 0 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The body of the next whole frame.
    pub(crate) fn next_frame(&mut self) -> Result<Option<&[u8]>, Error> {
        let waiting = &self.bytes[self.taken..];
        let Some(header) = waiting.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let size = u32::from_be_bytes(*header) as usize;
        if size > FRAME_LIMIT {
            let limit = FRAME_LIMIT;
            return Err(Error::Frame { size, limit });
        }
        if waiting.len() < HEADER + size {
            return Ok(None);
        }
        let from = self.taken + HEADER;
        self.taken = from + size;
        Ok(Some(&self.bytes[from..from + size]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whole_however_they_arrive() {
        let mut sent = frame(&"one").unwrap();
        sent.extend(frame(&"two").unwrap());
        let mut inbox = Inbox::default();
        let mut seen = Vec::new();
        for byte in sent {
            inbox.push(&[byte]);
            while let Some(body) = inbox.next_frame().unwrap() {
                seen.push(String::from_utf8(body.to_vec()).unwrap());
            }
        }
        assert_eq!(seen, ["\"one\"", "\"two\""]);
    }

    #[test]
    fn an_oversize_frame_is_refused_before_it_arrives() {
        let mut inbox = Inbox::default();
        inbox.push(&u32::MAX.to_be_bytes());
        assert!(inbox.next_frame().is_err());
        assert!(frame(&"x".repeat(FRAME_LIMIT)).is_err());
    }
}
