//! Points in time and spans, as people type them and as they are shown.
//!
//! Guarantees: JSON is always UTC with milliseconds; tables are in `engine.display_timezone`; what was understood of a
//! typed time can be echoed as UTC.

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use noctule_core::dag::Definition;
use noctule_core::source::Project;
use noctule_core::ticks::{parse_moment, parse_zone};

use crate::error::CliError;
use crate::project::OpenProject;
use crate::surface::Surface;

/// An instant as JSON has it.
pub(crate) fn json(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The zone of tables.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Zone(pub(crate) Tz);

impl Zone {
    /// `engine.display_timezone`, or UTC.
    pub(crate) fn of(project: Option<&Project>) -> Self {
        let name = project
            .and_then(|project| project.engine.display_timezone.as_deref())
            .unwrap_or("UTC");
        Self(parse_zone(name).unwrap_or(Tz::UTC))
    }

    /// The zone of the project that is here, if one is: of commands that ask a server.
    pub(crate) fn here(surface: &Surface) -> Self {
        let open = OpenProject::read(surface, &[]).ok();
        Self::of(open.as_ref().and_then(|open| open.loaded.project.as_ref()))
    }

    /// The zone of a DAG's schedule, or UTC.
    pub(crate) fn of_dag(definition: &Definition) -> Self {
        let name = definition
            .schedule
            .as_ref()
            .map_or("UTC", |schedule| &schedule.timezone);
        Self(parse_zone(name).unwrap_or(Tz::UTC))
    }

    /// Date and time to the second.
    pub(crate) fn show(self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.0)
            .format("%Y-%m-%d %H:%M:%S")
            .to_string()
    }

    /// The same, or a dash.
    pub(crate) fn maybe(self, at: Option<DateTime<Utc>>) -> String {
        at.map_or_else(|| "-".to_owned(), |at| self.show(at))
    }

    /// Date, time and zone, as it stands in sentences.
    pub(crate) fn say(self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.0)
            .format("%Y-%m-%d %H:%M:%S %Z")
            .to_string()
    }

    /// The heading of a column of times.
    pub(crate) fn heading(self, what: &str) -> String {
        format!("{what} ({})", self.0.name())
    }
}

/// Reads a time that somebody typed.
pub(crate) fn read(
    flag: &str,
    text: &str,
    zone: Zone,
    surface: &Surface,
) -> Result<DateTime<Utc>, CliError> {
    parse_moment(text, zone.0, surface.now)
        .map_err(|error| CliError::usage(format!("{flag}: {error}")))
}

/// A span in the two units that matter: `3.2s`, `4m 05s`, `2h 03m`, `5d 01h`.
pub(crate) fn span(span: chrono::Duration) -> String {
    let seconds = span.num_seconds().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..=9 => format!(
            "{:.1}s",
            f64::from(i32::try_from(span.num_milliseconds().max(0)).unwrap_or(0)) / 1_000.0
        ),
        10..=59 => format!("{seconds}s"),
        60..=3_599 => format!("{minutes}m {:02}s", seconds % 60),
        3_600..=86_399 => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {:02}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_said_in_two_units_at_most() {
        for (milliseconds, said) in [
            (0, "0.0s"),
            (3_240, "3.2s"),
            (59_999, "59s"),
            (65_000, "1m 05s"),
            (7_380_000, "2h 03m"),
            (435_600_000, "5d 01h"),
            (-5, "0.0s"),
        ] {
            assert_eq!(span(chrono::Duration::milliseconds(milliseconds)), said);
        }
    }
}
