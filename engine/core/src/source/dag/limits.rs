//! Remarks on limits that cannot hold together.

use serde_json::Value;

use super::super::fields::Fields;
use super::super::report::{Note, Place};
use super::super::tree::Table;
use super::World;
use crate::dag::{Definition, TaskDefinition, TriggerRule};
use crate::ticks::parse_duration;

pub(super) fn check(
    world: &World<'_, '_>,
    dag: &Definition,
    head: &Table<'_>,
    top: Place,
    levels: &[usize],
) {
    let slots = world.project.engine.slots as usize;
    let widest = levels.iter().copied().max().unwrap_or(0);
    if widest > slots {
        let message = format!(
            "{widest} tasks that wait with `block` may run together, and the engine has {slots} slots"
        );
        let note = Note::remark("slots", top, message);
        world
            .report
            .say(note.help("`wait = \"poll\"` holds no slot meanwhile; or raise `engine.slots`"));
    }
    let longest = dag
        .tasks
        .iter()
        .filter_map(|task| Some((task.timeout?, &task.name)))
        .max();
    if let (Some(run), Some((task, name))) = (dag.timeout, longest)
        && task > run
    {
        let place = head.get("timeout").map_or(top, |entry| entry.item.place);
        let message = format!(
            "the run's `timeout` is shorter than that of task `{name}`, which never decides"
        );
        world.report.say(Note::remark("limits", place, message));
    }
}

/// Limits that race with each other, and rules that decide nothing.
pub(super) fn remark(fields: &Fields<'_, '_>, task: &TaskDefinition) {
    let report = fields.report;
    let inner = task
        .with
        .get("task_timeout")
        .and_then(Value::as_str)
        .and_then(|text| parse_duration(text).ok());
    if task.timeout.is_some() && task.timeout == inner {
        let message =
            "`timeout` and `with.task_timeout` are equal: which of them ends the work is chance";
        let note = Note::remark("equal_limits", fields.place_of("timeout"), message);
        report.say(
            note.help(
                "make the remote limit the shorter one to see its own verdict, or leave it out",
            ),
        );
    }
    for (key, limit) in [
        ("start_timeout", task.start_timeout),
        ("timeout", task.timeout),
    ] {
        let outer = if key == "timeout" {
            ("total_timeout", task.total_timeout)
        } else {
            ("timeout", task.timeout)
        };
        if let (Some(limit), (name, Some(bound))) = (limit, outer)
            && limit > bound
        {
            let message = format!("`{key}` is longer than `{name}` and never decides");
            report.say(Note::remark("limits", fields.place_of(key), message));
        }
    }
    if fields.table.get("trigger_rule").is_some()
        && task.depends_on.is_empty()
        && task.trigger_rule != TriggerRule::AllSuccess
    {
        let message = "this task depends on nothing, so `trigger_rule` decides nothing";
        report.say(Note::remark(
            "trigger_rule",
            fields.place_of("trigger_rule"),
            message,
        ));
    }
}
