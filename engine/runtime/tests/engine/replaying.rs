//! What the store keeps of every run of these tests, after every kill and every drain: its journal makes its state again.

use noctule_core::ask::{Answer, Wish};
use noctule_core::dag::Dag;
use noctule_core::name::RunId;
use noctule_core::replay::{Replayed, fold, versions};
use noctule_core::run::{Event, Fact, Run, RunEnding, Verdict};
use noctule_executor_testing::Effect;
use noctule_store::{RunFilter, Store};

use crate::harness::{Running, Stage, ask, ending};

/// Folds the journal of every run of a store; tells how many transitions there were.
pub(crate) async fn replays(store: &Store) -> usize {
    let filter = RunFilter {
        limit: 10_000,
        ..RunFilter::default()
    };
    let mut events = 0;
    for run in store.find_runs(&filter).await.unwrap() {
        events += replay(store, &run.facts.id).await.events.len();
    }
    events
}

pub(crate) async fn replay(store: &Store, id: &RunId) -> Replayed {
    let mut journal = store.records(id, 0, 100_000).await.unwrap();
    let settled = journal.last().map_or(0, |(seq, _)| *seq);
    let run = store.run(id).await.unwrap().unwrap();
    // Another engine may be at work: the run is somewhere between these two looks.
    journal.extend(store.records(id, settled, 100_000).await.unwrap());
    let mut dags = Vec::new();
    for version in versions(&run.facts, &journal) {
        let version = store.version(&version).await.unwrap().unwrap();
        dags.push(Dag::new(version.definition).unwrap());
    }
    fold(&dags, &run, &journal, settled)
        .unwrap_or_else(|difference| panic!("run {id}: {difference}"))
}

async fn done(engine: &Running, wish: Wish) {
    let answer = engine.control.ask(ask(wish)).await.unwrap();
    assert!(matches!(answer, Answer::Done { .. }), "{answer:?}");
}

const EVENTFUL: &str = r#"
id = "d"
[defaults]
executor = "scripted"
wait = "block"
[tasks.list]
with = { output = { files = ["a", "b", "c"], share = 0.30000000000000004 } }
[tasks.each]
depends_on = ["list"]
map = "{{ tasks.list.output.files }}"
max_parallel = 2
with = { launch = ["lost_answer"], output = { file = "{{ item }}", share = "{{ tasks.list.output.share }}" } }
[tasks.odd]
depends_on = ["list"]
when = "tasks.list.output.share > 0.5"
[tasks.flaky]
depends_on = ["list"]
with = { ends = ["failed", "succeeded"] }
[tasks.held]
depends_on = ["each"]
with = { hold = true }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_with_a_list_a_kill_a_mark_and_a_retry_replays_from_the_store_alone() {
    let stage = Stage::new(EVENTFUL);
    let first = stage.start().await;
    let run = first.trigger().await;
    stage.world.launched("held").await;
    first.kill().await;
    let second = stage.start().await;
    let mark = Wish::Mark {
        run: run.clone(),
        task: "held".parse().unwrap(),
        verdict: Verdict::Succeeded,
        leave_running: false,
        reason: Some("enough".to_owned()),
    };
    done(&second, mark).await;
    assert_eq!(ending(&second.over(&run).await), Some(RunEnding::Failed));
    let retry = Wish::Retry {
        run: run.clone(),
        tasks: vec![],
        downstream: false,
        all: false,
        reason: None,
        definition: noctule_core::ask::Take::Pinned,
    };
    done(&second, retry).await;
    let ended = second
        .until(&run, |run| run.round == 2 && run.is_over())
        .await;
    assert_eq!(ending(&ended), Some(RunEnding::Succeeded));
    let store = second.store.clone();
    second.drain().await;
    let replayed = replay(&store, &run).await;
    assert_eq!(replayed.run, ended);
    let heard = |wanted: fn(&Event) -> bool| replayed.events.iter().any(|it| wanted(&it.event));
    assert!(heard(|event| matches!(event, Event::Mark { .. })));
    assert!(heard(|event| matches!(event, Event::Retry { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_under_way_replays_as_far_as_it_has_come() {
    let tasks: String = (0..40)
        .map(|i| format!("[tasks.t{i}]\nwith = {{ after = \"{i}ms\" }}\n"))
        .collect();
    let stage = Stage::new(&format!(
        "id = \"d\"\n[defaults]\nexecutor = \"scripted\"\nwait = \"block\"\n{tasks}"
    ));
    let engine = stage.start().await;
    let run = engine.trigger().await;
    let mut seen = 0;
    while !engine
        .store
        .run(&run)
        .await
        .unwrap()
        .is_some_and(|run| run.is_over())
    {
        seen = seen.max(replay(&engine.store, &run).await.events.len());
    }
    assert!(seen > 0);
    stage
        .world
        .look(|ledger| assert_eq!(ledger.count(Effect::Launch), 40));
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_makes_the_state_of_a_run_that_waits_for_its_turn() {
    let stage =
        Stage::new("id = \"d\"\n[tasks.t]\nexecutor = \"scripted\"\nwith = { hold = true }\n");
    let engine = stage.start().await;
    let (first, second) = (engine.trigger().await, engine.trigger().await);
    stage.world.launched("t").await;
    let waiting: Run = engine.until(&second, |_| true).await;
    let replayed = replay(&engine.store, &second).await;
    assert_eq!((replayed.run, replayed.events.len()), (waiting, 0));
    let replayed = replay(&engine.store, &first).await;
    let facts = replayed.events.iter().flat_map(|it| &it.records);
    assert!(
        facts
            .into_iter()
            .any(|(_, it)| matches!(it.fact, Fact::Intended { .. }))
    );
    engine.kill().await;
}
