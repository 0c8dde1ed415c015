//! Every case of `vectors/ticks.json`, which decides what a tick is.
//!
//! The copy in `tests/vectors` is what is read; where the original stands
//! beside the checkout, the two must be the same.

use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use noctule_core::ticks::{Cron, DstFold, DstGap, Schedule, parse_zone};
use serde::Deserialize;

const VECTORS: &str = include_str!("vectors/ticks.json");

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
    errors: Vec<Refusal>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    cron: Crons,
    timezone: String,
    dst_gap: DstGap,
    dst_fold: DstFold,
    from: DateTime<Utc>,
    count: usize,
    expect: Vec<Tick>,
}

#[derive(Deserialize)]
struct Refusal {
    cron: Crons,
    timezone: Option<String>,
    reason: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Crons {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, PartialEq, Deserialize)]
struct Tick {
    local: String,
    utc: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(VECTORS).expect("the vectors are valid")
}

fn schedule(crons: &Crons, timezone: &str) -> Result<Schedule, String> {
    let texts = match crons {
        Crons::One(text) => std::slice::from_ref(text),
        Crons::Several(texts) => texts.as_slice(),
    };
    let crons = texts
        .iter()
        .map(|text| Cron::parse(text).map_err(|error| (text, error)));
    let crons: Vec<_> = crons.collect::<Result<_, _>>().map_err(|(text, error)| {
        let range = error.range();
        assert!(
            text.get(range.clone()).is_some(),
            "{range:?} is not within {text:?}"
        );
        error.to_string()
    })?;
    let zone = parse_zone(timezone).map_err(|error| error.to_string())?;
    Schedule::new(crons, zone).map_err(|error| error.to_string())
}

fn tick(schedule: &Schedule, instant: DateTime<Utc>) -> Tick {
    let local = instant.with_timezone(&schedule.zone());
    Tick {
        local: local.to_rfc3339_opts(SecondsFormat::Secs, false),
        utc: instant.to_rfc3339_opts(SecondsFormat::Secs, true),
    }
}

#[test]
fn the_ticks_of_every_case_are_those_expected() {
    let vectors = vectors();
    assert!(vectors.cases.len() >= 112, "cases are missing");
    for case in vectors.cases {
        let schedule = schedule(&case.cron, &case.timezone).expect(&case.name);
        let schedule = schedule.with_dst(case.dst_gap, case.dst_fold);
        let ticks: Vec<_> = schedule.ticks_after(case.from).take(case.count).collect();
        let found: Vec<_> = ticks
            .iter()
            .map(|instant| tick(&schedule, *instant))
            .collect();
        assert_eq!(found, case.expect, "{}", case.name);
        assert_eq!(
            schedule.next_after(case.from),
            ticks.first().copied(),
            "{}",
            case.name
        );
    }
}

#[test]
fn the_ticks_of_every_case_are_found_backwards_too() {
    for case in vectors().cases {
        let schedule = schedule(&case.cron, &case.timezone).expect(&case.name);
        let schedule = schedule.with_dst(case.dst_gap, case.dst_fold);
        let mut before = None;
        for instant in schedule.ticks_after(case.from).take(case.count) {
            assert_eq!(
                schedule.latest_at_or_before(instant),
                Some(instant),
                "{}",
                case.name
            );
            let just_before = instant - chrono::TimeDelta::nanoseconds(1);
            let latest = schedule
                .latest_at_or_before(just_before)
                .expect("one was earlier");
            assert!(latest < instant && before.is_none_or(|before| before == latest));
            before = Some(instant);
        }
    }
}

#[test]
fn every_expression_that_must_be_refused_is_refused() {
    let vectors = vectors();
    assert!(vectors.errors.len() >= 55, "cases are missing");
    for refusal in vectors.errors {
        let timezone = refusal.timezone.as_deref().unwrap_or("UTC");
        let error = schedule(&refusal.cron, timezone).expect_err(&refusal.reason);
        let told = refusal.reason.split(':').next().unwrap_or_default();
        let field = ["minute", "hour", "day of month", "month", "day of week"].contains(&told);
        assert!(
            !field || error.starts_with(told),
            "{error:?} does not name {told}"
        );
        assert!(
            error
                .chars()
                .next()
                .is_some_and(|first| !first.is_uppercase())
        );
    }
}

#[test]
fn the_copy_of_the_vectors_is_the_original() {
    let original = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/vectors/ticks.json"
    ));
    if original.exists() {
        let original = std::fs::read_to_string(original).expect("it can be read");
        assert!(
            original == VECTORS,
            "copy the original over tests/vectors/ticks.json"
        );
    }
}
