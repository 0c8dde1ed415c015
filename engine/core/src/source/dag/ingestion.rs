//! `[ingestion]`: checked with the code that makes the ids.

use super::super::fields::Fields;
use super::super::report::{Note, Place};
use super::super::tree::{Entry, Node};
use super::World;
use super::schedule::ScheduleRead;
use crate::dag::IngestionTable;
use crate::ticks::{IngestionRule, IngestionRuleError};

pub(super) fn read<'a>(
    world: &World<'_, 'a>,
    entry: &Entry<'a>,
    schedule: Option<&ScheduleRead>,
) -> Option<IngestionTable> {
    let fields = Fields::of_entry(world.report, entry)?;
    if !fields.has("transform_schedule") {
        let note = Note::error(
            "missing_key",
            fields.at,
            "[ingestion] needs a key `transform_schedule`",
        );
        fields.report.say(note.help("without it ids would carry a wrong date in silence: name the hours in UTC, like [\"14\"]"));
    }
    let hours = fields.texts("transform_schedule");
    let table = IngestionTable {
        transform_schedule: hours.clone().unwrap_or_default(),
        day_of_week: fields.text("day_of_week").unwrap_or_else(|| "*".to_owned()),
        digits: fields
            .integer("digits")
            .map_or(14, |digits| u8::try_from(digits).unwrap_or(0)),
        timezone: fields.text("timezone").unwrap_or_else(|| "UTC".to_owned()),
        allow_lag: fields.flag("allow_lag").unwrap_or(false),
    };
    let rule = hours.and_then(|_| parse(&fields, &table));
    if let (Some(rule), Some(schedule)) = (rule, schedule) {
        remark_lag(world, entry, &rule, schedule);
    }
    fields.finish("[ingestion]");
    Some(table)
}

fn parse(fields: &Fields<'_, '_>, table: &IngestionTable) -> Option<IngestionRule> {
    let rule = IngestionRule::parse(
        &table.transform_schedule,
        &table.day_of_week,
        &table.timezone,
        i64::from(table.digits),
    );
    match rule {
        Ok(rule) => Some(rule.with_allow_lag(table.allow_lag)),
        Err(error) => {
            let message = error.to_string();
            fields.report.say(Note::error(
                "ingestion",
                place_of(fields, &error, table),
                message,
            ));
            None
        }
    }
}

fn place_of(fields: &Fields<'_, '_>, error: &IngestionRuleError, table: &IngestionTable) -> Place {
    match error {
        IngestionRuleError::NotATime { index, .. }
        | IngestionRuleError::NoSuchTime { index, .. } => {
            let list = fields
                .table
                .get("transform_schedule")
                .map(|entry| &entry.item.node);
            let item = match list {
                Some(Node::List(items)) => items.get(*index).map(|item| item.place),
                _ => None,
            };
            item.unwrap_or_else(|| fields.place_of("transform_schedule"))
        }
        IngestionRuleError::Weekdays(error) => fields.report.part(
            fields.place_of("day_of_week"),
            &table.day_of_week,
            &error.range(),
        ),
        IngestionRuleError::Zone(_) => fields.place_of("timezone"),
        IngestionRuleError::Digits { .. } => fields.place_of("digits"),
        _ => fields.place_of("transform_schedule"),
    }
}

/// Says so when the coming tick and its id are two instants.
fn remark_lag(
    world: &World<'_, '_>,
    entry: &Entry<'_>,
    rule: &IngestionRule,
    schedule: &ScheduleRead,
) {
    let tick = schedule
        .fires
        .as_ref()
        .filter(|_| schedule.rule.enabled)
        .and_then(|fires| fires.next_after(world.now));
    if let Some(lag) = tick.and_then(|tick| rule.lag(tick)) {
        let note = Note::remark("ingestion_lag", entry.at, lag.to_string());
        let note = note.label(
            schedule.at,
            "the schedule is local, the hours of `transform_schedule` are UTC",
        );
        world
            .report
            .say(note.help("change one of the two, or set `allow_lag = true` if this is meant"));
    }
}
