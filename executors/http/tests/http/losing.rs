//! Answers that do not arrive: surely not sent, or unknown, and never a verdict.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;

use noctule_executor::{ErrorClass, ExecutorError};

use crate::evil::{Deed, Evil, answer};
use crate::{class, launch, verdict};

fn is_unknown(answer: &Result<Value, ExecutorError>) -> bool {
    matches!(answer, Err(ExecutorError::Unknown { .. }))
}

#[tokio::test]
async fn a_refused_connection_is_surely_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let answer = launch(json!({ "url": format!("http://{address}/"), "json": {} })).await;
    assert!(
        matches!(answer, Err(ExecutorError::Unavailable { alarm: false, .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_surely_not_sent() {
    let answer = launch(json!({ "url": "http://nothing.invalid/", "json": {} })).await;
    assert!(
        matches!(answer, Err(ExecutorError::Unavailable { alarm: false, .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_failed_handshake_is_surely_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let answer = launch(json!({ "url": url, "json": {} })).await;
    assert!(
        matches!(answer, Err(ExecutorError::Unavailable { alarm: false, .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_line_cut_before_the_answer_is_unknown() {
    let evil = Evil::new([Deed::HangUp]).await;
    let answer = launch(json!({ "url": evil.url("/"), "json": {} })).await;
    assert!(is_unknown(&answer), "{answer:?}");
    assert_eq!(evil.heard().len(), 1, "it is sent once");
}

#[tokio::test]
async fn a_line_cut_within_the_answer_is_unknown() {
    for cut in [
        "HTTP/1.1 2",
        "HTTP/1.1 200 OK\r\ncontent-len",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"status\":",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let evil = Evil::new([Deed::Say(cut.to_owned())]).await;
        let answer = launch(json!({ "url": evil.url("/"), "json": {} })).await;
        assert!(is_unknown(&answer), "{cut:?}: {answer:?}");
        assert_eq!(evil.heard().len(), 1, "it is sent once");
    }
}

#[tokio::test]
async fn what_is_no_http_is_unknown() {
    let evil = Evil::new([Deed::Say("220 mail.example ESMTP\r\n".to_owned())]).await;
    let answer = launch(json!({ "url": evil.url("/"), "json": {} })).await;
    assert!(is_unknown(&answer), "{answer:?}");
}

#[tokio::test]
async fn silence_ends_with_the_idle_timeout() {
    for spoken in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nslow"] {
        let evil = Evil::new([Deed::FallSilent(spoken.to_owned())]).await;
        let with = json!({ "url": evil.url("/"), "json": {}, "idle_timeout": "50ms" });
        let answer = launch(with).await;
        assert!(is_unknown(&answer), "{answer:?}");
    }
}

#[tokio::test]
async fn a_call_can_be_given_up_at_any_time() {
    let evil = Evil::new([Deed::FallSilent(String::new())]).await;
    let with = json!({ "url": evil.url("/"), "json": {} });
    tokio::select! {
        answer = launch(with) => panic!("{answer:?}"),
        () = evil.hearing.notified() => {}
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_and_unknown() {
    for head in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
    ] {
        let evil = Evil::new([Deed::SayForEver(head.to_owned())]).await;
        let answer = launch(json!({ "url": evil.url("/") })).await;
        assert!(is_unknown(&answer), "{answer:?}");
    }
}

#[tokio::test]
async fn endless_headers_are_cut_and_unknown() {
    let evil = Evil::new([Deed::SayForEver("HTTP/1.1 200 OK\r\na: ".to_owned())]).await;
    let answer = launch(json!({ "url": evil.url("/") })).await;
    assert!(is_unknown(&answer), "{answer:?}");
}

#[tokio::test]
async fn a_bad_status_is_a_verdict_even_if_its_body_is_cut() {
    let cut = "HTTP/1.1 500 Oops\r\ncontent-length: 100\r\n\r\nhalf";
    let evil = Evil::new([Deed::Say(cut.to_owned())]).await;
    let outcome = verdict(json!({ "url": evil.url("/") })).await;
    assert_eq!(class(&outcome), Some(ErrorClass::Infrastructure));
    assert_eq!(
        outcome.output().map(|output| output["body"].clone()),
        Some(json!("half"))
    );
}

#[tokio::test]
async fn compressed_bodies_are_not_asked_for_and_not_unpacked() {
    let evil = Evil::new([answer("200 OK", "content-encoding: gzip\r\n", "not gzip")]).await;
    let outcome = verdict(json!({ "url": evil.url("/") })).await;
    assert_eq!(
        outcome.output().map(|output| output["body"].clone()),
        Some(json!("not gzip"))
    );
    assert!(!evil.heard()[0].to_lowercase().contains("accept-encoding"));
}

#[tokio::test]
async fn a_host_that_takes_no_connection_is_surely_not_sent() {
    // A backlog of one that is full: further connections are neither taken nor refused.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(line)) = tokio::time::timeout(
        Duration::from_millis(100),
        tokio::net::TcpStream::connect(address),
    )
    .await
    {
        waiting.push(line);
    }
    let with =
        json!({ "url": format!("http://{address}/"), "json": {}, "connect_timeout": "50ms" });
    let answer = launch(with).await;
    assert!(
        matches!(answer, Err(ExecutorError::Unavailable { alarm: false, .. })),
        "{answer:?}"
    );
}
