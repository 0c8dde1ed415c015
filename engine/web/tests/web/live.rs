//! Live events: nothing lost, nothing twice, wherever the line broke.

use noctule_web::Stand;
use serde_json::{Value, json};

use crate::client::{Event, Listener};
use crate::nights::NIGHTLY;
use crate::stage::{BAD, HELD, QUICK, Stage, settings};

fn seq(event: &Event) -> u64 {
    let data: Value = serde_json::from_str(event.data.as_deref().unwrap()).unwrap();
    data["seq"].as_u64().unwrap()
}

fn kind(event: &Event) -> String {
    let data: Value = serde_json::from_str(event.data.as_deref().unwrap()).unwrap();
    data["kind"].as_str().unwrap().to_owned()
}

async fn journal(stage: &Stage, run: &str) -> Vec<u64> {
    let records = stage.store.records(&run.parse().unwrap(), 0, 10_000).await;
    records.unwrap().into_iter().map(|(seq, _)| seq).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_breaks_anywhere_goes_on_without_loss_or_doubles() {
    let stage = Stage::new(&[HELD]).await;
    let run = stage.trigger("held").await;
    let target = format!("/api/v1/runs/{run}/stream");
    let mut seen: Vec<u64> = Vec::new();
    let mut lines = 0;
    let mut over = false;
    // The line breaks after each one, two, three… events, while the run goes on.
    while !over {
        lines += 1;
        let last = seen.last().map(u64::to_string);
        let mut listener = stage.listen(&target, last.as_deref()).await;
        for _ in 0..lines {
            if lines == 3 {
                stage.world.launched("t").await;
                stage.world.succeed("t");
                stage.world.launched("after").await;
            }
            let event = listener.next().await;
            assert_eq!(event.id, seq(&event).to_string());
            seen.push(seq(&event));
            over = kind(&event) == "run_ended";
            if over {
                break;
            }
        }
    }
    assert_eq!(seen, journal(&stage, &run).await);
    assert!(lines > 3, "the line broke {lines} times only");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_hears_everything_in_order_and_goes_on_where_they_were() {
    let stage = Stage::new(&[QUICK, BAD]).await;
    let mut all = stage.listen("/api/v1/events", None).await;
    let begin = all.next().await;
    assert_eq!(
        begin.data, None,
        "a position, so that a line that breaks at once can go on"
    );
    let mut runs = Vec::new();
    for dag in ["quick", "bad", "quick"] {
        runs.push(stage.trigger(dag).await);
    }
    for run in &runs {
        stage.over(run).await;
    }
    let count = {
        let mut count = 0;
        for run in &runs {
            count += journal(&stage, run).await.len();
        }
        count
    };
    let mut heard = Vec::new();
    for _ in 0..count {
        heard.push(all.next().await);
    }
    for run in &runs {
        let of_run: Vec<u64> = heard
            .iter()
            .filter(|event| event.data.as_deref().unwrap().contains(run.as_str()))
            .map(seq)
            .collect();
        assert_eq!(of_run, journal(&stage, run).await, "{run}");
    }
    // From each place, the rest.
    for from in [0, 1, count / 2, count - 1] {
        let id = if from == 0 {
            &begin.id
        } else {
            &heard[from - 1].id
        };
        let mut again = stage.listen("/api/v1/events", Some(id)).await;
        for event in &heard[from..] {
            assert_eq!(again.next().await, *event);
        }
    }
    for gone in ["another-3", "x", "999999999999999999999999"] {
        let mut reset = stage.listen("/api/v1/events", Some(gone)).await;
        assert_eq!(reset.next().await.name.as_deref(), Some("reset"), "{gone}");
    }
}

/// A mark on a run that is over makes it live for no moment; it is told all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_to_an_ended_run_is_told_too() {
    let stage = Stage::new(&[BAD]).await;
    let run = stage.trigger("bad").await;
    stage.over(&run).await;
    let known = journal(&stage, &run).await;
    let last = known.last().unwrap().to_string();
    let mut stream = stage
        .listen(&format!("/api/v1/runs/{run}/stream"), Some(&last))
        .await;
    let id = stage.task(&run, "t").await;
    let body = json!({ "state": "succeeded" });
    stage
        .post(&format!("/api/v1/task-runs/{id}/mark"), body)
        .await;
    let event = stream.next().await;
    assert_eq!(seq(&event), known.last().unwrap() + 1);
    let data: Value = serde_json::from_str(event.data.as_deref().unwrap()).unwrap();
    assert_eq!((&data["run"], &data["dag"]), (&json!(run), &json!("bad")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_may_listen_and_a_place_is_free_again_when_one_leaves() {
    let mut few = settings();
    few.streams = 3;
    let stage = Stage::with(&[QUICK], few).await;
    let mut listeners = Vec::new();
    for _ in 0..3 {
        listeners.push(stage.listen("/api/v1/events", None).await);
    }
    let refused = stage.get("/api/v1/events").await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "too_many_streams")
    );
    listeners.pop();
    let mut tries = 0;
    let mut next = Listener::open(stage.address, "/api/v1/events", None).await;
    while next.status == 503 {
        tries += 1;
        assert!(tries < 10_000, "the place is not given back");
        tokio::task::yield_now().await;
        next = Listener::open(stage.address, "/api/v1/events", None).await;
    }
    assert_eq!(next.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_no_run_and_a_place_that_is_no_number_are_refused() {
    let stage = Stage::new(&[QUICK]).await;
    assert_eq!(
        stage.get("/api/v1/runs/none/stream").await.code(),
        "no_such_run"
    );
    let run = stage.trigger("quick").await;
    let target = format!("/api/v1/runs/{run}/stream");
    for last in ["x", "-1", "1x", "\u{0}"] {
        let ask = crate::client::Ask::get(&target).header("last-event-id", last);
        let answer = ask.send(stage.address).await;
        assert_eq!(answer.status, 400, "{last:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_before_is_not_told_as_news_and_what_comes_after_is() {
    let stage = Stage::unattached(&[HELD], settings()).await;
    stage.dag_is_known("held").await;
    let run = stage.trigger_directly("held").await;
    stage.world.launched("t").await;
    stage
        .until(&run, |run| {
            run.tasks[0]
                .live()
                .is_some_and(|live| live.state.word() == "running")
        })
        .await;
    let before = journal(&stage, &run).await;
    // What it told of that, it told to nobody.
    stage.control.written().await.unwrap();
    stage.web.attach(stage.control.clone()).unwrap();
    let mut all = stage.listen("/api/v1/events", None).await;
    all.next().await;
    stage.world.succeed("t");
    let mut seen = Vec::new();
    loop {
        let event = all.next().await;
        seen.push(seq(&event));
        if kind(&event) == "run_ended" {
            break;
        }
    }
    let whole = journal(&stage, &run).await;
    assert_eq!(seen, whole[before.len()..]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_listeners_hear_the_same() {
    let mut many = settings();
    many.streams = 200;
    let stage = Stage::with(&[QUICK], many).await;
    let mut listeners = Vec::new();
    for _ in 0..200 {
        let mut listener = stage.listen("/api/v1/events", None).await;
        listener.next().await;
        listeners.push(listener);
    }
    let mut events = 0;
    for _ in 0..5 {
        let run = stage.trigger("quick").await;
        stage.over(&run).await;
        events += journal(&stage, &run).await.len();
    }
    let mut first: Vec<Event> = Vec::new();
    for listener in &mut listeners {
        let mut heard = Vec::new();
        for _ in 0..events {
            heard.push(listener.next().await);
        }
        if first.is_empty() {
            first = heard;
        } else {
            assert_eq!(heard, first);
        }
    }
}

/// What another engine did between is told by nobody: so it is said that there is a gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_lost_and_regained_is_a_gap_that_everybody_hears_of() {
    let stage = Stage::new(&[QUICK]).await;
    let mut open = stage.listen("/api/v1/events", None).await;
    let begin = open.next().await.id;
    let run = stage.trigger("quick").await;
    stage.over(&run).await;
    let mut last = open.next().await;
    while kind(&last) != "run_ended" {
        last = open.next().await;
    }
    stage.web.stand(Stand::Standby);
    assert_eq!(
        open.next_or_end().await,
        None,
        "nobody is told that nothing happens"
    );
    let refused = stage.get("/api/v1/events").await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "engine_unavailable")
    );
    assert_eq!(refused.header("retry-after"), Some("5"));
    // As another engine would.
    let between = stage.trigger_directly("quick").await;
    stage.over(&between).await;
    stage.web.attach(stage.control.clone()).unwrap();
    for known in [&begin, &last.id] {
        let mut again = stage.listen("/api/v1/events", Some(known)).await;
        let reset = again.next().await;
        assert_eq!(reset.name.as_deref(), Some("reset"), "{known}");
        // From there on nothing is missing.
        let mut on = stage.listen("/api/v1/events", Some(&reset.id)).await;
        let next = stage.trigger("quick").await;
        stage.over(&next).await;
        let whole = journal(&stage, &next).await;
        for listener in [&mut again, &mut on] {
            assert_eq!(told_of(listener, &next).await, whole, "{known}");
        }
    }
}

/// The entries of one run that somebody hears, up to its end; those of others may come between.
async fn told_of(listener: &mut Listener, run: &str) -> Vec<u64> {
    let mut heard = Vec::new();
    loop {
        let event = listener.next().await;
        let data: Value = serde_json::from_str(event.data.as_deref().unwrap()).unwrap();
        if data["run"] != run {
            continue;
        }
        heard.push(seq(&event));
        if kind(&event) == "run_ended" {
            return heard;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_follows_another_at_once_is_a_gap_for_those_who_listen() {
    let stage = Stage::new(&[QUICK]).await;
    let mut open = stage.listen("/api/v1/events", None).await;
    let begin = open.next().await;
    stage.web.attach(stage.control.clone()).unwrap();
    let reset = open.next().await;
    assert_eq!(reset.name.as_deref(), Some("reset"));
    assert_ne!(reset.id.split('-').next(), begin.id.split('-').next());
    let run = stage.trigger("quick").await;
    let event = open.next().await;
    assert!(event.data.unwrap().contains(&run));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_a_run_goes_on_over_the_loss_of_the_store_and_on_a_server_without_it() {
    let stage = Stage::new(&[HELD]).await;
    let run = stage.trigger("held").await;
    stage.world.launched("t").await;
    let target = format!("/api/v1/runs/{run}/stream");
    let mut before = stage.listen(&target, None).await;
    let mut seen = vec![before.next().await];
    stage.web.stand(Stand::Standby);
    let mut without = stage.listen(&target, None).await;
    stage.world.succeed("t");
    stage.world.launched("after").await;
    stage.over(&run).await;
    let whole = journal(&stage, &run).await;
    while seen.last().is_some_and(|event| kind(event) != "run_ended") {
        seen.push(before.next().await);
    }
    assert_eq!(seen.iter().map(seq).collect::<Vec<u64>>(), whole);
    for event in seen {
        assert_eq!(without.next().await, event);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_a_backfill_stands_is_told_by_name_when_it_changes() {
    let stage = Stage::new(&[NIGHTLY]).await;
    let mut all = stage.listen("/api/v1/events", None).await;
    all.next().await;
    let body = json!({ "from": "2026-01-10", "to": "2026-01-12" });
    let made = stage.post("/api/v1/dags/nightly/backfills", body).await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let mut told: Vec<Value> = Vec::new();
    let mut act = async |until: &str, running: u64| loop {
        let event = all.next().await;
        let data: Value = serde_json::from_str(event.data.as_deref().unwrap()).unwrap();
        if event.name.as_deref() != Some("backfill") {
            assert_eq!((event.name, data.get("backfill")), (None, None));
            continue;
        }
        assert_eq!(
            (&data["backfill"], &data["dag"]),
            (&json!(id), &json!("nightly"))
        );
        assert_ne!(told.last(), Some(&data), "nothing is told twice");
        told.push(data.clone());
        if data["state"] == until && data["progress"]["running"] == running {
            return data;
        }
    };
    let begun = act("running", 1).await;
    assert_eq!(begun["progress"]["nights"], 3);
    let to = |what: &str| format!("/api/v1/backfills/{id}/{what}");
    stage.post(&to("pause"), json!({})).await;
    act("paused", 1).await;
    stage.post(&to("resume"), json!({})).await;
    act("running", 1).await;
    stage.post(&to("cancel"), json!({})).await;
    act("cancelled", 0).await;
}
