//! What people do to a backfill on its way: pause, resume, cancel.

use noctule_core::ask::{Answer, BackfillAct, Refusal, Wish};
use noctule_core::backfill::{Backfill, Only};
use noctule_core::run::RunEnding;

use crate::backfills::{HELD, backfill, id, runs, until, wish};
use crate::harness::{Running, Stage, ask, ending};

pub(crate) async fn act(engine: &Running, act: BackfillAct) -> Answer {
    let wish = Wish::ActOnBackfill {
        backfill: id(),
        act,
        reason: Some("month end".to_owned()),
    };
    engine.control.ask(ask(wish)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_begins_no_more_and_a_resume_goes_on_where_it_was() {
    let stage = Stage::new(HELD);
    let engine = stage.start().await;
    backfill(&engine, wish(2, Only::Missing, 1)).await;
    stage.world.launched("t").await;
    assert!(matches!(
        act(&engine, BackfillAct::Pause).await,
        Answer::Done {
            existing: false,
            ..
        }
    ));
    assert!(matches!(
        act(&engine, BackfillAct::Pause).await,
        Answer::Done { existing: true, .. }
    ));
    stage.world.succeed("t");
    let head = until(&engine.store, |head| head.tally.succeeded == 1).await;
    assert_eq!(
        (head.phase.word(), head.tally.waiting, head.tally.running),
        ("paused", 1, 0)
    );
    // A fresh engine keeps to it, too: what it is asked for last is after its first turns.
    engine.kill().await;
    let engine = stage.start().await;
    engine.trigger().await;
    assert_eq!(
        runs(&engine.store).await.len(),
        2,
        "one night, and one by hand"
    );
    assert!(matches!(
        act(&engine, BackfillAct::Resume).await,
        Answer::Done {
            existing: false,
            ..
        }
    ));
    until(&engine.store, |head| head.tally.running == 1).await;
    stage
        .world
        .until(|ledger| (ledger.works.len() == 3).then_some(()))
        .await;
    stage.world.succeed("t");
    let head = until(&engine.store, Backfill::is_over).await;
    assert_eq!(head.tally.succeeded, 2);
    let late = act(&engine, BackfillAct::Pause).await;
    assert!(
        matches!(
            late,
            Answer::Refused {
                kind: Refusal::Conflict,
                ..
            }
        ),
        "{late:?}"
    );
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_stops_what_is_under_way_and_begins_nothing_more() {
    let stage = Stage::new(HELD);
    let engine = stage.start().await;
    backfill(&engine, wish(5, Only::Missing, 2)).await;
    stage
        .world
        .until(|ledger| (ledger.works.len() == 2).then_some(()))
        .await;
    act(&engine, BackfillAct::Cancel).await;
    let head = until(&engine.store, Backfill::is_over).await;
    assert_eq!(head.phase.word(), "cancelled");
    assert_eq!((head.tally.failed, head.tally.waiting), (2, 3));
    let made = runs(&engine.store).await;
    assert_eq!(made.len(), 2);
    for run in &made {
        let whole = engine.over(&run.facts.id).await;
        assert_eq!(ending(&whole), Some(RunEnding::Cancelled));
    }
    engine.drain().await;
}
