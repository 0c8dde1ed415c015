//! Virtual time: milliseconds since the history began, which is what the store's clock and every monotonic clock show.

use chrono::{DateTime, TimeDelta, Utc};
use noctule_core::run::Instant;

/// Milliseconds since the beginning.
pub(crate) type Ms = i64;

pub(crate) const SECOND: Ms = 1_000;
pub(crate) const MINUTE: Ms = 60 * SECOND;
pub(crate) const HOUR: Ms = 60 * MINUTE;
pub(crate) const YEAR: Ms = 365 * 24 * HOUR;

/// What a clock that began at `from` shows.
pub(crate) fn instant(from: DateTime<Utc>, at: Ms) -> Instant {
    from + TimeDelta::milliseconds(at)
}

/// How long it is from one instant to another, never less than nothing.
pub(crate) fn until(from: Instant, to: Instant) -> Ms {
    (to - from).num_milliseconds().max(0)
}
