//! Ticks in all zones of the IANA data, against two other implementations.
//!
//! The first is the definition itself, minute by minute: it is slow, knows all
//! policies, and maps local times by means of chrono alone. The second is the
//! `croner` crate, where its rules are the same as ours.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, LocalResult, NaiveDateTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::{GapInfo, TZ_VARIANTS, Tz};
use noctule_core::ticks::{Cron, DstFold, DstGap, Schedule};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// The same cases in every run, in a few seconds.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(20_251_107),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn schedule(cron: &str, zone: Tz) -> Schedule {
    let cron = Cron::parse(cron).expect(cron);
    Schedule::new(vec![cron], zone).expect("one expression is enough")
}

fn offset(zone: Tz, instant: DateTime<Utc>) -> i32 {
    let offset = zone.offset_from_utc_datetime(&instant.naive_utc());
    chrono::Offset::fix(&offset).local_minus_utc()
}

/// A little before the first change of the clocks in the two years after an
/// instant, or else that instant.
fn before_a_change(zone: Tz, start: DateTime<Utc>) -> DateTime<Utc> {
    let days = (0..730).map(|day| start + TimeDelta::days(day));
    let mut days = days.skip_while(|day| offset(zone, *day) == offset(zone, start));
    days.next().map_or(start, |day| day - TimeDelta::days(2))
}

/// Whether a number is in a field, by the grammar and nothing else.
fn in_field(field: &str, names: &[&str], min: u32, max: u32, value: u32) -> bool {
    let number = |text: &str| match names
        .iter()
        .position(|name| name.eq_ignore_ascii_case(text))
    {
        Some(place) => u32::try_from(place).expect("a small number") + min,
        None => text.parse().expect("a number"),
    };
    field.split(',').any(|item| {
        let (base, step) = item.split_once('/').unwrap_or((item, "1"));
        let (first, last) = match base.split_once('-') {
            _ if base == "*" => (min, max),
            Some((first, last)) => (number(first), number(last)),
            None => (number(base), number(base)),
        };
        (first..=last).contains(&value)
            && (value - first).is_multiple_of(step.parse().expect("a number"))
    })
}

fn matches(cron: &str, wall: NaiveDateTime) -> bool {
    const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
    let fields: Vec<_> = cron.split(' ').collect();
    let weekday = wall.weekday().num_days_from_sunday();
    let free = |field: &str| matches!(field, "*" | "*/1");
    let day = in_field(fields[2], &[], 1, 31, wall.day());
    let on_weekday = |value| in_field(fields[4], &WEEKDAYS, 0, 6, value);
    let on_weekday =
        on_weekday(weekday) || (weekday == 0 && !fields[4].contains('*') && on_weekday(7));
    let on_day = match (free(fields[2]), free(fields[4])) {
        (false, false) => day || on_weekday,
        _ => day && on_weekday,
    };
    on_day
        && in_field(fields[0], &[], 0, 59, wall.minute())
        && in_field(fields[1], &[], 0, 23, wall.hour())
        && in_field(fields[3], &[], 1, 12, wall.month())
}

/// The end of the gap that a wall time is in.
fn end_of_gap(zone: Tz, wall: NaiveDateTime) -> DateTime<Utc> {
    let gap = GapInfo::new(&wall, &zone).expect("a gap");
    let (begin, offset) = gap.begin.expect("an offset before the gap");
    (begin - chrono::Offset::fix(&offset)).and_utc()
}

/// The ticks after `from` and up to `to`, as the definition has them.
fn defined(
    cron: &str,
    zone: Tz,
    gap: DstGap,
    fold: DstFold,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Vec<DateTime<Utc>> {
    let real = cron
        .split(' ')
        .nth(1)
        .expect("five fields")
        .contains(['*', '/']);
    let mut wall = (from - TimeDelta::days(2))
        .naive_utc()
        .with_second(0)
        .expect("there is a second 0");
    let mut ticks = BTreeSet::new();
    while wall < (to + TimeDelta::days(2)).naive_utc() {
        if matches(cron, wall) {
            match zone.from_local_datetime(&wall) {
                LocalResult::Single(instant) => ticks.extend([instant.to_utc()]),
                LocalResult::None if real || gap == DstGap::Skip => {}
                LocalResult::None => ticks.extend([end_of_gap(zone, wall)]),
                LocalResult::Ambiguous(first, _) if !real && fold == DstFold::First => {
                    ticks.extend([first.to_utc()]);
                }
                LocalResult::Ambiguous(_, second) if !real && fold == DstFold::Second => {
                    ticks.extend([second.to_utc()]);
                }
                LocalResult::Ambiguous(first, second) => {
                    ticks.extend([first.to_utc(), second.to_utc()]);
                }
            }
        }
        wall += MINUTE;
    }
    ticks
        .into_iter()
        .filter(|tick| from < *tick && *tick <= to)
        .collect()
}

prop_compose! {
    fn range(min: u32, max: u32)(a in min..=max, b in min..=max) -> (u32, u32) {
        (a.min(b), a.max(b))
    }
}

fn item(min: u32, max: u32) -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (min..=max).prop_map(|value| value.to_string()),
        2 => range(min, max).prop_map(|(a, b)| format!("{a}-{b}")),
        1 => (range(min, max), 1..=max + 5).prop_map(|((a, b), step)| format!("{a}-{b}/{step}")),
        1 => (1..=max + 5).prop_map(|step| format!("*/{step}")),
    ]
}

fn list(min: u32, max: u32) -> impl Strategy<Value = String> {
    prop::collection::vec(item(min, max), 1..3).prop_map(|items| items.join(","))
}

fn or_star(
    field: impl Strategy<Value = String> + 'static,
    stars: u32,
) -> impl Strategy<Value = String> {
    prop_oneof![stars => Just("*".to_owned()), 1 => field]
}

fn dates() -> impl Strategy<Value = String> {
    let weekday = prop_oneof![
        list(0, 7),
        Just("mon-FRI".to_owned()),
        Just("sun".to_owned())
    ];
    (
        or_star(list(1, 31), 4),
        or_star(list(1, 12), 6),
        or_star(weekday, 3),
    )
        .prop_map(|(day, month, weekday)| format!("{day} {month} {weekday}"))
}

/// Hours near the usual changes of the clocks, and any others.
fn hours() -> impl Strategy<Value = String> {
    prop_oneof![3 => item(0, 3), 2 => list(0, 23), 1 => Just("*".to_owned()), 1 => Just("23".to_owned())]
}

fn expression() -> impl Strategy<Value = String> {
    let any = (or_star(list(0, 59), 1), hours(), dates());
    any.prop_map(|(minute, hour, dates)| format!("{minute} {hour} {dates}"))
        .prop_filter("it can fire", |cron| Cron::parse(cron).is_ok())
}

fn zone() -> impl Strategy<Value = Tz> {
    select(TZ_VARIANTS.as_slice())
}

/// From 1925 on; the zone data ends in 2099.
fn instant() -> impl Strategy<Value = DateTime<Utc>> {
    (-1_420_000_000_i64..4_000_000_000)
        .prop_map(|seconds| DateTime::from_timestamp(seconds, 0).expect("within chrono's range"))
}

fn gap() -> impl Strategy<Value = DstGap> {
    select(&[DstGap::FireAfter, DstGap::Skip][..])
}

fn fold() -> impl Strategy<Value = DstFold> {
    select(&[DstFold::First, DstFold::Second, DstFold::Both][..])
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn ticks_around_a_change_are_those_of_the_definition_in_any_zone_under_any_policy(
        cron in expression(), zone in zone(), start in instant(), gap in gap(), fold in fold(),
    ) {
        let from = before_a_change(zone, start);
        let to = from + TimeDelta::days(4);
        let schedule = schedule(&cron, zone).with_dst(gap, fold);
        let ticks: Vec<_> = schedule.ticks_between(from, to).collect();
        prop_assert_eq!(&ticks, &defined(&cron, zone, gap, fold, from, to));
        // A search from any instant gives what the one long walk gave.
        for tick in ticks.iter().step_by(ticks.len() / 8 + 1) {
            let second = TimeDelta::seconds(1);
            prop_assert_eq!(schedule.next_after(*tick - second), Some(*tick));
            prop_assert_eq!(schedule.latest_at_or_before(*tick), Some(*tick));
            prop_assert!(schedule.is_tick(*tick));
        }
        for pair in ticks.windows(2).step_by(ticks.len() / 8 + 1) {
            prop_assert_eq!(schedule.next_after(pair[0]), Some(pair[1]));
            prop_assert_eq!(schedule.latest_at_or_before(pair[1] - TimeDelta::milliseconds(1)), Some(pair[0]));
        }
    }
}

/// Expressions whose kind croner judges as we do. It calls an expression fixed
/// where minute and hour are one value each, whereas the vectors let the hour
/// field alone decide (`*/15 2 * * *` is fixed).
fn comparable() -> impl Strategy<Value = (String, bool)> {
    let fixed = (0..60, prop_oneof![0..4, 0..24])
        .prop_map(|(minute, hour)| (format!("{minute} {hour}"), true));
    let real_hour = prop_oneof![
        Just("*".to_owned()),
        (2..12).prop_map(|step| format!("*/{step}"))
    ];
    let minutes = or_star(item(0, 59), 1);
    let real = (minutes, real_hour).prop_map(|(minute, hour)| (format!("{minute} {hour}"), false));
    (prop_oneof![fixed, real], dates())
        .prop_map(|((time, fixed), dates)| (format!("{time} {dates}"), fixed))
        .prop_filter("it can fire", |(cron, _)| Cron::parse(cron).is_ok())
        // The vectors say that `*/1` leaves a day field free; croner takes
        // only `*` for that.
        .prop_filter("croner counts */1 as a restriction", |(cron, _)| {
            cron.split(' ').all(|field| field != "*/1")
        })
        // A step beyond the range leaves the first value in the vectors; to
        // croner it is an error.
        .prop_filter("croner takes the expression", |(cron, _)| {
            cron.parse::<croner::Cron>().is_ok()
        })
}

/// Whether croner moves a tick to the end of this gap as the vectors do. It
/// gives up after two hours (Apia left out a day), and drops the tick where
/// the date behind the gap does not match, while the vectors judge the date
/// that was asked for (Saint John's, at 00:01, and Apia).
fn croner_knows_the_gaps(zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
    let mut instant = from;
    while instant < to {
        let next = instant + TimeDelta::hours(1);
        let (before, after) = (instant.with_timezone(&zone), next.with_timezone(&zone));
        let skipped = after.naive_local() - before.naive_local() - TimeDelta::hours(1);
        let crosses = before.date_naive() != after.date_naive();
        if skipped > TimeDelta::hours(2) || (skipped > TimeDelta::zero() && crosses) {
            return false;
        }
        instant = next;
    }
    true
}

fn agrees_with_croner(
    cron: &str,
    fixed: bool,
    zone: Tz,
    from: DateTime<Utc>,
) -> Result<(), TestCaseError> {
    let other: croner::Cron = cron.parse().expect(cron);
    let to = from + TimeDelta::days(5);
    if fixed && !croner_knows_the_gaps(zone, from, to) {
        return Ok(());
    }
    let mut expected = from;
    for tick in schedule(cron, zone).ticks_between(from, to).take(60) {
        let next = other.find_next_occurrence(&expected.with_timezone(&zone), false);
        expected = next.expect("croner finds a tick").to_utc();
        prop_assert_eq!(tick, expected, "{} in {} after {}", cron, zone, from);
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn ticks_are_those_of_croner_where_its_rules_are_ours(
        (cron, fixed) in comparable(), zone in zone(), start in instant(), near in any::<bool>(),
    ) {
        let from = if near { before_a_change(zone, start) } else { start };
        agrees_with_croner(&cron, fixed, zone, from)?;
    }
}

#[test]
fn every_zone_agrees_with_croner_over_its_next_change() {
    let start: DateTime<Utc> = "2026-01-15T00:00:00Z".parse().expect("a valid instant");
    for zone in TZ_VARIANTS {
        let from = before_a_change(zone, start);
        for (cron, fixed) in [
            ("30 2 * * *", true),
            ("0 * * * *", false),
            ("*/20 */2 * * 0", false),
        ] {
            agrees_with_croner(cron, fixed, zone, from).expect(cron);
        }
    }
}
