//! What takes no later definition, and why.

use super::*;

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
