//! The filters on times.

mod template_facts;

use noctule_core::template::Fault;
use serde_json::json;
use template_facts::{fault, value};

#[test]
fn date_takes_times_dates_and_ingestion_ids() {
    assert_eq!(
        value("run.logical_time | date('%Y%m%d %H:%M')"),
        json!("20251107 12:00")
    );
    assert_eq!(
        value("run.logical_time | date('%Y%m%d %H:%M', 'Asia/Seoul')"),
        json!("20251107 21:00")
    );
    assert_eq!(
        value("run.logical_time | date('%H %Z', tz=run.timezone)"),
        json!("21 KST")
    );
    assert_eq!(
        value("run.ingestion_id | date('%Y-%m-%dT%H')"),
        json!("2025-11-07T12")
    );
    assert_eq!(
        value("'20251107' | date('%d.%m.%Y', 'America/New_York')"),
        json!("07.11.2025")
    );
    assert_eq!(
        value("'2026-02-01T00:30:00+09:00' | date('%F')"),
        json!("2026-01-31")
    );
}

#[test]
fn a_date_is_the_same_day_in_every_zone() {
    for zone in [
        "UTC",
        "Pacific/Kiritimati",
        "Pacific/Pago_Pago",
        "America/Sao_Paulo",
    ] {
        assert_eq!(
            value(&format!("params.day | date('%F', '{zone}')")),
            json!("2026-01-01")
        );
    }
}

#[test]
fn add_moves_a_time() {
    assert_eq!(
        value("run.logical_time | add(days=-1)"),
        json!("2025-11-06T12:00:00Z")
    );
    assert_eq!(
        value("run.logical_time | add(hours=13, minutes=1)"),
        json!("2025-11-08T01:01:00Z")
    );
    assert_eq!(
        value("run.ingestion_id | add(weeks=1)"),
        json!("2025-11-14T12:00:00Z")
    );
    assert_eq!(value("'2026-01-31' | add(months=1)"), json!("2026-02-28"));
    assert_eq!(
        value("'2026-01-31' | add(months=-2, days=1)"),
        json!("2025-12-01")
    );
    assert_eq!(
        value("run.logical_time | add(days=-params.count) | date('%F')"),
        json!("2025-11-02")
    );
}

#[test]
fn start_of_finds_the_first_instant() {
    let start = |unit: &str| value(&format!("run.logical_time | start_of('{unit}')"));
    assert_eq!(start("day"), json!("2025-11-07T00:00:00Z"));
    assert_eq!(start("week"), json!("2025-11-03T00:00:00Z"));
    assert_eq!(start("month"), json!("2025-11-01T00:00:00Z"));
    assert_eq!(start("year"), json!("2025-01-01T00:00:00Z"));
    assert_eq!(
        value("run.logical_time | start_of('day', 'Asia/Seoul')"),
        json!("2025-11-06T15:00:00Z")
    );
    assert_eq!(
        value("'2025-11-07' | start_of('month') | add(days=-1)"),
        json!("2025-10-31")
    );
    // Midnight did not exist there on that day.
    let start = value("'2018-11-04T12:00:00Z' | start_of('day', 'America/Sao_Paulo')");
    assert_eq!(start, json!("2018-11-04T03:00:00Z"));
}

#[test]
fn what_is_no_time_is_an_error_that_says_what_is_allowed() {
    for text in [
        "x",
        "2025-13-01",
        "20251301",
        "123",
        "2025-11-07 12:00",
        "99999999999999",
        "0000-01-01",
        "９９９９９９９９",
    ] {
        let fault = fault(&format!("{{{{ '{text}' | date('%Y') }}}}"));
        assert!(fault.to_string().contains("RFC 3339"), "{text}: {fault}");
    }
}

#[test]
fn wrong_arguments_are_errors_and_never_panics() {
    for call in [
        "date",
        "date()",
        "date('%Q')",
        "date('%Y', 'Asia/Soul')",
        "date(5)",
        "date('%Y', 'UTC', 1)",
        "date('%')",
        "add(1)",
        "add(years=1)",
        "add(days='1')",
        "add(days=1.5)",
        "add(days=9223372036854775807)",
        "add(months=-9223372036854775808)",
        "add(hours=9223372036854775807)",
        "add(days=99999999)",
        "start_of",
        "start_of('hour')",
        "start_of('day', tz='')",
        "add(days=1, days=2)",
        "add(*[1])",
        "add(**{})",
    ] {
        let fault = fault(&format!("{{{{ run.logical_time | {call} }}}}"));
        assert!(
            matches!(fault, Fault::Operand(_) | Fault::Refused(_)),
            "{call}: {fault}"
        );
    }
    assert!(matches!(
        fault("{{ params.day | add(hours=1) }}"),
        Fault::Operand(_)
    ));
}
