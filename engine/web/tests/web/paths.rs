//! Hostile addresses: decoded once, and refused as names.

use crate::client::Ask;
use crate::stage::{QUICK, Stage};

const HOSTILE: [&str; 22] = [
    "%2e%2e",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f",
    "%252e%252e",
    "%252f",
    "a%2fb",
    "a%5cb",
    "%00",
    "a%00b",
    "%0d%0aset-cookie:%20x",
    "%20",
    "'%20or%201=1--",
    "%27;drop%20table%20runs",
    "%e2%80%ae",
    "a%25",
    "%ff",
    "%c0%ae%c0%ae",
    "-rf",
    ".hidden",
    "%3Cscript%3E",
    "*",
    "a%3bb",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_name_is_no_name() {
    let stage = Stage::new(&[QUICK]).await;
    for name in HOSTILE {
        for (method, target) in [
            ("GET", format!("/api/v1/dags/{name}")),
            ("GET", format!("/api/v1/dags/{name}/ticks")),
            ("GET", format!("/api/v1/dags/quick/versions/{name}")),
            ("GET", format!("/api/v1/runs/{name}")),
            ("GET", format!("/api/v1/runs/{name}/stream")),
            ("GET", format!("/api/v1/task-runs/{name}/explain")),
            ("GET", format!("/api/v1/task-runs/{name}/attempts/1/logs")),
            ("POST", format!("/api/v1/dags/{name}/runs")),
            ("POST", format!("/api/v1/runs/{name}/cancel")),
            ("POST", format!("/api/v1/task-runs/{name}/mark")),
        ] {
            let mut ask = Ask::new(method, &target);
            if target.ends_with("/mark") {
                ask = Ask::post(&target, &serde_json::json!({ "state": "failed" }));
            }
            let answer = ask.send(stage.address).await;
            assert!(
                matches!(answer.status, 400 | 404),
                "{method} {target}: {answer:?}"
            );
            let code = answer.code();
            assert!(
                code.starts_with("no_such_") || code == "malformed_request",
                "{target}: {code}"
            );
            let said = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(!said.chars().any(char::is_control), "{said:?}");
            assert_eq!(answer.header("set-cookie"), None);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_raw_path_that_climbs_or_is_huge_leads_nowhere() {
    let stage = Stage::new(&[QUICK]).await;
    for target in [
        "/api/v1/dags/../../etc/passwd",
        "/api/v1/dags/quick/../../..",
        "/api/v1/./dags",
        "/api/v1//dags",
        "/api/v1/dags/",
        "/api/v1/dags/quick/",
        "/api/v1/dags/quick/runs/x/y",
    ] {
        let answer = Ask::get(target).send(stage.address).await;
        assert_eq!(answer.code(), "no_such_route", "{target}");
    }
    let long = format!("/api/v1/runs/{}", "a".repeat(20_000));
    let answer = Ask::get(&long).send(stage.address).await;
    assert_eq!(answer.code(), "no_such_run");
    for (number, status) in [("0", 404), ("-1", 404), ("x", 404), ("4294967296", 404)] {
        let target = format!("/api/v1/task-runs/AAAA/attempts/{number}/logs");
        assert_eq!(stage.get(&target).await.status, status, "{number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_is_too_large_is_refused() {
    let stage = Stage::new(&[QUICK]).await;
    let many = (0..100).fold(Ask::get("/api/v1/dags"), |ask, i| {
        ask.header(&format!("x-{i}"), "v")
    });
    assert_eq!(many.send(stage.address).await.status, 431);
    let huge = Ask::get("/api/v1/dags").header("x-huge", &"v".repeat(64 * 1024));
    assert_eq!(huge.send(stage.address).await.status, 431);
    assert_eq!(
        stage.get("/api/v1/dags").await.status,
        200,
        "the server goes on"
    );
}
