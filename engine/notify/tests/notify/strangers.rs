//! What we send, before programs of others: the Python library of Standard Webhooks, and aiosmtpd.
//!
//! Needs `python3` with `venv`, and PyPI by the ordinary client the first time; the packages stay in the target folder.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use noctule_core::word::Recipient;
use serde_json::{Value, json};

use crate::servers::{HttpServer, Request};
use crate::{HOSTILE, KEY, callbacks, mail, oncall, stage, to, webhook};

const WEBHOOKS: &str = "standardwebhooks==1.1.0";
const SMTPD: &str = "aiosmtpd==1.4.6";

async fn python(package: &'static str) -> PathBuf {
    let below = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let made = move || noctule_test_python::program(below, package, "python");
    tokio::task::spawn_blocking(made).await.unwrap()
}

fn script(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/notify");
    folder.join(name)
}

/// What the library says of a request.
async fn verified(request: &Request, key: &str) -> String {
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers = headers.map(|name| (name, request.header(name)));
    let asked = json!({
        "key": key,
        "body": STANDARD.encode(&request.body),
        "headers": headers.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
    });
    let python = python(WEBHOOKS).await;
    let said = tokio::task::spawn_blocking(move || {
        let mut child = Command::new(python)
            .arg("-B")
            .arg(script("verify.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(asked.to_string().as_bytes()).unwrap();
        drop(stdin);
        noctule_test_python::succeeded("verify.py", child.wait_with_output())
    });
    said.await.unwrap().trim().to_owned()
}

#[tokio::test]
async fn the_library_of_standard_webhooks_verifies_a_notification_and_a_callback() {
    let server = HttpServer::answering("204 No Content", "").await;
    let told = stage(webhook(server.url("/in"))).await;
    told.post.bring(&oncall(), None).await.unwrap();
    let request = server.got().await;
    let said = verified(&request, KEY).await;
    assert_eq!(said, "verified: notification.failed");

    let server = HttpServer::answering("200 OK", "").await;
    let called = stage(callbacks(true)).await;
    let url = server.url("/done");
    let message = to(Recipient::Callback { url });
    called.post.bring(&message, None).await.unwrap();
    let said = verified(&server.got().await, KEY).await;
    assert_eq!(said, "verified: run.failed");
}

#[tokio::test]
async fn the_library_of_standard_webhooks_refuses_what_was_changed_on_the_way() {
    let server = HttpServer::answering("204 No Content", "").await;
    let told = stage(webhook(server.url("/in"))).await;
    told.post.bring(&oncall(), None).await.unwrap();
    let mut request = server.got().await;
    let other = format!("whsec_{}", STANDARD.encode([7u8; 24]));
    assert!(verified(&request, &other).await.starts_with("refused"));
    request.body.push(b' ');
    assert!(verified(&request, KEY).await.starts_with("refused"));
}

/// aiosmtpd in a process of its own; it ends with its standard input.
struct Mailbox {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    port: u16,
}

impl Mailbox {
    fn start(python: PathBuf) -> Self {
        let mut child = Command::new(python)
            .arg("-B")
            .arg(script("mailbox.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap().parse().unwrap();
        Self { child, lines, port }
    }

    fn next(&mut self) -> Value {
        let line = self.lines.next().unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test]
async fn a_mail_server_of_others_takes_the_mail_and_reads_it_as_it_was_meant() {
    let python = python(SMTPD).await;
    let started = tokio::task::spawn_blocking(move || Mailbox::start(python));
    let mut mailbox = started.await.unwrap();
    let told = stage(mail(mailbox.port)).await;
    let mut message = oncall();
    message.first.what = format!("{HOSTILE}\r\nBcc: all@example.com\r\n\r\n.\r\nQUIT");
    told.post.bring(&message, None).await.unwrap();
    let got = tokio::task::spawn_blocking(move || mailbox.next());
    let got = got.await.unwrap();
    assert_eq!(got["from"], "noctule@example.com");
    assert_eq!(got["to"], json!(["oncall@example.com"]));
    assert_eq!(got["defects"], json!([]), "{got}");
    let headers = &got["headers"];
    let ids = json!(["<msg_0123456789abcdef@example.com>"]);
    assert_eq!(headers["Message-ID"], ids, "{headers}");
    assert_eq!(headers.get("Bcc"), None);
    let subject = headers["Subject"][0].as_str().unwrap();
    assert!(subject.contains("nightly failed"), "{subject}");
    let body = got["body"].as_str().unwrap();
    for text in ["noctule retry r1", "weekly", "\u{1f987}", "QUIT"] {
        assert!(body.contains(text), "`{text}` in {body}");
    }
}
