//! Instants and spans as people read them: in the zone of the project, with the instant itself beside.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;
use maud::{Markup, html};

/// An instant with its day: `Sat 21 Nov 02:00:05`.
pub(crate) fn when(at: DateTime<Utc>, zone: Tz) -> Markup {
    time(at, zone, "%a %-d %b %H:%M:%S")
}

/// An instant with its day, without seconds: `Sat 21 Nov 02:00`.
pub(crate) fn day_and_clock(at: DateTime<Utc>, zone: Tz) -> Markup {
    time(at, zone, "%a %-d %b %H:%M")
}

/// An instant in a form of one's own.
pub(crate) fn time(at: DateTime<Utc>, zone: Tz, form: &str) -> Markup {
    let utc = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let local = at.with_timezone(&zone);
    html! { time datetime=(utc) title={ (local.format("%Y-%m-%d %H:%M:%S %Z")) " = " (utc) } { (local.format(form)) } }
}

/// A span in its two largest units: `1h 5m`, `42.3s`.
pub(crate) fn span(span: TimeDelta) -> String {
    let whole = span.num_seconds().max(0);
    let (days, hours, minutes, seconds) = (
        whole / 86_400,
        whole / 3_600 % 24,
        whole / 60 % 60,
        whole % 60,
    );
    match (days, hours, minutes) {
        (0, 0, 0) if whole < 10 => format!("{:.1}s", span.as_seconds_f32().max(0.0)),
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {seconds}s"),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

/// How long something took; what is under way goes on counting in the browser.
pub(crate) fn lasted(
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Markup {
    match (from, to) {
        (None, _) => html! { span.none { "–" } },
        (Some(from), Some(to)) => html! { (span(to - from)) },
        (Some(from), None) => {
            let since = from.to_rfc3339_opts(SecondsFormat::Millis, true);
            html! { span data-since=(since) { (span(now - from)) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_its_two_largest_units() {
        let told = |seconds| span(TimeDelta::seconds(seconds));
        assert_eq!(told(-5), "0.0s");
        assert_eq!(told(9), "9.0s");
        assert_eq!(told(59), "59s");
        assert_eq!(told(61), "1m 1s");
        assert_eq!(told(3_700), "1h 1m");
        assert_eq!(told(90_000), "1d 1h");
        assert_eq!(span(TimeDelta::milliseconds(1_240)), "1.2s");
    }

    #[test]
    fn an_instant_stands_in_the_zone_and_carries_itself() {
        let at = "2026-07-01T00:30:00Z".parse().unwrap();
        let shown = when(at, chrono_tz::Europe::Vienna).into_string();
        assert!(shown.contains(">Wed 1 Jul 02:30:00<"), "{shown}");
        assert!(
            shown.contains("datetime=\"2026-07-01T00:30:00.000Z\""),
            "{shown}"
        );
        assert!(shown.contains("CEST"), "{shown}");
    }
}
