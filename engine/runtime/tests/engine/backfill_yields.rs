//! A backfill beside the schedule: tonight's tick goes first, and is not lost.

use std::time::Duration;

use noctule_core::ask::BackfillWish;
use noctule_core::backfill::Only;
use noctule_core::run::Trigger;
use noctule_runtime::Clock;
use noctule_store::RunSummary;

use crate::backfills::{at, backfill, runs, until, wish};
use crate::harness::Stage;

const EVERY_MINUTE: &str = r#"
id = "d"
max_active_runs = 1
[schedule]
cron = "* * * * *"
overlap = "OVERLAP"
[tasks.t]
executor = "scripted"
with = { hold = true }
poll_interval = "5ms"
"#;

/// One night is under way when the tick comes: it is neither dropped nor does it end the night, and it goes next.
async fn tonight_goes_first(overlap: &str) {
    let stage = Stage::new(&EVERY_MINUTE.replace("OVERLAP", overlap));
    // Time enough to ask for the backfill before the tick comes.
    let minute = at("2025-11-07T12:30:00Z");
    let engine = stage
        .start_with(|options| {
            options.clock = Clock::starting_at(minute - chrono::Duration::seconds(3));
        })
        .await;
    let range = BackfillWish {
        from: at("2025-11-07T12:10:00Z"),
        to: at("2025-11-07T12:12:00Z"),
        ..wish(1, Only::Missing, 1)
    };
    backfill(&engine, range).await;
    let of_tick = |runs: &[RunSummary]| {
        let scheduled = |run: &&RunSummary| matches!(run.facts.trigger, Trigger::Schedule { .. });
        runs.iter().find(scheduled).map(|run| run.facts.id.clone())
    };
    let mut token = engine.store.change_token().await.unwrap();
    let tonight = loop {
        if let Some(run) = of_tick(&runs(&engine.store).await) {
            break run;
        }
        let changed = engine.store.changed_since(token, Duration::from_secs(5));
        token = changed.await.unwrap();
    };
    let waiting = engine.store.summary(&tonight).await.unwrap().unwrap();
    assert_eq!(waiting.phase.word(), "queued", "{overlap}");
    stage.world.launched("t").await;
    stage.world.succeed("t");
    let order = stage.world.until(|ledger| {
        (ledger.works.len() >= 2)
            .then(|| ledger.works.iter().map(|work| work.run.clone()).collect())
    });
    let order: Vec<String> = order.await;
    assert_eq!(order[1], tonight.to_string(), "{overlap}");
    let head = until(&engine.store, |head| head.tally.succeeded == 1).await;
    assert_eq!(
        (head.tally.waiting, head.tally.running),
        (2, 0),
        "{overlap}"
    );
    let dropped = engine
        .store
        .dropped_ticks(&"d".parse().unwrap(), 10)
        .await
        .unwrap();
    assert_eq!(dropped, [], "{overlap}");
    engine.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tonights_tick_is_not_dropped_for_a_backfill_and_goes_before_its_next_night() {
    tokio::join!(
        tonight_goes_first("queue"),
        tonight_goes_first("skip"),
        tonight_goes_first("cancel_running"),
    );
}
