//! An oracle of schedules: minute by minute, by the meaning of the words, with nothing of the core but its answers.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, LocalResult, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use noctule_core::dag::{Catchup, Dag, FoldRule, GapRule, Overlap, ScheduleRule};
use noctule_core::run::{Instant, Trigger};
use noctule_core::scheduling::DropReason;

use crate::store::Store;

/// Zones whose clocks change: by an hour, by half an hour, at midnight, in the other half of the year, never.
pub(crate) const ZONES: [&str; 7] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Australia/Sydney",
    "Asia/Kolkata",
    "Africa/Cairo",
];

/// Minute and hour; the other fields are free.
pub(crate) const EXPRESSIONS: [&str; 8] = [
    "*/5 * * * *",
    "*/15 * * * *",
    "7 * * * *",
    "*/10 0-4 * * *",
    "30 2 * * *",
    "15,45 1,2,3 * * *",
    "0 0 * * *",
    "30 */2 * * *",
];

/// A few hours around a change of the clocks, if the zone has one in the year.
pub(crate) fn before_a_change(zone: &str, back: i64) -> DateTime<Utc> {
    let start = DateTime::from_timestamp(1_735_689_600, 0).unwrap_or_default();
    let zone: Tz = zone.parse().unwrap_or(Tz::UTC);
    let offset = |at: DateTime<Utc>| local(zone, at).1;
    let hours = (0..8_760).map(|hour| start + TimeDelta::hours(hour));
    let mut changes = hours.filter(|at| offset(*at) != offset(*at + TimeDelta::hours(1)));
    let skip = (back % 2).unsigned_abs() as usize;
    let change = changes.nth(skip).unwrap_or(start + TimeDelta::days(40));
    change - TimeDelta::minutes(60 + back % 90)
}

fn local(zone: Tz, at: DateTime<Utc>) -> (chrono::NaiveDateTime, i64) {
    let naive = at.with_timezone(&zone).naive_local();
    (naive, (naive - at.naive_utc()).num_seconds())
}

fn matches(field: &str, value: u32) -> bool {
    field.split(',').any(|item| {
        let (range, step) = item.split_once('/').unwrap_or((item, "1"));
        let (low, high) = match range.split_once('-') {
            Some((low, high)) => (low.parse().unwrap_or(0), high.parse().unwrap_or(0)),
            None if range == "*" => (0, 59),
            None => (range.parse().unwrap_or(99), range.parse().unwrap_or(99)),
        };
        let step: u32 = step.parse().unwrap_or(1);
        low <= value && value <= high && (value - low).is_multiple_of(step)
    })
}

struct Words<'a> {
    minute: &'a str,
    hour: &'a str,
}

impl Words<'_> {
    fn mean(&self, at: chrono::NaiveDateTime) -> bool {
        matches(self.minute, at.minute()) && matches(self.hour, at.hour())
    }
}

/// The ticks after one instant and up to another.
pub(crate) fn ticks(rule: &ScheduleRule, from: Instant, to: Instant) -> BTreeSet<Instant> {
    let zone: Tz = rule.timezone.parse().unwrap_or(Tz::UTC);
    let mut ticks = BTreeSet::new();
    for cron in &rule.cron {
        let mut fields = cron.split(' ');
        let (Some(minute), Some(hour)) = (fields.next(), fields.next()) else {
            continue;
        };
        let words = Words { minute, hour };
        let real = hour.contains(['*', '/']);
        let minute = TimeDelta::minutes(1);
        let begun = DateTime::from_timestamp(from.timestamp() / 60 * 60, 0);
        let mut at = begun.unwrap_or(from);
        while at <= to {
            if at > from && fires(rule, &words, zone, at, real) {
                ticks.insert(at);
            }
            at += minute;
        }
    }
    ticks.retain(|tick| rule.end.is_none_or(|end| *tick <= end));
    ticks
}

fn fires(rule: &ScheduleRule, words: &Words<'_>, zone: Tz, at: Instant, real: bool) -> bool {
    let (naive, _) = local(zone, at);
    let named = words.mean(naive);
    if real {
        return named;
    }
    let by_name = named
        && match zone.from_local_datetime(&naive) {
            LocalResult::Ambiguous(first, second) => match rule.dst_fold {
                FoldRule::First => at == first,
                FoldRule::Second => at == second,
                FoldRule::Both => true,
            },
            _ => true,
        };
    by_name || (rule.dst_gap == GapRule::FireAfter && ends_a_gap(words, zone, at))
}

/// Whether the minutes that were left out right before this instant hold a time that the words name.
fn ends_a_gap(words: &Words<'_>, zone: Tz, at: Instant) -> bool {
    let (now, _) = local(zone, at);
    let mut missing = now - TimeDelta::minutes(1);
    while matches!(zone.from_local_datetime(&missing), LocalResult::None) {
        if words.mean(missing) {
            return true;
        }
        missing -= TimeDelta::minutes(1);
    }
    false
}

/// What is known of a history besides its store.
pub(crate) struct Known<'a> {
    /// Ticks count from here on.
    pub(crate) began: Instant,
    /// A clock has jumped.
    pub(crate) jumped: bool,
    /// From when to when each engine has surely decided every tick.
    pub(crate) sessions: &'a [(Instant, Instant)],
    /// From when to when the DAG was paused.
    pub(crate) pauses: &'a [(Instant, Option<Instant>)],
}

/// What a history should have made of the ticks of one DAG, compared with what it made; gives the number of its ticks.
pub(crate) fn judge(store: &Store, dag: &Dag, known: &Known<'_>) -> Result<u64, String> {
    let definition = dag.definition();
    let (id, Some(rule)) = (&definition.id, &definition.schedule) else {
        return Ok(0);
    };
    let Some(considered) = store.dags.get(id).and_then(|record| record.considered) else {
        return Err(format!("{id} was never looked at"));
    };
    let expected = ticks(rule, known.began, considered);
    let mut runs: BTreeMap<Instant, bool> = BTreeMap::new();
    // Whoever asks for past ticks may ask for any of them.
    let mut asked_for = BTreeSet::new();
    for stored in store
        .runs
        .values()
        .filter(|stored| stored.run.facts.dag == *id)
    {
        let trigger = &stored.run.facts.trigger;
        let caught_up = matches!(trigger, Trigger::CatchUp { .. });
        let Some(tick) = trigger.tick() else { continue };
        let twice = match trigger.backfill() {
            Some(_) => !asked_for.insert(tick),
            None => runs.insert(tick, caught_up).is_some(),
        };
        if twice || (asked_for.contains(&tick) && runs.contains_key(&tick)) {
            return Err(format!("{id}: two runs for {tick}"));
        }
    }
    let mut dropped: BTreeMap<Instant, DropReason> = BTreeMap::new();
    for (of, one) in store.dropped.iter().filter(|(of, _)| of == id) {
        let named: Vec<Instant> = expected.range(one.first..=one.last).copied().collect();
        if named.len() as u64 != one.count {
            return Err(format!(
                "{of}: {} dropped, {} expected: {one:?}",
                one.count,
                named.len()
            ));
        }
        for tick in named {
            if dropped.insert(tick, one.reason).is_some() {
                return Err(format!("{id}: {tick} is dropped twice"));
            }
        }
    }
    for tick in runs.keys() {
        if !expected.contains(tick) {
            return Err(format!(
                "{id} {:?}: {tick} is no tick, and has a run",
                rule.cron
            ));
        }
    }
    let mut expected = expected;
    expected.retain(|tick| !asked_for.contains(tick) || dropped.contains_key(tick));
    for tick in &expected {
        fits(
            rule,
            *tick,
            runs.get(tick).copied(),
            dropped.get(tick),
            known,
        )
        .map_err(|what| format!("{id} {:?} {}: {tick} {what}", rule.cron, rule.timezone))?;
    }
    if rule.catchup == Catchup::Latest {
        latest_has_a_run(&expected, &runs, &dropped).map_err(|what| format!("{id}: {what}"))?;
    }
    Ok(expected.len() as u64)
}

/// One tick: a run or a reason, and a reason that the policy knows.
fn fits(
    rule: &ScheduleRule,
    tick: Instant,
    run: Option<bool>,
    dropped: Option<&DropReason>,
    known: &Known<'_>,
) -> Result<(), &'static str> {
    let jumped = known.jumped;
    let witnessed = known
        .sessions
        .iter()
        .any(|(since, until)| *since <= tick && tick < *until);
    let paused = known
        .pauses
        .iter()
        .any(|(since, until)| *since < tick && until.is_some_and(|until| tick < until));
    match (run, dropped) {
        (Some(_), Some(_)) => Err("has a run and was dropped"),
        (None, None) => Err("has no run and was not dropped"),
        (Some(true), None) if rule.catchup == Catchup::None => {
            Err("was caught up, which nobody asked for")
        }
        (Some(_), None) if paused && !jumped => Err("has a run, and came in a pause"),
        (Some(_), None) => Ok(()),
        (None, Some(DropReason::Paused)) => Ok(()),
        (None, Some(DropReason::Overlap)) if rule.overlap == Overlap::Skip => Ok(()),
        (None, Some(DropReason::MaxQueued)) if rule.overlap == Overlap::Queue => Ok(()),
        (None, Some(DropReason::Catchup)) if rule.catchup == Catchup::All => {
            Err("was not caught up")
        }
        (None, Some(DropReason::Catchup)) if witnessed && !jumped => {
            Err("was dropped as missed while an engine was leading")
        }
        (None, Some(DropReason::Catchup)) => Ok(()),
        (None, Some(_)) => Err("was dropped for a reason that its policy does not know"),
    }
}

/// Of a row of missed ticks the last gets a run, or is dropped for another reason.
fn latest_has_a_run(
    expected: &BTreeSet<Instant>,
    runs: &BTreeMap<Instant, bool>,
    dropped: &BTreeMap<Instant, DropReason>,
) -> Result<(), String> {
    let mut after_a_missed_one = false;
    for tick in expected {
        let missed = dropped.get(tick) == Some(&DropReason::Catchup);
        let caught_up = runs.get(tick) == Some(&true);
        if after_a_missed_one && !missed && !caught_up && !dropped.contains_key(tick) {
            return Err(format!(
                "the tick before {tick} was missed, and is not the one caught up"
            ));
        }
        after_a_missed_one = missed;
    }
    if after_a_missed_one {
        return Err("the latest missed tick has no run".to_owned());
    }
    Ok(())
}
