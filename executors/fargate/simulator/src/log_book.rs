//! What containers write: log streams, bounded, and the calls that read them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

/// The most lines kept of one stream.
const MOST_LINES: usize = 10_000;

/// Every stream, by its group and its name.
#[derive(Debug, Default)]
pub(crate) struct LogBook {
    streams: BTreeMap<(String, String), Vec<Line>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Milliseconds since 1970.
    pub(crate) time: i64,
    pub(crate) message: String,
}

impl LogBook {
    pub(crate) fn write(&mut self, group: &str, stream: &str, message: &str, now: DateTime<Utc>) {
        let name = (group.to_owned(), stream.to_owned());
        let lines = self.streams.entry(name).or_default();
        let message = match lines.len() + 1 {
            count if count < MOST_LINES => message.to_owned(),
            MOST_LINES => "The simulator keeps no more lines of this stream.".to_owned(),
            _ => return,
        };
        let last = lines.last().map_or(i64::MIN, |line| line.time);
        let time = now.timestamp_millis().max(last);
        lines.push(Line { time, message });
    }

    /// The lines of a stream that exists.
    pub(crate) fn stream(&self, group: &str, stream: &str) -> Option<&[Line]> {
        let name = (group.to_owned(), stream.to_owned());
        self.streams.get(&name).map(Vec::as_slice)
    }

    pub(crate) fn has_group(&self, group: &str) -> bool {
        self.streams.keys().any(|(known, _)| known == group)
    }
}
