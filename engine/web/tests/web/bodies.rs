//! Hostile bodies: too large, too deep, of another type, with what nobody asked for.

use serde_json::json;

use crate::client::Ask;
use crate::stage::{HELD, QUICK, Stage};

const TARGET: &str = "/api/v1/dags/quick/runs";

fn raw(body: &[u8]) -> Ask {
    Ask::new("POST", TARGET)
        .header("content-type", "application/json")
        .body(body.to_vec())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_does_not_fit_makes_no_run() {
    let stage = Stage::new(&[QUICK]).await;
    let deep = format!(
        "{{\"params\":{{\"a\":{}1{}}}}}",
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    for body in [
        "null",
        "[]",
        "1",
        "\"x\"",
        "{",
        "{}{}",
        "{\"params\":1}",
        "{\"params\":[]}",
        "{\"at\":1}",
        "{\"surprise\":1}",
        "{\"idempotency_key\":{}}",
        "{\"params\":{},\"params\":{}}",
        "\u{0}",
        &deep,
        "{\"params\":{\"a\":1e999}}",
    ] {
        let answer = raw(body.as_bytes()).send(stage.address).await;
        assert_eq!(
            answer.code(),
            "invalid_body",
            "{}",
            &body[..body.len().min(60)]
        );
    }
    let answer = raw(&[0xff, 0xfe, b'{', b'}']).send(stage.address).await;
    assert_eq!(answer.code(), "invalid_body");
    for body in [
        json!({ "params": { "surprise": 1 } }),
        json!({ "ingestion_id": "../../x" }),
        json!({ "ingestion_id": "20261399" }),
        json!({ "at": "yesterday-ish" }),
        json!({ "callback_url": "http://169.254.169.254/" }),
        json!({ "idempotency_key": "" }),
        json!({ "idempotency_key": "a\nb" }),
        json!({ "idempotency_key": "k".repeat(201) }),
    ] {
        let answer = stage.post(TARGET, body.clone()).await;
        assert_eq!(answer.code(), "invalid", "{body}");
    }
    assert_eq!(stage.get("/api/v1/runs").await.json()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_has_a_size() {
    let stage = Stage::new(&[QUICK, HELD]).await;
    let large = vec![b' '; 4 * 1024 * 1024 + 1];
    assert_eq!(
        raw(&large).send(stage.address).await.code(),
        "body_too_large"
    );
    // What is announced is refused before a byte of it is read.
    let announced = Ask::new("POST", TARGET)
        .header("content-type", "application/json")
        .header("content-length", "99999999999");
    assert_eq!(announced.send(stage.address).await.code(), "body_too_large");
    let chunked = Ask::new("POST", "/api/v1/dags/quick/pause")
        .header("content-type", "application/json")
        .header("transfer-encoding", "chunked")
        .body([b"20000\r\n".as_slice(), &[b' '; 0x20000], b"\r\n0\r\n\r\n"].concat());
    assert_eq!(chunked.send(stage.address).await.code(), "body_too_large");
    let get = Ask::get("/api/v1/dags").body(b"{}".to_vec());
    assert_eq!(get.send(stage.address).await.code(), "body_too_large");
    let fits = json!({ "params": { "day": "x".repeat(3 << 20) } });
    assert_eq!(stage.post("/api/v1/dags/held/runs", fits).await.status, 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_is_json_as_it_is() {
    let stage = Stage::new(&[QUICK]).await;
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json; charset=utf-16",
        "*/*",
        "",
    ] {
        let ask = Ask::new("POST", TARGET)
            .header("content-type", kind)
            .body(b"{}".to_vec());
        assert_eq!(
            ask.send(stage.address).await.code(),
            "unsupported_media_type",
            "{kind}"
        );
    }
    let bare = Ask::new("POST", TARGET).body(b"{}".to_vec());
    assert_eq!(
        bare.send(stage.address).await.code(),
        "unsupported_media_type"
    );
    let packed = raw(b"{}").header("content-encoding", "gzip");
    assert_eq!(
        packed.send(stage.address).await.code(),
        "unsupported_media_type"
    );
    assert_eq!(stage.get("/api/v1/runs").await.json()["items"], json!([]));
    let empty = Ask::new("POST", TARGET);
    assert_eq!(
        empty.send(stage.address).await.status,
        202,
        "no body is an empty one"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parameter_that_does_not_fit_is_named() {
    let stage = Stage::new(&[QUICK]).await;
    for query in [
        "limit=0",
        "limit=201",
        "limit=1000000000",
        "limit=-1",
        "limit=x",
        "limit=1&limit=2",
        "surprise=1",
        "state=done",
        "state='",
        "since=yesterday",
        "cursor=x",
        "cursor=cjE6Li4",
        "ingestion_id=1",
        "dag=a%2fb",
        "dag=%00",
    ] {
        let answer = stage.get(&format!("/api/v1/runs?{query}")).await;
        assert_eq!(answer.code(), "invalid_parameter", "{query}");
    }
    for target in [
        "/api/v1/dags?x=1",
        "/api/v1/runs/x/cancel?dry_run=maybe",
        "/api/v1/runs/x?wait=long",
        "/api/v1/dags/quick/ticks?from=never",
        "/api/v1/events?x",
    ] {
        let method = if target.contains("cancel") {
            "POST"
        } else {
            "GET"
        };
        let answer = Ask::new(method, target).send(stage.address).await;
        assert_eq!(answer.code(), "invalid_parameter", "{target}");
    }
}
