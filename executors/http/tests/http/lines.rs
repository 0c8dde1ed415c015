//! Connections stay alive while nothing is said, and hosts are looked at before anything is sent.

use serde_json::json;

use noctule_executor::{AnyExecutor, Finding};
use noctule_executor_testing::context;

use crate::evil::{Deed, Evil};
use crate::{http, launch};

/// The kernel's table of connections, and its word for a keep-alive timer.
const TABLE: &str = "/proc/net/tcp";
const KEEP_ALIVE: &str = "02";

/// The timer of the connection to a local port, and when it will run out, in hundredths of a second.
fn timer(port: u16) -> Option<(String, u64)> {
    let remote = format!(":{port:04X}");
    let table = std::fs::read_to_string(TABLE).ok()?;
    table.lines().find_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let is_ours = words.get(2)?.ends_with(&remote) && *words.get(3)? == "01";
        let (timer, when) = words.get(5)?.split_once(':')?;
        let when = u64::from_str_radix(when, 16).ok()?;
        is_ours.then(|| (timer.to_owned(), when))
    })
}

#[tokio::test]
async fn a_silent_call_gives_signs_of_life_every_minute() {
    if std::fs::metadata(TABLE).is_err() {
        return;
    }
    let evil = Evil::new([Deed::FallSilent(String::new())]).await;
    let with = json!({ "url": evil.url("/"), "json": {} });
    let seen = tokio::select! {
        answer = launch(with) => panic!("{answer:?}"),
        seen = async {
            evil.hearing.notified().await;
            timer(evil.address.port())
        } => seen,
    };
    let (timer, when) = seen.expect("a connection");
    assert_eq!(timer, KEEP_ALIVE);
    assert!((5_000..=6_000).contains(&when), "{when}");
}

#[tokio::test]
async fn hosts_are_reached_without_a_word() {
    let evil = Evil::new([Deed::HangUp]).await;
    let configs = [
        json!({ "url": evil.url("/a") }),
        json!({ "url": evil.url("/b") }),
        json!({ "url": "http://nothing.invalid/" }),
        json!({ "url": "{{ vars.base }}" }),
    ];
    let findings = AnyExecutor::preflight(&http(), &context(None), &configs).await;
    let good: Vec<_> = findings.iter().map(|Finding { good, .. }| *good).collect();
    assert_eq!(good, [true, false], "{findings:?}");
    assert!(evil.heard().iter().all(String::is_empty));
}
