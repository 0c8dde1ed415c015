//! A kill anywhere, and any two definitions: what is on record goes on.

use super::*;

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
