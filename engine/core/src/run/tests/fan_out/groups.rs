//! Items that walk tasks of their own.

use super::*;

#[test]
fn each_item_of_a_group_walks_its_own_chain_and_what_follows_runs_once() {
    let dag = chain(json!(["a", "b", "c"]), &STEPS, Some(3), 0);
    let mut engine = Engine::new(&dag, World::default());
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    assert_eq!(engine.world.ledger.len(), 3 * STEPS.len() + 1);
    let output = engine.run.output_of(&dag, TaskRunIx(0)).unwrap();
    assert_eq!(output[2]["iou_eval"]["status"], "success");
}

#[test]
fn a_failed_step_ends_its_item_and_no_other_and_is_never_passed_over() {
    let dag = chain(json!(["a", "b", "c"]), &["one", "two", "three"], Some(1), 0);
    let world = World::default().with("variant.two", failing(1));
    let mut engine = Engine::new(&dag, world);
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    let states = engine.states();
    assert_eq!(states[r#"variant.two["a"]"#], "failed");
    assert_eq!(states[r#"variant.three["a"]"#], "upstream_failed");
    assert_eq!(states[r#"variant.three["b"]"#], "succeeded");
    assert_eq!(states["last"], "upstream_failed");
    let tasks = plan_retry(&dag, &engine.run, &RetryScope::default()).unwrap();
    let names: BTreeSet<_> = tasks
        .iter()
        .map(|ix| engine.run.name_of(&dag, *ix))
        .collect();
    let expected = ["last", r#"variant.three["a"]"#, r#"variant.two["a"]"#];
    assert_eq!(names, expected.map(str::to_owned).into());
    retry(&mut engine, tasks);
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    engine.launched_at_most_once();
}

/// Three variants that end in the same instant, in every order in which their ends can be heard, a thousand times.
#[test]
fn ends_of_the_same_millisecond_are_all_counted_whatever_their_order() {
    let dag = chain(json!(["a", "b", "c"]), &["one", "two"], Some(3), 1);
    for seed in 0..1_000_u64 {
        let mut script = Script::default();
        if seed % 7 == 0 {
            script.outcomes = vec![failed(ErrorClass::Infrastructure), succeeded()];
        }
        let world = World::default().with("variant.two", script).shuffled(seed);
        let mut engine = Engine::new(&dag, world);
        if seed % 3 == 0 {
            engine.kill_after = Some(usize::try_from(seed % 40).unwrap() + 1);
        }
        assert_eq!(engine.run_to_end(), RunEnding::Succeeded, "seed {seed}");
        engine.launched_at_most_once();
        let last = engine.world.ledger.len();
        let retried = usize::from(seed % 7 == 0);
        assert_eq!(last, 7 + retried, "seed {seed}");
        let ends = engine
            .facts
            .iter()
            .filter(|fact| matches!(fact, Fact::RunEnded { .. }));
        assert_eq!(ends.count(), 1, "seed {seed}: a run ends once");
    }
}

#[test]
fn a_kill_anywhere_in_a_fan_out_changes_neither_the_end_nor_the_number_of_launches() {
    let dags = [
        fan(json!([1, 2, 3]), Some(2), 1.0),
        chain(json!(["a", "b"]), &["one", "two"], Some(1), 0),
    ];
    for dag in &dags {
        for count in 1.. {
            let mut engine = Engine::new(dag, World::default());
            engine.kill_after = Some(count);
            assert_eq!(
                engine.run_to_end(),
                RunEnding::Succeeded,
                "killed after {count}"
            );
            assert_eq!(engine.world.ledger.len(), 5, "killed after {count}");
            engine.launched_at_most_once();
            if engine.kill_after.is_some() {
                assert!(count > 20, "only {count} kills struck");
                break;
            }
        }
    }
}
