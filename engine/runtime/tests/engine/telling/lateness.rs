//! What is not over in time is told.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_not_over_in_time_is_told_once_also_over_a_restart() {
    let letterbox = Letterbox::new(Duration::ZERO);
    let mut stage = Stage::new(LATE);
    stage.courier = Some(letterbox.clone());
    // Half a second before midnight in Seoul.
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let evening = at("2026-01-13T14:59:59.500Z");
    let engine = stage
        .start_with(|options| options.clock = Clock::starting_at(evening))
        .await;
    stage.world.launched("t").await;
    engine.kill().await;
    let engine = stage
        .start_with(|options| options.clock = Clock::starting_at(at("2026-01-13T15:29:59.500Z")))
        .await;
    letterbox.holds(1).await;
    let got = letterbox.got();
    assert_eq!(got[0].first.occasion, Occasion::Late);
    assert!(
        got[0].first.what.contains("2026-01-14 00:30 (Asia/Seoul)"),
        "{}",
        got[0].first.what
    );
    until_all(&engine.store, all_sent).await;
    let run = got[0].first.run.clone().unwrap();
    engine.kill().await;
    let engine = stage
        .start_with(|options| options.clock = Clock::starting_at(at("2026-01-13T15:40:00Z")))
        .await;
    stage.world.succeed("t");
    until(&engine.store, &run, Run::is_over).await;
    // Not even a reminder gathers.
    let stored = until_all(&engine.store, |_| true).await;
    assert!(stored.len() == 1 && all_sent(&stored), "{stored:#?}");
    engine.drain().await;
    assert_eq!(letterbox.got().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_retried_after_its_time_is_not_called_late() {
    let letterbox = Letterbox::new(Duration::ZERO);
    let dag = LATE.replace("hold = true", "ends = [\"failed\", \"succeeded\"]");
    let mut stage = Stage::new(&dag);
    stage.courier = Some(letterbox.clone());
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let evening = at("2026-01-13T14:59:59.500Z");
    let engine = stage
        .start_with(|options| options.clock = Clock::starting_at(evening))
        .await;
    stage.world.launched("t").await;
    let runs = engine.store.find_runs(&RunFilter::default()).await.unwrap();
    let run = runs[0].facts.id.clone();
    engine.over(&run).await;
    engine.kill().await;
    let engine = stage
        .start_with(|options| options.clock = Clock::starting_at(at("2026-01-13T23:00:00Z")))
        .await;
    let retry = crate::harness::ask(Wish::Retry {
        run: run.clone(),
        tasks: Vec::new(),
        downstream: false,
        all: false,
        reason: None,
        definition: noctule_core::ask::Take::Pinned,
    });
    let answer = engine.control.ask(retry).await.unwrap();
    assert!(matches!(answer, Answer::Done { .. }), "{answer:?}");
    engine
        .until(&run, |run| run.round == 2 && run.is_over())
        .await;
    let stored = until_all(&engine.store, |_| true).await;
    assert!(stored.is_empty(), "{stored:#?}");
    engine.drain().await;
    assert!(letterbox.got().is_empty());
}
