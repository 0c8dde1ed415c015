//! `notify`, and what `serve` tells: with the real binary, killed for good, and a receiver on this machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::Value;

use crate::projects::Project;
use crate::served::Served;

const FAILING: &str = "notify = { to = [\"oncall\"], on = [\"failed\"] }\n\
    [tasks.t]\nexecutor = \"process\"\nwith.command = [\"sh\", \"-c\", \"echo the last words; exit 3\"]\n";

/// Longer than any delivery takes here.
const PATIENCE: Duration = Duration::from_secs(60);

/// A receiver: its address, and what it is told: the id and the body.
fn receiver() -> (String, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    let (tell, told) = channel();
    // It ends with the process of the test.
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            take(stream, &tell);
        }
    });
    (url, told)
}

fn take(stream: TcpStream, tell: &Sender<(String, Value)>) {
    let mut reader = BufReader::new(stream);
    let (mut id, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        match line.trim_end().split_once(": ") {
            Some(("webhook-id", value)) => value.clone_into(&mut id),
            Some(("content-length", value)) => length = value.parse().unwrap(),
            None if line == "\r\n" => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    reader.get_mut().write_all(answer).unwrap();
    // Whoever listened may have heard enough.
    drop(tell.send((id, serde_json::from_slice(&body).unwrap_or_default())));
}

fn project(url: &str, gather: &str) -> Project {
    let project = Project::of(FAILING);
    let file = project.path().join("noctule.toml");
    let before = std::fs::read_to_string(file).unwrap_or_default();
    project.write(
        "noctule.toml",
        &format!("{before}\n[notify.oncall]\nwebhook = \"{url}\"\ngather = \"{gather}\"\n"),
    );
    project
}

fn listed(project: &Project) -> Value {
    project.noctule(&["notify", "list", "-o", "json"]).json()
}

#[test]
fn a_failure_is_told_once_by_the_engine_after_the_one_that_was_killed() {
    let (url, told) = receiver();
    let project = project(&url, "5s");
    let served = Served::over(&project);
    let run = served.asked(&project, &["trigger", "d", "--wait"]);
    run.with_code(1);
    // SIGKILL.
    drop(served);
    assert_eq!(listed(&project)[0]["state"], "gathering");
    let served = Served::over(&project);
    let (id, body) = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(body["type"], "notification.failed");
    assert_eq!(body["data"]["class"], "user");
    assert_eq!(body["data"]["log_tail"][0], "the last words");
    let run = body["data"]["run"].as_str().unwrap();
    assert_eq!(body["data"]["retry"], format!("noctule retry {run}"));
    while listed(&project)[0]["state"] != "sent" {
        std::thread::yield_now();
    }
    let there = served.asked(&project, &["notify", "list", "-o", "json"]);
    assert_eq!(there.json(), listed(&project));
    assert_eq!(listed(&project)[0]["id"], id.as_str());
    assert_eq!(listed(&project)[0]["tries"], 1);
    assert!(told.try_recv().is_err(), "it came twice");
}

#[test]
fn a_test_message_says_whether_the_receiver_took_it() {
    let (url, told) = receiver();
    let project = project(&url, "5s");
    project.noctule(&["notify", "test", "oncall"]).with_code(0);
    let (_, body) = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(body["type"], "notification.succeeded");
    project.noctule(&["notify", "test", "nobody"]).with_code(3);
    let gone = self::project("http://127.0.0.1:1/", "5s");
    gone.noctule(&["notify", "test", "oncall"]).with_code(6);
}
