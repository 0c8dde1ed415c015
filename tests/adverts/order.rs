//! What is called, in which order, and that it does not depend on notifications, on the road, or on luck.

use noctule_core::run::Trigger;
use noctule_executor::Wait;

use crate::ledger::assert_whole;
use crate::stage::Stage;

both_ways! {
    a_job_passes_every_step_once_in_order
    a_job_whose_notifications_are_all_lost_completes_by_polling
    a_database_that_is_away_for_a_while_loses_nothing
    a_lost_answer_and_a_refusal_repeat_nothing
}

async fn a_job_passes_every_step_once_in_order(wait: Wait) {
    let stage = Stage::adverts(wait).await;
    let seed = stage.seed().await;
    let engine = stage.start().await;
    stage.database.release(&seed.job).await.unwrap();
    let run = engine.started().await;
    let seen = engine.over(&run).await;
    assert_eq!(seen.word(), "succeeded");
    let trigger = Trigger::Event {
        source: "postgres".to_owned(),
        key: seed.job.clone(),
    };
    assert_eq!(seen.run.facts.trigger, trigger);
    assert_whole(&stage.works(&seed).await, &seed);
    engine.drain().await;
    // The images are made again: the condition holds once more, and the job has had its run.
    stage
        .run("UPDATE jobs_variants SET current_step = 'img_gen', status = 'done'")
        .await;
    let other = stage.job().await;
    let engine = stage.start().await;
    stage
        .service_is("the other job begins", &other, |works| !works.is_empty())
        .await;
    assert_eq!(engine.runs().await.len(), 2);
    engine.kill().await;
}

async fn a_job_whose_notifications_are_all_lost_completes_by_polling(wait: Wait) {
    let stage = Stage::adverts(wait).await;
    stage
        .run("ALTER TABLE jobs DISABLE TRIGGER USER; ALTER TABLE jobs_variants DISABLE TRIGGER USER; ALTER TABLE txt_ad_copy_generations DISABLE TRIGGER USER")
        .await;
    let seed = stage.seed().await;
    let engine = stage.start().await;
    stage.database.release(&seed.job).await.unwrap();
    let run = engine.started().await;
    assert_eq!(engine.over(&run).await.word(), "succeeded");
    assert_whole(&stage.works(&seed).await, &seed);
    engine.drain().await;
}

async fn a_database_that_is_away_for_a_while_loses_nothing(wait: Wait) {
    let stage = Stage::adverts(wait).await;
    let seed = stage.seed().await;
    let engine = stage.start().await;
    // Away while the job becomes ready: nobody hears it.
    stage.road.cut();
    stage.database.release(&seed.job).await.unwrap();
    stage.road.restore();
    let run = engine.started().await;
    // Away in the middle, until everything that was begun has ended unseen.
    stage
        .service_is("the pipeline is under way", &seed, |works| works.len() >= 5)
        .await;
    stage.road.cut();
    stage
        .service_is("what was begun has ended", &seed, |works| {
            works.iter().all(|work| work.ending.is_some())
        })
        .await;
    stage.road.restore();
    assert_eq!(engine.over(&run).await.word(), "succeeded");
    assert_whole(&stage.works(&seed).await, &seed);
    engine.drain().await;
}

async fn a_lost_answer_and_a_refusal_repeat_nothing(wait: Wait) {
    let stage = Stage::adverts(wait).await;
    stage.order("yolo_detect", None, "lose", 3).await;
    stage.order("ocr_eval", None, "refuse", 2).await;
    let seed = stage.job().await;
    let engine = stage.start().await;
    let run = engine.started().await;
    assert_eq!(engine.over(&run).await.word(), "succeeded");
    assert_whole(&stage.works(&seed).await, &seed);
    engine.drain().await;
}
