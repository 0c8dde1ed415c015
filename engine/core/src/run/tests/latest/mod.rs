//! A round that takes a later definition: what stays, what begins, what is gone, what is refused; and that a kill anywhere
//! changes none of it.

use std::collections::BTreeMap;

use noctule_executor::{AttemptKey, ErrorClass, Recovery};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::{Engine, Script, Send, World, dag, dag_with, failed, task};
use crate::dag::{Dag, GROUP, HoldUntil, MapRule, MinSuccess, Param, ParamKind, TaskDefinition};
use crate::name::TaskName;
use crate::replay::{Difference, fold, versions};
use crate::run::{
    Actor, CLEARING_PATIENCE, Event, Fact, Phase, RetryRefusal, RetryScope, RunEnding, TaskRunIx,
    Unfit, Verdict, plan_latest,
};

mod proof;
mod refused;

fn failing(outcomes: usize) -> Script {
    Script {
        outcomes: vec![failed(ErrorClass::User); outcomes],
        ..Script::default()
    }
}

fn scope(tasks: &[&str]) -> RetryScope {
    RetryScope {
        tasks: tasks.iter().map(|name| name.parse().unwrap()).collect(),
        ..RetryScope::default()
    }
}

/// Opens a round with another version; the names of what begins.
fn take<'a>(
    engine: &mut Engine<'a>,
    later: &'a Dag,
    scope: &RetryScope,
) -> Result<Vec<String>, RetryRefusal> {
    let latest = plan_latest(engine.dag, later, &engine.run, scope)?;
    let names = latest.names(later);
    engine.dag = later;
    engine.happen(Event::Retry {
        tasks: latest.tasks,
        by: Actor::engine(),
        reason: None,
        backfill: None,
        definition: latest.repin.map(Box::new),
    });
    Ok(names)
}

fn unfit(engine: &Engine<'_>, later: &Dag, scope: &RetryScope) -> Unfit {
    match plan_latest(engine.dag, later, &engine.run, scope) {
        Err(RetryRefusal::Definition(unfit)) => *unfit,
        other => panic!("it fits: {other:?}"),
    }
}

fn mapped(items: Value) -> impl FnOnce(&mut TaskDefinition) {
    move |task| {
        task.map = Some(MapRule {
            items,
            key: None,
            max_parallel: None,
            min_success: MinSuccess::default(),
        });
    }
}

/// A group over a list, whose items walk these steps side by side.
fn group(items: Value, steps: &[&str]) -> Vec<TaskDefinition> {
    let group: TaskName = "g".parse().unwrap();
    let mut tasks = vec![task("g", &[], |task| {
        mapped(items)(task);
        task.executor = GROUP.to_owned();
    })];
    tasks.extend(steps.iter().map(|step| {
        task(step, &[], |task| {
            task.name = TaskName::within(&group, &task.name);
            task.within = Some(group.clone());
        })
    }));
    tasks
}

/// Names with their attempts; the numbers of a task run stand for its places.
fn attempts(engine: &Engine<'_>) -> BTreeMap<String, usize> {
    let all = (0..).map(TaskRunIx).zip(&engine.run.tasks);
    all.map(|(ix, task)| {
        for (place, attempt) in (1..).zip(&task.attempts) {
            assert_eq!(attempt.number, place, "{:?}", task.attempts);
        }
        (engine.run.name_of(engine.dag, ix), task.attempts.len())
    })
    .collect()
}

fn counts<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    expected
        .map(|(name, count)| (name.to_owned(), count))
        .into()
}

/// `bad` fails once between `first` and `last`; the later version has something new before all of them, and no `old`.
fn two_versions() -> [Dag; 2] {
    [
        dag(vec![
            task("first", &[], |_| {}),
            task("old", &["first"], |_| {}),
            task("bad", &["first"], |_| {}),
            task("last", &["bad", "old"], |_| {}),
        ]),
        dag(vec![
            task("new", &[], |_| {}),
            task("last", &["bad", "new"], |task| task.priority = 3),
            task("bad", &["first", "new"], |task| task.priority = 2),
            task("first", &[], |task| task.priority = 1),
        ]),
    ]
}

#[test]
fn what_both_have_stays_what_failed_begins_anew_what_is_new_waits_and_what_is_gone_keeps_its_attempts()
 {
    let dags = two_versions();
    let mut engine = Engine::with_versions(&dags, World::default().with("bad", failing(1)));
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    let before = engine.run.clone();
    let begins = take(&mut engine, &dags[1], &RetryScope::default()).unwrap();
    assert_eq!(begins, ["bad", "last", "new"]);
    assert_eq!(engine.run.facts.version, *dags[1].hash());
    assert_eq!(engine.run.tasks[0].attempts, before.tasks[0].attempts);
    let states = engine.states();
    let word = |name: &str| states[name];
    assert_eq!(
        (word("new"), word("bad"), word("last")),
        ("waiting", "waiting", "waiting")
    );
    assert_eq!((word("first"), word("old")), ("succeeded", "succeeded"));
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    let expected = [
        ("first", 1),
        ("old", 1),
        ("bad", 2),
        ("last", 1),
        ("new", 1),
    ];
    assert_eq!(attempts(&engine), counts(expected));
    engine.launched_at_most_once();
    let taken = |fact: &Fact| match fact {
        Fact::RunRetried { definition, .. } => definition.clone(),
        _ => None,
    };
    let taken: Vec<_> = engine.facts.iter().filter_map(taken).collect();
    assert_eq!(
        taken,
        [dags[1].hash().clone()],
        "the journal names the version"
    );
}

#[test]
fn what_begins_anew_does_so_under_the_new_definition_and_what_follows_waits_for_what_is_new() {
    let dags = two_versions();
    let mut engine = Engine::with_versions(&dags, World::default().with("bad", failing(1)));
    engine.run_to_end();
    take(&mut engine, &dags[1], &RetryScope::default()).unwrap();
    engine.until((engine.now - super::world::at(0)).num_seconds() + 2);
    let states = engine.states();
    assert_eq!((states["new"], states["bad"]), ("running", "waiting"));
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    let bad = dags[1].find("bad").unwrap();
    let ix = engine.run.of_outer(bad);
    assert_eq!(
        engine.run.tasks[ix.index()].definition(&dags[1]).priority,
        2
    );
}

#[test]
fn a_task_that_comes_back_goes_on_with_its_numbers_and_never_uses_a_key_twice() {
    let with = |names: &[&str]| dag(names.iter().map(|name| task(name, &[], |_| {})).collect());
    let dags = [with(&["x", "bad"]), with(&["bad"]), with(&["bad", "x"])];
    let world = World::default().with("bad", failing(2));
    let mut engine = Engine::with_versions(&dags, world);
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    take(&mut engine, &dags[1], &RetryScope::default()).unwrap();
    assert!(engine.run.find(&dags[1], &"x".parse().unwrap()).is_empty());
    assert_eq!(
        engine.run.find_ever(&dags[1], &"x".parse().unwrap()),
        [TaskRunIx(0)]
    );
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    let begins = take(&mut engine, &dags[2], &RetryScope::default()).unwrap();
    assert_eq!(begins, ["x", "bad"], "it is there again, and begins anew");
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    assert_eq!(attempts(&engine), counts([("x", 2), ("bad", 3)]));
    engine.launched_at_most_once();
    assert_eq!(engine.run.tasks.len(), 2);
}

#[test]
fn a_removed_failure_is_no_failure_of_the_run_any_more() {
    let dags = [
        dag(vec![task("a", &[], |_| {}), task("bad", &[], |_| {})]),
        dag(vec![task("a", &[], |_| {})]),
    ];
    let mut engine = Engine::with_versions(&dags, World::default().with("bad", failing(1)));
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    assert_eq!(
        take(&mut engine, &dags[1], &RetryScope::default()).unwrap(),
        [""; 0]
    );
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    assert_eq!(attempts(&engine), counts([("a", 1), ("bad", 1)]));
    let nothing = plan_latest(&dags[1], &dags[1], &engine.run, &RetryScope::default());
    assert_eq!(nothing.unwrap_err(), RetryRefusal::NothingFailed);
}

#[test]
fn the_items_of_a_list_stay_those_of_their_head_when_tasks_are_moved_around_them() {
    let plain = |names: &[&str]| -> Vec<TaskDefinition> {
        names.iter().map(|name| task(name, &[], |_| {})).collect()
    };
    let mut first = plain(&["a"]);
    let mut steps = group(json!([1, 2]), &["s", "t"]);
    let inner = steps.split_off(1);
    first.extend(steps.clone());
    first.push(task("each", &[], mapped(json!(["x", "y"]))));
    first.extend(inner.clone());
    let mut second = vec![task("each", &[], |task| {
        mapped(json!(["x", "y"]))(task);
        task.priority = 9;
    })];
    second.extend(plain(&["new", "newer"]));
    second.extend(steps);
    second.extend(inner.into_iter().map(|mut task| {
        task.priority = 8;
        task
    }));
    let dags = [dag(first), dag(second)];
    let bad = World::default()
        .with("g.s", failing(1))
        .with("each", failing(1));
    let mut engine = Engine::with_versions(&dags, bad);
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    let mut begins = take(&mut engine, &dags[1], &RetryScope::default()).unwrap();
    begins.sort();
    assert_eq!(begins, ["each[\"x\"]", "g.s[1]", "new", "newer"]);
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    let made = attempts(&engine);
    for (name, count) in [
        ("each[\"x\"]", 2),
        ("each[\"y\"]", 1),
        ("g.s[1]", 2),
        ("g.s[2]", 1),
        ("g.t[1]", 1),
        ("a", 1),
    ] {
        assert_eq!(made[name], count, "{name} of {made:?}");
    }
    let inner = engine.run.find(&dags[1], &"g.s[1]".parse().unwrap());
    assert_eq!(
        engine.run.tasks[inner[0].index()]
            .definition(&dags[1])
            .priority,
        8
    );
    engine.launched_at_most_once();
}

#[test]
fn a_group_without_items_that_begins_anew_as_a_task_has_the_output_of_the_task() {
    let after = || task("after", &["g"], |_| {});
    let dags = [
        dag([vec![after()], group(json!([]), &["s"])].concat()),
        dag(vec![task("g", &[], |_| {}), after()]),
    ];
    let mut engine = Engine::with_versions(&dags, World::default().with("after", failing(1)));
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    let all = RetryScope {
        all: true,
        ..RetryScope::default()
    };
    take(&mut engine, &dags[1], &all).unwrap();
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    assert_eq!(attempts(&engine), counts([("g", 1), ("after", 2)]));
    let is_g = |it: &&crate::run::TaskRun| it.definition(engine.dag).name.as_str() == "g";
    let g = engine.run.tasks.iter().find(is_g).unwrap();
    assert_eq!(g.expansion, None, "its list stands for its output");
}

#[test]
fn a_group_that_is_gone_and_back_makes_its_list_again_with_the_task_runs_it_had() {
    let with = [group(json!([1, 2]), &["s"]), vec![]].concat();
    let mut first = vec![task("bad", &[], |_| {})];
    first.extend(with);
    let dags = [
        dag(first.clone()),
        dag(vec![task("bad", &[], |_| {})]),
        dag(first),
    ];
    let mut definition = dags[2].definition().clone();
    definition.description = Some("back".to_owned());
    let dags = [
        dags[0].clone(),
        dags[1].clone(),
        Dag::new(definition).unwrap(),
    ];
    let mut engine = Engine::with_versions(&dags, World::default().with("bad", failing(2)));
    engine.run_to_end();
    take(&mut engine, &dags[1], &RetryScope::default()).unwrap();
    engine.run_to_end();
    take(&mut engine, &dags[2], &RetryScope::default()).unwrap();
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    let made = attempts(&engine);
    assert_eq!((made["g.s[1]"], made["g.s[2]"], made["bad"]), (2, 2, 3));
    assert_eq!(engine.run.tasks.len(), 4);
    engine.launched_at_most_once();
}
