//! `--server`: what is said through the API is what is said through the store.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::projects::{Ended, HELLO, Project, end};

/// A `serve` that is ready; it is ended by its own id.
pub(crate) struct Served {
    child: Child,
    url: String,
}

impl Served {
    pub(crate) fn over(project: &Project) -> Self {
        let mut child = project
            .command(&["serve", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = lines.by_ref().map_while(Result::ok);
        let url = said.find_map(|line| Some(format!("http://{}", line.split_once("http://")?.1)));
        let url = url.expect("serve says where it listens");
        // Whatever else it says is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    /// A command that asks this server.
    pub(crate) fn asked(&self, project: &Project, args: &[&str]) -> Ended {
        project.noctule(&[args, &["--server", &self.url]].concat())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_server_is_asked_with_the_same_words_and_answers_with_the_same() {
    let project = Project::of(&format!("[schedule]\ncron = \"@yearly\"\n{HELLO}"));
    let served = Served::over(&project);
    let waited = served.asked(
        &project,
        &["trigger", "d", "--param", "who=you", "--wait", "-o", "json"],
    );
    let run = waited.with_code(1).json();
    assert_eq!(run["params"]["who"], "you");
    let id = run["id"].as_str().unwrap();
    for args in [
        &["runs"][..],
        &["runs", "--dag", "d", "--state", "failed", "--since", "-1h"],
        &["runs", "--state", "queued"],
        &["show", id],
        &["show", "@latest"],
        &["show", "d@latest"],
        &["events", id],
        &["dags"],
        &["logs", id, "say"],
        &["logs", "d@latest", "say", "--tail", "1"],
        &["logs", id, "after", "--attempt", "all"],
        &["follow", id],
        &["retry", id, "--dry-run"],
        &["retry", id, "--task", "after", "--dry-run"],
        &["mark", id, "after", "skipped", "--dry-run"],
    ] {
        for format in ["table", "json", "jsonl"] {
            let args = [args, &["-o", format]].concat();
            let here = project.noctule(&args);
            let there = served.asked(&project, &args);
            assert_eq!(there.stdout, here.stdout, "{args:?} {there:#?}");
            assert_eq!(there.code, here.code, "{args:?} {there:#?}");
        }
    }
    let why = ["explain", id, "after", "-o", "json"];
    assert_eq!(
        served.asked(&project, &why).json(),
        project.noctule(&why).json()
    );
    let told = served.asked(&project, &["logs", id, "say"]).with_code(0);
    assert_eq!(told.stdout, "hello you\nagain\n");
}

#[test]
fn what_is_refused_through_the_store_is_refused_by_a_server_with_the_same_code() {
    let project = Project::of(HELLO);
    let served = Served::over(&project);
    let first = served.asked(
        &project,
        &["trigger", "d", "--idempotency-key", "k", "--wait"],
    );
    first.with_code(1);
    let id = project.noctule(&["runs", "-o", "json"]).json()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let again = served
        .asked(&project, &["trigger", "d", "--idempotency-key", "k"])
        .with_code(0);
    assert_eq!(again.stdout.trim(), id, "the same key is the same run");
    for args in [
        &["cancel", &id][..],
        &["mark", &id, "none", "failed"],
        &["mark", &id, "a/b", "failed"],
        &["retry", &id, "--task", "none"],
        &["show", "none"],
        &["show", "a/b"],
        &["show", "d@20200101"],
        &["logs", &id, "none"],
        &["logs", &id],
        &["explain", &id, "none"],
        &["runs", "--dag", "a/b"],
        &["pause", "none"],
        &["trigger", "none"],
        &["trigger", "d", "--param", "none=1"],
        &["trigger", "d", "--ingestion-id", "1"],
        &["trigger", "d", "--at", "never"],
        &["trigger", "d", "--idempotency-key", "k", "--param", "who=x"],
    ] {
        let here = project.noctule(args);
        let there = served.asked(&project, args);
        assert!(here.code > 1, "{args:?} {here:#?}");
        assert_eq!(there.code, here.code, "{args:?} {there:#?} {here:#?}");
        assert_eq!(
            (there.stdout.as_str(), here.stdout.as_str()),
            ("", ""),
            "{args:?}"
        );
    }
}

#[test]
fn what_is_done_through_a_server_is_done() {
    let project =
        Project::of("[tasks.t]\nexecutor = \"process\"\nwith.command = [\"sleep\", \"300\"]\n");
    let served = Served::over(&project);
    served
        .asked(&project, &["pause", "d", "--reason", "night off"])
        .with_code(0);
    let dags = project.noctule(&["dags", "-o", "json"]).json();
    assert_eq!(dags[0]["paused"]["reason"], "night off");
    served.asked(&project, &["resume", "d"]).with_code(0);
    let made = served
        .asked(&project, &["trigger", "d", "-o", "json"])
        .with_code(0)
        .json();
    let id = made["id"].as_str().unwrap();
    served
        .asked(&project, &["trigger", "d", "--wait=1ms"])
        .with_code(7);
    served
        .asked(&project, &["cancel", id, "--reason", "enough"])
        .with_code(0);
    served.asked(&project, &["follow", id]).with_code(8);
    let events = project.noctule(&["events", id, "-o", "json"]).json();
    let told = events
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["kind"] == "run_stopping");
    assert_eq!(told.unwrap()["stop"]["by"]["via"], "api");
    served.asked(&project, &["cancel", "d@latest"]).with_code(0);
    served.asked(&project, &["follow", "d@latest"]).with_code(8);
}

#[test]
fn a_token_that_the_server_does_not_know_is_not_allowed() {
    let project = Project::of(HELLO);
    let served = Served::over(&project);
    let mut command = project.command(&["runs", "--server", &served.url]);
    let ended = end(command.env("NOCTULE_TOKEN", "a-canary-token")).with_code(5);
    assert!(!format!("{ended:?}").contains("canary"), "{ended:#?}");
}

#[test]
fn a_server_that_is_not_there_is_unreachable_and_a_path_is_no_dag_of_one() {
    let project = Project::of(HELLO);
    for args in [
        &["runs"][..],
        &["trigger", "d"],
        &["cancel", "x"],
        &["logs", "x"],
        &["dags"],
    ] {
        let args = [args, &["--server", "http://127.0.0.1:1"]].concat();
        project
            .noctule(&args)
            .with_code(6)
            .saying("failed to reach");
    }
    for url in [
        "http://example.com",
        "ftp://x",
        "nonsense",
        "https://u:p@example.com",
    ] {
        project.noctule(&["runs", "--server", url]).with_code(2);
    }
    project
        .noctule(&["trigger", "dags/d.toml", "--server", "http://127.0.0.1:1"])
        .with_code(2)
        .saying("by its id");
    for name in ["next", "graph", "reload", "run", "check"] {
        let args = match name {
            "reload" | "check" => vec![name],
            _ => vec![name, "d"],
        };
        let args = [args.as_slice(), &["--server", "http://127.0.0.1:1"]].concat();
        let told = project.noctule(&args).with_code(2);
        assert!(
            told.stderr
                .contains(&format!("`noctule {name}` with --server")),
            "{told:#?}"
        );
    }
}
