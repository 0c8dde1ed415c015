//! What was decided together is durable together or not at all: also where the store refuses a part of it, and the engine is
//! killed then.

use std::time::Duration;

use chrono::{DateTime, Utc};
use noctule_core::ask::{Answer, Refusal};
use noctule_core::backfill::{Backfill, NightState, Only};
use noctule_core::name::BackfillId;
use noctule_core::run::{RunEnding, Trigger};
use noctule_core::scheduling::DropReason;
use noctule_runtime::Clock;
use noctule_store::{DagRecord, RunFilter, RunSummary, Store};

use crate::backfills::{NIGHTLY, at, backfill, runs, until, wish};
use crate::harness::{Running, Stage, ending, trigger, trigger_of};
use crate::refused_writes::{meddle, refused};

/// Waits until what is read is as it should be, as any reader would.
async fn eventually<T>(store: &Store, read: impl AsyncFn() -> Option<T>) -> T {
    let mut token = store.change_token().await.unwrap();
    loop {
        if let Some(found) = read().await {
            return found;
        }
        let changed = store.changed_since(token, Duration::from_secs(5));
        token = changed.await.unwrap();
    }
}

async fn over(store: &Store, id: &BackfillId) -> Backfill {
    let read = async || store.backfill(id).await.unwrap().filter(Backfill::is_over);
    eventually(store, read).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_runs_again_once_although_the_engine_died_while_its_row_was_refused() {
    let stage = Stage::new(NIGHTLY);
    let engine = stage.start().await;
    backfill(&engine, wish(2, Only::Missing, 2)).await;
    until(&engine.store, Backfill::is_over).await;
    // The first night runs again; the second cannot be begun.
    let refuse = "CREATE TRIGGER refused BEFORE INSERT ON nights \
        WHEN NEW.ix = 1 AND json_extract(NEW.body, '$.state') = 'running' BEGIN SELECT RAISE(ABORT, 'no'); END";
    meddle(stage.dir.path(), refuse).await;
    let mut again = wish(2, Only::All, 1);
    again.backfill = "b-2".parse().unwrap();
    let other = again.backfill.clone();
    backfill(&engine, again).await;
    refused(&engine, "backfill").await;
    let rounds = runs(&engine.store).await;
    let rounds: Vec<u32> = rounds.iter().map(|run| run.round).collect();
    assert_eq!(rounds, [2, 1], "a round without its night");
    engine.kill().await;
    meddle(stage.dir.path(), "DROP TRIGGER refused").await;
    let engine = stage.start().await;
    let head = over(&engine.store, &other).await;
    assert_eq!((head.tally.succeeded, head.tally.all()), (2, 2), "{head:?}");
    for run in runs(&engine.store).await {
        assert_eq!(run.round, 2, "it ran again more than once");
        let whole = engine.store.run(&run.facts.id).await.unwrap().unwrap();
        assert!(whole.tasks.iter().all(|task| task.attempts.len() == 2));
    }
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_is_over_with_its_run_and_not_before() {
    let stage = Stage::new(NIGHTLY);
    let engine = stage.start().await;
    let refuse = "CREATE TRIGGER refused BEFORE UPDATE ON runs \
        WHEN json_extract(NEW.progress, '$.phase.state') = 'ended' BEGIN SELECT RAISE(ABORT, 'no'); END";
    meddle(stage.dir.path(), refuse).await;
    backfill(&engine, wish(1, Only::Missing, 1)).await;
    refused(&engine, "run").await;
    let id = crate::backfills::id();
    let night = async |store: &Store| store.nights(&id).await.unwrap()[0].state.clone();
    let stands = night(&engine.store).await;
    assert!(matches!(stands, NightState::Running { .. }), "{stands:?}");
    meddle(stage.dir.path(), "DROP TRIGGER refused").await;
    let head = until(&engine.store, Backfill::is_over).await;
    assert_eq!((head.tally.succeeded, head.tally.all()), (1, 1), "{head:?}");
    let made = runs(&engine.store).await;
    assert_eq!((made.len(), made[0].round), (1, 1));
    let run = engine.over(&made[0].facts.id).await;
    assert_eq!(ending(&run), Some(RunEnding::Succeeded));
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_night_that_is_refused_is_left_alone_with_the_reason_and_the_others_go_on() {
    let stage = Stage::new(NIGHTLY);
    let engine = stage.start().await;
    let refuse = "CREATE TRIGGER refused BEFORE INSERT ON runs \
        WHEN NEW.facts LIKE '%20260102140000%' BEGIN SELECT RAISE(ABORT, 'not the second'); END";
    meddle(stage.dir.path(), refuse).await;
    backfill(&engine, wish(4, Only::Missing, 4)).await;
    let head = until(&engine.store, Backfill::is_over).await;
    let tally = head.tally;
    assert_eq!((tally.succeeded, tally.left_alone), (3, 1), "{head:?}");
    let nights = engine.store.nights(&head.id).await.unwrap();
    let NightState::LeftAlone { run: None, why, .. } = &nights[1].state else {
        panic!("{nights:?}");
    };
    assert!(why.contains("not the second"), "{why}");
    assert!(runs(&engine.store).await.iter().all(|run| run.round == 1));
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_for_a_run_that_the_store_refuses_hears_so() {
    let stage = Stage::of(&[NIGHTLY, "id = \"q\"\n[tasks.t]\nexecutor = \"scripted\"\n"]);
    let engine = stage.start().await;
    let refuse = "CREATE TRIGGER refused BEFORE INSERT ON runs \
        WHEN json_extract(NEW.facts, '$.dag') = 'd' BEGIN SELECT RAISE(ABORT, 'not this'); END";
    meddle(stage.dir.path(), refuse).await;
    let hears = |answer: Answer| match answer {
        Answer::Refused { kind, message } => {
            assert_eq!(kind, Refusal::Unreachable);
            assert!(message.contains("not this"), "{message}");
        }
        done @ Answer::Done { .. } => panic!("{done:?}"),
    };
    hears(engine.control.ask(trigger(None)).await.unwrap());
    let asked = engine.store.ask(&trigger(Some("k"))).await.unwrap();
    let other = engine.store.ask(&trigger_of("q", None)).await.unwrap();
    let answer = async |id| {
        eventually(&engine.store, async || {
            engine.store.answer_of(id).await.unwrap()
        })
        .await
    };
    hears(answer(asked).await);
    assert!(matches!(answer(other).await, Answer::Done { .. }));
    let made = runs(&engine.store).await;
    assert_eq!(made.len(), 1, "{made:?}");
    // The key is not spent.
    meddle(stage.dir.path(), "DROP TRIGGER refused").await;
    let again = engine.control.ask(trigger(Some("k"))).await.unwrap();
    assert!(
        matches!(
            again,
            Answer::Done {
                existing: false,
                ..
            }
        ),
        "{again:?}"
    );
    engine.drain().await;
}

fn every_minute(catchup: &str) -> String {
    format!(
        "id = \"d\"\n[schedule]\ncron = \"* * * * *\"\ncatchup = \"{catchup}\"\n[tasks.t]\nexecutor = \"scripted\"\nwait = \"block\"\n"
    )
}

/// The tick that is refused.
fn tick() -> DateTime<Utc> {
    at("2025-11-07T12:01:00Z")
}

/// An engine that meets a tick whose run is refused.
async fn refusing(stage: &Stage) -> Running {
    drop(stage.store().await);
    let refuse =
        "CREATE TRIGGER refused BEFORE INSERT ON runs BEGIN SELECT RAISE(ABORT, 'not now'); END";
    meddle(stage.dir.path(), refuse).await;
    let before = tick() - chrono::Duration::milliseconds(300);
    let engine = stage
        .start_with(|options| options.clock = Clock::starting_at(before))
        .await;
    refused(&engine, "run").await;
    engine
}

async fn record(store: &Store) -> DagRecord {
    let record = store.dag_record(&"d".parse().unwrap()).await.unwrap();
    record.unwrap()
}

async fn of_tick(store: &Store) -> Option<RunSummary> {
    let found = store.find_runs(&RunFilter::default()).await.unwrap();
    let mut of_tick = found
        .into_iter()
        .filter(|run| run.facts.trigger.tick() == Some(tick()));
    let first = of_tick.next();
    assert!(of_tick.next().is_none(), "a tick made two runs");
    first
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_whose_run_is_refused_stands_in_its_record_until_it_is_made() {
    let stage = Stage::new(&every_minute("none"));
    let engine = refusing(&stage).await;
    let read =
        async || Some(record(&engine.store).await).filter(|record| !record.unborn.is_empty());
    let stands = eventually(&engine.store, read).await;
    assert_eq!(stands.unborn[0].tick, tick());
    assert!(stands.unborn[0].why.contains("not now"), "{stands:?}");
    assert!(stands.considered_until.is_some_and(|until| until >= tick()));
    assert!(of_tick(&engine.store).await.is_none());
    let unwritten = engine.control.meters().await.unwrap().unwritten();
    assert!(unwritten.contains(&("tick", 1)), "{unwritten:?}");
    meddle(stage.dir.path(), "DROP TRIGGER refused").await;
    let run = eventually(&engine.store, async || of_tick(&engine.store).await).await;
    // It was not missed: the engine was there.
    assert!(matches!(run.facts.trigger, Trigger::Schedule { .. }));
    // In the commit that made it.
    assert_eq!(record(&engine.store).await.unborn, []);
    let unwritten = engine.control.meters().await.unwrap().unwritten();
    assert_eq!(unwritten, []);
    engine.drain().await;
}

/// What became of the tick, where the engine was killed when its run was refused, and another one came two minutes later.
async fn after_a_kill(catchup: &str, known: bool) -> (Option<RunSummary>, Vec<DropReason>) {
    let stage = Stage::new(&every_minute(catchup));
    let engine = refusing(&stage).await;
    if known {
        let read =
            async || Some(record(&engine.store).await).filter(|record| !record.unborn.is_empty());
        eventually(&engine.store, read).await;
    }
    engine.kill().await;
    meddle(stage.dir.path(), "DROP TRIGGER refused").await;
    let later = tick() + chrono::Duration::seconds(119);
    let engine = stage
        .start_with(|options| options.clock = Clock::starting_at(later))
        .await;
    let dag = "d".parse().unwrap();
    // The tick after it was surely decided then, too.
    let decided = async || {
        let until = record(&engine.store).await.considered_until;
        until.filter(|until| *until >= tick() + chrono::Duration::seconds(120))
    };
    eventually(&engine.store, decided).await;
    let made = of_tick(&engine.store).await;
    let dropped = engine.store.dropped_ticks(&dag, 10).await.unwrap();
    let of_tick = dropped
        .iter()
        .filter(|one| (one.dropped.first..=one.dropped.last).contains(&tick()));
    let reasons = of_tick.map(|one| one.dropped.reason).collect();
    assert_eq!(record(&engine.store).await.unborn, []);
    engine.drain().await;
    (made, reasons)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_tick_is_made_by_the_next_engine_or_says_why_it_is_not() {
    for known in [true, false] {
        let (made, dropped) = after_a_kill("all", known).await;
        assert!(made.is_some(), "a tick is forgotten: {dropped:?}");
        let made = made.unwrap();
        assert!(matches!(made.facts.trigger, Trigger::CatchUp { .. }));
        assert_eq!(dropped, []);
        for catchup in ["none", "latest"] {
            let (made, dropped) = after_a_kill(catchup, known).await;
            assert!(made.is_none(), "{catchup} does not ask for it");
            let reason = [
                dropped[0] == DropReason::Refused,
                dropped[0] == DropReason::Catchup,
            ];
            assert!(dropped.len() == 1 && reason.contains(&true), "{dropped:?}");
        }
    }
}
