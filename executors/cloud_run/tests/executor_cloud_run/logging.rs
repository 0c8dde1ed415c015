//! Logs: the documented filter, late entries, and nothing twice.

use noctule_executor::{Executor, LogPage};
use serde_json::{Value, json};

use crate::scripted::{Reply, Scripted};
use crate::world::{connection, context, context_of, handle, quick, word};

fn entry(id: &str, second: u32, text: &str) -> Value {
    json!({ "insertId": id, "timestamp": format!("2026-01-13T12:30:{second:02}.25Z"), "textPayload": text })
}

fn text(page: &LogPage) -> String {
    String::from_utf8(page.bytes.clone()).unwrap()
}

#[tokio::test]
async fn the_filter_is_the_documented_one() {
    let cloud = Scripted::start(|_| Reply::ok(json!({}))).await;
    let own = connection(
        "https://run.example",
        json!({ "logging_endpoint": cloud.url }),
    );
    let handle = handle("https://run.example", "etl", "etl-1");
    let page = quick()
        .logs(&context_of(own, &[]), &handle, None)
        .await
        .unwrap();
    assert!(page.drained && page.bytes.is_empty());
    let asked = &cloud.asked()[0];
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str()),
        ("POST", "/v2/entries:list")
    );
    assert_eq!(
        asked.json(),
        json!({
            "resourceNames": ["projects/p"],
            "filter": "resource.type=\"cloud_run_job\" resource.labels.job_name=\"etl\" resource.labels.location=\"r1\" \
                labels.\"run.googleapis.com/execution_name\"=\"etl-1\" timestamp>=\"2026-01-13T12:11:00.000000000Z\" \
                NOT logName:\"cloudaudit.googleapis.com\"",
            "orderBy": "timestamp asc", "pageSize": 1000, "pageToken": "",
        })
    );
}

#[tokio::test]
async fn late_entries_come_once_and_none_twice() {
    let mut calls = 0;
    let cloud = Scripted::start(move |_| {
        calls += 1;
        let late = entry("late", 18, "three");
        let all = [
            entry("a", 5, "one"),
            entry("b", 20, "two"),
            late,
            entry("d", 21, "four"),
        ];
        Reply::ok(match calls {
            1 => json!({ "entries": all[..2] }),
            // The overlap is given again, with one that came late into it.
            _ => json!({ "entries": [all[2], all[1], all[3]] }),
        })
    })
    .await;
    let context = context(&cloud.url);
    let handle = handle(&cloud.url, "etl", "etl-1");
    let first = quick().logs(&context, &handle, None).await.unwrap();
    assert_eq!(text(&first), "one\ntwo\n");
    let second = quick()
        .logs(&context, &handle, first.next.as_ref())
        .await
        .unwrap();
    assert_eq!(text(&second), "three\nfour\n");
    let third = quick()
        .logs(&context, &handle, second.next.as_ref())
        .await
        .unwrap();
    assert_eq!(text(&third), "");
    let filter = cloud.asked()[1].json()["filter"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        filter.contains("timestamp>=\"2026-01-13T12:30:10.250000000Z\""),
        "{filter}"
    );
}

#[tokio::test]
async fn empty_pages_with_a_token_go_on() {
    let cloud = Scripted::start(|asked| {
        Reply::ok(match asked.json()["pageToken"].as_str().unwrap() {
            "" => json!({ "nextPageToken": "1" }),
            "1" => json!({ "entries": [entry("a", 1, "one")], "nextPageToken": "2" }),
            _ => json!({ "entries": [{ "insertId": "b", "timestamp": "2026-01-13T12:30:02Z", "jsonPayload": { "n": 1 } }] }),
        })
    })
    .await;
    let handle = handle(&cloud.url, "etl", "etl-1");
    let page = quick()
        .logs(&context(&cloud.url), &handle, None)
        .await
        .unwrap();
    assert_eq!(text(&page), "one\n{\"n\":1}\n");
    assert!(page.drained);
}

#[tokio::test]
async fn a_long_search_goes_on_from_its_token() {
    let cloud = Scripted::start(|asked| {
        let at: u32 = asked.json()["pageToken"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap_or(0);
        Reply::ok(match at {
            30 => json!({ "entries": [entry("a", 1, "one")] }),
            _ => json!({ "nextPageToken": (at + 1).to_string() }),
        })
    })
    .await;
    let context = context(&cloud.url);
    let handle = handle(&cloud.url, "etl", "etl-1");
    let first = quick().logs(&context, &handle, None).await.unwrap();
    assert!(!first.drained && first.bytes.is_empty());
    let second = quick()
        .logs(&context, &handle, first.next.as_ref())
        .await
        .unwrap();
    assert_eq!(text(&second), "one\n");
    assert!(second.drained);
}

#[tokio::test]
async fn a_page_is_bounded_and_the_rest_follows() {
    let cloud = Scripted::start(|_| {
        let line = "x".repeat(256 * 1024 - 1);
        let entries: Vec<_> = (0..6).map(|n| entry(&format!("{n}"), n, &line)).collect();
        Reply::ok(json!({ "entries": entries }))
    })
    .await;
    let context = context(&cloud.url);
    let handle = handle(&cloud.url, "etl", "etl-1");
    let first = quick().logs(&context, &handle, None).await.unwrap();
    assert_eq!((first.bytes.len(), first.drained), (1024 * 1024, false));
    let second = quick()
        .logs(&context, &handle, first.next.as_ref())
        .await
        .unwrap();
    assert_eq!((second.bytes.len(), second.drained), (512 * 1024, true));
}

#[tokio::test]
async fn a_missing_right_is_named() {
    let cloud = Scripted::start(|_| Reply::error(403, "PERMISSION_DENIED")).await;
    let handle = handle(&cloud.url, "etl", "etl-1");
    let error = quick()
        .logs(&context(&cloud.url), &handle, None)
        .await
        .unwrap_err();
    assert_eq!(word(&error), "alarm");
    assert!(
        error.to_string().contains("logging.logEntries.list"),
        "{error}"
    );
}
