//! A run that goes over to a later definition in an engine: once, whatever is killed when, and never to another than was seen.

use noctule_core::ask::{Answer, Refusal, Take, Wish};
use noctule_core::name::{DagHash, RunId};
use noctule_core::run::{Run, RunEnding};

use crate::harness::{Running, Stage, ask, ending, until};
use crate::replaying::replay;

const EARLIER: &str = r#"
id = "d"
[defaults]
executor = "scripted"
wait = "block"
[tasks.first]
[tasks.old]
[tasks.bad]
depends_on = ["first"]
with = { ends = ["failed", "succeeded"] }
[tasks.last]
depends_on = ["bad", "old"]
"#;

const LATER: &str = r#"
id = "d"
[defaults]
executor = "scripted"
wait = "block"
[tasks.new]
[tasks.last]
depends_on = ["bad", "new"]
[tasks.bad]
depends_on = ["first", "new"]
with = { ends = ["failed", "succeeded"] }
[tasks.first]
"#;

fn latest(run: &RunId, version: Option<DagHash>) -> Wish {
    Wish::Retry {
        run: run.clone(),
        tasks: Vec::new(),
        downstream: false,
        all: false,
        reason: None,
        definition: Take::Latest { version },
    }
}

/// A run that failed under the earlier definition; the next engine reads the later one.
async fn failed() -> (Stage, RunId) {
    let mut stage = Stage::new(EARLIER);
    let engine = stage.start().await;
    let run = engine.trigger().await;
    assert_eq!(ending(&engine.over(&run).await), Some(RunEnding::Failed));
    engine.drain().await;
    stage.dags = stage.read(LATER);
    (stage, run)
}

fn tries(run: &Run) -> Vec<usize> {
    run.tasks.iter().map(|task| task.attempts.len()).collect()
}

fn is_good(run: &Run) -> bool {
    run.round == 2 && run.is_over()
}

async fn asked(engine: &Running, wish: Wish) -> Answer {
    engine.control.ask(ask(wish)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_over_and_goes_on_after_a_restart_under_the_definition_it_took() {
    let (stage, run) = failed().await;
    let engine = stage.start().await;
    let wrong = asked(&engine, latest(&run, Some(DagHash::of(b"another")))).await;
    let conflict = Refusal::Conflict;
    assert!(
        matches!(&wrong, Answer::Refused { kind, message } if *kind == conflict && message.contains("reload")),
        "{wrong:?}"
    );
    let done = asked(&engine, latest(&run, Some(stage.dags[0].definition.hash()))).await;
    assert!(matches!(done, Answer::Done { .. }), "{done:?}");
    let ended = engine.until(&run, is_good).await;
    assert_eq!(ending(&ended), Some(RunEnding::Succeeded));
    assert_eq!(tries(&ended), [1, 1, 2, 1, 1], "first, old, bad, last, new");
    assert_eq!(ended.facts.version, stage.dags[0].definition.hash());
    let live = asked(&engine, latest(&run, None)).await;
    assert!(
        matches!(&live, Answer::Refused { message, .. } if message.contains("no failed task")),
        "{live:?}"
    );
    let store = engine.store.clone();
    engine.kill().await;
    assert_eq!(replay(&store, &run).await.run, ended);
}

/// One kill at a place of the engine that opens the round; whether it struck.
async fn with_a_kill(place: usize) -> bool {
    let (stage, run) = failed().await;
    let mut engine = stage.start().await;
    asked(&engine, Wish::Reload).await;
    stage.killer.kill_at(place);
    let store = engine.store.clone();
    let control = engine.control.clone();
    let struck = tokio::select! {
        _ = async { drop(control.ask(ask(latest(&run, None))).await); until(&store, &run, is_good).await } => false,
        _ = &mut engine.task => true,
    };
    stage.killer.kill_at(0);
    engine.task.abort();
    drop((engine, control, store));
    let second = stage.start().await;
    // What died before it was durable was never asked.
    if second.store.run(&run).await.unwrap().unwrap().round == 1 {
        let done = asked(&second, latest(&run, None)).await;
        assert!(
            matches!(done, Answer::Done { .. }),
            "killed at {place}: {done:?}"
        );
    }
    let ended = second.until(&run, is_good).await;
    assert_eq!(
        ending(&ended),
        Some(RunEnding::Succeeded),
        "killed at {place}"
    );
    assert_eq!(tries(&ended), [1, 1, 2, 1, 1], "killed at {place}");
    stage.world.look(|ledger| {
        assert_eq!(
            ledger.double_launches(),
            Vec::<&str>::new(),
            "killed at {place}"
        );
        assert_eq!(ledger.works.len(), 6, "killed at {place}");
    });
    second.drain().await;
    struck
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_before_or_after_any_commit_launches_nothing_twice_and_loses_no_attempt() {
    let mut struck = 0;
    for place in 2.. {
        if !Box::pin(with_a_kill(place)).await {
            break;
        }
        struck += 1;
    }
    assert!(struck >= 6, "only {struck} kills struck");
}
