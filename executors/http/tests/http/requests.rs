//! The document of a call, and what is refused before anything is sent.

use serde_json::json;

use noctule_executor::{AnyExecutor, Draft};
use noctule_executor_testing::attempt;

use crate::{connection, http, refusal, request};

#[test]
fn the_document_says_all_that_is_sent() {
    let tried = attempt(
        "a",
        json!({
            "url": "/v1/conversions?x=1",
            "connection": "steps",
            "headers": { "X-Tenant": 7, "X-Key": { "secret": "key" } },
            "json": { "b": 1, "a": { "secret": "inner" } },
        }),
    );
    let steps = connection(json!({
        "base_url": "https://steps.example.com/api/", "auth": "google_id_token", "rate": { "launch": "20/s" },
    }));
    let document = request(&tried, Some(&steps));
    let wanted = json!({
        "method": "POST",
        "url": "https://steps.example.com/api/v1/conversions?x=1",
        "headers": {
            "content-type": "application/json",
            "idempotency-key": tried.key.as_str(),
            "x-key": { "secret": "key" },
            "x-tenant": "7",
        },
        "json": { "a": { "secret": "inner" }, "b": 1 },
        "auth": "google_id_token",
        "expect": [200],
    });
    assert_eq!(document.0, wanted);
}

#[test]
fn lines_cannot_be_smuggled_into_headers() {
    for value in ["a\r\nX-Evil: 1", "a\nb", "\0", "{{x}}\r\nX-Evil: 1"] {
        let with = json!({ "url": "https://x/", "headers": { "X-A": value } });
        assert!(refusal(with, None).contains("header"), "{value:?}");
    }
    let name = json!({ "url": "https://x/", "headers": { "X-A: 1\r\nX-B": "1" } });
    assert!(refusal(name, None).contains("no header name"));
    let method = json!({ "url": "https://x/", "method": "GET / HTTP/1.1\r\nX: 1" });
    assert!(refusal(method, None).contains("no method"));
}

#[test]
fn every_problem_is_told_at_once() {
    let with = json!({
        "url": "ftp://u:p@x/", "method": "get", "json": {}, "body": "x", "expect": [99],
        "headers": { "Host": "evil", "X-A": "{{ params.any }}" },
        "poll": { "url": "{{ answer.body.url }}", "until": "body.state ==", "fail_if": "run.id == 'x'" },
    });
    let problems = AnyExecutor::check(&http(), &Draft::new(&with));
    let mut paths: Vec<_> = problems
        .iter()
        .map(|problem| problem.path.join("."))
        .collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "body",
            "expect",
            "headers.Host",
            "method",
            "poll.fail_if",
            "poll.until",
            "url"
        ]
    );
}

#[test]
fn what_is_not_rendered_yet_is_not_judged() {
    let with = json!({
        "url": "{{ vars.base }}/x", "method": "{{ params.method }}", "headers": { "X-A": "{{ item }}" },
        "expect": ["{{ params.status }}"],
    });
    assert!(AnyExecutor::check(&http(), &Draft::new(&with)).is_empty());
}

#[test]
fn credentials_of_a_connection_are_for_its_origin() {
    let steps = connection(json!({
        "base_url": "https://steps.example.com", "auth": { "bearer": { "secret": "token" } },
    }));
    let elsewhere = json!({ "url": "https://evil.example.com/", "connection": "steps" });
    assert!(refusal(elsewhere, Some(&steps)).contains("another origin"));
    let unnamed = attempt("a", json!({ "url": "https://other.example.com/" }));
    assert_eq!(request(&unnamed, Some(&steps)).0.get("auth"), None);
    let same = attempt("a", json!({ "url": "https://steps.example.com:443/x" }));
    let auth = request(&same, Some(&steps)).0.get("auth").cloned();
    assert_eq!(auth, Some(json!({ "bearer": { "secret": "token" } })));
}

#[test]
fn a_path_needs_a_base() {
    assert!(refusal(json!({ "url": "/x" }), None).contains("base_url"));
    assert!(refusal(json!({ "url": "//evil.example/x" }), None).contains("url"));
    let unknown = connection(json!({ "base": "https://x" }));
    assert!(refusal(json!({ "url": "/x" }), Some(&unknown)).contains("unknown field"));
}

#[test]
fn only_a_call_that_is_not_followed_keeps_the_engine_on_the_line() {
    let plain = json!({ "url": "https://x/" });
    let followed = json!({ "url": "https://x/", "poll": { "url": "/y", "until": "body.done" } });
    assert!(AnyExecutor::attached(&http(), &Draft::new(&plain)));
    assert!(!AnyExecutor::attached(&http(), &Draft::new(&followed)));
}
