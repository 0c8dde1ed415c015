//! Mapped tasks and groups: items, their turn, their judgement, their retries, and kills in the midst of it.

use std::collections::{BTreeMap, BTreeSet};

use noctule_executor::ErrorClass;
use serde_json::{Value, json};

use super::world::{Engine, Script, World, at, dag, failed, succeeded, task};
use crate::dag::{Dag, GROUP, MapRule, MinSuccess, Retries, TaskDefinition};
use crate::name::TaskName;
use crate::run::{
    Actor, Event, Fact, RetryScope, RunEnding, TaskRunIx, TaskState, Verdict, plan_retry,
};

mod groups;

fn mapped(items: Value, max_parallel: Option<u32>) -> impl FnOnce(&mut TaskDefinition) {
    move |task| {
        task.map = Some(MapRule {
            items,
            key: None,
            max_parallel,
            min_success: MinSuccess::default(),
        });
    }
}

fn share(share: f64) -> impl FnOnce(&mut TaskDefinition) {
    move |task| {
        if let Some(map) = &mut task.map {
            map.min_success = MinSuccess::Share(share);
        }
    }
}

/// `convert` over a list between `list` and `after`.
fn fan(items: Value, max_parallel: Option<u32>, min: f64) -> Dag {
    dag(vec![
        task("list", &[], |_| {}),
        task("convert", &["list"], |task| {
            mapped(items, max_parallel)(task);
            share(min)(task);
        }),
        task("after", &["convert"], |_| {}),
    ])
}

/// A group `variant` over a list, whose items walk `steps` one after the other; then `last`.
fn chain(items: Value, steps: &[&str], max_parallel: Option<u32>, tries: u32) -> Dag {
    let group: TaskName = "variant".parse().unwrap();
    let mut tasks = vec![
        task("variant", &[], |task| {
            task.executor = GROUP.to_owned();
            mapped(items, max_parallel)(task);
        }),
        task("last", &["variant"], |_| {}),
    ];
    for (at, step) in steps.iter().enumerate() {
        tasks.push(task(step, &[], |task| {
            task.name = TaskName::within(&group, &task.name);
            task.within = Some(group.clone());
            task.retries = Retries {
                max: tries,
                ..Retries::default()
            };
            if let Some(before) = at.checked_sub(1) {
                let before: TaskName = steps[before].parse().unwrap();
                task.depends_on = vec![TaskName::within(&group, &before)];
            }
        }));
    }
    dag(tasks)
}

fn failing(outcomes: usize) -> Script {
    Script {
        outcomes: vec![failed(ErrorClass::User); outcomes],
        ..Script::default()
    }
}

#[test]
fn each_item_is_a_task_run_and_the_whole_ends_in_the_step_of_the_last() {
    let dag = fan(json!(["a", "b", "c"]), None, 1.0);
    let mut engine = Engine::new(&dag, World::default());
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    let states = engine.states();
    for name in [
        "list",
        "convert",
        "after",
        r#"convert["a"]"#,
        r#"convert["c"]"#,
    ] {
        assert_eq!(states[name], "succeeded", "{states:?}");
    }
    let output = engine.run.output_of(&dag, TaskRunIx(1)).unwrap();
    let one = json!({"status": "success"});
    assert_eq!(*output, json!([one, one, one]));
    assert_eq!(engine.world.ledger.len(), 5);
    engine.launched_at_most_once();
}

#[test]
fn no_more_items_are_under_way_than_max_parallel_allows() {
    let dag = fan(json!((0..20).collect::<Vec<_>>()), Some(3), 1.0);
    let mut engine = Engine::new(&dag, World::default());
    let mut most = 0;
    while !engine.run.is_over() {
        engine.until((engine.now - at(0)).num_seconds() + 1);
        let open = engine.run.tasks[3.min(engine.run.tasks.len())..]
            .iter()
            .filter(|task| !matches!(task.state, TaskState::Waiting | TaskState::Ended(_)));
        most = most.max(open.count());
    }
    assert_eq!(most, 3);
    assert_eq!(engine.states()["after"], "succeeded");
}

#[test]
fn the_whole_is_judged_by_the_share_of_the_items_that_were_not_skipped() {
    for (bad, min, ending) in [
        (0, 1.0, RunEnding::Succeeded),
        (1, 1.0, RunEnding::Failed),
        (1, 0.75, RunEnding::Succeeded),
        (2, 0.75, RunEnding::Failed),
    ] {
        let dag = fan(json!([1, 2, 3, 4]), Some(1), min);
        let mut engine = Engine::new(&dag, World::default().with("convert", failing(bad)));
        assert_eq!(engine.run_to_end(), ending, "{bad} bad of 4, {min}");
        let tally = engine.run.tally(&dag, &engine.run.tasks[1]).unwrap();
        assert_eq!((tally.succeeded, tally.bad), (4 - bad, bad));
    }
}

#[test]
fn skipped_items_are_apart_from_failed_ones_and_all_skipped_skips_the_whole() {
    let mut dag = fan(json!([1, 2]), None, 1.0);
    let mut definition = dag.definition().clone();
    definition.tasks[1].skip_when = Some("missing".to_owned());
    dag = Dag::new(definition).unwrap();
    let world = World::default().when("missing", Ok(true));
    let mut engine = Engine::new(&dag, world);
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    assert_eq!(engine.states()["convert"], "skipped");
    assert_eq!(engine.states()["after"], "skipped", "a skip passes down");
}

#[test]
fn an_empty_list_is_good_and_its_output_is_an_empty_list() {
    let dag = fan(json!([]), None, 1.0);
    let mut engine = Engine::new(&dag, World::default());
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    assert_eq!(
        *engine.run.output_of(&dag, TaskRunIx(1)).unwrap(),
        json!([])
    );
}

#[test]
fn a_list_that_cannot_be_made_fails_the_task_and_starts_nothing() {
    let dag = fan(json!("no list"), None, 1.0);
    let mut engine = Engine::new(&dag, World::default());
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    assert_eq!(engine.states()["convert"], "failed");
    assert_eq!(engine.world.ledger.len(), 1, "only `list` ran");
}

#[test]
fn a_retry_begins_only_the_failed_items_anew_and_judges_the_whole_again() {
    let dag = fan(json!([1, 2, 3]), Some(1), 1.0);
    let mut engine = Engine::new(&dag, World::default().with("convert", failing(1)));
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    let before = engine.world.ledger.len();
    let tasks = plan_retry(&dag, &engine.run, &RetryScope::default()).unwrap();
    let names: Vec<_> = tasks
        .iter()
        .map(|ix| engine.run.name_of(&dag, *ix))
        .collect();
    assert_eq!(names, ["after", "convert[1]"]);
    retry(&mut engine, tasks);
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    assert_eq!(
        engine.world.ledger.len(),
        before + 2,
        "one item, and `after`"
    );
    engine.launched_at_most_once();
}

#[test]
fn one_item_by_name_is_one_item_and_a_mapped_task_by_name_makes_its_list_again() {
    let dag = fan(json!([1, 2, 3]), None, 1.0);
    let mut engine = Engine::new(&dag, World::default());
    engine.run_to_end();
    for (named, launches) in [("convert[2]", 1), ("convert", 3)] {
        let scope = RetryScope {
            tasks: vec![named.parse().unwrap()],
            ..RetryScope::default()
        };
        let before = engine.world.ledger.len();
        let tasks = plan_retry(&dag, &engine.run, &scope).unwrap();
        retry(&mut engine, tasks);
        assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
        assert_eq!(engine.world.ledger.len(), before + launches, "{named}");
    }
    engine.launched_at_most_once();
    let missing = RetryScope {
        tasks: vec!["convert[9]".parse().unwrap()],
        ..RetryScope::default()
    };
    assert!(plan_retry(&dag, &engine.run, &missing).is_err());
}

#[test]
fn a_new_list_keeps_the_attempts_of_the_keys_it_names_again() {
    let dag = fan(json!([1, 2]), None, 1.0);
    let mut engine = Engine::new(&dag, World::default());
    engine.run_to_end();
    let mut definition = dag.definition().clone();
    definition.tasks[1].map.as_mut().unwrap().items = json!([2, 3]);
    let other = Dag::new(definition).unwrap();
    engine.dag = &other;
    let scope = RetryScope {
        tasks: vec!["convert".parse().unwrap()],
        ..RetryScope::default()
    };
    let tasks = plan_retry(&other, &engine.run, &scope).unwrap();
    retry(&mut engine, tasks);
    engine.run_to_end();
    let attempts: BTreeMap<String, usize> = (3..engine.run.tasks.len())
        .map(|ix| TaskRunIx(u32::try_from(ix).unwrap()))
        .map(|ix| {
            (
                engine.run.name_of(&other, ix),
                engine.run.tasks[ix.index()].attempts.len(),
            )
        })
        .collect();
    let expected = [("convert[1]", 1), ("convert[2]", 2), ("convert[3]", 1)];
    assert_eq!(
        attempts,
        expected
            .map(|(name, tries)| (name.to_owned(), tries))
            .into()
    );
    engine.launched_at_most_once();
    assert_eq!(
        engine
            .run
            .tally(&other, &engine.run.tasks[1])
            .unwrap()
            .items,
        2
    );
}

fn retry(engine: &mut Engine<'_>, tasks: Vec<TaskRunIx>) {
    engine.happen(Event::Retry {
        tasks,
        by: Actor::engine(),
        reason: None,
        backfill: None,
        definition: None,
    });
}

#[test]
fn a_mark_on_an_item_is_a_mark_on_it_alone_and_on_the_whole_it_is_one_on_each() {
    let forever = Script {
        lasts: None,
        ..Script::default()
    };
    for (target, expected) in [(1, "running"), (0, "succeeded")] {
        let dag = dag(vec![task("convert", &[], mapped(json!([1, 2]), None))]);
        let mut engine = Engine::new(&dag, World::default().with("convert", forever.clone()));
        engine.until(3);
        engine.happen(Event::Mark {
            task: TaskRunIx(target),
            verdict: Verdict::Succeeded,
            leave_running: false,
            by: Actor::engine(),
            reason: None,
        });
        engine.until(6);
        assert_eq!(engine.states()["convert[1]"], "succeeded");
        assert_eq!(engine.states()["convert"], expected);
    }
}

#[test]
fn a_mark_on_an_item_of_a_run_that_is_over_judges_the_whole_and_the_run_again() {
    let dag = dag(vec![task("convert", &[], mapped(json!([1, 2]), Some(1)))]);
    let mut engine = Engine::new(&dag, World::default().with("convert", failing(1)));
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    engine.happen(Event::Mark {
        task: TaskRunIx(1),
        verdict: Verdict::Succeeded,
        leave_running: false,
        by: Actor::engine(),
        reason: None,
    });
    assert_eq!(engine.states()["convert"], "succeeded");
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
}

#[test]
fn a_cancel_ends_the_items_under_way_and_never_begins_the_others() {
    let dag = fan(json!((0..10).collect::<Vec<_>>()), Some(2), 1.0);
    let mut engine = Engine::new(&dag, World::default());
    engine.until(8);
    let before = engine.world.ledger.len();
    engine.happen(Event::Cancel {
        by: Actor::engine(),
        reason: None,
    });
    assert_eq!(engine.run_to_end(), RunEnding::Cancelled);
    assert_eq!(engine.world.ledger.len(), before);
    assert!(engine.states().values().all(|state| *state != "waiting"));
}

const STEPS: [&str; 8] = [
    "vlm_analyze",
    "yolo_detect",
    "planner",
    "overlay",
    "vlm_judge",
    "ocr_eval",
    "readability_eval",
    "iou_eval",
];
