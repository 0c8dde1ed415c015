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

#[test]
fn a_run_that_is_live_or_has_nothing_to_do_takes_no_definition() {
    let dags = two_versions();
    let mut engine = Engine::with_versions(&dags, World::default());
    engine.until(2);
    let refused = |engine: &Engine<'_>, later| {
        plan_latest(engine.dag, later, &engine.run, &RetryScope::default()).unwrap_err()
    };
    assert_eq!(
        refused(&engine, &dags[1]),
        RetryRefusal::NotEnded("running")
    );
    engine.run_to_end();
    let strange = plan_latest(&dags[0], &dags[1], &engine.run, &scope(&["old"])).unwrap_err();
    assert_eq!(strange, RetryRefusal::NoTask("old".parse().unwrap()));
    let mut definition = dags[0].definition().clone();
    definition.tasks[0].priority = 4;
    let changed = Dag::new(definition).unwrap();
    assert_eq!(refused(&engine, &changed), RetryRefusal::NothingFailed);
    let named = plan_latest(&dags[0], &changed, &engine.run, &scope(&["first"])).unwrap();
    assert_eq!(named.names(&changed), ["first"]);
    assert_eq!(named.run.line, [], "nothing has moved");
}

#[test]
fn work_of_a_removed_task_that_may_still_go_on_is_not_left_behind() {
    let lost = Script {
        sends: vec![Send::LostAnswer],
        recovery: Recovery::Never,
        ..Script::default()
    };
    let dags = [
        dag(vec![task("a", &[], |_| {}), task("b", &[], |_| {})]),
        dag(vec![task("a", &[], |_| {})]),
    ];
    let mut engine = Engine::with_versions(&dags, World::default().with("b", lost));
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    let told = unfit(&engine, &dags[1], &RetryScope::default());
    assert_eq!(
        (told.code, told.task.as_deref()),
        ("unknown_work", Some("b"))
    );
    assert!(told.help.contains("mark"), "{told}");
    // A person has looked.
    engine.happen(Event::Mark {
        task: TaskRunIx(1),
        verdict: Verdict::Failed,
        leave_running: false,
        by: Actor::engine(),
        reason: None,
    });
    take(&mut engine, &dags[1], &RetryScope::default()).unwrap();
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    engine.launched_at_most_once();
}

#[test]
fn what_could_not_be_cleared_away_is_not_left_behind() {
    let held = |task: &mut TaskDefinition| task.hold_until = Some(HoldUntil::Run);
    let dags = [
        dag(vec![
            task("held", &[], held),
            task("bad", &["held"], |_| {}),
        ]),
        dag(vec![task("bad", &[], |_| {})]),
    ];
    let world = World::default()
        .with("bad", failing(1))
        .stubborn(usize::MAX);
    let mut engine = Engine::with_versions(&dags, world);
    engine.until(30);
    engine.now += CLEARING_PATIENCE;
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    let told = unfit(&engine, &dags[1], &RetryScope::default());
    assert_eq!(
        (told.code, told.task.as_deref()),
        ("unknown_work", Some("held"))
    );
}

#[test]
fn a_task_that_has_begun_stays_what_it_was() {
    let plain = || task("x", &[], |_| {});
    let list = |items: Value| task("x", &[], mapped(items));
    let other = || task("x", &[], |task| task.executor = "another".to_owned());
    let bad = || task("bad", &[], |_| {});
    for (was, is, code) in [
        (plain(), list(json!([1])), "shape_changed"),
        (list(json!([1])), plain(), "shape_changed"),
        (list(json!([])), plain(), "shape_changed"),
        (plain(), other(), "executor_changed"),
    ] {
        let dags = [dag(vec![was, bad()]), dag(vec![is, bad()])];
        let mut engine = Engine::with_versions(&dags, World::default().with("bad", failing(1)));
        engine.run_to_end();
        let told = unfit(&engine, &dags[1], &RetryScope::default());
        assert_eq!((told.code, told.task.as_deref()), (code, Some("x")));
    }
    let of = |steps: &[&str]| {
        let mut tasks = vec![task("bad", &[], |_| {})];
        tasks.extend(group(json!([1]), steps));
        dag(tasks)
    };
    let dags = [of(&["s"]), of(&["s", "t"])];
    let mut engine = Engine::with_versions(&dags, World::default().with("bad", failing(1)));
    engine.run_to_end();
    let told = unfit(&engine, &dags[1], &RetryScope::default());
    assert_eq!(
        (told.code, told.task.as_deref()),
        ("shape_changed", Some("g"))
    );
}

#[test]
fn items_begin_anew_only_under_the_list_that_they_are_of() {
    let dags = [
        dag(vec![task("each", &[], mapped(json!([1, 2])))]),
        dag(vec![task("each", &[], mapped(json!([2, 3])))]),
    ];
    let mut engine = Engine::with_versions(&dags, World::default().with("each", failing(1)));
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    let told = unfit(&engine, &dags[1], &RetryScope::default());
    assert_eq!(
        (told.code, told.task.as_deref()),
        ("list_changed", Some("each"))
    );
    assert!(told.help.contains("--task each"), "{told}");
    let begins = take(&mut engine, &dags[1], &scope(&["each"])).unwrap();
    assert_eq!(begins, ["each"]);
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    let expected = [("each", 0), ("each[1]", 1), ("each[2]", 2), ("each[3]", 1)];
    assert_eq!(attempts(&engine), counts(expected));
    engine.launched_at_most_once();
}

#[test]
fn a_run_keeps_its_params_and_takes_no_definition_that_needs_others() {
    let param = |default: Option<Value>| Param {
        kind: ParamKind::Integer,
        description: None,
        default,
        optional: false,
        pattern: None,
        choices: None,
        minimum: None,
        maximum: None,
    };
    let with = |default: Option<Value>| {
        dag_with(vec![task("bad", &[], |_| {})], |dag| {
            dag.params.insert("count".to_owned(), param(default));
        })
    };
    let dags = [
        dag(vec![task("bad", &[], |_| {})]),
        with(None),
        with(Some(json!(3))),
    ];
    let mut engine = Engine::with_versions(&dags, World::default().with("bad", failing(1)));
    engine.run_to_end();
    for later in &dags[1..] {
        let told = unfit(&engine, later, &RetryScope::default());
        assert_eq!((told.code, told.task), ("params_changed", None));
        assert!(told.message.contains("count"), "{}", told.message);
    }
    let unfinished = dag_with(vec![task("bad", &[], |_| {})], |dag| {
        dag.not_yet.push("tasks.bad.magic".to_owned());
    });
    assert_eq!(
        unfit(&engine, &unfinished, &RetryScope::default()).code,
        "not_yet"
    );
}

#[test]
fn a_kill_anywhere_around_the_new_round_changes_neither_the_end_nor_the_number_of_launches() {
    let dags = two_versions();
    for count in 1.. {
        let mut engine = Engine::with_versions(&dags, World::default().with("bad", failing(1)));
        engine.run_to_end();
        engine.kill_after = Some(engine.events + count);
        let mut end = RunEnding::Failed;
        // An ask that was not answered is asked again.
        while end == RunEnding::Failed {
            take(&mut engine, &dags[1], &RetryScope::default()).unwrap();
            end = engine.run_to_end();
        }
        assert_eq!(engine.run.round, 2, "killed after {count}");
        let expected = [
            ("first", 1),
            ("old", 1),
            ("bad", 2),
            ("last", 1),
            ("new", 1),
        ];
        assert_eq!(attempts(&engine), counts(expected), "killed after {count}");
        engine.launched_at_most_once();
        if engine.kill_after.is_some() {
            assert!(count > 10, "only {count} kills struck");
            return;
        }
    }
}

#[test]
fn a_journal_of_two_definitions_needs_both_and_notices_if_another_is_named() {
    let dags = two_versions();
    let mut engine = Engine::with_versions(&dags, World::default().with("bad", failing(1)));
    engine.run_to_end();
    take(&mut engine, &dags[1], &RetryScope::default()).unwrap();
    engine.run_to_end();
    let (stored, records) = (&engine.stored, &engine.journal.records);
    let last = records.last().unwrap().0;
    let hashes = [dags[0].hash().clone(), dags[1].hash().clone()];
    assert_eq!(versions(&stored.facts, records), hashes);
    assert!(fold(&dags, stored, records, last).is_ok());
    for one in &dags {
        let missing = fold(std::slice::from_ref(one), stored, records, last).unwrap_err();
        assert!(matches!(missing, Difference::Missing { .. }), "{missing}");
    }
    let text = serde_json::to_string(records).unwrap();
    let read: Vec<_> = serde_json::from_str(&text).unwrap();
    assert!(fold(&dags, stored, &read, last).is_ok(), "as it is stored");
    let mut unnamed: Vec<(u64, crate::run::Record)> = read.clone();
    for (_, record) in &mut unnamed {
        if let Fact::RunRetried { definition, .. } = &mut record.fact {
            *definition = None;
        }
    }
    assert!(fold(&dags, stored, &unnamed, last).is_err());
}

#[test]
fn a_definition_that_is_not_of_the_run_changes_nothing() {
    let dags = two_versions();
    let mut engine = Engine::with_versions(&dags, World::default().with("bad", failing(1)));
    engine.run_to_end();
    let latest = plan_latest(&dags[0], &dags[1], &engine.run, &RetryScope::default()).unwrap();
    let good = latest.repin.unwrap();
    let mut wrong = vec![good.clone(), good.clone(), good.clone(), good.clone()];
    wrong[0].from = dags[1].hash().clone();
    wrong[1].line.pop();
    wrong[2].line[0] = TaskRunIx(77);
    wrong[3].gone.clear();
    engine.dag = &dags[1];
    for repin in wrong {
        let before = engine.run.clone();
        let step = engine.happen(Event::Retry {
            tasks: latest.tasks.clone(),
            by: Actor::engine(),
            reason: None,
            backfill: None,
            definition: Some(Box::new(repin)),
        });
        assert!(step.is_empty());
        assert_eq!(engine.run, before);
    }
}

/// Versions of a small pool of names: which are there, in which order, each depending on some of those before it.
fn version() -> impl Strategy<Value = Dag> {
    let names = Just(vec!["a", "b", "c", "d", "e", "m"]).prop_shuffle();
    (names, 1usize..=6, any::<u64>()).prop_map(|(names, count, edges)| {
        let names = &names[..count];
        let one = |(at, name): (usize, &&str)| {
            let before = names[..at].iter().enumerate();
            let upstream = before.filter(|(up, _)| edges >> ((at * 6 + up) % 64) & 1 == 1);
            let upstream: Vec<&str> = upstream.map(|(_, name)| *name).collect();
            task(name, &upstream, |task| {
                if *name == "m" {
                    mapped(json!([1, 2]))(task);
                }
                task.priority = i64::try_from(edges % 5).unwrap();
            })
        };
        dag(names.iter().enumerate().map(one).collect())
    })
}

fn keys(engine: &Engine<'_>) -> Vec<AttemptKey> {
    let tasks = engine.run.tasks.iter();
    tasks
        .flat_map(|task| task.attempts.iter().map(|attempt| attempt.key.clone()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn over_any_versions_no_attempt_is_lost_no_key_comes_twice_and_the_journal_makes_the_run(
        dags in proptest::collection::vec(version(), 4),
        bad in proptest::collection::vec((0usize..6, 1usize..4), 0..4),
        kill in proptest::option::of(1usize..60),
    ) {
        let names = ["a", "b", "c", "d", "e", "m"];
        let world = bad.iter().fold(World::default(), |world, (at, times)| {
            world.with(names[*at], failing(*times))
        });
        let mut engine = Engine::with_versions(&dags, world);
        engine.kill_after = kill;
        engine.run_to_end();
        for later in &dags[1..] {
            let before = keys(&engine);
            let places: Vec<String> = (0..engine.run.tasks.len())
                .map(|ix| engine.run.name_of(engine.dag, TaskRunIx(u32::try_from(ix).unwrap())))
                .collect();
            if take(&mut engine, later, &RetryScope::default()).is_err() {
                continue;
            }
            engine.run_to_end();
            let after = keys(&engine);
            prop_assert!(before.iter().all(|key| after.contains(key)), "an attempt is lost");
            for (ix, name) in places.iter().enumerate() {
                let now = engine.run.name_of(engine.dag, TaskRunIx(u32::try_from(ix).unwrap()));
                prop_assert_eq!(&now, name, "a task run left its place");
            }
            // Every task of the definition has one task run, under its name, and has ended.
            for (task, ix) in engine.dag.outer().zip(engine.run.outer(engine.dag)) {
                let run = &engine.run.tasks[ix.index()];
                prop_assert_eq!(run.task, task);
                prop_assert!(run.gone.is_none() && run.end().is_some());
            }
            engine.launched_at_most_once();
            attempts(&engine);
        }
        let over = matches!(engine.run.phase, Phase::Ended { .. });
        prop_assert!(over);
    }
}
