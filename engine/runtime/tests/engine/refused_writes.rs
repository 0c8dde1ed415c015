//! Writes that the store refuses, one among others: what they were for is not called done, and they are written again.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use noctule_core::ask::{Answer, Wish};
use noctule_core::backfill::{Backfill, NightState, Only};
use noctule_core::run::RunEnding;
use noctule_core::word::Occasion;
use sqlx::{Connection, SqliteConnection};

use crate::backfills::{backfill, until, wish};
use crate::harness::{Running, Stage, ask, ending, trigger_of};
use crate::telling::{FAILING, Letterbox, all_sent, until_all};

/// The first run of each tick fails.
const BAD: &str = r#"
id = "d"
max_active_runs = 3
[schedule]
cron = "0 14 * * *"
[tasks.t]
executor = "scripted"
wait = "block"
with = { ends = ["failed", "succeeded"] }
"#;

/// Waits until the store has refused a write of a kind.
pub(crate) async fn refused(engine: &Running, kind: &'static str) {
    let now = async || engine.control.meters().await.unwrap();
    while now().await.refused_writes(kind) == 0 {
        tokio::task::yield_now().await;
    }
}

/// Does something to the store behind the engine's back.
pub(crate) async fn meddle(folder: &Path, statement: &'static str) {
    let url = format!("sqlite://{}", folder.join("state.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let wait = "PRAGMA busy_timeout = 30000";
    sqlx::raw_sql(wait).execute(&mut connection).await.unwrap();
    let done = sqlx::raw_sql(statement).execute(&mut connection).await;
    done.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_whose_write_is_refused_is_not_sent_and_is_written_again_later() {
    let letterbox = Letterbox::new(Duration::ZERO);
    let quiet = "id = \"q\"\n[tasks.t]\nexecutor = \"scripted\"\nwith = {}\n";
    let mut stage = Stage::of(&[FAILING, quiet]);
    stage.courier = Some(letterbox.clone());
    let engine = stage.start().await;
    let path = stage.dir.path();
    let refuse =
        "CREATE TRIGGER refused BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'no'); END";
    meddle(path, refuse).await;
    let run = engine.trigger().await;
    let over = engine.over(&run).await;
    let failed = Some(RunEnding::Failed);
    assert_eq!(ending(&over), failed, "the work waits for no word");
    refused(&engine, "message").await;
    // Another commit is through, and nothing was sent.
    let other = engine.control.ask(trigger_of("q", None)).await.unwrap();
    let Answer::Done {
        run: Some(other), ..
    } = other
    else {
        panic!("{other:?}");
    };
    engine.over(&other).await;
    assert!(until_all(&engine.store, |_| true).await.is_empty());
    assert!(letterbox.got().is_empty(), "it was sent unwritten");
    meddle(path, "DROP TRIGGER refused").await;
    letterbox.holds(1).await;
    let got = letterbox.got();
    assert_eq!(got[0].first.occasion, Occasion::Failed);
    assert_eq!(got[0].first.run.as_ref(), Some(&run));
    until_all(&engine.store, all_sent).await;
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_whose_write_is_refused_is_there_later_and_no_night_is_doubled() {
    let stage = Stage::new(&BAD.replace("\"failed\", ", ""));
    let engine = stage.start().await;
    let path = stage.dir.path();
    let refuse =
        "CREATE TRIGGER refused BEFORE INSERT ON nights BEGIN SELECT RAISE(ABORT, 'no'); END";
    meddle(path, refuse).await;
    let asked = ask(Wish::Backfill(wish(3, Only::Missing, 1)));
    let asked = engine.store.ask(&asked).await.unwrap();
    refused(&engine, "backfill").await;
    let id = crate::backfills::id();
    assert_eq!(engine.store.backfill(&id).await.unwrap(), None);
    let runs = crate::backfills::runs(&engine.store).await;
    assert!(runs.is_empty(), "a night without its backfill: {runs:?}");
    let answer = engine.store.answer_of(asked).await.unwrap();
    assert_eq!(answer, None, "what is not written is not called done");
    let unwritten = engine.control.meters().await.unwrap().unwritten();
    assert_eq!(unwritten, [("backfill", 1)]);
    meddle(path, "DROP TRIGGER refused").await;
    let head = until(&engine.store, Backfill::is_over).await;
    assert_eq!(head.tally.succeeded, 3, "{head:?}");
    assert_eq!(crate::backfills::runs(&engine.store).await.len(), 3);
    let nights = engine.store.nights(&head.id).await.unwrap();
    assert_eq!(nights.len(), 3);
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_whose_retry_is_refused_is_left_alone_and_never_called_done() {
    let stage = Stage::new(BAD);
    let engine = stage.start().await;
    let path = stage.dir.path();
    backfill(&engine, wish(1, Only::Missing, 1)).await;
    let head = until(&engine.store, Backfill::is_over).await;
    assert_eq!(head.tally.failed, 1, "{head:?}");
    let refuse =
        "CREATE TRIGGER refused BEFORE UPDATE ON runs BEGIN SELECT RAISE(ABORT, 'no'); END";
    meddle(path, refuse).await;
    let mut again = wish(1, Only::Failed, 1);
    again.backfill = "b-2".parse().unwrap();
    let other = again.backfill.clone();
    backfill(&engine, again).await;
    let mut token = engine.store.change_token().await.unwrap();
    let head = loop {
        let head = engine.store.backfill(&other).await.unwrap();
        if let Some(head) = head.filter(Backfill::is_over) {
            break head;
        }
        let changed = engine.store.changed_since(token, Duration::from_secs(5));
        token = changed.await.unwrap();
    };
    let tally = head.tally;
    assert_eq!((tally.left_alone, tally.all()), (1, 1), "{head:?}");
    let nights = engine.store.nights(&other).await.unwrap();
    let NightState::LeftAlone { run, why, .. } = &nights[0].state else {
        panic!("{nights:?}");
    };
    assert!(run.is_some() && why.contains("no"), "{nights:?}");
    meddle(path, "DROP TRIGGER refused").await;
    engine.drain().await;
}

/// As a kill between the commit that refused the round and the next one leaves it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_finds_a_night_under_way_without_its_round_leaves_it_alone() {
    let stage = Stage::new(BAD);
    let engine = stage.start().await;
    backfill(&engine, wish(1, Only::Missing, 1)).await;
    let head = until(&engine.store, Backfill::is_over).await;
    assert_eq!(head.tally.failed, 1, "{head:?}");
    engine.kill().await;
    let set_back = "UPDATE nights SET body = json_remove(json_set(body, '$.state', 'running', '$.round', 2, '$.since', \
            json_extract(body, '$.at')), '$.at', '$.ending'); \
        UPDATE backfills SET body = json_set(body, '$.phase', json('{\"state\":\"running\"}'), '$.tally.running', 1, '$.tally.failed', 0)";
    meddle(stage.dir.path(), set_back).await;
    let engine = stage.start().await;
    let head = until(&engine.store, Backfill::is_over).await;
    assert_eq!(
        (head.tally.left_alone, head.tally.failed),
        (1, 0),
        "{head:?}"
    );
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_turn_begins_at_most_twenty_nights_of_all_backfills_together() {
    let many = |id: &str| {
        let dag = BAD.replace("id = \"d\"", &format!("id = \"{id}\""));
        let dag = dag.replace("max_active_runs = 3", "max_active_runs = 1000");
        dag.replace("\"failed\", ", "")
    };
    let (one, two) = (many("d"), many("e"));
    let mut stage = Stage::of(&[&one, &two]);
    stage.slots = 8;
    let engine = stage.start().await;
    for (dag, id) in [("d", "b-1"), ("e", "b-2")] {
        let mut asked = wish(1, Only::Missing, 1_000);
        asked.dag = dag.parse().unwrap();
        asked.backfill = id.parse().unwrap();
        asked.from = asked.to - chrono::Duration::days(39);
        let asked = ask(Wish::Backfill(asked));
        // Through the inbox both are taken in one turn.
        engine.store.ask(&asked).await.unwrap();
    }
    until(&engine.store, Backfill::is_over).await;
    let mut token = engine.store.change_token().await.unwrap();
    let all = loop {
        let found = engine
            .store
            .find_runs(&noctule_store::RunFilter::default())
            .await
            .unwrap();
        if found.len() == 80 {
            break found;
        }
        let changed = engine.store.changed_since(token, Duration::from_secs(5));
        token = changed.await.unwrap();
    };
    let mut turns: std::collections::BTreeMap<DateTime<Utc>, usize> = Default::default();
    for run in all {
        // The runs of a turn are of one instant.
        *turns.entry(run.facts.created_at).or_default() += 1;
    }
    assert!(turns.values().all(|count| *count <= 20), "{turns:?}");
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_asked_is_done_once_also_where_its_answer_is_refused() {
    let stage = Stage::new("id = \"d\"\n[tasks.t]\nexecutor = \"scripted\"\nwith = {}\n");
    let engine = stage.start().await;
    let path = stage.dir.path();
    let refuse =
        "CREATE TRIGGER refused BEFORE UPDATE ON asks BEGIN SELECT RAISE(ABORT, 'no'); END";
    meddle(path, refuse).await;
    let made = async || {
        let filter = noctule_store::RunFilter::default();
        engine.store.find_runs(&filter).await.unwrap().len()
    };
    let mut token = engine.store.change_token().await.unwrap();
    let mut asked = Vec::new();
    for _ in 0..3 {
        asked.push(engine.store.ask(&trigger_of("d", None)).await.unwrap());
        refused(&engine, "answer").await;
        assert_eq!(made().await, 0, "a kill would have it done again");
    }
    meddle(path, "DROP TRIGGER refused").await;
    for ask in asked {
        while engine.store.answer_of(ask).await.unwrap().is_none() {
            let patience = Duration::from_secs(5);
            token = engine.store.changed_since(token, patience).await.unwrap();
        }
    }
    assert_eq!(made().await, 3, "it was done again for want of an answer");
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_drains_writes_once_more_what_was_refused_and_does_not_wait_for_ever() {
    for heals in [true, false] {
        let letterbox = Letterbox::new(Duration::ZERO);
        let mut stage = Stage::of(&[FAILING]);
        stage.courier = Some(letterbox.clone());
        let engine = stage.start().await;
        let refuse =
            "CREATE TRIGGER refused BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'no'); END";
        meddle(stage.dir.path(), refuse).await;
        engine.trigger().await;
        refused(&engine, "message").await;
        if heals {
            meddle(stage.dir.path(), "DROP TRIGGER refused").await;
        }
        let store = engine.store.clone();
        engine.drain().await;
        let written = until_all(&store, |_| true).await.len();
        assert_eq!(written, usize::from(heals));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_that_waits_with_a_refused_write_keeps_no_other_from_its_receiver() {
    let letterbox = Letterbox::new(Duration::ZERO);
    let nightly = FAILING.replace("[tasks.t]", "[schedule]\ncron = \"0 14 * * *\"\n[tasks.t]");
    let other = FAILING.replace("\"d\"", "\"q\"");
    let other = other.replace("infrastructure", "user");
    let mut stage = Stage::of(&[&nightly, &other]);
    stage.courier = Some(letterbox.clone());
    let engine = stage.start().await;
    let path = stage.dir.path();
    let refuse = "CREATE TRIGGER refused BEFORE UPDATE ON nights WHEN new.body LIKE '%\"ended\"%' \
        BEGIN SELECT RAISE(ABORT, 'no'); END";
    meddle(path, refuse).await;
    backfill(&engine, wish(1, Only::Missing, 1)).await;
    refused(&engine, "backfill").await;
    let asked = engine.control.ask(trigger_of("q", None)).await.unwrap();
    let Answer::Done { run, .. } = asked else {
        panic!("{asked:?}");
    };
    letterbox.holds(1).await;
    assert_eq!(letterbox.got()[0].first.run, run, "the other one waits");
    meddle(path, "DROP TRIGGER refused").await;
    letterbox.holds(2).await;
    engine.drain().await;
}
