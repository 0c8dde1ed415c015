//! Log lines as JSON, and spans of runs: what a program beside the engine gathers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::projects::{Ended, HELLO, Project};

/// Nothing here takes so long unless it is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

fn objects(stderr: &str) -> Vec<Value> {
    let line = |line: &str| -> Value {
        let object = serde_json::from_str(line);
        object.unwrap_or_else(|error| panic!("{error}: {line:?} in\n{stderr}"))
    };
    stderr.lines().map(line).collect()
}

fn said(lines: &[Value], text: &str) -> Value {
    let message = |line: &&Value| line["message"].as_str().is_some_and(|m| m.contains(text));
    let found = lines.iter().find(message);
    found
        .unwrap_or_else(|| panic!("`{text}` is missing: {lines:#?}"))
        .clone()
}

/// A process that is ended with the test, by its own id.
struct Ours(Child);

impl Drop for Ours {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn every_line_of_a_run_is_an_object_with_the_same_fields() {
    let project = Project::of(HELLO);
    let run = project.noctule(&["run", "d", "--log-format", "json", "-v"]);
    let lines = objects(&run.stderr);
    for line in &lines {
        for field in ["timestamp", "level", "message", "target"] {
            assert!(line[field].is_string(), "{field}: {line}");
        }
    }
    let over = said(&lines, "a run ended");
    assert_eq!(
        (&over["dag"], &over["state"]),
        (&"d".into(), &"failed".into())
    );
    let ended = said(&lines, "an attempt ended");
    assert_eq!(ended["run"], over["run"]);
    assert_eq!(ended["task"], "say");
    assert_eq!(ended["attempt"], 1);
    assert_eq!(ended["executor"], "process");
    assert!(ended["key"].as_str().unwrap().starts_with("n1-"), "{ended}");
    let trace = ended["run"].as_str().unwrap().replace('-', "");
    assert_eq!(ended["trace_id"], trace.as_str());
    assert_eq!(run.code, 1);
    assert!(
        run.stdout.contains("failed"),
        "the data is as it was: {run:#?}"
    );
}

#[test]
fn what_goes_wrong_is_one_object_with_the_exit_code_and_what_helps() {
    let project = Project::of(HELLO);
    let mut command = project.command(&["--server", "http://x", "serve"]);
    command
        .env("NOCTULE_LOG_FORMAT", "json")
        .env("NOCTULE_LOG", "off");
    let ended = crate::projects::end(&mut command).with_code(2);
    let lines = objects(&ended.stderr);
    assert_eq!(lines.len(), 1, "{ended:#?}");
    assert_eq!(
        (&lines[0]["level"], &lines[0]["exit"]),
        (&"ERROR".into(), &2.into())
    );
    assert!(lines[0]["help"].is_string(), "{ended:#?}");
    let mut wrong = project.command(&["dags"]);
    wrong.env("NOCTULE_LOG_FORMAT", "xml");
    crate::projects::end(&mut wrong)
        .with_code(2)
        .saying("NOCTULE_LOG_FORMAT");
}

#[test]
fn a_server_says_in_objects_where_it_listens_what_is_wrong_and_that_it_ends() {
    let project = Project::of(HELLO);
    project.write("dags/bad.toml", "[tasks.a]\nexecutor = \"nobody\"\n");
    let args = ["serve", "--listen", "127.0.0.1:0", "--log-format", "json"];
    let mut command = project.command(&args);
    let child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn();
    let mut server = Ours(child.unwrap());
    let mut stderr = BufReader::new(server.0.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains("noctule serves") {
        assert!(stderr.read_line(&mut told).unwrap() > 0, "{told}");
    }
    let pid = rustix::process::Pid::from_child(&server.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    stderr.read_to_string(&mut told).unwrap();
    assert!(server.0.wait().unwrap().success());
    let lines = objects(&told);
    said(&lines, "http://127.0.0.1:");
    said(&lines, "nobody");
    said(&lines, "draining");
}

/// Takes spans, and gives each request's body; the process that exports them may be killed meanwhile.
struct Receiver {
    url: String,
    bodies: mpsc::Receiver<Value>,
}

impl Receiver {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, bodies) = mpsc::channel();
        // It ends with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(body) = take(stream)
                    && tell.send(body).is_err()
                {
                    return;
                }
            }
        });
        Self { url, bodies }
    }

    /// The spans that came, until these are among them.
    fn until(&self, names: &[&str]) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        while !names
            .iter()
            .all(|name| all.iter().any(|span| span["name"] == *name))
        {
            let body = self.bodies.recv_timeout(PATIENCE);
            let body = body.unwrap_or_else(|error| panic!("{error}: {all:#?}"));
            let spans = &body["resourceSpans"][0]["scopeSpans"][0]["spans"];
            all.extend(spans.as_array().unwrap().iter().cloned());
        }
        all
    }
}

fn take(stream: TcpStream) -> Option<Value> {
    let mut stream = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().ok()?;
            }
            Some(_) => {}
            None if line.starts_with("POST") => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    stream.get_mut().write_all(answer).ok()?;
    serde_json::from_slice(&body).ok()
}

const TELLS: &str = r#"
[tasks.say]
executor = "process"
with.command = ["sh", "-c", "echo ${TRACEPARENT-none}"]
"#;

fn traced(project: &Project, receiver: &Receiver, args: &[&str]) -> Ended {
    let mut command = project.command(args);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url);
    crate::projects::end(&mut command)
}

#[test]
fn a_run_is_exported_before_the_command_ends_and_its_work_knows_its_span() {
    let project = Project::of(TELLS);
    let receiver = Receiver::new();
    traced(&project, &receiver, &["run", "d"]).with_code(0);
    let spans = receiver.until(&["say", "run d"]);
    let of = |name: &str| spans.iter().find(|span| span["name"] == name).unwrap();
    let (say, run) = (of("say"), of("run d"));
    assert_eq!(say["parentSpanId"], run["spanId"]);
    assert_eq!(say["traceId"], run["traceId"]);
    let logs = project.noctule(&["logs", "@latest", "say"]).with_code(0);
    let told = format!(
        "00-{}-{}-01",
        say["traceId"].as_str().unwrap(),
        say["spanId"].as_str().unwrap()
    );
    assert_eq!(logs.stdout.trim(), told);
    // Where nobody traces, nothing is said of a trace.
    project.noctule(&["run", "d"]).with_code(0);
    let logs = project.noctule(&["logs", "@latest", "say"]).with_code(0);
    assert_eq!(logs.stdout.trim(), "none");
}

#[test]
fn a_plan_says_that_work_is_told_of_its_trace_and_a_secret_header_is_shown_nowhere() {
    let project = Project::new(
        "[secrets]\nkey = { from = \"env:CANARY\" }\n\
         [engine.otel]\nendpoint = \"http://127.0.0.1:1\"\nheaders = { x-key = { secret = \"key\" } }\n",
    );
    project.write("dags/d.toml", TELLS);
    for (args, expected) in [
        (&["plan", "d"][..], "<traceparent>"),
        (&["config"], "engine.otel.endpoint"),
        (&["run", "d"], "succeeded"),
    ] {
        let mut command = project.command(args);
        command
            .env("CANARY", "canary-1234")
            .env("NOCTULE_LOG", "debug");
        let ended = crate::projects::end(&mut command).with_code(0);
        assert!(ended.stdout.contains(expected), "{ended:#?}");
        assert!(!format!("{ended:?}").contains("canary"), "{ended:#?}");
    }
}

#[test]
fn a_killed_engine_is_followed_by_one_that_exports_what_it_did_not() {
    let project = Project::of(TELLS);
    // Nobody is there: the spans are kept for a while, and go with the process.
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let mut command = project.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", nobody);
    let child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn();
    let mut server = Ours(child.unwrap());
    let mut stderr = BufReader::new(server.0.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains("noctule serves") {
        assert!(stderr.read_line(&mut told).unwrap() > 0, "{told}");
    }
    project.noctule(&["trigger", "d", "--wait"]).with_code(0);
    server.0.kill().unwrap();
    server.0.wait().unwrap();
    let receiver = Receiver::new();
    let mut command = project.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url);
    let child = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn();
    let _second = Ours(child.unwrap());
    let spans = receiver.until(&["say", "run d"]);
    assert_eq!(spans.len(), 2, "{spans:#?}");
}
