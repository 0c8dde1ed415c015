//! The ids of traces and spans. They follow from the names that runs and attempts have anyway, so a killed engine, the
//! one that takes over and the remote work itself come to the same ids without telling each other anything.

use std::fmt;

use noctule_executor::AttemptKey;
use sha2::{Digest, Sha256};

use crate::name::RunId;

/// The trace of a run, all its rounds: where its id is a UUID, the same 32 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId([u8; 16]);

/// A span of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId([u8; 8]);

impl TraceId {
    /// The trace of a run.
    #[must_use]
    pub fn of(run: &RunId) -> Self {
        let text = run.as_str();
        Self(uuid(text).unwrap_or_else(|| digest(&["trace", text])))
    }
}

impl SpanId {
    /// The span of a round of a run.
    #[must_use]
    pub fn of_round(run: &RunId, round: u32) -> Self {
        Self(digest(&["round", run.as_str(), &round.to_string()]))
    }

    /// The span of an attempt.
    #[must_use]
    pub fn of_attempt(key: &AttemptKey) -> Self {
        Self(digest(&["attempt", key.as_str()]))
    }
}

/// What the work of an attempt is told (W3C Trace Context): its own spans are children of the attempt's.
#[must_use]
pub fn traceparent(run: &RunId, key: &AttemptKey) -> String {
    format!("00-{}-{}-01", TraceId::of(run), SpanId::of_attempt(key))
}

/// The bytes of a UUID in its usual form; none of any other text, so that no two runs share a trace.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let dashed = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let usual = text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match byte {
            b'-' => dashed(at),
            b'0'..=b'9' | b'a'..=b'f' => !dashed(at),
            _ => false,
        });
    let digits = usual.then(|| text.replace('-', ""))?;
    let bytes = u128::from_str_radix(&digits, 16).ok()?.to_be_bytes();
    (bytes != [0; 16]).then_some(bytes)
}

/// The first bytes of SHA-256 over parts, which no part can hold a separator of; never all 0, which no id may be.
fn digest<const N: usize>(parts: &[&str]) -> [u8; N] {
    let hash = Sha256::digest(parts.join("\0"));
    let mut bytes = [0; N];
    bytes.copy_from_slice(&hash[..N]);
    if bytes == [0; N] {
        bytes[N - 1] = 1;
    }
    bytes
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}
