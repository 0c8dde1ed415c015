//! Events make runs: one for each occasion, ever, whatever is seen twice, lost, paused or killed.

use noctule_core::ask::Wish;
use noctule_core::run::{Run, Trigger};
use noctule_runtime::Publication;
use noctule_store::{RunFilter, Store, Trouble};
use serde_json::json;

use crate::harness::{Running, Stage, ask};
use crate::inbox_source::order;

const LETTERS: &str = "id = \"d\"\nmax_active_runs = 10\n[params.order]\ntype = \"integer\"\n\
    [trigger.letters]\nevery = \"1h\"\n[tasks.t]\nexecutor = \"scripted\"\nwait = \"block\"\n";

async fn runs(store: &Store) -> Vec<Run> {
    let heads = store.find_runs(&RunFilter::default()).await.unwrap();
    let mut runs = Vec::new();
    for head in heads {
        runs.push(store.run(&head.facts.id).await.unwrap().unwrap());
    }
    runs
}

async fn trouble(store: &Store) -> Option<Trouble> {
    let dag = "d".parse().unwrap();
    let record = store.dag_record(&dag).await.unwrap();
    record.and_then(|record| record.trouble)
}

/// Waits until the store is as it should be, as any reader would.
async fn until<F: Future<Output = bool>>(what: &str, store: &Store, holds: impl Fn() -> F) {
    let patience = std::time::Duration::from_secs(60);
    let looking = async {
        let mut token = store.change_token().await.unwrap();
        while !holds().await {
            token = store.changed_since(token, patience).await.unwrap();
        }
    };
    let looked = tokio::time::timeout(patience, looking).await;
    assert!(looked.is_ok(), "waited in vain: {what}");
}

impl Running {
    async fn has_runs(&self, count: usize) -> Vec<Run> {
        let enough = || async { runs(&self.store).await.len() >= count };
        until("the run of an occasion", &self.store, enough).await;
        runs(&self.store).await
    }

    /// Returns when everything that was published before is in force.
    async fn settled(&self) {
        self.control.ask(ask(Wish::Reload)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_occasion_makes_one_run_however_often_it_is_seen() {
    let stage = Stage::new(LETTERS);
    stage.letters.put("a", order(7));
    let first = stage.start().await;
    let made = first.has_runs(1).await.remove(0);
    let trigger = Trigger::Event {
        source: "letters".to_owned(),
        key: "a".to_owned(),
    };
    assert_eq!(made.facts.trigger, trigger);
    assert_eq!(made.facts.params["order"], json!(7));
    assert_eq!(made.facts.params.len(), 1);
    first.over(&made.facts.id).await;
    stage.letters.look_again(4).await;
    first.kill().await;
    // Another engine, for which every occasion is new; and what it would be made of has changed meanwhile.
    stage.letters.put("a", order(8));
    let second = stage.start().await;
    stage.letters.look_again(3).await;
    assert_eq!(
        runs(&second.store).await.len(),
        1,
        "an occasion made two runs"
    );
    assert_eq!(trouble(&second.store).await, None);
    stage.letters.put("b", order(1));
    stage.letters.hint();
    let all = second.has_runs(2).await;
    assert_eq!(all.len(), 2, "a hint makes the new one be seen at once");
    second.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_dies_at_any_commit_makes_one_run_of_an_occasion() {
    for place in 2..=13 {
        let stage = Stage::new(LETTERS);
        stage.letters.put("a", order(7));
        stage.killer.kill_at(place);
        let mut first = stage.start().await;
        let store = first.store.clone();
        let over = || async { runs(&store).await.iter().any(Run::is_over) };
        let killed = tokio::select! {
            _killed = &mut first.task => true,
            () = until("the run is over", &store, over) => false,
        };
        if !killed {
            first.kill().await;
        }
        stage.killer.kill_at(0);
        let second = stage.start().await;
        let run = second.has_runs(1).await.remove(0);
        second.over(&run.facts.id).await;
        stage.letters.look_again(2).await;
        assert_eq!(runs(&second.store).await.len(), 1, "killed at {place}");
        assert_eq!(
            stage.world.look(|ledger| ledger.works.len()),
            1,
            "killed at {place}"
        );
        second.kill().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_dag_is_not_watched_and_its_occasions_wait() {
    let stage = Stage::new(LETTERS);
    stage.letters.put("a", order(7));
    let engine = stage
        .start_with(|options| options.new_dags_paused = true)
        .await;
    engine.settled().await;
    let dag = || "d".parse().unwrap();
    let resume = Wish::Resume {
        dag: dag(),
        catchup: false,
    };
    assert_eq!(stage.letters.looks(), 0);
    engine.control.ask(ask(resume)).await.unwrap();
    assert_eq!(engine.has_runs(1).await.len(), 1);
    let pause = Wish::Pause {
        dag: dag(),
        reason: None,
    };
    engine.control.ask(ask(pause)).await.unwrap();
    let unwatched = |state: &crate::inbox_source::State| state.waiting == 0;
    stage.letters.until("the watch has ended", unwatched).await;
    stage.letters.put("b", order(8));
    stage.letters.hint();
    engine.settled().await;
    assert_eq!(runs(&engine.store).await.len(), 1);
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_fires_no_schedule_watches_nothing() {
    let stage = Stage::new(LETTERS);
    stage.letters.put("a", order(7));
    let engine = stage.start_with(|options| options.fires = false).await;
    engine.settled().await;
    assert_eq!(stage.letters.looks(), 0);
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_look_is_tried_again_and_is_seen_meanwhile() {
    let stage = Stage::new(LETTERS);
    stage.letters.put("a", order(7));
    stage.letters.fail_next(usize::MAX);
    let engine = stage.start().await;
    let store = &engine.store;
    let troubled = || async { trouble(store).await.is_some() };
    until("the trouble is on record", store, troubled).await;
    let Trouble { what, .. } = trouble(store).await.unwrap();
    assert!(what.contains("the letter box is locked"), "{what}");
    stage.letters.fail_next(0);
    engine.has_runs(1).await;
    let well = || async { trouble(store).await.is_none() };
    until("the trouble is over", store, well).await;
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_occasion_is_on_record_and_stops_no_other() {
    let stage = Stage::new(LETTERS);
    stage.letters.put("bad", json!({ "order": "many" }));
    stage.letters.put("good", order(7));
    let engine = stage.start().await;
    let store = &engine.store;
    let run = engine.has_runs(1).await.remove(0);
    assert_eq!(run.facts.params["order"], json!(7));
    let troubled = || async { trouble(store).await.is_some() };
    until("the trouble is on record", store, troubled).await;
    let Trouble { what, .. } = trouble(store).await.unwrap();
    assert!(what.contains("`bad`") && what.contains("order"), "{what}");
    stage.letters.put("bad", order(8));
    stage.letters.hint();
    engine.has_runs(2).await;
    let well = || async { trouble(store).await.is_none() };
    until("the trouble is over", store, well).await;
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_replaces_the_watch() {
    let stage = Stage::new(&LETTERS.replace("every = ", "prefix = \"x\"\nevery = "));
    stage.letters.put("y-1", order(7));
    let engine = stage.start().await;
    stage.letters.look_again(2).await;
    assert!(runs(&engine.store).await.is_empty());
    let publish = |text: &str| {
        let dags = stage.read(text);
        let publication = Publication {
            dags,
            ..Publication::default()
        };
        engine.control.publish(publication, None).unwrap();
    };
    publish(LETTERS);
    assert_eq!(engine.has_runs(1).await.len(), 1);
    publish(&LETTERS.replace("[trigger.letters]\nevery = \"1h\"\n", ""));
    engine.settled().await;
    let unwatched = |state: &crate::inbox_source::State| state.waiting == 0;
    stage.letters.until("the watch has ended", unwatched).await;
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_cannot_be_written_loses_no_occasion_and_doubles_none() {
    let stage = Stage::new(LETTERS);
    let engine = stage.start().await;
    stage.letters.look_again(1).await;
    stage.killer.fill_disk(2);
    stage.letters.put("a", order(7));
    stage.letters.hint();
    engine.has_runs(1).await;
    stage.letters.look_again(2).await;
    assert_eq!(runs(&engine.store).await.len(), 1);
    engine.drain().await;
}
