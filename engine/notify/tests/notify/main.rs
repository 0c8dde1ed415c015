//! Deliveries to real servers on this machine: what arrives, how it is proved, what is made of the answer.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by failing"
)]

mod servers;
mod strangers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use noctule_core::desk::Desk;
use noctule_core::source::{Callbacks, Given, Heartbeat, Receiver, Smtp, SmtpTls, Way};
use noctule_core::word::{
    Cause, Message, MessageId, Name, Notice, Occasion, Recipient, Standing, Undelivered,
};
use noctule_executor::{ErrorClass, Host, Registry};
use noctule_notify::{NotifyError, Post, Settings, sign};
use noctule_runtime::{Courier, Origin, Secret, Surroundings};
use noctule_store::{OpenOptions, Store};
use serde_json::{Map, Value};

use crate::servers::{HttpServer, SmtpServer};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// What a hostile backend may say, as a notice has it.
const HOSTILE: &str = "<!channel> & <https://evil.example|click> `x` *y* | \u{1f987}";

struct Stage {
    _folder: tempfile::TempDir,
    post: Post,
}

async fn stage(settings: Settings) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let options = OpenOptions {
        profile: "test".parse().unwrap(),
        new_id: "0123abcd".parse().unwrap(),
        now: Utc::now(),
        base: folder.path().to_owned(),
        create: true,
        hook: None,
    };
    let store = Store::open("sqlite://state.db", options).await.unwrap();
    let desk = Desk {
        registry: Registry::new(),
        connections: BTreeMap::new(),
        secrets: BTreeMap::new(),
        store: store.id().clone(),
        public_url: None,
        traces: false,
    };
    let host = Host {
        state_dir: folder.path().to_owned(),
        store_id: store.id().to_string(),
        env: BTreeMap::from([("KEY".to_owned(), KEY.to_owned())]),
        binary: PathBuf::new(),
    };
    let key = Secret {
        origin: Origin::Env("KEY".to_owned()),
        dags: Vec::new(),
    };
    let secrets = Arc::new(BTreeMap::from([("key".to_owned(), key)]));
    let around = Surroundings::new(Arc::new(desk), secrets, Arc::new(host), Map::new());
    Stage {
        post: Post::new(settings, store, around).unwrap(),
        _folder: folder,
    }
}

fn receiver(way: Way) -> Settings {
    let gather = Duration::ZERO;
    Settings {
        receivers: BTreeMap::from([("oncall".to_owned(), Receiver { way, gather })]),
        public_url: Some("https://noctule.example/".to_owned()),
        ..Settings::default()
    }
}

fn to(recipient: Recipient) -> Message {
    let at: DateTime<Utc> = "2026-01-13T15:00:00Z".parse().unwrap();
    Message {
        id: MessageId("msg_0123456789abcdef".to_owned()),
        to: recipient,
        cause: Cause("failed|infrastructure|gcp|x".to_owned()),
        first: Notice {
            id: "evt_1".to_owned(),
            occasion: Occasion::Failed,
            at,
            dag: "nightly".parse().unwrap(),
            run: Some("r1".parse().unwrap()),
            ingestion_id: Some("20260113".to_owned()),
            task: None,
            class: Some(ErrorClass::Infrastructure),
            through: Some("gcp".to_owned()),
            what: HOSTILE.to_owned(),
        },
        count: 2,
        names: vec![Name {
            subject: "weekly".to_owned(),
            run: Some("r2".parse().unwrap()),
            occasion: Occasion::Failed,
        }],
        open: BTreeSet::new(),
        follows: None,
        created_at: at,
        latest_at: at,
        sealed_at: Some(at),
        tries: 1,
        tried_at: None,
        tried_for: 0,
        error: None,
        standing: Standing::Sending,
    }
}

fn oncall() -> Message {
    to(Recipient::Receiver {
        name: "oncall".to_owned(),
    })
}

fn webhook(url: String) -> Settings {
    receiver(Way::Webhook {
        url: Given::Plain(url),
        signing_secret: Some("key".to_owned()),
    })
}

#[tokio::test]
async fn a_webhook_is_signed_over_exactly_the_bytes_that_arrive() {
    let server = HttpServer::answering("204 No Content", "").await;
    let stage = stage(webhook(server.url("/in?token=s3cr3t"))).await;
    stage.post.bring(&oncall(), None).await.unwrap();
    let got = server.got().await;
    let id = got.header("webhook-id");
    assert_eq!(id, "msg_0123456789abcdef");
    let seconds: i64 = got.header("webhook-timestamp").parse().unwrap();
    assert!((Utc::now().timestamp() - seconds).abs() < 60);
    let signed = sign(KEY, id, seconds, &got.body);
    assert_eq!(got.header("webhook-signature"), signed.signature);
    let body: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(body["type"], "notification.failed");
    assert_eq!(body["data"]["class"], "infrastructure");
    assert_eq!(body["data"]["count"], 2);
    assert_eq!(body["data"]["retry"], "noctule retry r1");
    let link = "https://noctule.example/runs/r1";
    assert_eq!(body["data"]["links"]["open"], link);
}

#[tokio::test]
async fn what_a_receiver_answers_decides_whether_it_is_asked_again() {
    for (status, headers, expected) in [
        ("200 OK", "", None),
        ("410 Gone", "", Some(false)),
        ("400 Bad Request", "", Some(false)),
        ("500 Internal Server Error", "", Some(true)),
        ("302 Found", "location: http://127.0.0.1:1/\r\n", Some(true)),
        ("401 Unauthorized", "", Some(true)),
    ] {
        let server = HttpServer::answering(status, headers).await;
        let stage = stage(webhook(server.url("/"))).await;
        let later = match stage.post.deliver(&oncall(), None).await {
            Ok(()) => None,
            Err(Undelivered::Later { .. }) => Some(true),
            Err(Undelivered::Never { .. }) => Some(false),
        };
        assert_eq!(later, expected, "{status}");
    }
}

#[tokio::test]
async fn a_pause_that_the_receiver_asks_for_is_heard() {
    let server = HttpServer::answering("429 Too Many Requests", "retry-after: 120\r\n").await;
    let stage = stage(webhook(server.url("/"))).await;
    let error = stage.post.bring(&oncall(), None).await.unwrap_err();
    let after = Some(Duration::from_secs(120));
    assert_eq!(error, NotifyError::Busy { status: 429, after });
}

#[tokio::test]
async fn an_address_that_is_a_secret_stands_in_no_error() {
    let stage = stage(webhook("http://127.0.0.1:1/in?token=s3cr3t".to_owned())).await;
    let error = stage.post.bring(&oncall(), None).await.unwrap_err();
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
}

#[tokio::test]
async fn words_of_a_stranger_mention_nobody_and_link_nowhere_in_slack() {
    let server = HttpServer::answering("200 OK", "").await;
    let url = Given::Plain(server.url("/services/T/B/x"));
    let stage = stage(receiver(Way::Slack { url })).await;
    stage.post.bring(&oncall(), None).await.unwrap();
    let got = server.got().await;
    let body: Value = serde_json::from_slice(&got.body).unwrap();
    let text = body.to_string();
    assert!(text.contains("&lt;!channel&gt; &amp;"), "{text}");
    assert!(!text.contains("<!channel>") && !text.contains("<https://evil"));
    assert!(text.contains("noctule retry r1") && text.contains("weekly"));
}

fn mail(port: u16) -> Settings {
    receiver(Way::Email {
        to: vec!["oncall@example.com".to_owned()],
        from: "Noctule <noctule@example.com>".to_owned(),
        smtp: Smtp {
            host: "127.0.0.1".to_owned(),
            port,
            tls: SmtpTls::None,
            user: None,
            password: None,
        },
    })
}

#[tokio::test]
async fn a_mail_has_one_subject_one_id_and_no_header_of_a_stranger() {
    let server = SmtpServer::start("250 taken").await;
    let stage = stage(mail(server.port)).await;
    let mut message = oncall();
    // The outbox keeps one line; this is what it would be if it did not.
    message.first.what = "x\r\nBcc: all@example.com\r\n\r\n<b>".to_owned();
    stage.post.bring(&message, None).await.unwrap();
    let (recipients, mail) = server.got().await;
    assert_eq!(recipients, ["RCPT TO:<oncall@example.com>"]);
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    let starts = |name: &str| head.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!(
        (starts("Subject:"), starts("Bcc:"), starts("To:")),
        (1, 0, 1)
    );
    assert!(head.contains("Message-ID: <msg_0123456789abcdef@example.com>"));
    assert!(body.contains("noctule retry r1"), "{mail}");
}

#[tokio::test]
async fn a_mail_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    for (answer, later) in [("451 later", true), ("554 never", false)] {
        let server = SmtpServer::start(answer).await;
        let stage = stage(mail(server.port)).await;
        let error = stage.post.deliver(&oncall(), None).await.unwrap_err();
        assert_eq!(
            matches!(error, Undelivered::Later { .. }),
            later,
            "{answer}"
        );
    }
}

fn callbacks(private_targets: bool) -> Settings {
    Settings {
        callbacks: Some(Callbacks {
            signing_secret: "key".to_owned(),
            private_targets,
        }),
        ..Settings::default()
    }
}

#[tokio::test]
async fn a_callback_is_signed_and_says_nothing_of_inside() {
    let server = HttpServer::answering("200 OK", "").await;
    let stage = stage(callbacks(true)).await;
    let url = server.url("/done");
    stage.post.takes_callback(&url).unwrap();
    let message = to(Recipient::Callback { url });
    stage.post.bring(&message, None).await.unwrap();
    let got = server.got().await;
    assert!(got.header("webhook-signature").starts_with("v1,"));
    let body: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(body["type"], "run.failed");
    assert_eq!(body["data"]["run"], "r1");
    for inside in ["log_tail", "links", "cause", "retry"] {
        assert_eq!(body["data"].get(inside), None, "{inside}");
    }
}

#[tokio::test]
async fn a_callback_reaches_no_private_network_by_number_or_by_name() {
    let server = HttpServer::answering("200 OK", "").await;
    let stage = stage(callbacks(false)).await;
    let url = server.url("/");
    assert!(stage.post.takes_callback(&url).is_err());
    // Also where one was taken under other settings, and where the name says nothing of where it leads.
    for url in [url, server.url("/").replace("127.0.0.1", "localhost")] {
        let message = to(Recipient::Callback { url: url.clone() });
        assert!(stage.post.bring(&message, None).await.is_err(), "{url}");
    }
    let none = Settings::default();
    let stage = crate::stage(none).await;
    assert!(stage.post.takes_callback("https://example.com/").is_err());
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn the_heartbeat_asks_for_its_address() {
    let server = HttpServer::answering("200 OK", "").await;
    let settings = Settings {
        heartbeat: Some(Heartbeat {
            url: Given::Plain(server.url("/ping/abc")),
            every: Duration::from_secs(60),
        }),
        ..Settings::default()
    };
    let stage = stage(settings).await;
    assert_eq!(stage.post.heartbeat(), Some(Duration::from_secs(60)));
    stage.post.beat().await;
    assert_eq!(server.got().await.first, "GET /ping/abc HTTP/1.1");
}
