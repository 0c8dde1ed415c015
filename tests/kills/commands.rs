//! Local commands live on without the engine that started them, and their ends are known to the next one.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::process::{Process, until};
use crate::project::Project;

/// Writes down that it began, waits for the file `go` (or for the end of the test), writes down its end, and exits 3.
const COMMAND: &str = r#"
echo began >> ledger
until [ -e go ] || [ ! -e noctule.toml ]; do sleep 0.02; done
echo ended >> ledger
exit 3
"#;

const DAG: &str = r#"
id = "local"
[tasks.work]
executor = "process"
with.command = ["sh", "work.sh"]
"#;

const FOLLOW: &[&str] = &["follow", "@latest", "-o", "json"];

/// A project whose command runs, and the engine that started it.
fn running() -> (Project, Process) {
    let project = Project::new("", DAG);
    fs::write(project.path("work.sh"), COMMAND).unwrap();
    let engine = project.start(&["run", "local"]);
    until("the command runs", || {
        (project.lines("ledger") == ["began"]).then_some(())
    });
    (project, engine)
}

fn let_it_end(project: &Project) {
    assert_eq!(project.lines("ledger"), ["began"], "the command lives");
    fs::write(project.path("go"), "").unwrap();
    until("the command ends", || {
        (project.lines("ledger") == ["began", "ended"]).then_some(())
    });
}

/// That the run says how the command ended, and that the command ran once.
#[track_caller]
fn assert_the_end_is_known(project: &Project, run: &Value) {
    assert_eq!(run["state"], "failed", "{run:#}");
    let attempts = run["tasks"][0]["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1, "{run:#}");
    assert_eq!(attempts[0]["error"]["class"], "user", "{run:#}");
    assert_eq!(attempts[0]["error"]["message"], "exit code 3", "{run:#}");
    assert_eq!(project.lines("ledger"), ["began", "ended"]);
}

#[test]
fn the_exit_code_of_a_command_that_ended_while_no_engine_ran_is_known_to_the_next() {
    let (project, engine) = running();
    assert!(engine.kill());
    let_it_end(&project);
    let run = project.ends(FOLLOW).with(1).json();
    assert_the_end_is_known(&project, &run);
}

#[test]
fn a_command_whose_engines_are_killed_again_and_again_runs_once() {
    let (project, engine) = running();
    assert!(engine.kill());
    for _ in 0..3 {
        let mut engine = project.start(FOLLOW);
        let pid = engine.pid().to_string();
        until("the next engine holds the store", || {
            assert!(engine.is_alive(), "{}", engine.told());
            holder(&project).filter(|holder| holder.contains(&format!("\"pid\":{pid},")))
        });
        assert!(engine.kill());
    }
    let engine = project.start(FOLLOW);
    let_it_end(&project);
    let run = engine.end().with(1).json();
    assert_the_end_is_known(&project, &run);
}

/// What is written about the holder of the store.
fn holder(project: &Project) -> Option<String> {
    fs::read_to_string(project.path(".noctule/default/state.db.lock")).ok()
}

#[test]
fn an_interrupt_leaves_the_command_alive_and_says_how_to_follow_it() {
    let (project, mut engine) = running();
    let run = engine.tells("run ");
    engine.send(Signal::INT);
    let told = engine.end().with(130).stderr;
    assert!(told.contains(&format!("noctule follow {run}")), "{told}");
    assert!(told.contains(&format!("noctule cancel {run}")), "{told}");
    assert!(
        told.contains("nothing watches it until an engine runs again"),
        "{told}"
    );
    let_it_end(&project);
    let seen = project.ends(&["follow", &run, "-o", "json"]).with(1).json();
    assert_eq!(seen["id"], run.as_str());
    assert_the_end_is_known(&project, &seen);
}

#[test]
fn an_interrupt_that_is_to_cancel_ends_the_command_and_awaits_its_end() {
    let project = Project::new("", DAG);
    fs::write(project.path("work.sh"), COMMAND).unwrap();
    let engine = project.start(&["run", "local", "--cancel-on-interrupt", "-o", "json"]);
    until("the command runs", || {
        (project.lines("ledger") == ["began"]).then_some(())
    });
    engine.send(Signal::INT);
    let run = engine.end().with(8).json();
    assert_eq!(run["state"], "cancelled", "{run:#}");
    assert_eq!(
        run["tasks"][0]["attempts"][0]["state"], "cancelled",
        "{run:#}"
    );
    assert_eq!(project.lines("ledger"), ["began"]);
}
