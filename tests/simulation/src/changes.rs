//! What people change in a file: tasks come, go, move, are mapped otherwise, wait for others, run elsewhere. Some changes put
//! back what was there before.
//!
//! The id, the schedule and `max_active_runs` stay: ticks and limits are judged over all versions of a DAG.

use std::rc::Rc;

use noctule_core::dag::{Dag, Definition, GROUP, HoldUntil, MapRule, TaskDefinition};
use serde_json::{Value, json};

use crate::chance::Chance;
use crate::dags::{bare, decide, group, map_rule, name};
use crate::faults::Mix;

/// Names that tasks have, had, and may have again.
const NAMES: [&str; 8] = ["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"];

/// Another version; now and then one of those before. None: what was drawn is no DAG.
pub(crate) fn change(chance: &mut Chance, mix: &Mix, versions: &[Rc<Dag>]) -> Option<Rc<Dag>> {
    if versions.len() > 1 && chance.hits(200) {
        let place = chance.below(versions.len() as u64) as usize;
        return versions.get(place).cloned();
    }
    let mut definition = versions.last()?.definition().clone();
    for _ in 0..chance.between(1, 3) {
        one(chance, mix, &mut definition);
    }
    Dag::new(definition).ok().map(Rc::new)
}

fn one(chance: &mut Chance, mix: &Mix, definition: &mut Definition) {
    let tasks = &mut definition.tasks;
    match chance.below(8) {
        0 | 1 => add(chance, mix, tasks),
        2 | 3 => remove(chance, tasks),
        4 => shuffle(chance, tasks),
        5 => map_otherwise(chance, tasks),
        6 => depend_otherwise(chance, tasks),
        _ => decide_otherwise(chance, mix, tasks),
    }
}

/// A task that stands in no group and is none.
fn some_single<'t>(
    chance: &mut Chance,
    tasks: &'t mut [TaskDefinition],
) -> Option<&'t mut TaskDefinition> {
    let single = |task: &&mut TaskDefinition| task.within.is_none() && task.executor != GROUP;
    let mut all: Vec<&mut TaskDefinition> = tasks.iter_mut().filter(single).collect();
    let place = chance.below(all.len() as u64) as usize;
    (place < all.len()).then(|| all.swap_remove(place))
}

fn add(chance: &mut Chance, mix: &Mix, tasks: &mut Vec<TaskDefinition>) {
    if chance.hits(200) && !tasks.iter().any(|task| task.executor == GROUP) {
        // A group of no other task cannot wait for the last one.
        if !tasks.is_empty() {
            group(chance, mix, tasks);
        }
        return;
    }
    let known: Vec<String> = tasks.iter().map(|task| task.name.to_string()).collect();
    let free = NAMES
        .into_iter()
        .filter(|one| known.iter().all(|it| it != one));
    let free: Vec<&str> = free.collect();
    if free.is_empty() {
        return;
    }
    let kind = chance.pick(&["keyed", "listed", "silent", "call", "sensor"]);
    let Some(named) = name(chance.pick(&free)) else {
        return;
    };
    let mut task = bare(named, kind);
    decide(chance, mix, &mut task);
    let outer = tasks.iter().filter(|task| task.within.is_none());
    for before in outer.map(|task| task.name.clone()).collect::<Vec<_>>() {
        if chance.hits(300) {
            task.depends_on.push(before);
        }
    }
    if chance.hits(250) {
        task.map = Some(other_list(chance));
    }
    tasks.insert(0, task);
}

fn other_list(chance: &mut Chance) -> MapRule {
    let from = chance.between(0, 2);
    let items: Value = (from..from + chance.between(0, 4))
        .map(|item| json!(item))
        .collect();
    map_rule(chance, items)
}

fn remove(chance: &mut Chance, tasks: &mut Vec<TaskDefinition>) {
    let whole_group = chance.hits(200);
    let head = tasks.iter().find(|task| task.executor == GROUP);
    let gone = match (whole_group, head) {
        (true, Some(head)) => head.name.clone(),
        _ => match some_single(chance, tasks) {
            Some(task) => task.name.clone(),
            None => return,
        },
    };
    let outer = tasks.iter().filter(|task| task.within.is_none()).count();
    if outer < 2 {
        return;
    }
    tasks.retain(|task| task.name != gone && task.within.as_ref() != Some(&gone));
    for task in tasks {
        task.depends_on.retain(|name| *name != gone);
        if let Some(HoldUntil::Tasks(names)) = &mut task.hold_until {
            names.retain(|name| *name != gone);
            if names.is_empty() {
                task.hold_until = Some(HoldUntil::Run);
            }
        }
    }
}

/// Another order of the same tasks; what stands in a group stays behind its head.
fn shuffle(chance: &mut Chance, tasks: &mut Vec<TaskDefinition>) {
    let (mut outer, rest): (Vec<_>, Vec<_>) = std::mem::take(tasks)
        .into_iter()
        .partition(|task| task.within.is_none() && task.executor != GROUP);
    while !outer.is_empty() {
        let place = chance.below(outer.len() as u64) as usize;
        tasks.push(outer.swap_remove(place));
    }
    tasks.extend(rest);
}

fn map_otherwise(chance: &mut Chance, tasks: &mut [TaskDefinition]) {
    if chance.hits(300)
        && let Some(head) = tasks.iter_mut().find(|task| task.executor == GROUP)
    {
        head.map = Some(other_list(chance));
        return;
    }
    let new = chance.hits(700).then(|| other_list(chance));
    if let Some(task) = some_single(chance, tasks)
        && task.hold_until.is_none()
    {
        task.map = new;
    }
}

fn depend_otherwise(chance: &mut Chance, tasks: &mut [TaskDefinition]) {
    let outer = tasks.iter().filter(|task| task.within.is_none());
    let names: Vec<_> = outer.map(|task| task.name.clone()).collect();
    let other = chance.pick(&[0, 1, 2, 3, 4, 5]);
    if let Some(task) = some_single(chance, tasks) {
        let own = task.name.clone();
        match names.get(other).filter(|name| **name != own) {
            Some(name) if !task.depends_on.contains(name) => task.depends_on.push(name.clone()),
            _ => drop(task.depends_on.pop()),
        }
    }
}

fn decide_otherwise(chance: &mut Chance, mix: &Mix, tasks: &mut [TaskDefinition]) {
    let elsewhere = chance.hits(200);
    let kind = chance.pick(&["keyed", "listed", "silent", "call", "sensor"]);
    let mut fork = Chance::new(chance.next());
    if let Some(task) = some_single(chance, tasks)
        && task.hold_until.is_none()
    {
        let mut other = bare(task.name.clone(), &task.executor);
        if elsewhere {
            other.executor = kind.to_owned();
        }
        other.depends_on = task.depends_on.clone();
        other.map = task.map.clone();
        decide(&mut fork, mix, &mut other);
        *task = other;
    }
}
