//! Canaries: secrets that are used everywhere a secret may be used, and are found nowhere they were not sent.

use std::net::TcpStream;

use crate::evil::{Evil, answer, path};
use crate::stage::Project;

/// Each with characters that look different in a URL, in JSON and in base64.
const IN_ENV: &str = "env+canary/0a1b2c3d4e5f==&x";
const IN_FILE: &str = "file+canary/6a7b8c9daebf==&x";
const IN_URL: &str = "url-canary-1029384756";
const IN_DATABASE: &str = "database-canary-5647382910";

/// Gives back all that it was told, or breaks in another way.
fn echo(request: &str, stream: &mut TcpStream) {
    match path(request) {
        "/broken" => {}
        "/refused" => answer(stream, "500 Oops", "x-said: all of it\r\n", request),
        _ => answer(stream, "200 OK", "", request),
    }
}

fn project(evil: &Evil, log_format: &str) -> Project {
    let settings = format!(
        r#"
[secrets]
one = {{ from = "env:CANARY_ONE" }}
two = {{ from = "file:two.secret" }}
hook = {{ from = "env:CANARY_HOOK" }}
rows = {{ from = "env:CANARY_ROWS" }}
[connections.web]
kind = "http"
base_url = "{}"
auth = {{ bearer = {{ secret = "two" }} }}
[connections.rows]
kind = "postgres"
url = {{ secret = "rows" }}
"#,
        evil.url("")
    );
    let dag = r#"
[tasks.command]
executor = "process"
with.command = ["sh", "-c", "test -n \"$ONE\" && test -n \"$TWO\" && exit 9"]
with.env = { ONE = { secret = "one" }, TWO = { secret = "two" } }
[tasks.echo]
executor = "http"
with = { connection = "web", url = "/echo", method = "POST", headers = { X-Key = { secret = "one" } }, json = { password = { secret = "two" }, list = [{ secret = "one" }] } }
[tasks.form]
executor = "http"
with = { connection = "web", url = "/form", method = "POST", body = { secret = "one" } }
[tasks.refused]
executor = "http"
with = { connection = "web", url = "/refused", headers = { X-Key = { secret = "one" } } }
[tasks.broken]
executor = "http"
with = { connection = "web", url = "/broken", headers = { X-Key = { secret = "one" } } }
[tasks.hook]
executor = "http"
with = { url = { secret = "hook" }, method = "POST" }
[tasks.rows]
executor = "sql"
timeout = "2s"
with = { connection = "rows", query = "SELECT 1" }
"#;
    let project = Project::of(&settings, dag)
        .with_env("CANARY_ONE", IN_ENV)
        .with_env("CANARY_HOOK", &evil.url(&format!("/{IN_URL}")))
        .with_env(
            "CANARY_ROWS",
            &format!("postgres://batch:{IN_DATABASE}@127.0.0.1:1/rows?unheard={IN_DATABASE}"),
        )
        .with_env("NOCTULE_LOG", "trace")
        .with_env("NOCTULE_LOG_FORMAT", log_format);
    project.write("two.secret", IN_FILE);
    project
}

/// What a secret may look like: as it is, in a URL, in base64 at any offset, and in JSON.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let url: String = secret
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect();
    let mut forms = vec![
        secret.as_bytes().to_vec(),
        url.to_ascii_lowercase().into_bytes(),
        url.into_bytes(),
    ];
    for offset in 0..3 {
        let text = base64(&[vec![0; offset], secret.as_bytes().to_vec()].concat());
        // The first and the last signs depend on what stands beside it.
        forms.push(text[4..text.len() / 4 * 4 - 4].to_vec());
    }
    forms
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::new();
    for three in bytes.chunks(3) {
        let number = three
            .iter()
            .fold(0, |number, byte| number << 8 | usize::from(*byte))
            << (8 * (3 - three.len()));
        text.extend((0..=three.len()).map(|at| SIGNS[number >> (18 - 6 * at) & 63]));
    }
    text
}

#[track_caller]
fn holds_none(what: &str, bytes: &[u8]) {
    for secret in [IN_ENV, IN_FILE, IN_URL, IN_DATABASE] {
        for form in forms(secret) {
            let found = bytes.windows(form.len()).any(|window| window == form);
            assert!(!found, "{what} holds {}", String::from_utf8_lossy(&form));
        }
    }
}

#[test]
fn no_secret_is_found_where_it_was_not_sent() {
    no_secret_is_found("text");
}

#[test]
fn no_secret_is_found_where_log_lines_are_json_either() {
    no_secret_is_found("json");
}

fn no_secret_is_found(log_format: &str) {
    let evil = Evil::new(echo);
    let project = project(&evil, log_format);
    let run = project.noctule(&["run", "d"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let shown = project
        .noctule(&["show", "@latest", "-o", "json"])
        .with(0)
        .json();
    let state = |name: &str| {
        let tasks = shown["tasks"].as_array().unwrap();
        tasks.iter().find(|task| task["task"] == name).unwrap()["state"].clone()
    };
    assert_eq!(state("echo"), "succeeded", "{shown:#}");
    assert_eq!(state("hook"), "succeeded", "{shown:#}");
    assert_eq!(state("command"), "failed", "{shown:#}");
    // They were really sent: the canaries sing where they should.
    let heard = evil.heard().concat();
    for secret in [IN_ENV, IN_FILE, IN_URL] {
        assert!(heard.contains(secret), "{secret} was never sent");
    }
    holds_none("stdout of run", &run.stdout);
    holds_none("the log of run at trace level", run.stderr.as_bytes());
    assert!(
        run.stderr.contains("TRACE") || run.stderr.contains("DEBUG"),
        "{}",
        run.stderr
    );
    for words in [
        &["show", "@latest"][..],
        &["show", "@latest", "-o", "json"],
        &["events", "@latest"],
        &["events", "@latest", "-o", "json"],
        &["explain", "@latest"],
        &["explain", "@latest", "-o", "json"],
        &["plan", "d"],
        &["plan", "d", "-o", "json"],
        &["config"],
        &["config", "-o", "json"],
        &["graph", "d", "-o", "json"],
        &["graph", "d"],
        &["runs", "-o", "json"],
        &["dags", "-o", "json"],
        &["check"],
        &["doctor"],
        &["doctor", "-o", "json"],
        &["logs", "@latest", "echo"],
        &["retry", "@latest", "--task", "refused"],
        &["sweep"],
    ] {
        let told = project.noctule(words);
        holds_none(&format!("stdout of {words:?}"), &told.stdout);
        holds_none(&format!("stderr of {words:?}"), told.stderr.as_bytes());
    }
    let files = project.state();
    assert!(files.len() >= 3, "{files:?}");
    for (path, bytes) in files {
        holds_none(&path.display().to_string(), &bytes);
    }
}

#[test]
fn a_setting_given_by_the_environment_is_shown_by_its_name_where_it_is_a_secret() {
    let project = Project::of(
        "[secrets]\none = { from = \"env:CANARY_ONE\" }\n",
        "[tasks.a]\nexecutor = \"process\"\nwith.command = [\"true\"]\n",
    )
    .with_env("CANARY_ONE", IN_ENV)
    .with_env("NOCTULE__secrets__two__from", "file:/nowhere/two");
    for words in [
        &["config"][..],
        &["config", "-o", "json"],
        &["plan", "d"],
        &["doctor"],
    ] {
        let told = project.noctule(words);
        holds_none(&format!("{words:?}"), &told.stdout);
        holds_none(&format!("{words:?}"), told.stderr.as_bytes());
    }
}

#[test]
fn a_canary_is_found_in_every_form() {
    let hidden = base64(format!("user:{IN_ENV}:more").as_bytes());
    assert!(
        forms(IN_ENV)
            .iter()
            .any(|form| hidden.windows(form.len()).any(|window| window == form))
    );
}
