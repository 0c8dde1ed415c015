//! What a sweep makes of remote work that carries our store's mark: whether anybody wants it, and whether it may be stopped.
//!
//! Guarantees: pure. Only work whose attempt is on record as ended is ever stopped; what is not on record may be another
//! engine's, a restored backup's or our own of a minute ago, so it is shown and left alone.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::run::Instant;

/// One piece of work that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<'a> {
    /// The attempt key that it carries.
    pub key: &'a str,
    /// When it was made, where the backend says so.
    pub since: Option<Instant>,
    /// The attempt of that key, where the store knows one.
    pub record: Option<Recorded>,
}

/// What the store says of an attempt whose work was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// The attempt is over.
    pub attempt_ended: bool,
    /// Its run is over.
    pub run_ended: bool,
    /// The work was to go on by itself.
    pub detached: bool,
    /// It is the very work that the attempt knows, and not another of its key.
    pub is_known_work: bool,
}

/// What a piece of work is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A live attempt waits for it.
    Wanted,
    /// Its attempt is on record as ended.
    Ended,
    /// Its attempt ended when it had been started: it goes on by itself, as it was to.
    Detached,
    /// A second piece of work under the key of a live attempt.
    Double,
    /// Its attempt has not ended, but its run has: nobody watches it.
    Unwatched,
    /// The store knows no such attempt.
    Unrecorded,
}

impl Standing {
    /// The word of the contract.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Ended => "ended",
            Self::Detached => "detached",
            Self::Double => "double",
            Self::Unwatched => "unwatched",
            Self::Unrecorded => "unrecorded",
        }
    }

    /// Whether a sweep shows it.
    #[must_use]
    pub fn is_listed(self, detached_too: bool) -> bool {
        match self {
            Self::Wanted => false,
            Self::Detached => detached_too,
            Self::Ended | Self::Double | Self::Unwatched | Self::Unrecorded => true,
        }
    }

    /// Whether a sweep that is to stop may stop it.
    #[must_use]
    pub fn may_be_stopped(self, detached_too: bool) -> bool {
        match self {
            Self::Ended => true,
            Self::Detached => detached_too,
            Self::Wanted | Self::Double | Self::Unwatched | Self::Unrecorded => false,
        }
    }
}

/// What each piece of work is to us, in input order.
#[must_use]
pub fn standings(found: &[Found<'_>]) -> Vec<Standing> {
    let mut chosen: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, one) in found.iter().enumerate() {
        let kept = chosen.entry(one.key).or_insert(index);
        if precedence(one, &found[*kept]) == Ordering::Less {
            *kept = index;
        }
    }
    let standing = |(index, one): (usize, &Found<'_>)| {
        let Some(record) = one.record else {
            return Standing::Unrecorded;
        };
        match (record.attempt_ended, record.run_ended) {
            (true, _) if record.detached => Standing::Detached,
            (true, _) => Standing::Ended,
            (false, true) => Standing::Unwatched,
            (false, false) if chosen.get(one.key) == Some(&index) => Standing::Wanted,
            (false, false) => Standing::Double,
        }
    };
    found.iter().enumerate().map(standing).collect()
}

/// Of two with one key the attempt waits for the one it knows, else for the older one; one without an age is the younger.
fn precedence(one: &Found<'_>, other: &Found<'_>) -> Ordering {
    let rank = |found: &Found<'_>| {
        let known = found.record.is_some_and(|record| record.is_known_work);
        (!known, found.since.is_none(), found.since)
    };
    rank(one).cmp(&rank(other))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;

    const LIVE: Recorded = Recorded {
        attempt_ended: false,
        run_ended: false,
        detached: false,
        is_known_work: false,
    };
    const ENDED: Recorded = Recorded {
        attempt_ended: true,
        ..LIVE
    };

    fn found(key: &str, minute: Option<i64>, record: Option<Recorded>) -> Found<'_> {
        let since = minute.map(|minute| DateTime::UNIX_EPOCH + TimeDelta::minutes(minute));
        Found { key, since, record }
    }

    #[test]
    fn the_record_decides_what_work_is_to_us() {
        let live_in_a_run_that_is_over = Recorded {
            run_ended: true,
            ..LIVE
        };
        let ended_in_a_run_that_is_over = Recorded {
            run_ended: true,
            ..ENDED
        };
        let detached = Recorded {
            detached: true,
            ..ENDED
        };
        let detached_and_still_being_launched = Recorded {
            detached: true,
            ..LIVE
        };
        for (record, expected) in [
            (None, Standing::Unrecorded),
            (Some(LIVE), Standing::Wanted),
            (Some(ENDED), Standing::Ended),
            (Some(ended_in_a_run_that_is_over), Standing::Ended),
            (Some(detached), Standing::Detached),
            (Some(detached_and_still_being_launched), Standing::Wanted),
            (Some(live_in_a_run_that_is_over), Standing::Unwatched),
        ] {
            let standing = standings(&[found("k", Some(1), record)]);
            assert_eq!(standing, [expected], "{record:?}");
        }
    }

    #[test]
    fn of_two_with_one_live_key_the_younger_is_a_double() {
        use Standing::{Double, Ended, Unrecorded, Wanted};
        let known = Some(Recorded {
            is_known_work: true,
            ..LIVE
        });
        let live = Some(LIVE);
        for (minutes, records, expected) in [
            ([Some(1), Some(2)], [live, live], [Wanted, Double]),
            ([Some(2), Some(1)], [live, live], [Double, Wanted]),
            ([None, Some(2)], [live, live], [Double, Wanted]),
            ([Some(1), Some(1)], [live, live], [Wanted, Double]),
            ([None, None], [live, live], [Wanted, Double]),
            ([Some(1), Some(2)], [live, known], [Double, Wanted]),
            (
                [Some(1), Some(2)],
                [Some(ENDED), Some(ENDED)],
                [Ended, Ended],
            ),
            ([Some(1), Some(2)], [None, None], [Unrecorded, Unrecorded]),
        ] {
            let works = [0, 1].map(|i| found("k", minutes[i], records[i]));
            assert_eq!(standings(&works), expected, "{works:?}");
        }
        let of_two_keys = [found("k", Some(1), live), found("l", Some(2), live)];
        assert_eq!(standings(&of_two_keys), [Wanted, Wanted]);
    }

    #[test]
    fn only_what_is_on_record_as_ended_is_stopped() {
        for (standing, listed, stopped) in [
            (Standing::Wanted, [false, false], [false, false]),
            (Standing::Ended, [true, true], [true, true]),
            (Standing::Detached, [false, true], [false, true]),
            (Standing::Double, [true, true], [false, false]),
            (Standing::Unwatched, [true, true], [false, false]),
            (Standing::Unrecorded, [true, true], [false, false]),
        ] {
            let both = [false, true];
            assert_eq!(both.map(|d| standing.is_listed(d)), listed, "{standing:?}");
            assert_eq!(
                both.map(|d| standing.may_be_stopped(d)),
                stopped,
                "{standing:?}"
            );
        }
    }
}
