//! Where the reading of a log goes on: an instant a little back, and what was already given out since then.
//!
//! Guarantees: every entry that is still within the overlap is given out once. Bounded in size, whatever the log says.
//! Facts: Cloud Logging sorts by timestamp, but entries arrive late; `insertId` with the timestamp tells them apart.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use noctule_executor::LogCursor;
use serde::{Deserialize, Serialize};

/// Entries are ingested seconds after they are written, in no fixed order.
const OVERLAP: TimeDelta = TimeDelta::seconds(10);
/// Of a log that writes more than this within the overlap, the overlap is shortened.
const MOST_SEEN: usize = 5_000;

/// One entry's name.
pub(crate) type Seen = (DateTime<Utc>, String);

/// The place in a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Entries before this are not asked for.
    pub(crate) since: Option<DateTime<Utc>>,
    /// Entries from there on that were given out.
    #[serde(default)]
    pub(crate) seen: BTreeSet<Seen>,
    /// Where the service is in the middle of a search that has shown nothing yet.
    #[serde(default)]
    pub(crate) token: Option<String>,
}

impl Place {
    /// Reads a cursor; one that cannot be read means the beginning.
    pub(crate) fn read(cursor: &LogCursor) -> Self {
        serde_json::from_str(&cursor.0).unwrap_or_default()
    }

    /// The cursor for this place.
    pub(crate) fn cursor(&self) -> Option<LogCursor> {
        serde_json::to_string(self).ok().map(LogCursor)
    }

    /// Moves on to what was seen last, less the overlap.
    pub(crate) fn advance(mut self) -> Self {
        self.token = None;
        let Some((latest, _)) = self.seen.last() else {
            return self;
        };
        // A cursor comes from outside: its instants may lie at the edges of the calendar.
        let edge = DateTime::<Utc>::MIN_UTC;
        let mut since = latest.checked_sub_signed(OVERLAP).unwrap_or(edge);
        if self.seen.len() > MOST_SEEN
            && let Some((kept, _)) = self.seen.iter().nth_back(MOST_SEEN)
        {
            // Strictly after the last one that is forgotten, or it would come again.
            let past = kept.checked_add_signed(TimeDelta::nanoseconds(1));
            since = since.max(past.unwrap_or(*kept));
        }
        let since = self.since.map_or(since, |before| before.max(since));
        self.seen.retain(|(at, _)| *at >= since);
        self.since = Some(since);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, id: &str) -> Seen {
        (DateTime::from_timestamp(seconds, 0).unwrap(), id.to_owned())
    }

    #[test]
    fn only_the_overlap_is_remembered() {
        let place = Place {
            seen: [at(100, "a"), at(115, "b"), at(120, "c")].into(),
            ..Place::default()
        }
        .advance();
        assert_eq!(place.since.unwrap().timestamp(), 110);
        assert_eq!(place.seen, [at(115, "b"), at(120, "c")].into());
        let again = Place::read(&place.cursor().unwrap());
        assert_eq!(again, place);
    }

    #[test]
    fn it_never_goes_back() {
        let place = Place {
            since: Some(DateTime::from_timestamp(200, 0).unwrap()),
            seen: [at(205, "a")].into(),
            token: None,
        }
        .advance();
        assert_eq!(place.since.unwrap().timestamp(), 200);
    }

    #[test]
    fn a_chatty_log_has_a_short_overlap() {
        let start = DateTime::from_timestamp(1_000, 0).unwrap();
        let seen = (0..6_000).map(|n| (start + TimeDelta::milliseconds(n), format!("{n}")));
        let place = Place {
            seen: seen.collect(),
            ..Place::default()
        }
        .advance();
        assert_eq!(place.seen.len(), MOST_SEEN);
        assert!(place.seen.iter().all(|(at, _)| *at >= place.since.unwrap()));
    }
}
