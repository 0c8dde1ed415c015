//! The notations for times and spans that people type.

use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use noctule_core::ticks::{
    DurationError, MomentError, format_duration, local_to_utc, parse_duration, parse_moment,
    parse_zone,
};

const SEOUL: Tz = chrono_tz::Asia::Seoul;
const NEW_YORK: Tz = chrono_tz::America::New_York;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a valid instant")
}

fn moment(text: &str, zone: Tz) -> Result<DateTime<Utc>, MomentError> {
    parse_moment(text, zone, at("2026-01-13T12:00:00Z"))
}

fn understood(text: &str, zone: Tz) -> String {
    moment(text, zone)
        .expect(text)
        .to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

#[test]
fn a_moment_with_an_offset_is_that_instant_in_any_zone() {
    assert_eq!(
        understood("2026-01-13T23:00:00+09:00", NEW_YORK),
        "2026-01-13T14:00:00Z"
    );
    assert_eq!(
        understood("2026-01-13t23:00:00z", SEOUL),
        "2026-01-13T23:00:00Z"
    );
    assert_eq!(
        understood("2026-01-13 23:00:00.250Z", SEOUL),
        "2026-01-13T23:00:00.250Z"
    );
}

#[test]
fn a_moment_without_an_offset_is_on_the_wall_clock_of_the_zone() {
    assert_eq!(understood("2026-01-13", SEOUL), "2026-01-12T15:00:00Z");
    assert_eq!(
        understood("2026-01-13 23:00", SEOUL),
        "2026-01-13T14:00:00Z"
    );
    assert_eq!(
        understood("2026-01-13T23:00", SEOUL),
        "2026-01-13T14:00:00Z"
    );
    assert_eq!(
        understood("2026-01-13 23:00:30", NEW_YORK),
        "2026-01-14T04:00:30Z"
    );
}

#[test]
fn a_local_moment_in_a_gap_is_the_end_of_it_and_in_a_fold_the_first_of_the_two() {
    assert_eq!(
        understood("2026-03-08 02:30", NEW_YORK),
        "2026-03-08T07:00:00Z"
    );
    assert_eq!(
        understood("2026-03-08 02:00", NEW_YORK),
        "2026-03-08T07:00:00Z"
    );
    assert_eq!(
        understood("2026-03-08 03:00", NEW_YORK),
        "2026-03-08T07:00:00Z"
    );
    assert_eq!(
        understood("2026-11-01 01:30", NEW_YORK),
        "2026-11-01T05:30:00Z"
    );
    assert_eq!(
        understood("2026-11-01 02:00", NEW_YORK),
        "2026-11-01T07:00:00Z"
    );
    assert_eq!(
        understood("2018-11-04", chrono_tz::America::Sao_Paulo),
        "2018-11-04T03:00:00Z"
    );
    assert_eq!(
        understood("2011-12-30 09:00", chrono_tz::Pacific::Apia),
        "2011-12-30T10:00:00Z"
    );
}

#[test]
fn every_existing_wall_time_resolves_to_an_instant_that_shows_it() {
    for zone in [
        NEW_YORK,
        SEOUL,
        chrono_tz::Australia::Lord_Howe,
        chrono_tz::America::St_Johns,
    ] {
        for minutes in 0..600 {
            let instant =
                at("1970-01-01T00:07:00Z") + chrono::TimeDelta::minutes(minutes * 103_007);
            let wall = instant.with_timezone(&zone).naive_local();
            let back = local_to_utc(zone, wall);
            assert_eq!(back.with_timezone(&zone).naive_local(), wall);
            assert!(back <= instant);
        }
    }
}

#[test]
fn a_fraction_of_a_second_is_kept_unless_the_time_is_moved_by_a_gap() {
    let instant = |wall: &str| local_to_utc(NEW_YORK, wall.parse().expect("a wall time"));
    assert_eq!(
        instant("2026-03-08T03:00:00.5"),
        at("2026-03-08T07:00:00.5Z")
    );
    assert_eq!(instant("2026-03-08T02:30:00.5"), at("2026-03-08T07:00:00Z"));
}

#[test]
fn now_and_spans_before_it_count_from_the_given_now() {
    assert_eq!(understood("now", SEOUL), "2026-01-13T12:00:00Z");
    assert_eq!(understood("-2h", SEOUL), "2026-01-13T10:00:00Z");
    assert_eq!(understood("-90s", SEOUL), "2026-01-13T11:58:30Z");
    assert_eq!(understood("-15m", SEOUL), "2026-01-13T11:45:00Z");
    assert_eq!(understood("-1d", SEOUL), "2026-01-12T12:00:00Z");
    assert_eq!(understood("-2w", SEOUL), "2025-12-30T12:00:00Z");
    assert_eq!(understood("-1h30m", SEOUL), "2026-01-13T10:30:00Z");
}

#[test]
fn an_ingestion_id_is_a_moment_in_utc() {
    assert_eq!(understood("20251107140000", SEOUL), "2025-11-07T14:00:00Z");
    assert_eq!(understood("20251107", SEOUL), "2025-11-07T00:00:00Z");
}

#[test]
fn anything_else_is_not_a_moment() {
    for text in [
        "",
        " now",
        "yesterday",
        "26-1-3",
        "2026-1-3",
        "2026/01/13",
        "2026-01-13 23",
        "2026-01-13Z",
        "23:00",
        "2026-01-13  23:00",
        "+2h",
        "-",
        "-2",
        "--2h",
        "-2y",
        "2026-01-13T23:00Z",
        "2026-01-13 23:00:00 KST",
        "2025",
        "202511071",
        "２０２６-01-13",
    ] {
        let error = moment(text, SEOUL).expect_err(text);
        assert!(error.to_string().contains('`') || text == "-", "{error}");
    }
    for text in [
        "2026-02-30",
        "2026-13-01",
        "2026-01-13 24:00",
        "2026-01-13 23:60",
        "2026-01-13 23:59:60",
        "2026-02-30T00:00:00Z",
        "2026-01-13T23:59:60Z",
        "2026-01-13T25:00:00Z",
    ] {
        let error = moment(text, SEOUL).expect_err(text);
        assert_eq!(
            error,
            MomentError::NoSuchTime {
                text: text.to_owned()
            }
        );
    }
}

#[test]
fn a_moment_beyond_four_digit_years_is_refused() {
    for text in [
        "-200000w",
        "-18446744073709551615s",
        "9999-12-31T23:59:59-10:00",
        "0001-01-01",
    ] {
        let error = moment(text, SEOUL).expect_err(text);
        assert_eq!(
            error,
            MomentError::OutOfRange {
                text: text.to_owned()
            }
        );
    }
}

#[test]
fn a_duration_is_numbers_with_units_from_the_largest_to_the_smallest() {
    let seconds = |text: &str| parse_duration(text).expect(text).as_secs();
    assert_eq!(seconds("1h"), 3_600);
    assert_eq!(seconds("90s"), 90);
    assert_eq!(seconds("1h30m"), 5_400);
    assert_eq!(seconds("90d"), 7_776_000);
    assert_eq!(seconds("1w2d3h4m5s"), 788_645);
    assert_eq!(seconds("0s"), 0);
    assert_eq!(seconds("18446744073709551615s"), u64::MAX);
    assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
    assert_eq!(parse_duration("1s500ms"), Ok(Duration::from_millis(1_500)));
}

#[test]
fn what_is_not_a_duration_is_refused_with_its_reason() {
    use DurationError::{Empty, Negative, NotANumber, TooLong, UnitOrder, UnknownUnit};
    let refused = |text: &str| parse_duration(text).expect_err(text);
    assert_eq!(refused(""), Empty);
    assert!(matches!(refused("-1h"), Negative { .. }));
    for text in ["h", " 1h", "+1h", "one hour", "１h"] {
        assert!(matches!(refused(text), NotANumber { .. }), "{text}");
    }
    for text in [
        "90", "1y", "1H", "1 h", "1h ", "1.5h", "1h30", "1µs", "1h-30m",
    ] {
        assert!(matches!(refused(text), UnknownUnit { .. }), "{text}");
    }
    for text in ["30m1h", "1h1h", "1ms1s"] {
        assert!(matches!(refused(text), UnitOrder { .. }), "{text}");
    }
    for text in [
        "18446744073709551616s",
        "18446744073709551615m",
        "1m18446744073709551615s",
    ] {
        assert!(matches!(refused(text), TooLong { .. }), "{text}");
    }
}

#[test]
fn a_formatted_duration_reads_back_as_the_same() {
    let milliseconds = [
        0,
        1,
        500,
        1_000,
        1_500,
        90_000,
        3_600_000,
        5_400_000,
        7_776_000_000,
        788_645_001,
    ];
    for span in milliseconds.map(Duration::from_millis) {
        assert_eq!(parse_duration(&format_duration(span)), Ok(span));
    }
    let written = |text| format_duration(parse_duration(text).expect(text));
    assert_eq!(written("90m"), "1h30m");
    assert_eq!(written("90d"), "90d");
    assert_eq!(written("500ms"), "500ms");
    assert_eq!(format_duration(Duration::ZERO), "0s");
    assert_eq!(
        parse_duration(&format_duration(Duration::from_secs(u64::MAX))),
        Ok(Duration::from_secs(u64::MAX))
    );
}

#[test]
fn an_unknown_zone_is_answered_with_the_name_most_like_it() {
    let error = parse_zone("Asia/Soul").expect_err("no such zone");
    assert!(error.to_string().contains("Asia/Seoul"), "{error}");
    assert!(
        parse_zone("").is_err() && parse_zone("KST").is_err() && parse_zone("asia/seoul").is_err()
    );
}
