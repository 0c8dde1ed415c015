//! Exporting to a real receiver on this machine: what is sent, and that nobody waits for it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod receiver;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use noctule_core::name::RunId;
use noctule_core::trace::{Attribute, Span, SpanId, TraceId};
use noctule_executor::AttemptKey;
use noctule_otel::{Destination, Exporter, Pacing};
use noctule_runtime::{SpanCounts, SpanSink};

use crate::receiver::{Answer, Receiver};

/// Nothing here takes so long unless it is wrong.
const PATIENCE: Duration = Duration::from_secs(30);

fn pacing() -> Pacing {
    Pacing {
        gather: Duration::from_millis(5),
        pauses: (Duration::from_millis(5), Duration::from_millis(20)),
        ..Pacing::default()
    }
}

fn began() -> DateTime<Utc> {
    DateTime::from_timestamp(1_768_315_200, 123_456_789).unwrap()
}

fn run() -> RunId {
    "0198a6f0-1234-7abc-8def-0123456789ab".parse().unwrap()
}

fn span(number: usize) -> Span {
    Span {
        trace: TraceId::of(&run()),
        id: SpanId::of_attempt(&AttemptKey::from_text(format!("n1-0123abcd-{number}"))),
        parent: Some(SpanId::of_round(&run(), 1)),
        name: "etl".to_owned(),
        is_call: true,
        began: began(),
        ended: began() + TimeDelta::seconds(7),
        moments: vec![("launched", began() + TimeDelta::seconds(1))],
        attributes: vec![
            ("noctule.task", Attribute::Text("etl".to_owned())),
            ("noctule.exit_code", Attribute::Whole(-3)),
        ],
        fault: Some("exited with 3".to_owned()),
    }
}

fn spans(count: usize) -> Vec<Span> {
    (0..count).map(span).collect()
}

fn to(receiver: &Receiver) -> Destination {
    let headers = [("x-key".to_owned(), "canary-1234".to_owned())];
    Destination::of_base(&receiver.url(), &headers, &BTreeMap::new()).unwrap()
}

fn counts(exported: u64, lost: u64, refused: u64) -> SpanCounts {
    SpanCounts {
        exported,
        lost,
        refused,
        waiting: 0,
    }
}

/// Waits until nothing waits.
async fn settled(exporter: &Exporter) -> SpanCounts {
    let wait = async {
        while exporter.counts().waiting > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        exporter.counts()
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap()
}

#[tokio::test]
async fn a_span_is_posted_as_otlp_has_it_with_the_times_that_it_had() {
    let receiver = Receiver::answering(|_| Answer::status("200 OK")).await;
    let exporter = Exporter::start(to(&receiver), pacing()).unwrap();
    exporter.offer(spans(1));
    let got = receiver.got(1).await.remove(0);
    assert_eq!(got.first, "POST /v1/traces HTTP/1.1");
    assert_eq!(got.header("content-type"), "application/json");
    assert_eq!(got.header("x-key"), "canary-1234");
    let body = got.json();
    let of = &body["resourceSpans"][0];
    assert_eq!(
        of["resource"]["attributes"],
        serde_json::json!([{ "key": "service.name", "value": { "stringValue": "noctule" } }])
    );
    let sent = &of["scopeSpans"][0]["spans"][0];
    assert_eq!(
        *sent,
        serde_json::json!({
            "traceId": "0198a6f012347abc8def0123456789ab",
            "spanId": span(0).id.to_string(),
            "parentSpanId": SpanId::of_round(&run(), 1).to_string(),
            "name": "etl",
            "kind": 3,
            "startTimeUnixNano": "1768315200123456789",
            "endTimeUnixNano": "1768315207123456789",
            "attributes": [
                { "key": "noctule.task", "value": { "stringValue": "etl" } },
                { "key": "noctule.exit_code", "value": { "intValue": "-3" } },
            ],
            "events": [{ "name": "launched", "timeUnixNano": "1768315201123456789" }],
            "status": { "code": 2, "message": "exited with 3" },
        })
    );
    assert_eq!(settled(&exporter).await, counts(1, 0, 0));
}

#[tokio::test]
async fn a_receiver_that_hangs_keeps_nobody_waiting_and_what_has_no_place_is_counted() {
    let receiver = Receiver::answering(|_| Answer::Never).await;
    let pacing = Pacing {
        room: 100,
        at_once: 10,
        ..pacing()
    };
    let exporter = Exporter::start(to(&receiver), pacing).unwrap();
    exporter.offer(spans(10));
    // The request is on its way, and its answer never comes.
    receiver.got(1).await;
    let before = Instant::now();
    exporter.offer(spans(5_000));
    assert!(before.elapsed() < Duration::from_secs(5));
    let seen = exporter.counts();
    assert_eq!((seen.waiting, seen.lost, seen.exported), (110, 4_900, 0));
    // The end of the process does not wait for it either.
    exporter.finish(Duration::from_millis(50)).await;
    assert_eq!(exporter.counts(), counts(0, 5_010, 0));
    exporter.offer(spans(1));
    assert_eq!(exporter.counts(), counts(0, 5_011, 0));
}

#[tokio::test]
async fn what_nobody_takes_in_time_is_lost_and_what_comes_later_is_not() {
    let receiver = Receiver::answering(|number| match number {
        0..4 => Answer::status("503 Busy"),
        _ => Answer::status("200 OK"),
    })
    .await;
    let short = Pacing {
        patience: Duration::from_millis(1),
        ..pacing()
    };
    let exporter = Exporter::start(to(&receiver), short).unwrap();
    exporter.offer(spans(3));
    assert_eq!(settled(&exporter).await, counts(0, 3, 0));
    let patient = Exporter::start(to(&receiver), pacing()).unwrap();
    patient.offer(spans(2));
    assert_eq!(settled(&patient).await, counts(2, 0, 0));
}

#[tokio::test]
async fn a_busy_receiver_is_asked_again_and_one_that_refuses_is_not() {
    let receiver = Receiver::answering(|number| match number {
        0 => Answer::status("429 Slowly"),
        1 => Answer::Cut,
        2 => Answer::status("200 OK"),
        _ => Answer::status("400 Bad"),
    })
    .await;
    let exporter = Exporter::start(to(&receiver), pacing()).unwrap();
    exporter.offer(spans(2));
    assert_eq!(settled(&exporter).await, counts(2, 0, 0));
    let got = receiver.got(3).await;
    assert_eq!(got[0].json(), got[2].json(), "the same spans again");
    exporter.offer(spans(1));
    assert_eq!(settled(&exporter).await, counts(2, 0, 1));
    assert_eq!(receiver.got(4).await.len(), 4);
}

#[tokio::test]
async fn what_a_receiver_does_not_want_of_a_request_is_counted_as_refused() {
    let partial = r#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}"#;
    let receiver = Receiver::answering(|_| Answer::with("200 OK", partial)).await;
    let exporter = Exporter::start(to(&receiver), pacing()).unwrap();
    exporter.offer(spans(5));
    assert_eq!(settled(&exporter).await, counts(3, 0, 2));
}

#[tokio::test]
async fn what_waits_at_the_end_is_exported_at_once() {
    let receiver = Receiver::answering(|_| Answer::status("200 OK")).await;
    let slow = Pacing {
        gather: Duration::from_secs(3_600),
        ..Pacing::default()
    };
    let exporter = Exporter::start(to(&receiver), slow).unwrap();
    exporter.offer(spans(700));
    exporter.finish(PATIENCE).await;
    assert_eq!(exporter.counts(), counts(700, 0, 0));
    let sizes = receiver
        .got(2)
        .await
        .iter()
        .map(|got| got.spans())
        .collect::<Vec<_>>();
    assert_eq!(sizes, [512, 188]);
}

#[tokio::test]
async fn a_redirect_takes_the_headers_nowhere() {
    let other = Receiver::answering(|_| Answer::status("200 OK")).await;
    let location = other.url();
    let receiver = Receiver::answering(move |_| {
        Answer::status(&format!("307 Elsewhere\r\nlocation: {location}"))
    })
    .await;
    let exporter = Exporter::start(to(&receiver), pacing()).unwrap();
    exporter.offer(spans(1));
    assert_eq!(settled(&exporter).await, counts(0, 0, 1));
    assert!(other.got(0).await.is_empty());
}
