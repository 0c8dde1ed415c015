//! What people type for spans and instants, and ingestion ids: no overflow, and read again as the same.

use chrono::{DateTime, TimeDelta, Utc};
use noctule_core::ticks::{
    IngestionId, IngestionRule, format_duration, parse_duration, parse_moment, parse_zone,
};

/// A span, an instant, an id; and a rule: hours, days, zone, one a line.
pub fn times(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(span) = parse_duration(text) {
        assert_eq!(parse_duration(&format_duration(span)), Ok(span));
    }
    let zone = parse_zone("Australia/Lord_Howe").expect("a zone");
    for now in instants() {
        drop(parse_moment(text, zone, now));
    }
    if let Ok(id) = IngestionId::given(text) {
        assert_eq!(id.as_str(), text);
    }
    rule(text);
}

fn instants() -> [DateTime<Utc>; 4] {
    let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
    [
        now,
        DateTime::UNIX_EPOCH,
        DateTime::<Utc>::MIN_UTC,
        DateTime::<Utc>::MAX_UTC,
    ]
}

/// Digits of an id: what a file may say, and what it may not.
fn digits(text: &str) -> i64 {
    [14, 8, 14, 8, i64::MAX, i64::MIN][text.len() % 6]
}

fn rule(text: &str) {
    let mut lines = text.split('\n');
    let (days, zone) = (
        lines.next().unwrap_or_default(),
        lines.next().unwrap_or_default(),
    );
    let hours: Vec<&str> = lines.take(30).collect();
    let Ok(rule) = IngestionRule::parse(&hours, days, zone, digits(text)) else {
        return;
    };
    for at in instants() {
        drop(rule.lag(at));
        let Ok(id) = rule.id_at(at) else { continue };
        assert!(id.instant() <= at, "{} is after {at}", id.as_str());
        assert!(id.as_str().bytes().all(|byte| byte.is_ascii_digit()));
        // An id of eight digits names a day: what is of that day has it at its end, and perhaps not yet at its start.
        let end = match id.as_str().len() {
            8 => id.instant() + TimeDelta::seconds(24 * 3_600 - 1),
            _ => id.instant(),
        };
        let again = rule.id_at(end).expect("the instant itself");
        assert_eq!(again.as_str(), id.as_str());
    }
}
