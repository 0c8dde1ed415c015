//! Calls that go astray: they fail their own task, and the session that they reach goes on as if nothing had been.

use rustix::process::Signal;

use crate::both_waits;
use crate::process::{Process, until};
use crate::stage::{Session, Stage, attempts};

both_waits! {
    a_call_that_another_container_refuses_fails_its_task_and_changes_nothing
    a_container_that_answers_for_another_session_fails_the_task
}

/// A session that is used, and another run whose call is sent to it.
fn misrouted(session: &Session<'_>) -> (Stage, Process, serde_json::Value) {
    let stage = Stage::of(session);
    let mut serve = stage.project.start(&["serve"]);
    serve.tells("http://");
    stage.project.start(&["trigger", "session"]).end().with(0);
    until("the first session is at its work", || {
        stage
            .deeds()
            .iter()
            .any(|deed| deed.word == "complete")
            .then_some(())
    });
    let route = format!("route=http://{}:8080", stage.ours()[0].address);
    let stray = [
        "trigger",
        "session",
        "--wait",
        "--param",
        route.as_str(),
        "-o",
        "json",
    ];
    let run = stage.project.ends(&stray).with(1).json();
    (stage, serve, run)
}

/// That the call failed once, for good, and says which sessions met; and that the first run ends well, untouched.
#[track_caller]
fn assert_failed_apart(stage: &Stage, serve: Process, stray: &serde_json::Value, status: u16) {
    let execute = attempts(stray, "execute");
    assert_eq!(execute.len(), 1, "{stray:#}");
    let message = execute[0]["error"]["message"].as_str().unwrap();
    let [other, own] = stage.ours().try_into().unwrap();
    let (other, own) = (other.started_by.unwrap(), own.started_by.unwrap());
    assert_eq!(execute[0]["error"]["class"], "config", "{stray:#}");
    let said = format!("is for session `{own}` and was answered {status} by session `{other}`");
    assert!(message.contains(&said), "{message}");
    assert_eq!(stage.deeds_of(&own), Vec::<String>::new());
    let runs = stage.project.ends(&["runs", "-o", "json"]).json();
    let first = runs
        .as_array()
        .unwrap()
        .iter()
        .find(|run| run["id"] != stray["id"]);
    let first = first.unwrap()["id"].as_str().unwrap().to_owned();
    let first = stage
        .project
        .ends(&["follow", &first, "-o", "json"])
        .with(0)
        .json();
    assert_eq!(attempts(&first, "container")[0]["key"], other.as_str());
    stage.assert_nothing_left();
    serve.send(Signal::TERM);
    serve.end().with(0);
}

fn a_call_that_another_container_refuses_fails_its_task_and_changes_nothing(wait: &str) {
    let (stage, serve, stray) = misrouted(&Session {
        faults: "wait",
        ..Session::usual(wait)
    });
    stage.go_on();
    assert_failed_apart(&stage, serve, &stray, 403);
    let first = stage.ours()[0].started_by.clone().unwrap();
    assert_eq!(
        stage.deeds_of(&first),
        ["execute", "complete", "refused", "upload"]
    );
}

fn a_container_that_answers_for_another_session_fails_the_task(wait: &str) {
    let (stage, serve, stray) = misrouted(&Session {
        faults: "wait",
        careless: true,
        ..Session::usual(wait)
    });
    stage.go_on();
    assert_failed_apart(&stage, serve, &stray, 200);
}
