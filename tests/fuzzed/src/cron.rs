//! Cron expressions: what is accepted fires at growing instants, and every search for the next one ends.

use chrono::{DateTime, TimeDelta, Utc};
use noctule_core::ticks::{Cron, Schedule, parse_zone};

const ZONES: [&str; 8] = [
    "UTC",
    "Asia/Seoul",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Apia",
    "America/Sao_Paulo",
];

/// A byte for the zone, one for the year, then an expression.
pub fn cron(data: &[u8]) {
    let Some((&[zone, year], text)) = data.split_first_chunk() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let Ok(cron) = Cron::parse(text) else { return };
    let again = Cron::parse(cron.as_str()).expect("what it says of itself is an expression");
    assert_eq!(again.as_str(), cron.as_str());
    let zone = parse_zone(ZONES[usize::from(zone) % ZONES.len()]).expect("a zone");
    let schedule = Schedule::new(vec![cron], zone).expect("one expression");
    ticks_hold(&schedule, start(year));
}

fn start(year: u8) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(365 * i64::from(year))
}

fn ticks_hold(schedule: &Schedule, from: DateTime<Utc>) {
    let ticks: Vec<_> = schedule.ticks_after(from).take(20).collect();
    assert!(!ticks.is_empty(), "it was accepted, and never fires");
    let mut before = from;
    for tick in ticks {
        assert!(tick > before, "{tick} comes after {before}");
        assert!(schedule.is_tick(tick));
        assert_eq!(schedule.next_after(before), Some(tick));
        assert_eq!(schedule.latest_at_or_before(tick), Some(tick));
        assert_eq!(schedule.ticks_between(before, tick).count(), 1);
        before = tick;
    }
}
