//! Runs that take another definition: version, line and what is gone become durable with the round, or nothing does.

use noctule_core::dag::TaskIx;
use noctule_core::run::{Actor, Fact, Phase, Record, Run, Step, TaskRun, TaskRunIx};
use noctule_store::{RunFilter, Write, Written};

use crate::bed::{Bed, on_every_store};
use crate::sample::{
    begin, chain, create, hop, id, manual, minutes, noon, pinned, run, unknown_version, version,
};
use noctule_core::dag::Dag;

/// Opens a round under another definition: the second task is gone, and one is new.
fn take(run: &mut Run, earlier: &Dag, later: &Dag) -> Step {
    run.round += 1;
    run.phase = Phase::Queued { since: minutes(9) };
    run.facts.version = later.hash().clone();
    run.line = vec![TaskRunIx(0), TaskRunIx(2), TaskRunIx(3)];
    run.tasks[1].gone = Some(Box::new(earlier.task(TaskIx(1)).clone()));
    run.tasks[1].task = TaskIx::NONE;
    run.tasks.push(TaskRun::new(TaskIx(2)));
    let fact = Fact::RunRetried {
        by: Actor::engine(),
        reason: None,
        tasks: 1,
        backfill: None,
        definition: Some(later.hash().clone()),
    };
    Step {
        run_changed: true,
        touched: [TaskRunIx(1), TaskRunIx(3)].into(),
        records: vec![Record::new(minutes(9), None, None, fact)],
    }
}

async fn a_run_that_took_another_definition_is_read_back_as_it_was_written(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 3).await;
    let (mut first, step) = run(&dag, "r", manual());
    store
        .commit(&lease, &[create(&first, &step)])
        .await
        .unwrap();
    let (other, other_step) = run(&dag, "other", manual());
    store
        .commit(&lease, &[create(&other, &other_step)])
        .await
        .unwrap();
    for step in [begin(&mut first), hop(&mut first, 0), hop(&mut first, 1)] {
        let write = Write::Step {
            run: &first,
            step: &step,
        };
        store.commit(&lease, &[write]).await.unwrap();
    }
    let kept = first.tasks[1].attempts.clone();
    let later = chain("d", 5);
    let later_version = version(&later);
    let step = take(&mut first, &dag, &later);
    let writes = [
        Write::Pin {
            version: &later_version,
        },
        Write::Step {
            run: &first,
            step: &step,
        },
    ];
    let written = store.commit(&lease, &writes).await.unwrap();
    assert!(
        written.iter().all(|it| matches!(it, Written::Done)),
        "{written:?}"
    );
    drop((store, lease));
    let store = bed.open().await;
    let read = store.run(&id("r")).await.unwrap().unwrap();
    assert_eq!(read, first);
    assert_eq!(read.tasks[1].attempts, kept, "no attempt is lost");
    assert_eq!(read.definition_of(1, &later), "t1");
    assert_eq!(store.live_runs().await.unwrap().len(), 2);
    let found = store.find_runs(&RunFilter::default()).await.unwrap();
    let of = |name: &str| {
        found
            .iter()
            .find(|it| it.facts.id.as_str() == name)
            .unwrap()
    };
    assert_eq!((&of("r").facts, &of("r").line), (&first.facts, &first.line));
    assert_eq!(
        (&of("other").facts, of("other").line.len()),
        (&other.facts, 0)
    );
    assert!(
        store.version(dag.hash()).await.unwrap().is_some(),
        "the journal needs it"
    );
    let places = store.attempt_places(noon(), 100).await.unwrap();
    let gone: Vec<_> = places.iter().filter(|it| it.task == TaskIx::NONE).collect();
    assert!(
        gone.iter().all(|it| it.gone.as_deref() == Some("process")),
        "{places:?}"
    );
    assert!(!gone.is_empty(), "{places:?}");
}

trait Named {
    fn definition_of(&self, ix: usize, dag: &Dag) -> String;
}

impl Named for Run {
    fn definition_of(&self, ix: usize, dag: &Dag) -> String {
        self.tasks[ix].definition(dag).name.to_string()
    }
}

async fn a_definition_that_is_not_there_is_refused_and_nothing_of_the_round_is_kept(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 3).await;
    let (mut first, step) = run(&dag, "r", manual());
    store
        .commit(&lease, &[create(&first, &step)])
        .await
        .unwrap();
    let before = store.run(&id("r")).await.unwrap();
    let step = take(&mut first, &dag, &chain("d", 5));
    first.facts.version = unknown_version();
    let write = Write::Step {
        run: &first,
        step: &step,
    };
    let written = store.commit(&lease, &[write]).await;
    assert!(
        !matches!(written.as_deref(), Ok([Written::Done])),
        "{written:?}"
    );
    assert_eq!(store.run(&id("r")).await.unwrap(), before);
    assert_eq!(store.records(&id("r"), 0, 10).await.unwrap().len(), 1);
}

on_every_store!(
    a_run_that_took_another_definition_is_read_back_as_it_was_written,
    a_definition_that_is_not_there_is_refused_and_nothing_of_the_round_is_kept,
);
