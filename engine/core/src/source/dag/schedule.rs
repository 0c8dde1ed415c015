//! `[schedule]`: checked with the code that will fire it.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::super::fields::{Fields, Words, wrong_type};
use super::super::report::{Note, Place};
use super::super::tree::{Entry, Node};
use super::World;
use crate::dag::{Catchup, FoldRule, GapRule, Overlap, ScheduleRule};
use crate::ticks::{Cron, Schedule, parse_moment, parse_zone};

/// A schedule as it is stored, and as it fires.
pub(super) struct ScheduleRead {
    pub(super) rule: ScheduleRule,
    /// Absent where an expression or the zone is wrong.
    pub(super) fires: Option<Schedule>,
    /// Where its expressions stand.
    pub(super) at: Place,
}

pub(super) fn read<'a>(
    world: &World<'_, 'a>,
    entry: &Entry<'a>,
    default_zone: Option<Tz>,
) -> Option<ScheduleRead> {
    let fields = Fields::of_entry(world.report, entry)?;
    let before = world.report.errors();
    let crons = read_crons(&fields);
    let zone = if fields.has("timezone") {
        read_zone(&fields)
    } else {
        default_zone
    };
    let (start, end) = (
        read_limit(&fields, "start", zone),
        read_limit(&fields, "end", zone),
    );
    let rule = ScheduleRule {
        cron: crons.iter().map(|(text, _)| text.clone()).collect(),
        timezone: zone.map_or("UTC", |zone| zone.name()).to_owned(),
        enabled: fields.flag("enabled").unwrap_or(true),
        start,
        end,
        catchup: read_catchup(&fields),
        catchup_window: fields.duration("catchup_window"),
        overlap: read_overlap(&fields),
        max_queued: fields.count("max_queued", 0..=100_000).unwrap_or(1),
        dst_gap: read_gap(&fields),
        dst_fold: read_fold(&fields),
    };
    let at = fields.place_of("cron");
    let parsed = crons
        .into_iter()
        .map(|(_, cron)| cron)
        .collect::<Option<Vec<_>>>();
    let fires = parsed
        .zip(zone)
        .and_then(|(crons, zone)| build(&fields, crons, zone, &rule));
    if let Some(fires) = fires
        .as_ref()
        .filter(|_| world.report.errors() == before && rule.enabled)
    {
        remark_lost(world, at, fires);
    }
    fields.finish("[schedule]");
    Some(ScheduleRead { rule, fires, at })
}

fn read_crons(fields: &Fields<'_, '_>) -> Vec<(String, Option<Cron>)> {
    fields.required("cron", "[schedule]");
    let list = fields.one_or_more("cron").unwrap_or_default();
    if fields
        .table
        .get("cron")
        .is_some_and(|entry| matches!(&entry.item.node, Node::List(items) if items.is_empty()))
    {
        fields.bad_value("cron", "`cron` is empty: this schedule would never fire");
    }
    list.into_iter()
        .map(|words| (words.text.to_owned(), read_cron(fields, words)))
        .collect()
}

fn read_cron(fields: &Fields<'_, '_>, words: Words<'_>) -> Option<Cron> {
    Cron::parse(words.text)
        .map_err(|error| {
            let place = fields.report.part(words.place, words.text, &error.range());
            fields
                .report
                .say(Note::error("cron", place, format!("`cron`: {error}")));
        })
        .ok()
}

/// The zone of a table, UTC where it names none; `None` for a wrong one, which is reported.
pub(super) fn read_zone(fields: &Fields<'_, '_>) -> Option<Tz> {
    if !fields.has("timezone") {
        return Some(Tz::UTC);
    }
    let words = fields.words("timezone")?;
    parse_zone(words.text)
        .map_err(|error| {
            fields
                .report
                .say(Note::error("zone", words.place, error.to_string()));
        })
        .ok()
}

/// A point in time, in the zone of the schedule. Nothing that depends on today.
fn read_limit(
    fields: &Fields<'_, '_>,
    key: &'static str,
    zone: Option<Tz>,
) -> Option<DateTime<Utc>> {
    let item = &fields.entry(key)?.item;
    let text = match &item.node {
        Node::Text(text) => text.to_string(),
        Node::Date(text) if text.contains(['Z', '+']) => text.clone(),
        Node::Date(text) => text.replace('T', " "),
        _ => {
            wrong_type(fields.report, key, item, "date, like \"2026-01-01\"");
            return None;
        }
    };
    let zone = zone?;
    let absolute = text.starts_with(|c: char| c.is_ascii_digit());
    match parse_moment(&text, zone, DateTime::UNIX_EPOCH) {
        Ok(moment) if absolute => Some(moment),
        Ok(_) => {
            fields.bad_value(
                key,
                format!("`{key}` must be a date or a point in time, like \"2026-01-01\""),
            );
            None
        }
        Err(error) => {
            fields.bad_value(key, format!("`{key}`: {error}"));
            None
        }
    }
}

fn read_catchup(fields: &Fields<'_, '_>) -> Catchup {
    let words = [
        ("none", Catchup::None),
        ("latest", Catchup::Latest),
        ("all", Catchup::All),
    ];
    fields.choice("catchup", &words).unwrap_or(Catchup::Latest)
}

fn read_overlap(fields: &Fields<'_, '_>) -> Overlap {
    let words = [
        ("queue", Overlap::Queue),
        ("skip", Overlap::Skip),
        ("cancel_running", Overlap::CancelRunning),
    ];
    fields.choice("overlap", &words).unwrap_or(Overlap::Queue)
}

fn read_gap(fields: &Fields<'_, '_>) -> GapRule {
    let words = [("fire_after", GapRule::FireAfter), ("skip", GapRule::Skip)];
    fields
        .choice("dst_gap", &words)
        .unwrap_or(GapRule::FireAfter)
}

fn read_fold(fields: &Fields<'_, '_>) -> FoldRule {
    let words = [
        ("first", FoldRule::First),
        ("second", FoldRule::Second),
        ("both", FoldRule::Both),
    ];
    fields.choice("dst_fold", &words).unwrap_or(FoldRule::First)
}

fn build(
    fields: &Fields<'_, '_>,
    crons: Vec<Cron>,
    zone: Tz,
    rule: &ScheduleRule,
) -> Option<Schedule> {
    let schedule = Schedule::new(crons, zone)
        .ok()?
        .with_dst(rule.dst_gap, rule.dst_fold)
        .within(rule.start, rule.end);
    schedule
        .map_err(|error| fields.bad_value("end", error.to_string()))
        .ok()
}

/// How far ahead lost ticks are looked for: every zone that changes its clocks does so within a year.
const AHEAD: chrono::TimeDelta = chrono::TimeDelta::days(366);

fn remark_lost(world: &World<'_, '_>, at: Place, schedule: &Schedule) {
    // A zone without changes of the clocks loses nothing, and most schedules stand in one.
    if schedule.zone() == Tz::UTC || !schedule.crons().iter().any(Cron::is_real) {
        return;
    }
    for lost in schedule
        .losses_between(world.now, world.now + AHEAD)
        .into_iter()
        .take(1)
    {
        world
            .report
            .say(Note::remark("lost_tick", at, lost.to_string()));
    }
}
