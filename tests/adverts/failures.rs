//! Work that fails, hangs, or lacks what it needs: of one variant, and of no other.

use std::time::Duration;

use noctule_core::ask::{Answer, Wish};
use noctule_executor::Wait;

use crate::ledger::{assert_whole, chain};
use crate::stage::Stage;

both_ways! {
    a_step_that_fails_three_times_is_tried_four_times_with_growing_pauses
    a_step_that_fails_for_ever_fails_its_variant_and_a_retry_does_only_what_is_left
    a_step_that_hangs_is_stopped_and_its_late_end_is_not_seen
    a_missing_layout_fails_the_task_and_is_named
}

async fn a_step_that_fails_three_times_is_tried_four_times_with_growing_pauses(wait: Wait) {
    let stage = Stage::adverts(wait).await;
    let seed = stage.job().await;
    let second = seed.variants[1].as_str();
    stage.order("planner", Some(second), "fail", 3).await;
    let engine = stage.start().await;
    let run = engine.started().await;
    let seen = engine.over(&run).await;
    assert_eq!(seen.word(), "succeeded");
    assert_eq!(seen.tries("variant.planner", Some(second)), 4);
    let tries = stage.works_of(&seed, "planner", 1).await;
    let endings: Vec<_> = tries
        .iter()
        .filter_map(|work| work.ending.as_deref())
        .collect();
    assert_eq!(endings, ["failed", "failed", "failed", "done"]);
    for (pair, least) in tries.windows(2).zip([40, 80, 160]) {
        let pause = pair[1].begun - pair[0].ended.unwrap();
        assert!(pause >= least, "{pause} ms, not {least}");
    }
    for other in [0, 2] {
        for step in chain() {
            assert_eq!(stage.works_of(&seed, step, other).await.len(), 1, "{step}");
        }
    }
    engine.drain().await;
}

async fn a_step_that_fails_for_ever_fails_its_variant_and_a_retry_does_only_what_is_left(
    wait: Wait,
) {
    let stage = Stage::adverts(wait).await;
    let seed = stage.job().await;
    let second = seed.variants[1].as_str();
    stage.order("planner", Some(second), "fail", 1_000).await;
    let engine = stage.start().await;
    let run = engine.started().await;
    let seen = engine.over(&run).await;
    assert_eq!(seen.word(), "failed");
    assert_eq!(seen.state("variant.planner", Some(second)), "failed");
    assert_eq!(
        seen.state("variant.overlay", Some(second)),
        "upstream_failed"
    );
    assert_eq!(seen.state("ad_copy_gen_kor", None), "upstream_failed");
    let before = stage.works(&seed).await;
    assert_eq!(before.len(), 8 + (2 + 4) + 8, "{before:#?}");
    stage.take_orders_back().await;
    let retry = Wish::Retry {
        run: run.clone(),
        tasks: vec![format!("variant.planner[{second}]").parse().unwrap()],
        downstream: true,
        all: false,
        reason: None,
        definition: noctule_core::ask::Take::Pinned,
    };
    let answer = engine.ask(retry).await;
    assert!(matches!(answer, Answer::Done { .. }), "{answer:?}");
    assert_eq!(engine.over(&run).await.word(), "succeeded");
    let after = stage.works(&seed).await;
    let steps: Vec<&str> = after[before.len()..]
        .iter()
        .map(|work| work.step.as_str())
        .collect();
    let left = [
        "planner",
        "overlay",
        "vlm_judge",
        "ocr_eval",
        "readability_eval",
        "iou_eval",
        "ad_copy_gen_kor",
        "instagram_feed_gen",
    ];
    assert_eq!(steps, left);
    engine.drain().await;
}

async fn a_step_that_hangs_is_stopped_and_its_late_end_is_not_seen(wait: Wait) {
    let stage = Stage::adverts(wait).await.adjusted(|task| {
        if task.name.as_str().ends_with("vlm_analyze") {
            task.timeout = Some(Duration::from_secs(2));
        }
    });
    let seed = stage.job().await;
    let first = seed.variants[0].as_str();
    stage.order("vlm_analyze", Some(first), "hang", 1).await;
    let engine = stage.start().await;
    let run = engine.started().await;
    let seen = engine.over(&run).await;
    assert_eq!(seen.word(), "succeeded");
    let task = seen.task("variant.vlm_analyze", Some(first)).unwrap();
    assert_eq!(task["attempts"][0]["state"], "timed_out", "{task}");
    assert_eq!(task["attempts"][1]["state"], "succeeded", "{task}");
    stage.take_orders_back().await;
    let works = stage
        .service_is("the hanging work ends at last", &seed, |works| {
            works.iter().all(|work| work.ending.is_some())
        })
        .await;
    let fenced = |work: &&crate::ledger::Work| work.ending.as_deref() == Some("fenced");
    assert_eq!(works.iter().filter(fenced).count(), 1, "{works:#?}");
    let mut counted = works.clone();
    counted.retain(|work| !fenced(&work));
    assert_whole(&counted, &seed);
    engine.drain().await;
}

async fn a_missing_layout_fails_the_task_and_is_named(wait: Wait) {
    let stage = Stage::adverts(wait).await;
    let seed = stage.job().await;
    let third = seed.variants[2].as_str();
    stage.order("overlay", Some(third), "empty", 1).await;
    let engine = stage.start().await;
    let run = engine.started().await;
    let seen = engine.over(&run).await;
    assert_eq!(seen.word(), "failed");
    let task = seen.task("variant.vlm_judge", Some(third)).unwrap();
    assert_eq!(task["state"], "failed", "{task}");
    let why = task["why"].as_str().unwrap();
    assert!(why.contains("overlay_id` is missing"), "{why}");
    assert!(stage.works_of(&seed, "vlm_judge", 2).await.is_empty());
    assert_eq!(
        seen.state("variant.iou_eval", Some(&seed.variants[0])),
        "succeeded"
    );
    assert_eq!(seen.state("ad_copy_gen_kor", None), "upstream_failed");
    engine.drain().await;
}
