//! Asks, idempotency keys, ticks and publications.

use chrono::Utc;
use noctule_core::ask::{Answer, Refusal, Wish};
use noctule_core::run::{RunEnding, Trigger};
use noctule_runtime::Publication;
use noctule_store::RunFilter;

use crate::harness::{Stage, ask, ending, trigger};

const QUICK: &str = "id = \"d\"\n[tasks.t]\nexecutor = \"scripted\"\nwait = \"block\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ask_in_the_inbox_is_answered_by_the_engine_that_comes() {
    let stage = Stage::new(QUICK);
    let asked = stage.store().await.ask(&trigger(None)).await.unwrap();
    let engine = stage.start().await;
    let mut token = 0;
    let answer = loop {
        if let Some(answer) = engine.store.answer_of(asked).await.unwrap() {
            break answer;
        }
        token = engine
            .store
            .changed_since(token, std::time::Duration::from_secs(5))
            .await
            .unwrap();
    };
    let Answer::Done { run: Some(run), .. } = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(ending(&engine.over(&run).await), Some(RunEnding::Succeeded));
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_idempotency_key_gives_the_same_run() {
    let stage = Stage::new(QUICK);
    let engine = stage.start().await;
    let first = engine.control.ask(trigger(Some("k"))).await.unwrap();
    let second = engine.control.ask(trigger(Some("k"))).await.unwrap();
    let (
        Answer::Done {
            run: a,
            existing: false,
            ..
        },
        Answer::Done {
            run: b,
            existing: true,
            ..
        },
    ) = (&first, &second)
    else {
        panic!("{first:?} {second:?}")
    };
    assert_eq!(a, b);
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ask_for_another_profile_is_a_conflict_and_one_that_is_past_is_said_to_be() {
    let stage = Stage::new(QUICK);
    let engine = stage.start().await;
    let mut other = trigger(None);
    other.profile = "prod".parse().unwrap();
    let answer = engine.control.ask(other).await.unwrap();
    assert!(
        matches!(
            answer,
            Answer::Refused {
                kind: Refusal::Conflict,
                ..
            }
        ),
        "{answer:?}"
    );
    let mut past = trigger(None);
    past.valid_until = Utc::now() - chrono::Duration::seconds(1);
    let answer = engine.control.ask(past).await.unwrap();
    assert!(
        matches!(
            answer,
            Answer::Refused {
                kind: Refusal::Expired,
                ..
            }
        ),
        "{answer:?}"
    );
    engine.drain().await;
}

/// A schedule that fires every minute, and an engine whose clock begins a moment before the tick.
const EVERY_MINUTE: &str = "id = \"d\"\n[schedule]\ncron = \"* * * * *\"\ncatchup = \"all\"\n[tasks.t]\nexecutor = \"scripted\"\nwait = \"block\"\n";

fn shortly_before_a_minute(minute: i64) -> noctule_runtime::Clock {
    let at = chrono::DateTime::from_timestamp(1_762_516_800 + minute * 60, 0).unwrap();
    noctule_runtime::Clock::starting_at(at - chrono::Duration::milliseconds(300))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_makes_one_run_with_its_ingestion_id() {
    let stage = Stage::new(EVERY_MINUTE);
    let engine = stage
        .start_with(|options| options.clock = shortly_before_a_minute(1))
        .await;
    stage.world.launched("t").await;
    let runs = engine.store.find_runs(&RunFilter::default()).await.unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].facts.ingestion_id.as_str(), "20251107120100");
    assert!(matches!(runs[0].facts.trigger, Trigger::Schedule { .. }));
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_sight_makes_no_runs_for_the_past_and_downtime_is_caught_up_once() {
    let stage = Stage::new(&EVERY_MINUTE.replace(
        "[tasks.t]",
        "overlap = \"queue\"\nmax_queued = 10\n[tasks.t]",
    ));
    let first = stage
        .start_with(|options| options.clock = shortly_before_a_minute(1))
        .await;
    stage.world.launched("t").await;
    let run = first
        .store
        .find_runs(&RunFilter::default())
        .await
        .unwrap()
        .remove(0);
    first.over(&run.facts.id).await;
    first.drain().await;

    // Three ticks pass while no engine runs.
    let second = stage
        .start_with(|options| options.clock = shortly_before_a_minute(5))
        .await;
    stage
        .world
        .until(|ledger| (ledger.works.len() >= 4).then_some(()))
        .await;
    second.drain().await;
    let third = stage
        .start_with(|options| options.clock = shortly_before_a_minute(5))
        .await;
    third.control.ask(ask(Wish::Reload)).await.unwrap();
    let ids: Vec<String> = {
        let runs = third.store.find_runs(&RunFilter::default()).await.unwrap();
        let mut ids: Vec<String> = runs
            .iter()
            .map(|run| run.facts.ingestion_id.as_str().to_owned())
            .collect();
        ids.sort();
        ids
    };
    assert_eq!(
        ids[..4],
        [
            "20251107120100",
            "20251107120200",
            "20251107120300",
            "20251107120400"
        ]
    );
    let mut unique = ids.clone();
    unique.dedup();
    assert_eq!(unique, ids, "a tick made two runs");
    third.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_dag_fires_nothing_and_its_ticks_are_recorded_as_dropped() {
    let stage = Stage::new(EVERY_MINUTE);
    let engine = stage
        .start_with(|options| {
            options.clock = shortly_before_a_minute(1);
            options.new_dags_paused = true;
        })
        .await;
    let dag = "d".parse().unwrap();
    let mut token = 0;
    while engine
        .store
        .dropped_ticks(&dag, 10)
        .await
        .unwrap()
        .is_empty()
    {
        token = engine
            .store
            .changed_since(token, std::time::Duration::from_secs(5))
            .await
            .unwrap();
    }
    assert!(
        engine
            .store
            .find_runs(&RunFilter::default())
            .await
            .unwrap()
            .is_empty()
    );
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_keeps_the_version_it_began_with_and_a_bad_file_keeps_the_last_good_one() {
    let stage = Stage::new(
        "id = \"d\"\n[tasks.t]\nexecutor = \"scripted\"\nwait = \"block\"\nwith = { hold = true }\n",
    );
    let engine = stage.start().await;
    let run = engine.trigger().await;
    stage.world.launched("t").await;
    let edited =
        stage.read("id = \"d\"\n[tasks.other]\nexecutor = \"scripted\"\nwait = \"block\"\n");
    engine
        .control
        .publish(
            Publication {
                dags: edited,
                ..Publication::default()
            },
            None,
        )
        .unwrap();
    let broken = [("dags/d.toml".to_owned(), "dags/d.toml:1:1: no".to_owned())].into();
    engine
        .control
        .publish(
            Publication {
                dags: vec![],
                broken,
            },
            None,
        )
        .unwrap();
    engine.control.ask(ask(Wish::Reload)).await.unwrap();
    stage.world.succeed("t");
    let first = engine.over(&run).await;
    assert_eq!(ending(&first), Some(RunEnding::Succeeded));
    let second = engine.trigger().await;
    let second = engine.over(&second).await;
    assert_ne!(first.facts.version, second.facts.version);
    let record = engine
        .store
        .dag_record(&"d".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert!(record.error.is_some() && !record.withdrawn);
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_published_is_in_the_store_once_the_engine_says_so_also_after_a_full_disk() {
    let stage = Stage::new("id = \"d\"\n[tasks.t]\nexecutor = \"scripted\"\n");
    let engine = stage.start().await;
    let control = &engine.control;
    control.written().await.unwrap();
    stage.killer.fill_disk(2);
    let text = "id = \"other\"\n[tasks.t]\nexecutor = \"scripted\"\n";
    let published = Publication {
        dags: stage.read(text),
        ..Publication::default()
    };
    control.publish(published, None).unwrap();
    control.written().await.unwrap();
    let other = "other".parse().unwrap();
    let record = engine.store.dag_record(&other).await.unwrap();
    assert!(record.is_some_and(|record| !record.withdrawn));
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_goes_and_comes_back_keeps_what_its_record_had_not_written_yet() {
    let stage = Stage::new("id = \"d\"\n[tasks.t]\nexecutor = \"scripted\"\n");
    let engine = stage.start().await;
    let control = &engine.control;
    control.written().await.unwrap();
    stage.killer.fill_disk(2);
    let dag = "d".parse().unwrap();
    let pause = Wish::Pause { dag, reason: None };
    control.ask(ask(pause)).await.unwrap();
    // While the disk is full.
    control.publish(Publication::default(), None).unwrap();
    let back = Publication {
        dags: stage.dags.clone(),
        ..Publication::default()
    };
    control.publish(back, None).unwrap();
    control.written().await.unwrap();
    let record = engine
        .store
        .dag_record(&"d".parse().unwrap())
        .await
        .unwrap();
    let record = record.unwrap();
    assert!(record.pause.is_some() && !record.withdrawn, "{record:?}");
    engine.drain().await;
}
