//! How long a message is tried, and at which distances.
//!
//! Guarantees: who does not take a message is asked ever less often, and for a day of trying; the time in which there was no
//! engine is none of it.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::message::{Message, MessageId, Standing};
use crate::run::Instant;

/// The pauses between sendings grow from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(3_600));
/// After so long a time of trying nobody waits for the receiver any more.
const PATIENCE: Duration = Duration::from_secs(24 * 3_600);

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undelivered {
    /// It may be taken later.
    Later {
        /// What was seen.
        error: String,
        /// The receiver asked not to be asked before.
        after: Option<Duration>,
    },
    /// It will never be taken.
    Never {
        /// What was seen.
        error: String,
    },
}

/// How a message stands that may be taken later. The time in which no engine tried is not counted: whoever was down for a
/// week tries for a day all the same.
pub(super) fn not_taken(message: &mut Message, after: Option<Duration>, now: Instant) -> Standing {
    let (_, longest) = PAUSES;
    let since = message.tried_at.map_or(0, |at| (now - at).num_seconds());
    let since = u64::try_from(since).unwrap_or(0);
    message.tried_for += since.min(longest.as_secs());
    message.tried_at = Some(now);
    if message.tried_for >= PATIENCE.as_secs() {
        return Standing::GivenUp { at: now };
    }
    let pause = pause(&message.id, message.tries, after);
    Standing::Waiting {
        not_before: later(now, pause),
    }
}

/// The pause after a try: growing, between half of it and all of it by the id, and never shorter than the receiver asks.
fn pause(id: &MessageId, tries: u32, asked: Option<Duration>) -> chrono::TimeDelta {
    let (first, longest) = PAUSES;
    let factor = 2u32.saturating_pow(tries.saturating_sub(1).min(16));
    let pause = first.saturating_mul(factor).min(longest);
    let digest = Sha256::digest(format!("{id}/{tries}"));
    let share = f64::from(digest[0]) / 255.0;
    let pause = pause.mul_f64(0.5 + share / 2.0);
    let pause = pause.max(asked.unwrap_or_default().min(longest));
    chrono::TimeDelta::from_std(pause).unwrap_or(chrono::TimeDelta::hours(1))
}

pub(super) fn later(at: Instant, by: chrono::TimeDelta) -> Instant {
    at.checked_add_signed(by).unwrap_or(Instant::MAX_UTC)
}
