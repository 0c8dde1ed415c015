//! `notify`, and what `serve` tells: with the real binary, killed for good, and a receiver on this machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::Value;

use crate::forging::by_hand;
use crate::projects::Project;
use crate::served::Served;

const FAILING: &str = "notify = { to = [\"oncall\"], on = [\"failed\"] }\n\
    [tasks.t]\nexecutor = \"process\"\nwith.command = [\"sh\", \"-c\", \"echo the last words; exit 3\"]\n";

/// Two hundred items that fail alike, ten at a time.
const FAN: &str = "[tasks.list]\nexecutor = \"process\"\n\
    with.command = [\"sh\", \"-c\", \"echo [$(seq -s, 1 200)] > $NOCTULE_OUTPUT\"]\n\
    [tasks.each]\nexecutor = \"process\"\ndepends_on = [\"list\"]\nmap = \"{{ tasks.list.output }}\"\n\
    map_key = \"{{ item }}\"\nmax_parallel = 10\nnotify = { to = [\"oncall\"], on = [\"failed\"] }\n\
    with.command = [\"sh\", \"-c\", \"sleep 0.2; exit 3\"]\n";

/// Longer than any delivery takes here.
const PATIENCE: Duration = Duration::from_secs(60);

/// A receiver: its address, and what it is told: the id and the body.
fn receiver() -> (String, Receiver<(String, Value)>) {
    let (url, told, _) = fickle_receiver();
    (url, told)
}

/// One that takes nothing while it is told to.
fn fickle_receiver() -> (String, Receiver<(String, Value)>, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    let (tell, told) = channel();
    let refuses = Arc::new(AtomicBool::new(false));
    let refusing = Arc::clone(&refuses);
    // It ends with the process of the test.
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            take(stream, &tell, refusing.load(Ordering::SeqCst));
        }
    });
    (url, told, refuses)
}

fn take(stream: TcpStream, tell: &Sender<(String, Value)>, refuses: bool) {
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
    let status = if refuses { "410 Gone" } else { "200 OK" };
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
    if refuses {
        return;
    }
    // Whoever listened may have heard enough.
    drop(tell.send((id, serde_json::from_slice(&body).unwrap_or_default())));
}

fn project(url: &str, gather: &str) -> Project {
    project_of(FAILING, url, gather)
}

fn project_of(dag: &str, url: &str, gather: &str) -> Project {
    let project = Project::of(dag);
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

fn counted(project: &Project) -> u64 {
    listed(project)[0]["count"].as_u64().unwrap_or_default()
}

#[test]
fn two_hundred_failures_of_one_cause_with_a_kill_between_them_are_one_message() {
    let (url, told) = receiver();
    // Longer than it takes to start an engine again.
    let project = project_of(FAN, &url, "15s");
    let served = Served::over(&project);
    served.asked(&project, &["trigger", "d"]).with_code(0);
    while counted(&project) < 40 {
        std::thread::yield_now();
    }
    // SIGKILL.
    drop(served);
    let before = counted(&project);
    assert!((40..200).contains(&before), "{before}");
    let _served = Served::over(&project);
    let (id, body) = told.recv_timeout(4 * PATIENCE).unwrap();
    assert_eq!(body["data"]["count"], 200);
    while listed(&project)[0]["state"] != "sent" {
        std::thread::yield_now();
    }
    let all = listed(&project);
    assert_eq!(all.as_array().map(Vec::len), Some(1), "{all}");
    assert_eq!(all[0]["id"], id.as_str());
    assert!(told.try_recv().is_err(), "it came twice");
}

#[test]
fn what_was_given_up_is_sent_again_by_hand_under_its_id_and_leaves_an_audit_event() {
    let (url, told, refuses) = fickle_receiver();
    refuses.store(true, Ordering::SeqCst);
    let project = project(&url, "1s");
    project
        .noctule(&["notify", "resend", "--given-up"])
        .with_code(3);
    let served = Served::over(&project);
    served
        .asked(&project, &["trigger", "d", "--wait"])
        .with_code(1);
    let until = |state: &str, tries: u64| {
        while listed(&project)[0]["state"] != state || listed(&project)[0]["tries"] != tries {
            std::thread::yield_now();
        }
    };
    until("given_up", 1);
    let id = listed(&project)[0]["id"].as_str().unwrap().to_owned();
    // Through the store, to a receiver that is not well yet.
    let again = project.noctule(&["notify", "resend", "--given-up"]);
    again.with_code(0).saying("1 of 1");
    until("given_up", 2);
    refuses.store(false, Ordering::SeqCst);
    let resend = |id: &str| served.asked(&project, &["notify", "resend", id]);
    resend("msg_none").with_code(3);
    resend(&id).with_code(0);
    let (arrived, _) = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(arrived, id);
    until("sent", 3);
    resend(&id).with_code(4).saying("sent");
    project.noctule(&["notify", "resend", &id]).with_code(4);
    project.noctule(&["notify", "resend", "none"]).with_code(3);
    project.noctule(&["notify", "resend"]).with_code(2);
    assert!(told.try_recv().is_err(), "it came twice");
    let audit = project
        .noctule(&["audit", "-o", "json"])
        .with_code(0)
        .json();
    let events = audit.as_array().unwrap();
    let on = format!("delivery {id}");
    let found = |outcome: &str| {
        let same = |event: &&Value| event["on"] == on.as_str() && event["outcome"] == outcome;
        let mut found = events.iter().filter(same);
        found.any(|event| event["act"] == "resend_delivery")
    };
    assert!(found("done") && found("conflict"), "{audit}");
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

/// What did not arrive is asked for as such: it is not looked for among the newest of all.
#[test]
fn what_failed_is_listed_by_a_server_and_by_its_store_behind_any_number_of_others() {
    let (url, _told, refuses) = fickle_receiver();
    refuses.store(true, Ordering::SeqCst);
    let project = project(&url, "1s");
    let served = Served::over(&project);
    served
        .asked(&project, &["trigger", "d", "--wait"])
        .with_code(1);
    while listed(&project)[0]["state"] != "given_up" {
        std::thread::yield_now();
    }
    drop(served);
    let failed = listed(&project)[0]["id"].clone();
    let copied = by_hand(
        &project,
        &[
            "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 399) \
            INSERT INTO messages (id, body) SELECT ?1 || i, json_remove(json_set(body, '$.id', ?1 || i, '$.open', json_array(), \
                '$.created_at', '2099-01-01T00:00:00.' || i || 'Z', '$.standing.state', ?2), '$.error') FROM n, messages",
        ],
        ("msg_", "sent"),
    );
    assert_eq!(copied, 300);
    let served = Served::over(&project);
    let args = ["notify", "list", "--failed", "--limit", "2", "-o", "json"];
    for list in [project.noctule(&args), served.asked(&project, &args)] {
        let list = list.with_code(0).json();
        assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
        assert_eq!(list[0]["id"], failed);
    }
    // More than a page of the server.
    let all = ["notify", "list", "--limit", "250", "-o", "json"];
    let (here, there) = (project.noctule(&all), served.asked(&project, &all));
    let here = here.with_code(0).json();
    assert_eq!(here.as_array().map(Vec::len), Some(250));
    assert_eq!(here, there.with_code(0).json());
}
