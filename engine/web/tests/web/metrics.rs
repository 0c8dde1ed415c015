//! What is counted, as Prometheus reads it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use noctule_core::word::{Cause, Message, MessageId, Notice, Occasion, Recipient, Standing};
use noctule_store::{Owner, Role, Store, Write};
use serde_json::json;

use crate::stage::{BAD, HELD, QUICK, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_is_counted_once_and_what_is_there_is_measured() {
    let stage = Stage::new(&[QUICK, BAD, HELD]).await;
    for dag in ["quick", "quick", "bad"] {
        let target = format!("/api/v1/dags/{dag}/runs?wait=60s");
        let ended = stage.post(&target, json!({})).await;
        assert!(!ended.json()["ended_at"].is_null());
    }
    stage.trigger("held").await;
    stage
        .world
        .until(|ledger| (ledger.works.len() == 4).then_some(()))
        .await;
    let answer = stage.get("/metrics").await;
    let kind = answer.header("content-type").unwrap().to_owned();
    assert!(
        kind.starts_with("application/openmetrics-text; version=1.0.0"),
        "{kind}"
    );
    let text = answer.text();
    for line in [
        "noctule_engine 1",
        "noctule_stand{stand=\"engine\"} 1",
        "noctule_stand{stand=\"standby\"} 0",
        "noctule_messages{state=\"waiting\"} 0",
        "noctule_oldest_message_seconds 0.0",
        "noctule_runs_created_total{dag=\"quick\",trigger=\"manual\"} 2",
        "noctule_runs_ended_total{dag=\"quick\",state=\"succeeded\"} 2",
        "noctule_runs_ended_total{dag=\"bad\",state=\"failed\"} 1",
        "noctule_launches_total{executor=\"scripted\",step=\"intended\"} 4",
        "noctule_attempts_ended_total{executor=\"scripted\",state=\"succeeded\",class=\"\"} 2",
        "noctule_runs{state=\"running\"} 1",
        "noctule_runs{state=\"queued\"} 0",
        "noctule_slots 8",
        "noctule_dags 3",
    ] {
        assert!(text.lines().any(|there| there == line), "{line}:\n{text}");
    }
    assert!(text.contains("noctule_commit_seconds_count"), "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert_eq!(text.matches("# EOF").count(), 1);
}

/// Of a project without pools, in which nothing has run.
const SILENT: [&str; 13] = [
    "noctule_attempts_ended",
    "noctule_launches",
    "noctule_listeners",
    "noctule_polls",
    "noctule_pool_slots",
    "noctule_pool_slots_held",
    "noctule_refused_writes",
    "noctule_runs_created",
    "noctule_runs_ended",
    "noctule_sendings",
    "noctule_spans",
    "noctule_task_runs",
    "noctule_unwritten",
];

/// The names in a text, without what a kind of meter adds to its name.
fn named(text: &str) -> BTreeSet<String> {
    let word = |c: char| !(c.is_ascii_lowercase() || c == '_');
    let names = text.split(word).filter(|word| word.starts_with("noctule_"));
    let suffixes = ["_total", "_bucket", "_count"];
    let bare = |name: &str| {
        let cut = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
        cut.unwrap_or(name).to_owned()
    };
    names.map(bare).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documentation_names_every_meter_and_the_dashboard_none_that_is_not_there() {
    let stage = Stage::new(&[QUICK]).await;
    let text = stage.get("/metrics").await.text();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let there: BTreeSet<String> = types
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect();
    let documented = named(include_str!("../../../../docs/metrics.md"));
    let unknown: Vec<_> = there.difference(&documented).collect();
    assert!(unknown.is_empty(), "not documented: {unknown:?}");
    // What has had no label yet is not shown.
    let silent: Vec<_> = documented.difference(&there).map(String::as_str).collect();
    assert_eq!(silent, SILENT);
    let drawn = named(include_str!("../../../../docs/dashboard.json"));
    let unknown: Vec<_> = drawn.difference(&documented).collect();
    assert!(unknown.is_empty(), "drawn, and not there: {unknown:?}");
}

fn message(number: u32, standing: Standing) -> Message {
    let at = DateTime::from_timestamp(1_768_315_200 + i64::from(number), 0).unwrap();
    Message {
        id: MessageId(format!("msg_{number}")),
        to: Recipient::Receiver {
            name: "oncall".to_owned(),
        },
        cause: Cause("test".to_owned()),
        first: Notice {
            id: format!("evt_{number}"),
            occasion: Occasion::Failed,
            at,
            dag: "quick".parse().unwrap(),
            run: None,
            ingestion_id: None,
            task: None,
            class: None,
            through: None,
            what: "it failed".to_owned(),
        },
        count: 1,
        names: Vec::new(),
        open: BTreeSet::new(),
        follows: None,
        created_at: at,
        latest_at: at,
        sealed_at: Some(at),
        tries: 1,
        tried_at: None,
        tried_for: 0,
        error: None,
        standing,
    }
}

async fn keep(store: &Store, messages: &[Message]) {
    let owner = Owner {
        pid: std::process::id(),
        host: "h".to_owned(),
        role: Role::Serve,
        since: Utc::now(),
        listen: None,
    };
    let lease = store.acquire(&owner).await.unwrap();
    let writes = messages.iter().map(|message| Write::Message { message });
    let writes: Vec<Write<'_>> = writes.collect();
    store.commit(&lease, &writes).await.unwrap();
    lease.release().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_to_be_told_and_who_listens_is_in_the_document_on_the_page_and_measured() {
    let now = Utc::now();
    let not_before = now + chrono::Duration::hours(1);
    let messages = [
        message(1, Standing::Waiting { not_before }),
        message(2, Standing::Waiting { not_before }),
        message(3, Standing::GivenUp { at: now }),
        message(4, Standing::Sent { at: now }),
    ];
    let before = async |store: &Store| keep(store, &messages).await;
    let stage = Stage::after(&[QUICK], crate::stage::settings(), before).await;
    let standby = stage.get("/api/v1/health").await.json();
    assert_eq!(
        (&standby["stand"], &standby["listeners"]),
        (&json!("standby"), &json!(null))
    );
    let stage = stage.attached(&[QUICK]).await;
    let listener = stage.listen("/api/v1/events", None).await;
    let health = stage.get("/api/v1/health").await.json();
    assert_eq!(health["stand"], "engine");
    assert_eq!(
        health["outbox"],
        json!({ "gathering": 0, "waiting": 2, "sending": 0, "given_up": 1, "oldest": "2026-01-13T14:40:01.000Z" })
    );
    assert_eq!(health["events"], json!({ "clients": 1, "most": 64 }));
    assert_eq!(
        (&health["listeners"], &health["spans"]),
        (&json!([]), &json!(null))
    );
    let page = stage.get("/health").await.text();
    for words in [
        "Outbox",
        "2: 0 gathering, 2 waiting",
        "notify list --failed",
        "1 of 64",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let text = stage.get("/metrics").await.text();
    assert!(
        text.contains("\nnoctule_messages{state=\"waiting\"} 2\n"),
        "{text}"
    );
    assert!(text.contains("\nnoctule_event_listeners 1\n"), "{text}");
    assert!(
        !text.contains("\nnoctule_oldest_message_seconds 0"),
        "{text}"
    );
    drop(listener);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_receiver_did_not_take_is_found_page_by_page_behind_any_number_of_others() {
    let at = Utc::now();
    let mut messages: Vec<Message> = (1..=3)
        .map(|number| message(number, Standing::GivenUp { at }))
        .collect();
    let not_before = at + chrono::Duration::hours(1);
    messages.push(Message {
        error: Some("no answer".to_owned()),
        ..message(4, Standing::Waiting { not_before })
    });
    messages.push(message(5, Standing::Waiting { not_before }));
    messages.extend((6..260).map(|number| message(number, Standing::Sent { at })));
    let before = async |store: &Store| keep(store, &messages).await;
    let stage = Stage::after(&[QUICK], crate::stage::settings(), before).await;
    let mut found = Vec::new();
    let mut target = "/api/v1/deliveries?failed=true&limit=3".to_owned();
    loop {
        let page = stage.get(&target).await.json();
        let items = page["items"].as_array().unwrap();
        assert!(!items.is_empty(), "a page is empty, though there are more");
        found.extend(
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        target = format!("/api/v1/deliveries?failed=true&limit=3&cursor={next}");
    }
    assert_eq!(found, ["msg_4", "msg_3", "msg_2", "msg_1"]);
    let count = async |target: &str| {
        let page = stage.get(target).await.json();
        page["items"].as_array().unwrap().len()
    };
    let both = "/api/v1/deliveries?failed=true&state=waiting";
    assert_eq!(count(both).await, 1);
    assert_eq!(count("/api/v1/deliveries?failed=false&limit=7").await, 7);
    let wrong = stage.get("/api/v1/deliveries?failed=yes").await;
    assert_eq!(wrong.status, 400);
}
