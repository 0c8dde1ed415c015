//! Live events of a store in which something is damaged: nobody waits for it, and everybody hears that it is missing.

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};

use crate::client::{Event, Listener};
use crate::stage::{HELD, QUICK, Stage};

/// By hand, past what writes there.
async fn by_hand(stage: &Stage, statement: String) {
    let file = SqliteConnectOptions::new().filename(stage.file());
    let mut connection: SqliteConnection = file.connect().await.unwrap();
    let done = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection);
    done.await.unwrap();
    connection.close().await.unwrap();
}

/// From now on each entry of the journal of a run is damaged as it is written.
async fn damage(stage: &Stage, run: &str) {
    let each = format!(
        "CREATE TRIGGER damage AFTER INSERT ON records WHEN new.run = '{run}' BEGIN \
            UPDATE records SET body = '{{' || body WHERE run = new.run AND seq = new.seq; END"
    );
    by_hand(stage, each).await;
}

async fn mend(stage: &Stage, run: &str) {
    let whole = format!(
        "DROP TRIGGER damage; UPDATE records SET body = substr(body, 2) WHERE run = '{run}' AND body LIKE '{{{{%'"
    );
    by_hand(stage, whole).await;
}

fn data(event: &Event) -> Value {
    serde_json::from_str(event.data.as_deref().unwrap_or("null")).unwrap()
}

/// The entries of a run that are told, up to its end.
async fn told_of(listener: &mut Listener, run: &str, heard: &mut Vec<Event>) -> Vec<u64> {
    let mut entries = Vec::new();
    loop {
        let event = listener.next().await;
        let entry = data(&event);
        heard.push(event);
        if entry["run"] == run && entry["seq"].is_u64() {
            entries.push(entry["seq"].as_u64().unwrap());
            if entry["kind"] == "run_ended" {
                return entries;
            }
        }
    }
}

async fn journal(stage: &Stage, run: &str) -> Vec<u64> {
    let records = stage.store.records(&run.parse().unwrap(), 0, 10_000).await;
    records.unwrap().into_iter().map(|(seq, _)| seq).collect()
}

async fn until(listener: &mut Listener, heard: &mut Vec<Event>, holds: impl Fn(&Value) -> bool) {
    while !heard.iter().any(|event| holds(&data(event))) {
        let event = listener.next().await;
        heard.push(event);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_cannot_be_read_keeps_nobody_waiting_and_is_a_gap_that_is_told() {
    let stage = Stage::new(&[HELD, QUICK]).await;
    let mut all = stage.listen("/api/v1/events", None).await;
    let mut heard = Vec::new();
    let damaged = stage.trigger("held").await;
    stage.world.launched("t").await;
    let known = |event: &Value| event["run"] == damaged.as_str();
    until(&mut all, &mut heard, known).await;
    damage(&stage, &damaged).await;
    stage.world.succeed("t");
    stage.world.launched("after").await;
    stage.over(&damaged).await;
    let id = damaged.parse().unwrap();
    let read = stage.store.records(&id, 0, 10_000).await;
    assert!(read.is_err(), "it is damaged indeed");
    // Others are told of, whole, however often.
    for _ in 0..3 {
        let run = stage.trigger("quick").await;
        stage.over(&run).await;
        let whole = journal(&stage, &run).await;
        assert_eq!(told_of(&mut all, &run, &mut heard).await, whole);
    }
    // That something of the one is missing is told, with its name, as its DAG is known.
    let missing = |event: &Event| {
        let what = data(event);
        event.name.as_deref() == Some("reset")
            && what["run"] == damaged.as_str()
            && what["dag"] == "held"
    };
    while !heard.iter().any(missing) {
        let event = all.next().await;
        heard.push(event);
    }
    let ended = |event: &Value| event["run"] == damaged.as_str() && event["kind"] == "run_ended";
    assert!(!heard.iter().any(|event| ended(&data(event))));
    // From the place of the gap on nothing is missing; and once it can be read, all of it is told, once.
    let gap = heard.iter().find(|event| missing(event)).unwrap();
    let mut on = stage.listen("/api/v1/events", Some(&gap.id)).await;
    mend(&stage, &damaged).await;
    let run = stage.trigger("quick").await;
    stage.over(&run).await;
    until(&mut on, &mut Vec::new(), |event| {
        event["run"] == run.as_str()
    })
    .await;
    until(&mut all, &mut heard, ended).await;
    let of_it = heard
        .iter()
        .map(data)
        .filter(|event| event["run"] == damaged.as_str());
    let entries: Vec<u64> = of_it.filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(entries, journal(&stage, &damaged).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_listens_to_the_damaged_run_hears_that_its_stream_ends() {
    let stage = Stage::new(&[HELD]).await;
    let run = stage.trigger("held").await;
    stage.world.launched("t").await;
    let target = format!("/api/v1/runs/{run}/stream");
    let mut stream = stage.listen(&target, None).await;
    stream.next().await;
    damage(&stage, &run).await;
    stage.world.succeed("t");
    while let Some(event) = stream.next_or_end().await {
        assert_ne!(data(&event)["kind"], "run_ended");
    }
}
