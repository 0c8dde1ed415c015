//! Time zones as offsets that change at instants.
//!
//! Guarantees: changes are found to the second, whatever their size and
//! wherever in the day they fall; a wall time always resolves to an instant.
//!
//! Never: assumes that a change is one hour or on the hour. What it does
//! assume is that a zone does not change away and back within [`PROBE`];
//! the shortest such time in the zone data is seven days.

use chrono::{DateTime, NaiveDateTime, Offset as _, TimeZone as _, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use thiserror::Error;

use super::calendar::DAY;

/// How far apart offsets are looked at in the search for a change.
const PROBE: i64 = DAY / 2;

/// No offset reaches this, by the definition of `chrono::FixedOffset`.
pub(super) const OFFSET_LIMIT: i64 = DAY;

/// No change of an offset reaches this.
pub(super) const CHANGE_LIMIT: i64 = 2 * OFFSET_LIMIT;

/// A name that is not in the zone data.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown timezone `{name}`: allowed are IANA names, like `{suggestion}`")]
pub struct UnknownZone {
    /// The name as it was written.
    pub name: String,
    /// The known name that is most like it.
    pub suggestion: &'static str,
}

/// Reads an IANA name.
///
/// # Errors
/// There is no such zone; the error offers the name most like it.
pub fn parse_zone(name: &str) -> Result<Tz, UnknownZone> {
    name.parse().map_err(|_| {
        let likeness = |zone: &&Tz| strsim::jaro_winkler(zone.name(), name);
        let nearest = TZ_VARIANTS
            .iter()
            .max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        UnknownZone {
            name: name.to_owned(),
            suggestion: nearest.map_or("UTC", |zone| zone.name()),
        }
    })
}

/// The instant of a wall time in a zone, resolved like a fixed tick: one that
/// does not exist is the first instant after the gap, one that exists twice
/// is the first of the two.
#[must_use]
pub fn local_to_utc(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    let wall = local.and_utc().timestamp();
    let nanoseconds = local.and_utc().timestamp_subsec_nanos();
    let (instant, exists) = first_instant_at_or_past(zone, wall);
    // A time within a gap becomes the end of it, without its fraction.
    let nanoseconds = if exists { nanoseconds } else { 0 };
    DateTime::from_timestamp(instant, nanoseconds).unwrap_or(local.and_utc())
}

/// The first instant whose wall time is not before `wall`, and whether it is
/// exactly that.
fn first_instant_at_or_past(zone: Tz, wall: i64) -> (i64, bool) {
    let mut start = wall - OFFSET_LIMIT;
    loop {
        let instant = wall - offset_at(zone, start);
        if instant < start {
            return (start, false);
        }
        match first_change(zone, start, instant) {
            Some(change) => start = change.at,
            None => return (instant, true),
        }
    }
}

/// An instant at which the offset of a zone becomes another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The first instant with the new offset.
    pub(super) at: i64,
    /// The offset up to there.
    pub(super) before: i64,
    /// The offset from there on.
    pub(super) after: i64,
}

impl Change {
    /// The wall times that are left out: from the first to before the second.
    pub(super) fn gap(self) -> Option<(i64, i64)> {
        let (from, to) = (self.at + self.before, self.at + self.after);
        (from < to).then_some((from, to))
    }

    /// The wall times that come twice: from the first to before the second.
    pub(super) fn fold(self) -> Option<(i64, i64)> {
        let (from, to) = (self.at + self.after, self.at + self.before);
        (from < to).then_some((from, to))
    }
}

/// The offset from UTC in seconds.
pub(super) fn offset_at(zone: Tz, instant: i64) -> i64 {
    // The callers stay within the years 0 to 10000, which chrono can hold.
    DateTime::from_timestamp(instant, 0).map_or(0, |instant| {
        let offset = zone.offset_from_utc_datetime(&instant.naive_utc());
        i64::from(offset.fix().local_minus_utc())
    })
}

/// The first change after `from` and not after `to`.
pub(super) fn first_change(zone: Tz, from: i64, to: i64) -> Option<Change> {
    let (mut low, before) = (from, offset_at(zone, from));
    while low < to {
        let high = to.min(low + PROBE);
        if offset_at(zone, high) != before {
            return Some(bisect(zone, low, high, |offset| offset != before));
        }
        low = high;
    }
    None
}

/// The last change after `from` and not after `to`.
pub(super) fn last_change(zone: Tz, from: i64, to: i64) -> Option<Change> {
    let (mut high, after) = (to, offset_at(zone, to));
    while high > from {
        let low = from.max(high - PROBE);
        if offset_at(zone, low) != after {
            return Some(bisect(zone, low, high, |offset| offset == after));
        }
        high = low;
    }
    None
}

/// The change between `low`, which is not past it, and `high`, which is.
fn bisect(zone: Tz, mut low: i64, mut high: i64, is_past: impl Fn(i64) -> bool) -> Change {
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if is_past(offset_at(zone, middle)) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Change {
        at: high,
        before: offset_at(zone, low),
        after: offset_at(zone, high),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_OF_2020: i64 = 1_577_836_800;
    const EIGHT_YEARS: i64 = 8 * 366 * DAY;
    const FINE: i64 = 4 * 3_600;

    #[test]
    fn the_search_for_changes_misses_none_in_any_zone() {
        for zone in TZ_VARIANTS {
            let end = START_OF_2020 + EIGHT_YEARS;
            let instants = (START_OF_2020..end).step_by(FINE as usize);
            let offsets: Vec<_> = instants.map(|instant| offset_at(zone, instant)).collect();
            let expected = offsets.windows(2).filter(|pair| pair[0] != pair[1]).count();
            let (mut from, mut found) = (START_OF_2020, 0);
            while let Some(change) = first_change(zone, from, end - FINE) {
                assert_eq!(last_change(zone, from, change.at), Some(change), "{zone}");
                (from, found) = (change.at, found + 1);
            }
            assert_eq!(found, expected, "{zone}");
        }
    }

    #[test]
    fn a_change_is_found_to_the_second_and_in_both_directions() {
        let zone = chrono_tz::Pacific::Apia;
        let change = first_change(zone, 1_324_000_000, 1_326_000_000).expect("a change");
        assert_eq!(change.at, 1_325_239_200);
        assert_eq!(
            change.gap(),
            Some((change.at - 10 * 3_600, change.at + 14 * 3_600))
        );
        assert_eq!(
            last_change(zone, 1_324_000_000, 1_326_000_000),
            Some(change)
        );
        assert_eq!(last_change(zone, change.at - 1, change.at), Some(change));
        assert_eq!(first_change(zone, change.at, change.at + 100), None);
    }
}
