//! Commits: all or nothing, one run a tick, one bad write alone.

use noctule_core::ask::{Answer, Ask, Wish};
use noctule_core::run::{Fact, Phase, Record, Step, Trigger};
use noctule_store::{RunFilter, StoreError, Write, Written};
use sqlx::Connection;

use crate::stage::{Stage, at, bear, dag, id, manual, owner, run, version};

fn scheduled() -> Trigger {
    Trigger::Schedule { tick: at(0) }
}

#[tokio::test]
async fn the_same_tick_makes_one_run_however_often_it_is_created() {
    let stage = Stage::new();
    let store = stage.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let dag = dag(1);
    let (first, step) = run(&dag, "r1", scheduled(), at(0));
    bear(&store, &lease, &dag, &first, &step).await;
    let (again, step) = run(&dag, "r2", Trigger::CatchUp { tick: at(0) }, at(5));
    let create = Write::Create {
        run: &again,
        step: &step,
        idempotency_key: None,
    };
    let written = store.commit(&lease, &[create]).await.unwrap();
    assert!(
        matches!(&written[0], Written::Existing(run) if *run == id("r1")),
        "{written:?}"
    );
    assert_eq!(
        store.find_runs(&RunFilter::default()).await.unwrap().len(),
        1
    );
    assert!(store.run(&id("r2")).await.unwrap().is_none());
}

#[tokio::test]
async fn the_same_idempotency_key_makes_one_run() {
    let stage = Stage::new();
    let store = stage.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let dag = dag(1);
    let pinned = version(&dag);
    store
        .commit(&lease, &[Write::Pin { version: &pinned }])
        .await
        .unwrap();
    for (name, existing) in [("r1", false), ("r2", true)] {
        let (run, step) = run(&dag, name, manual(), at(0));
        let create = Write::Create {
            run: &run,
            step: &step,
            idempotency_key: Some("order-17"),
        };
        let written = store.commit(&lease, &[create]).await.unwrap();
        assert_eq!(matches!(written[0], Written::Existing(_)), existing);
    }
    assert_eq!(
        store
            .run_by_key(&"d".parse().unwrap(), "order-17")
            .await
            .unwrap(),
        Some(id("r1"))
    );
}

#[tokio::test]
async fn one_bad_write_does_not_take_the_others_down() {
    let stage = Stage::new();
    let store = stage.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let dag = dag(2);
    let (good, step) = run(&dag, "good", manual(), at(0));
    bear(&store, &lease, &dag, &good, &step).await;
    // A run whose version was never pinned breaks a rule of the schema.
    let other = crate::stage::dag(3);
    let (bad, bad_step) = run(&other, "bad", manual(), at(1));
    let mut moved = good.clone();
    moved.phase = Phase::Queued { since: at(7) };
    let create = Write::Create {
        run: &bad,
        step: &bad_step,
        idempotency_key: None,
    };
    let written = store
        .commit(
            &lease,
            &[
                create,
                Write::Step {
                    run: &moved,
                    step: &step,
                },
            ],
        )
        .await
        .unwrap();
    assert!(matches!(written[0], Written::Failed(_)), "{written:?}");
    assert!(matches!(written[1], Written::Done), "{written:?}");
    assert!(store.run(&id("bad")).await.unwrap().is_none());
    assert_eq!(
        store.run(&id("good")).await.unwrap().unwrap().phase,
        moved.phase
    );
}

#[tokio::test]
async fn records_keep_their_order_over_commits_that_group_several_runs() {
    let stage = Stage::new();
    let store = stage.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let dag = dag(1);
    let (a, step) = run(&dag, "a", manual(), at(0));
    bear(&store, &lease, &dag, &a, &step).await;
    let (b, step) = run(&dag, "b", manual(), at(0));
    bear(&store, &lease, &dag, &b, &step).await;
    for round in 1..4 {
        let record = |second| Record {
            at: at(second),
            task: None,
            attempt: None,
            fact: Fact::RunStarted { round },
        };
        let step = Step {
            records: vec![record(1), record(2)],
            ..Step::default()
        };
        let writes = [
            Write::Step {
                run: &a,
                step: &step,
            },
            Write::Step {
                run: &b,
                step: &step,
            },
        ];
        store.commit(&lease, &writes).await.unwrap();
    }
    for name in ["a", "b"] {
        let records = store.records(&id(name), 0, 100).await.unwrap();
        let numbers: Vec<u64> = records.iter().map(|(seq, _)| *seq).collect();
        assert_eq!(numbers, (1..=7).collect::<Vec<u64>>());
        let rounds = records.iter().filter_map(|(_, record)| match record.fact {
            Fact::RunStarted { round } => Some(round),
            _ => None,
        });
        assert_eq!(rounds.collect::<Vec<_>>(), [1, 1, 2, 2, 3, 3]);
    }
}

#[tokio::test]
async fn a_full_disk_leaves_nothing_half_done_and_passes() {
    let stage = Stage::new();
    let store = stage.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let dag = dag(500);
    let (run, step) = run(&dag, "r1", manual(), at(0));
    let pinned = version(&dag);
    store
        .commit(&lease, &[Write::Pin { version: &pinned }])
        .await
        .unwrap();
    store.limit_pages_to_what_is_there().await.unwrap();
    let create = Write::Create {
        run: &run,
        step: &step,
        idempotency_key: None,
    };
    let error = store.commit(&lease, &[create]).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Full(_)) && error.is_passing(),
        "{error}"
    );
    assert!(store.run(&id("r1")).await.unwrap().is_none());
    store.lift_page_limit().await.unwrap();
    store.commit(&lease, &[create]).await.unwrap();
    assert_eq!(store.run(&id("r1")).await.unwrap().unwrap(), run);
}

#[tokio::test]
async fn asks_come_in_while_an_engine_holds_the_store_and_are_answered_once() {
    let stage = Stage::new();
    let (engine, asker) = (stage.open().await, stage.open().await);
    let lease = engine.acquire(&owner()).await.unwrap();
    let ask = Ask {
        profile: "test".parse().unwrap(),
        by: noctule_core::run::Actor::engine(),
        at: at(0),
        valid_until: at(60),
        wish: Wish::Reload,
    };
    let number = asker.ask(&ask).await.unwrap();
    assert_eq!(engine.pending_asks().await.unwrap(), [(number, ask)]);
    let answer = |note: &str| Answer::Done {
        run: None,
        existing: false,
        notes: vec![note.to_owned()],
    };
    for note in ["first", "second"] {
        let answer = answer(note);
        let write = Write::Answer {
            ask: number,
            answer: &answer,
        };
        engine.commit(&lease, &[write]).await.unwrap();
    }
    assert_eq!(
        asker.answer_of(number).await.unwrap(),
        Some(answer("first"))
    );
    assert!(engine.pending_asks().await.unwrap().is_empty());
}

#[tokio::test]
async fn runs_are_found_newest_first_and_page_by_page() {
    let stage = Stage::new();
    let store = stage.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let dag = dag(1);
    for (second, name) in [(1, "a"), (2, "b"), (3, "c")] {
        let (run, step) = run(&dag, name, manual(), at(second));
        bear(&store, &lease, &dag, &run, &step).await;
    }
    let page = |before: Option<&str>| RunFilter {
        limit: 2,
        before: before.map(id),
        ..RunFilter::default()
    };
    let names = async |filter: RunFilter| -> Vec<String> {
        let found = store.find_runs(&filter).await.unwrap();
        found.iter().map(|run| run.facts.id.to_string()).collect()
    };
    assert_eq!(names(page(None)).await, ["c", "b"]);
    assert_eq!(names(page(Some("b"))).await, ["a"]);
    let queued = RunFilter {
        state: Some("queued".to_owned()),
        since: Some(at(2)),
        ..RunFilter::default()
    };
    assert_eq!(names(queued).await, ["c", "b"]);
}

#[tokio::test]
async fn a_lock_of_another_program_is_waited_for() {
    let stage = Stage::new();
    let store = stage.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(stage.file());
    let mut other = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    let dag = dag(1);
    let pinned = version(&dag);
    let write = [Write::Pin { version: &pinned }];
    let (written, ()) = tokio::join!(store.commit(&lease, &write), async {
        sqlx::query("COMMIT").execute(&mut other).await.unwrap();
    });
    assert!(written.is_ok(), "{written:?}");
}
