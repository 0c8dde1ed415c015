//! Servers that lie: where they send a call, how much they say, how slowly, and when they ask to be asked again.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::evil::{Evil, answer, path};
use crate::stage::{Project, until};

const KEY: &str = "redirected-canary-4455";

fn good(_: &str, stream: &mut TcpStream) {
    answer(
        stream,
        "200 OK",
        "content-type: application/json\r\n",
        "{\"ok\": true}",
    );
}

/// The path says what is done; what comes after a `?` is an address.
fn lie(request: &str, stream: &mut TcpStream) {
    let (deed, target) = path(request).split_once('?').unwrap_or((path(request), ""));
    let redirect = |stream: &mut TcpStream, to: &str| {
        answer(stream, "302 Found", &format!("location: {to}\r\n"), "");
    };
    match deed {
        "/elsewhere" => redirect(stream, target),
        "/metadata" => redirect(stream, "http://169.254.169.254/latest/meta-data/"),
        "/file" => redirect(stream, "file:///etc/passwd"),
        "/circle" => redirect(stream, "/circle"),
        "/endless" => endless(
            stream,
            b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n",
        ),
        "/headers" => endless(stream, b"HTTP/1.1 200 OK\r\nx-a: "),
        "/slow" => slow(stream),
        "/deep" => answer(
            stream,
            "200 OK",
            "content-type: application/json\r\n",
            &"[".repeat(100_000),
        ),
        "/bomb" => answer(
            stream,
            "200 OK",
            "content-encoding: gzip\r\n",
            "\u{1f}not really",
        ),
        "/begin" => answer(
            stream,
            "202 Accepted",
            "content-type: application/json\r\n",
            "{\"done\": false}",
        ),
        "/not_yet" => answer(
            stream,
            "200 OK",
            "content-type: application/json\r\nretry-after: 18446744073709551615\r\n",
            "{\"done\": false}",
        ),
        "/poll" => answer(
            stream,
            "429 Too Many",
            "retry-after: 18446744073709551615\r\n",
            "",
        ),
        "/done" => answer(
            stream,
            "200 OK",
            "content-type: application/json\r\n",
            "{\"done\": true}",
        ),
        "/later" => answer(
            stream,
            "429 Too Many",
            "retry-after: 18446744073709551615\r\n",
            "",
        ),
        _ => answer(stream, "200 OK", "", "fine"),
    }
}

fn endless(stream: &mut TcpStream, head: &[u8]) {
    let piece = vec![b'x'; 64 << 10];
    let mut going = stream.write_all(head).is_ok();
    while going {
        going = stream.write_all(&piece).is_ok();
    }
}

fn slow(stream: &mut TcpStream) {
    let mut going = stream.write_all(b"HTTP/1.1 200 OK\r\nx-a: ").is_ok();
    while going {
        std::thread::sleep(Duration::from_millis(100));
        going = stream.write_all(b"x").is_ok();
    }
}

/// One call, to its end.
fn call(url: &str, more: &str) -> (Value, u64) {
    let dag = format!(
        "[tasks.a]\nexecutor = \"http\"\n{more}\nwith = {{ url = \"{url}\", method = \"GET\", headers = {{ Authorization = {{ secret = \"key\" }}, X-Key = {{ secret = \"key\" }} }}, idle_timeout = \"2s\" }}\n"
    );
    let project = Project::of("[secrets]\nkey = { from = \"env:CANARY_KEY\" }\n", &dag)
        .with_env("CANARY_KEY", KEY);
    let run = project.noctule(&["run", "d"]);
    assert!(
        !run.stderr.contains("panicked") && run.code.is_some(),
        "{}",
        run.stderr
    );
    let shown = project.noctule(&["show", "@latest", "-o", "json"]).with(0);
    (shown.json(), run.most_memory)
}

fn state(shown: &Value) -> &str {
    shown["tasks"][0]["state"].as_str().unwrap_or_default()
}

#[test]
fn a_redirect_takes_no_secret_along_and_leads_nowhere_private() {
    let (evil, other) = (Evil::new(lie), Evil::new(good));
    let (shown, _) = call(&evil.url(&format!("/elsewhere?{}", other.url("/x"))), "");
    assert!(
        evil.heard().concat().contains(KEY),
        "it was sent where it belongs"
    );
    assert!(
        !other.heard().concat().contains(KEY),
        "{:?} {shown}",
        other.heard()
    );
    for deed in ["/metadata", "/file", "/circle"] {
        let (shown, _) = call(&evil.url(deed), "timeout = \"10s\"");
        assert_ne!(state(&shown), "succeeded", "{deed}: {shown:#}");
    }
    assert!(evil.heard().len() < 60, "a circle ends");
}

#[test]
fn an_answer_without_end_is_cut_and_never_a_success() {
    let evil = Evil::new(lie);
    for deed in ["/endless", "/headers", "/deep", "/slow"] {
        let (shown, memory) = call(&evil.url(deed), "timeout = \"5s\"");
        assert!(memory < 250 << 20, "{deed}: {memory} bytes");
        assert!(
            deed == "/deep" || state(&shown) != "succeeded",
            "{deed}: {shown:#}"
        );
    }
}

#[test]
fn a_wait_beyond_all_reason_is_no_wait_at_all_and_no_storm() {
    let evil = Evil::new(lie);
    let (shown, _) = call(&evil.url("/later"), "timeout = \"3s\"");
    assert_ne!(state(&shown), "succeeded");
    let calls = evil.heard().len();
    assert!((1..=8).contains(&calls), "{calls} calls in three seconds");
}

#[test]
fn a_wait_beyond_all_reason_between_two_polls_holds_up_nobody_else() {
    let evil = Evil::new(lie);
    let task = |name: &str, poll: &str| {
        format!(
            "[tasks.{name}]\nexecutor = \"http\"\nwait = \"poll\"\nwith = {{ url = \"{}\", method = \"POST\", expect = [202], poll = {{ url = \"{}\", until = \"answer.body.done\" }} }}\n",
            evil.url("/begin"),
            evil.url(poll),
        )
    };
    // The last is begun when the others were told to wait for ever.
    let begin = "[tasks.pause]\nexecutor = \"process\"\nwith.command = [\"sh\", \"-c\", \"until [ -e go ]; do sleep 0.02; done\"]\n";
    let other = task("b", "/done").replace("wait =", "depends_on = [\"pause\"]\nwait =");
    let project = Project::of(
        "",
        &format!(
            "{}{}{begin}{other}",
            task("a", "/poll"),
            task("c", "/not_yet")
        ),
    );
    let engine = project.start(&["run", "d"]);
    until("they are told to wait", || {
        let heard = evil.heard();
        let asked = |deed| heard.iter().any(|request| path(request) == deed);
        asked("/poll") && asked("/not_yet")
    });
    project.write("go", "");
    until("the last succeeds", || {
        let shown = project
            .noctule(&["show", "@latest", "-o", "json"])
            .with(0)
            .json();
        let tasks = shown["tasks"].as_array().unwrap();
        tasks
            .iter()
            .any(|task| task["task"] == "b" && task["state"] == "succeeded")
    });
    let said = engine.said();
    assert!(!said.contains("panicked"), "{said}");
    let polls = evil
        .heard()
        .iter()
        .filter(|request| path(request) == "/poll")
        .count();
    assert!(polls <= 4, "{polls} polls");
}

#[test]
fn a_parameter_cannot_end_a_header() {
    let evil = Evil::new(lie);
    let dag = format!(
        "[params.p]\ntype = \"string\"\ndefault = \"a\\r\\nX-Evil: 1\\r\\n\\r\\nGET /owned HTTP/1.1\"\n[tasks.head]\nexecutor = \"http\"\nwith = {{ url = \"{}\", headers = {{ X-A = \"{{{{ params.p }}}}\" }} }}\n[tasks.url]\nexecutor = \"http\"\nwith = {{ url = \"{}?q={{{{ params.p }}}}\" }}\n",
        evil.url("/x"),
        evil.url("/y"),
    );
    let project = Project::of("", &dag);
    project.noctule(&["run", "d"]);
    let heard = evil.heard().concat().to_ascii_lowercase();
    assert!(
        !heard.contains("\nx-evil:") && !heard.contains("get /owned http"),
        "{heard}"
    );
}
