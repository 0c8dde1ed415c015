//! Backfills: each past tick once, in order, a few at a time, behind everything else, through kills and full disks.

use std::time::Duration;

use chrono::{DateTime, Utc};
use noctule_core::ask::{Answer, BackfillAct, BackfillWish, Refusal, Wish};
use noctule_core::backfill::{Backfill, NightState, Only};
use noctule_core::name::BackfillId;
use noctule_core::run::{RunEnding, Trigger};
use noctule_store::{RunFilter, RunSummary, Store};

use crate::backfill_acts::act;
use crate::harness::{Running, Stage, ask, ending};

pub(crate) const NIGHTLY: &str = r#"
id = "d"
max_active_runs = 3
[schedule]
cron = "0 14 * * *"
[tasks.a]
executor = "scripted"
wait = "block"
with = { after = "1ms" }
[tasks.b]
executor = "scripted"
wait = "block"
depends_on = ["a"]
with = { after = "1ms" }
"#;

pub(crate) const HELD: &str = r#"
id = "d"
max_active_runs = 3
[schedule]
cron = "0 14 * * *"
[tasks.t]
executor = "scripted"
with = { hold = true }
poll_interval = "5ms"
"#;

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn id() -> BackfillId {
    "b-1".parse().unwrap()
}

pub(crate) fn wish(days: u32, only: Only, max_parallel: u32) -> BackfillWish {
    BackfillWish {
        backfill: id(),
        dag: "d".parse().unwrap(),
        version: None,
        from: at("2026-01-01T14:00:00Z"),
        to: at(&format!("2026-01-{days:02}T14:00:00Z")),
        only,
        max_parallel,
        reason: None,
    }
}

pub(crate) async fn backfill(engine: &Running, wish: BackfillWish) {
    let answer = engine.control.ask(ask(Wish::Backfill(wish))).await.unwrap();
    assert!(
        matches!(
            answer,
            Answer::Done {
                existing: false,
                ..
            }
        ),
        "{answer:?}"
    );
}

/// Waits until it is as it should be, as any reader would.
pub(crate) async fn until(store: &Store, holds: impl Fn(&Backfill) -> bool) -> Backfill {
    let mut token = store.change_token().await.unwrap();
    loop {
        let head = store.backfill(&id()).await.unwrap();
        if let Some(head) = head.filter(|head| holds(head)) {
            return head;
        }
        let changed = store.changed_since(token, Duration::from_secs(5));
        token = changed.await.unwrap();
    }
}

/// The runs of the DAG, by their ticks.
pub(crate) async fn runs(store: &Store) -> Vec<RunSummary> {
    let mut runs = store.find_runs(&RunFilter::default()).await.unwrap();
    runs.sort_by_key(|run| run.facts.logical_time);
    runs
}

pub(crate) fn ids(runs: &[RunSummary]) -> Vec<&str> {
    runs.iter()
        .map(|run| run.facts.ingestion_id.as_str())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_missing_tick_gets_one_run_with_its_own_ids_in_order() {
    let stage = Stage::new(NIGHTLY);
    let engine = stage.start().await;
    backfill(&engine, wish(4, Only::Missing, 1)).await;
    let head = until(&engine.store, Backfill::is_over).await;
    assert_eq!((head.tally.succeeded, head.tally.all()), (4, 4));
    assert_eq!(head.phase.word(), "ended");
    let made = runs(&engine.store).await;
    assert_eq!(
        ids(&made),
        [
            "20260101140000",
            "20260102140000",
            "20260103140000",
            "20260104140000"
        ]
    );
    for pair in made.windows(2) {
        assert!(pair[0].facts.created_at <= pair[1].facts.created_at);
        assert_eq!(pair[1].facts.previous.any, Some(pair[0].facts.logical_time));
    }
    assert!(made.iter().all(|run| {
        matches!(&run.facts.trigger, Trigger::Backfill { backfill, by, .. }
            if *backfill == id() && by.name == "operator")
            && run.backfill == Some(id())
    }));
    let nights = engine.store.nights(&id()).await.unwrap();
    for (night, run) in nights.iter().zip(&made) {
        assert_eq!(night.state.run(), Some(&run.facts.id));
    }
    // Another over the same nights finds nothing to do, and the same one is the same one.
    let again = wish(4, Only::Missing, 1);
    let answer = engine.control.ask(ask(Wish::Backfill(again.clone()))).await;
    assert!(matches!(
        answer.unwrap(),
        Answer::Done { existing: true, .. }
    ));
    let other = BackfillWish {
        backfill: "b-2".parse().unwrap(),
        ..again
    };
    let answer = engine
        .control
        .ask(ask(Wish::Backfill(other)))
        .await
        .unwrap();
    assert!(
        matches!(&answer, Answer::Refused { kind: Refusal::Conflict, message } if message.contains("it has a run")),
        "{answer:?}"
    );
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_are_under_way_than_was_said_nor_than_the_dag_allows() {
    for (most_of_dag, max_parallel, most) in [(3, 2, 2), (2, 9, 2)] {
        let dag = HELD.replace(
            "max_active_runs = 3",
            &format!("max_active_runs = {most_of_dag}"),
        );
        let stage = Stage::new(&dag);
        let engine = stage.start().await;
        backfill(&engine, wish(5, Only::Missing, max_parallel)).await;
        for over in 0..5u32 {
            let under_way = most.min(5 - over);
            let head = until(&engine.store, |head| {
                head.tally.succeeded == over && head.tally.running == under_way
            });
            head.await;
            let live = engine.store.live_runs().await.unwrap();
            assert_eq!(live.len(), under_way as usize);
            let running = |run: &noctule_core::run::Run| run.phase.word() == "running";
            assert!(live.iter().all(running), "begun with its commit");
            let run = live[0].facts.id.to_string();
            let work = stage.world.until(|ledger| {
                let mut works = ledger.works.iter();
                works.find(|work| work.run == run).cloned()
            });
            let key = work.await.key;
            stage.world.succeed(key.as_str());
        }
        until(&engine.store, Backfill::is_over).await;
        engine.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_tried_again_under_the_ids_of_its_run() {
    let stage = Stage::new(NIGHTLY);
    stage.world.hold("a");
    let engine = stage.start().await;
    backfill(&engine, wish(1, Only::Missing, 1)).await;
    stage.world.launched("a").await;
    let run = runs(&engine.store).await.remove(0).facts;
    engine
        .control
        .ask(ask(Wish::Cancel {
            run: run.id.clone(),
            reason: None,
        }))
        .await
        .unwrap();
    until(&engine.store, |head| {
        head.is_over() && head.tally.failed == 1
    })
    .await;
    let mut again = wish(2, Only::Failed, 1);
    again.backfill = "b-2".parse().unwrap();
    backfill(&engine, again).await;
    let works = stage
        .world
        .until(|ledger| (ledger.works.len() == 2).then(|| ledger.works.clone()));
    let second = works.await.pop().unwrap();
    stage.world.succeed(second.key.as_str());
    let whole = engine
        .until(&run.id, |run| run.round == 2 && run.is_over())
        .await;
    assert_eq!(ending(&whole), Some(RunEnding::Succeeded));
    assert_eq!(
        whole.facts, run,
        "ids, dates and version are those of before"
    );
    assert_eq!(whole.backfill.unwrap().as_str(), "b-2");
    assert_eq!(whole.tasks[0].attempts.len(), 2);
    assert_eq!(
        runs(&engine.store).await.len(),
        1,
        "the tick without a run stays without"
    );
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_that_got_a_run_meanwhile_is_left_alone_and_says_so() {
    let stage = Stage::new(HELD);
    let engine = stage.start().await;
    backfill(&engine, wish(2, Only::Missing, 1)).await;
    stage.world.launched("t").await;
    let mut other = wish(2, Only::Missing, 3);
    other.backfill = "b-2".parse().unwrap();
    backfill(&engine, other).await;
    stage
        .world
        .until(|ledger| (ledger.works.len() == 2).then_some(()))
        .await;
    stage.world.succeed("t");
    let head = until(&engine.store, Backfill::is_over).await;
    assert_eq!((head.tally.succeeded, head.tally.left_alone), (1, 1));
    let nights = engine.store.nights(&id()).await.unwrap();
    assert!(matches!(
        &nights[1].state,
        NightState::LeftAlone { run: Some(_), .. }
    ));
    assert_eq!(runs(&engine.store).await.len(), 2);
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_fires_no_schedule_begins_no_night() {
    let stage = Stage::new(NIGHTLY);
    let engine = stage.start_with(|options| options.fires = false).await;
    backfill(&engine, wish(2, Only::Missing, 1)).await;
    let run = engine.trigger().await;
    engine.over(&run).await;
    assert_eq!(runs(&engine.store).await.len(), 1);
    engine.drain().await;
    let engine = stage.start().await;
    let head = until(&engine.store, Backfill::is_over).await;
    assert_eq!(head.tally.succeeded, 2);
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_refused_with_its_reason() {
    let stage = Stage::of(&[
        NIGHTLY,
        "id = \"plain\"\n[tasks.t]\nexecutor = \"scripted\"\n",
    ]);
    let engine = stage.start().await;
    let good = wish(2, Only::Missing, 1);
    let stranger = BackfillWish {
        dag: "none".parse().unwrap(),
        ..good.clone()
    };
    let plain = BackfillWish {
        dag: "plain".parse().unwrap(),
        ..good.clone()
    };
    let none = BackfillWish {
        max_parallel: 0,
        ..good.clone()
    };
    let upside_down = BackfillWish {
        from: good.to,
        to: good.from,
        ..good.clone()
    };
    let elsewhere = noctule_core::name::DagHash::of(b"another file");
    let older = BackfillWish {
        version: Some(elsewhere),
        ..good.clone()
    };
    let nothing = BackfillWish {
        only: Only::Failed,
        ..good
    };
    for (wish, kind) in [
        (stranger, Refusal::NotFound),
        (plain, Refusal::Invalid),
        (none, Refusal::Invalid),
        (upside_down, Refusal::Invalid),
        (older, Refusal::Conflict),
        (nothing, Refusal::Conflict),
    ] {
        let answer = engine
            .control
            .ask(ask(Wish::Backfill(wish.clone())))
            .await
            .unwrap();
        assert!(
            matches!(&answer, Answer::Refused { kind: its, .. } if *its == kind),
            "{wish:?} {answer:?}"
        );
    }
    let unknown = act(&engine, BackfillAct::Pause).await;
    assert!(matches!(
        unknown,
        Answer::Refused {
            kind: Refusal::NotFound,
            ..
        }
    ));
    assert!(engine.store.backfill(&id()).await.unwrap().is_none());
    engine.drain().await;
}
