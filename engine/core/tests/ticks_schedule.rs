//! The rules of expressions and schedules, each by an example.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use noctule_core::ticks::{
    Cron, CronError, CronField, DstFold, DstGap, LossReason, Schedule, ScheduleError, TickRemark,
};

const NEW_YORK: Tz = chrono_tz::America::New_York;
const LORD_HOWE: Tz = chrono_tz::Australia::Lord_Howe;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a valid instant")
}

fn schedule(crons: &[&str], zone: Tz) -> Schedule {
    let crons = crons.iter().map(|cron| Cron::parse(cron).expect(cron));
    Schedule::new(crons.collect(), zone).expect("a valid schedule")
}

fn next(schedule: &Schedule, t: &str) -> Option<String> {
    let tick = schedule.next_after(at(t))?;
    Some(tick.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn refused(cron: &str) -> (String, String) {
    let error = Cron::parse(cron).expect_err(cron);
    (error.to_string(), cron[error.range()].to_owned())
}

#[test]
fn an_error_points_at_the_part_that_is_wrong() {
    let part = |cron: &str| refused(cron).1;
    assert_eq!(part("  0 25 * * *"), "25");
    assert_eq!(part("0\t1,2,60 * * *"), "60");
    assert_eq!(part("0 0 * * MON-FRI,SAT-SUN"), "SAT-SUN");
    assert_eq!(part("*/0 * * * *"), "0");
    assert_eq!(part("0 0 * foo-MAR *"), "foo");
    assert_eq!(part("1- * * * *"), "1-");
    assert_eq!(part("5/15 * * * *"), "5/15");
    assert_eq!(part(" 0 0 30 2 * "), "30 2 *");
    assert_eq!(part("  @reboot "), "@reboot");
    assert_eq!(part("0 0 * *"), "0 0 * *");
    assert_eq!(part("٥ * * * *"), "٥");
    let error = Cron::parse("1,,2 * * * *").expect_err("an empty item");
    assert_eq!(
        error,
        CronError::EmptyItem {
            field: CronField::Minute,
            at: 2..2
        }
    );
}

#[test]
fn an_error_says_the_field_what_is_wrong_and_what_is_allowed() {
    let message = |cron: &str| refused(cron).0;
    assert_eq!(
        message("0 25 * * *"),
        "hour: `25` is out of range: allowed are 0-23"
    );
    assert_eq!(
        message("99999999999999999999 * * * *"),
        "minute: `99999999999999999999` is out of range: allowed are 0-59"
    );
    assert!(message("0 0 * * FRI-SUN").ends_with("(SUN is 0; 5-7 is Friday to Sunday)"));
    assert!(message("0 0 ? * *").starts_with("day of month: `?` is not a value: allowed are 1-31"));
    assert!(message("0 0 30 2 *").starts_with("can never fire"));
    assert!(message("0 0 0 * * *").starts_with("6 field(s) instead of five"));
    assert!(message("0 0 1\n* * *").contains("day of month"));
}

#[test]
fn a_step_too_large_to_hold_leaves_the_first_value_like_any_other() {
    let far = schedule(&["*/99999999999999999999 8 * * *"], Tz::UTC);
    assert_eq!(
        next(&far, "2026-01-02T08:00:00Z").as_deref(),
        Some("2026-01-03T08:00:00Z")
    );
}

#[test]
fn a_tick_in_a_gap_fires_at_the_end_of_it() {
    let daily = schedule(&["30 2 * * *"], NEW_YORK);
    assert_eq!(
        next(&daily, "2026-03-08T00:00:00Z").as_deref(),
        Some("2026-03-08T07:00:00Z")
    );
}

#[test]
fn leap_days_are_found_over_the_eight_years_around_2100() {
    let leap = schedule(&["0 0 29 2 *"], Tz::UTC);
    assert_eq!(
        next(&leap, "2096-02-29T00:00:00Z").as_deref(),
        Some("2104-02-29T00:00:00Z")
    );
    let back = leap.latest_at_or_before(at("2104-02-28T23:59:59Z"));
    assert_eq!(back, Some(at("2096-02-29T00:00:00Z")));
}

#[test]
fn a_schedule_needs_an_expression_and_an_end_after_its_start() {
    assert_eq!(
        Schedule::new(Vec::new(), Tz::UTC),
        Err(ScheduleError::NoExpression)
    );
    let (start, end) = (at("2026-01-02T00:00:00Z"), at("2026-01-01T00:00:00Z"));
    let error = schedule(&["@daily"], Tz::UTC).within(Some(start), Some(end));
    assert_eq!(error, Err(ScheduleError::EndsBeforeStart { start, end }));
}

#[test]
fn no_tick_is_before_the_start_or_after_the_end_and_both_ends_count() {
    let (start, end) = (at("2026-01-01T00:00:00Z"), at("2026-01-03T00:00:00Z"));
    let daily = schedule(&["@daily"], Tz::UTC)
        .within(Some(start), Some(end))
        .expect("valid");
    let ticks: Vec<_> = daily.ticks_after(at("2025-06-01T00:00:00Z")).collect();
    assert_eq!(ticks, [start, at("2026-01-02T00:00:00Z"), end]);
    assert_eq!(daily.next_after(end), None);
    assert_eq!(
        daily.latest_at_or_before(at("2027-01-01T00:00:00Z")),
        Some(end)
    );
    assert_eq!(daily.latest_at_or_before(start), Some(start));
    assert_eq!(
        daily.latest_at_or_before(start - TimeDelta::nanoseconds(1)),
        None
    );
    let half = start + TimeDelta::milliseconds(500);
    let daily = daily.within(Some(half), None).expect("valid");
    assert_eq!(
        next(&daily, "2025-06-01T00:00:00Z").as_deref(),
        Some("2026-01-02T00:00:00Z")
    );
}

#[test]
fn ticks_between_leaves_out_its_first_instant_and_keeps_its_last() {
    let hourly = schedule(&["@hourly"], Tz::UTC);
    let (from, to) = (at("2026-01-01T00:00:00Z"), at("2026-01-01T02:00:00Z"));
    let ticks: Vec<_> = hourly.ticks_between(from, to).collect();
    assert_eq!(ticks, [at("2026-01-01T01:00:00Z"), to]);
    assert_eq!(hourly.ticks_between(to, from).count(), 0);
    assert_eq!(hourly.ticks_between(to, to).count(), 0);
}

#[test]
fn a_walk_gives_the_same_ticks_wherever_it_begins() {
    let changes = [
        (NEW_YORK, "2026-11-01T06:00:00Z"),
        (NEW_YORK, "2026-03-08T07:00:00Z"),
        (LORD_HOWE, "2026-04-04T15:00:00Z"),
        (chrono_tz::Pacific::Apia, "2011-12-30T10:00:00Z"),
    ];
    for ((zone, change), fold) in changes.into_iter().flat_map(|change| {
        [DstFold::First, DstFold::Second, DstFold::Both].map(|fold| (change, fold))
    }) {
        let often = schedule(&["*/15 0-23 * * *"], zone).with_dst(DstGap::FireAfter, fold);
        let (from, to) = (
            at(change) - TimeDelta::days(4),
            at(change) + TimeDelta::days(1),
        );
        let all: Vec<_> = often.ticks_between(from, to).collect();
        for minutes in (0..6_000).step_by(25) {
            let begin = from + TimeDelta::minutes(minutes);
            let later = all.iter().copied().filter(|tick| *tick > begin);
            assert!(
                often.ticks_between(begin, to).eq(later),
                "{zone} {fold:?} {begin}"
            );
        }
    }
}

#[test]
fn every_minute_of_ninety_days_is_a_tick_across_a_change() {
    let every = schedule(&["* * * * *"], NEW_YORK);
    let from = at("2026-02-01T00:00:00Z");
    let ticks = every.ticks_between(from, from + TimeDelta::days(90));
    assert_eq!(ticks.count(), 90 * 24 * 60);
}

#[test]
fn the_ends_of_time_are_no_trouble() {
    let daily = schedule(&["30 2 * * *", "@hourly"], NEW_YORK);
    assert!(daily.next_after(DateTime::<Utc>::MIN_UTC).is_some());
    assert_eq!(daily.next_after(DateTime::<Utc>::MAX_UTC), None);
    assert_eq!(daily.latest_at_or_before(DateTime::<Utc>::MIN_UTC), None);
    assert!(
        daily
            .latest_at_or_before(DateTime::<Utc>::MAX_UTC)
            .is_some()
    );
    assert_eq!(daily.remark(DateTime::<Utc>::MAX_UTC), None);
    assert_eq!(
        daily.losses_between(DateTime::<Utc>::MAX_UTC, DateTime::<Utc>::MIN_UTC),
        []
    );
}

#[test]
fn a_tick_moved_by_a_gap_is_remarked_with_the_time_that_is_missing() {
    let daily = schedule(&["*/15 2 * * *"], NEW_YORK);
    let remark = daily.remark(at("2026-03-08T07:00:00Z")).expect("a remark");
    assert_eq!(
        remark.to_string(),
        "the local time 2026-03-08 02:00 does not exist; fires at the end of the gap"
    );
    assert_eq!(daily.remark(at("2026-03-09T06:00:00Z")), None);
    let skipping =
        schedule(&["*/15 2 * * *", "0 3 * * *"], NEW_YORK).with_dst(DstGap::Skip, DstFold::First);
    assert_eq!(skipping.remark(at("2026-03-08T07:00:00Z")), None);
}

#[test]
fn a_tick_in_a_fold_is_remarked_with_its_twin() {
    let both = schedule(&["30 1 * * *"], NEW_YORK).with_dst(DstGap::FireAfter, DstFold::Both);
    let (first, second) = (at("2026-11-01T05:30:00Z"), at("2026-11-01T06:30:00Z"));
    assert_eq!(both.remark(first), Some(TickRemark::FirstOfTwo { second }));
    assert_eq!(both.remark(second), Some(TickRemark::SecondOfTwo { first }));
    assert_eq!(both.remark(at("2026-11-01T07:00:00Z")), None);
    assert_eq!(both.remark(at("2026-11-01T04:59:00Z")), None);
    let half_hour = schedule(&["45 1 * * *"], LORD_HOWE);
    let second = at("2026-04-04T15:15:00Z");
    assert_eq!(
        half_hour.remark(at("2026-04-04T14:45:00Z")),
        Some(TickRemark::FirstOfTwo { second })
    );
}

#[test]
fn a_real_expression_that_loses_a_tick_in_a_gap_is_remarked() {
    let (from, to) = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
    let losing = schedule(&["30 2,*/12 * * *"], NEW_YORK);
    let losses = losing.losses_between(from, to);
    assert_eq!(losses.len(), 1);
    assert_eq!((losses[0].reason, losses[0].count), (LossReason::Real, 1));
    assert_eq!(losses[0].at, at("2026-03-08T07:00:00Z"));
    assert!(
        losses[0]
            .to_string()
            .starts_with("`30 2,*/12 * * *` has no tick for 2026-03-08 02:30")
    );
    assert_eq!(losing.losses_between(at("2026-03-08T07:00:00Z"), to), []);
    assert_eq!(
        losing
            .losses_between(from, at("2026-03-08T07:00:00Z"))
            .len(),
        1
    );
}

#[test]
fn an_expression_that_fires_in_every_real_hour_loses_nothing() {
    let (from, to) = (at("2026-01-01T00:00:00Z"), at("2028-01-01T00:00:00Z"));
    for cron in [
        "* * * * *",
        "@hourly",
        "*/15 * * * *",
        "30 2 * * *",
        "0 0-23 * * *",
    ] {
        assert_eq!(
            schedule(&[cron], NEW_YORK).losses_between(from, to),
            [],
            "{cron}"
        );
    }
    assert_eq!(
        schedule(&["*/30 * * * *"], LORD_HOWE).losses_between(from, to),
        []
    );
    assert_eq!(
        schedule(&["0 * * * *"], LORD_HOWE)
            .losses_between(from, to)
            .len(),
        2
    );
    assert_eq!(
        schedule(&["0 */2 * * *"], NEW_YORK)
            .losses_between(from, to)
            .len(),
        2
    );
    assert_eq!(
        schedule(&["0 2,*/3 * * *"], NEW_YORK).losses_between(from, to),
        []
    );
    assert_eq!(
        schedule(&["0 1,2,*/4 * * *"], NEW_YORK)
            .losses_between(from, to)
            .len(),
        2
    );
    assert_eq!(
        schedule(&["0 */2 * * *", "@hourly"], NEW_YORK).losses_between(from, to),
        []
    );
}

#[test]
fn a_fixed_expression_loses_ticks_only_where_gaps_are_skipped() {
    let (from, to) = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
    let skipping = schedule(&["*/15 2 * * *"], NEW_YORK).with_dst(DstGap::Skip, DstFold::First);
    let losses = skipping.losses_between(from, to);
    assert_eq!(
        (losses[0].reason, losses[0].count, losses.len()),
        (LossReason::Skip, 4, 1)
    );
    let ended = skipping
        .within(None, Some(at("2026-03-08T06:59:59Z")))
        .expect("valid");
    assert_eq!(ended.losses_between(from, to), []);
}

#[test]
fn an_expression_is_real_by_its_hour_field_alone() {
    let real = |cron: &str| Cron::parse(cron).expect(cron).is_real();
    for cron in ["0 */6 * * *", "0 1-5/2 * * *", "0 2,* * * *", "@hourly"] {
        assert!(real(cron), "{cron}");
    }
    for cron in ["*/15 2 * * *", "0 0-23 * * *", "0 1,2 */2 * *", "@daily"] {
        assert!(!real(cron), "{cron}");
    }
}

#[test]
fn an_expression_is_shown_as_it_was_written() {
    let text = " 0 9 *  * mon-FRI";
    assert_eq!(Cron::parse(text).expect(text).to_string(), text);
    assert_eq!(text.parse::<Cron>().expect(text).as_str(), text);
}
