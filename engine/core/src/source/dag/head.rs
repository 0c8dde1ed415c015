//! The top-level keys of a DAG file: all but its tasks.

use chrono::NaiveTime;

use super::super::diagnostic::shown;
use super::super::fields::Fields;
use super::super::report::Note;
use super::layers::check_defaults;
use super::{World, ingestion, notify, params, schedule, trigger};
use crate::dag::Definition;
use crate::name::DagId;

pub(super) fn read<'a>(
    world: &World<'_, 'a>,
    fields: &Fields<'_, 'a>,
    stem: &str,
) -> Option<Definition> {
    let id = read_id(fields, stem);
    let own_timezone = fields
        .table
        .get("timezone")
        .is_some_and(|entry| entry.item.place.source == fields.at.source);
    let zone = schedule::read_zone(fields);
    let schedule = fields
        .entry("schedule")
        .and_then(|entry| schedule::read(world, entry, zone));
    if schedule.is_none() && own_timezone {
        let what = "`timezone` is the default of the schedule's, and there is no schedule";
        world
            .report
            .say(Note::remark("limits", fields.place_of("timezone"), what));
    }
    let ingestion = fields
        .entry("ingestion")
        .and_then(|entry| ingestion::read(world, entry, schedule.as_ref()));
    let params = params::read(
        world,
        fields,
        schedule
            .as_ref()
            .is_some_and(|schedule| schedule.rule.enabled),
    );
    if let Some(entry) = fields.entry("defaults") {
        check_defaults(world.report, entry, world.executors);
    }
    let notify = notify::read(world, fields, &notify::OF_A_DAG);
    let must_end_by = read_must_end_by(fields, schedule.is_some());
    let trigger = fields
        .entry("trigger")
        .and_then(|entry| trigger::read(world, entry));
    // Taken out before, or refused where they may not stand.
    for key in ["tasks", "groups", "instances"] {
        fields.has(key);
    }
    Some(Definition {
        description: fields.text("description"),
        owner: fields.text("owner"),
        tags: fields.texts("tags").unwrap_or_default(),
        timeout: fields.duration("timeout"),
        max_active_runs: fields.count("max_active_runs", 1..=10_000).unwrap_or(1),
        notify,
        must_end_by,
        schedule: schedule.map(|schedule| schedule.rule),
        trigger,
        ingestion,
        params,
        tasks: Vec::new(),
        not_yet: Vec::new(),
        id: id?,
    })
}

fn read_id(fields: &Fields<'_, '_>, stem: &str) -> Option<DagId> {
    let given = fields.has("id");
    let (text, place) = match fields.words("id") {
        Some(words) => (words.text, words.place),
        None if given || stem.is_empty() => return None,
        None => (stem, fields.at),
    };
    let parsed = text.parse();
    parsed
        .map_err(|error| {
            let note = Note::error("bad_name", place, format!("{error}"));
            let unnamed = (!given).then(|| {
                "the file's name is the id where none is given: write `id = \"…\"`".to_owned()
            });
            fields.report.say(note.maybe_help(unnamed));
        })
        .ok()
}

fn read_must_end_by(fields: &Fields<'_, '_>, scheduled: bool) -> Option<NaiveTime> {
    let words = fields.words("must_end_by")?;
    let Ok(time) = NaiveTime::parse_from_str(words.text, "%H:%M") else {
        let note = Note::error(
            "bad_value",
            words.place,
            format!("`{}` is no time of day", shown(words.text)),
        );
        fields.report.say(note.help("write HH:MM, like \"06:00\""));
        return None;
    };
    if !scheduled {
        let what = "`must_end_by` is for the runs of ticks, and there is no schedule";
        let note = Note::remark("limits", words.place, what);
        fields.report.say(note);
    }
    Some(time)
}
