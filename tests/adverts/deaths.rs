//! Engines that die, and engines that wait for each other: whatever was begun is taken up, and nothing is begun twice.

use noctule_executor::Wait;

use crate::ledger::assert_whole;
use crate::stage::Stage;

both_ways! {
    an_engine_that_dies_before_the_next_call_goes_on_with_it_and_repeats_nothing
    engines_that_die_again_and_again_do_every_step_once
    two_engines_do_every_step_once
}

async fn an_engine_that_dies_before_the_next_call_goes_on_with_it_and_repeats_nothing(wait: Wait) {
    // However long a busy machine takes to kill the engine, the refused step has another try left.
    let stage = Stage::adverts(wait).await.adjusted(|task| {
        task.retries.max = u32::MAX;
        task.retries.backoff = 1.0;
    });
    let seed = stage.job().await;
    let second = seed.variants[1].as_str();
    // The service takes no call for the next step of the second variant: whatever is sent begins nothing.
    stage
        .order("yolo_detect", Some(second), "refuse", 1_000_000)
        .await;
    let engine = stage.start().await;
    let run = engine.started().await;
    engine
        .until("the first step of variant 2 is on record", &run, |seen| {
            seen.state("variant.vlm_analyze", Some(second)) == "succeeded"
        })
        .await;
    engine.kill().await;
    assert!(stage.works_of(&seed, "yolo_detect", 1).await.is_empty());
    stage.take_orders_back().await;
    let engine = stage.start().await;
    assert_eq!(engine.over(&run).await.word(), "succeeded");
    assert_whole(&stage.works(&seed).await, &seed);
    engine.drain().await;
}

async fn engines_that_die_again_and_again_do_every_step_once(wait: Wait) {
    let stage = Stage::adverts(wait).await;
    let seed = stage.job().await;
    stage.killer.kill_every(11);
    let mut deaths = 0;
    loop {
        let mut engine = stage.start().await;
        let over = async {
            let run = engine_started(&engine.store).await;
            until_over(&engine.store, &run).await;
        };
        let died = tokio::select! {
            _died = &mut engine.task => true,
            () = over => false,
        };
        if !died {
            engine.kill().await;
            break;
        }
        deaths += 1;
    }
    assert!(deaths >= 5, "{deaths} deaths");
    assert_whole(&stage.works(&seed).await, &seed);
}

async fn engine_started(store: &noctule_store::Store) -> noctule_core::name::RunId {
    let mut token = store.change_token().await.unwrap();
    loop {
        let runs = store.find_runs(&noctule_store::RunFilter::default()).await;
        if let Some(run) = runs.unwrap().pop() {
            return run.facts.id;
        }
        token = store
            .changed_since(token, crate::stage::IN_VAIN)
            .await
            .unwrap();
    }
}

async fn until_over(store: &noctule_store::Store, run: &noctule_core::name::RunId) {
    let mut token = store.change_token().await.unwrap();
    while !store
        .run(run)
        .await
        .unwrap()
        .is_some_and(|run| run.is_over())
    {
        token = store
            .changed_since(token, crate::stage::IN_VAIN)
            .await
            .unwrap();
    }
}

async fn two_engines_do_every_step_once(wait: Wait) {
    let stage = Stage::adverts(wait).await;
    let seed = stage.job().await;
    let first = stage.start().await;
    let run = first.started().await;
    let (second, ()) = tokio::join!(stage.start(), async {
        stage
            .service_is("the pipeline is under way", &seed, |works| works.len() >= 6)
            .await;
        first.kill().await;
    });
    assert_eq!(second.over(&run).await.word(), "succeeded");
    assert_whole(&stage.works(&seed).await, &seed);
    assert_eq!(second.runs().await.len(), 1);
    second.drain().await;
}
