//! A retry that takes the latest definition, with the real binary: tried, done, looked at after a kill, and refused.

use serde_json::json;

use crate::projects::{HELLO, Project};
use crate::served::Served;

/// A run of a definition with the task `gone`; then the file has `more` instead, and what failed is mended.
fn with_a_later_definition() -> (Project, String) {
    let gone = "[tasks.gone]\nexecutor = \"process\"\nwith.command = [\"echo\", \"once\"]\n";
    let project = Project::of(&format!("{HELLO}{gone}"));
    project.noctule(&["run", "d"]).with_code(1);
    let file = project.path().join("dags/d.toml");
    let old = std::fs::read_to_string(&file).expect("the file");
    let new = old
        .replace("exit 3", "exit 0")
        .replace("tasks.gone", "tasks.more");
    project.write("dags/d.toml", &new);
    let runs = project.noctule(&["runs", "-o", "json"]).json();
    let first = runs[0]["id"].as_str().expect("an id").to_owned();
    (project, first)
}

#[test]
fn a_retry_takes_the_latest_definition_and_says_the_same_as_when_it_is_tried() {
    let (project, first) = with_a_later_definition();
    let served = Served::over(&project);
    let latest = ["retry", &first, "--definition", "latest"];
    let dry = [&latest[..], &["--dry-run"]].concat();
    let lines = "+ more\n- gone\n~ after: with\n";
    assert_eq!(project.noctule(&dry).with_code(0).stdout, lines);
    assert_eq!(served.asked(&project, &dry).with_code(0).stdout, lines);
    let dry = [&dry[..], &["-o", "json"]].concat();
    let tried = project.noctule(&dry).with_code(0).json();
    assert_eq!(served.asked(&project, &dry).with_code(0).json(), tried);
    assert_eq!(tried["tasks"], json!(["after", "more"]));
    let mut done = project
        .noctule(&[&latest[..], &["-o", "json"]].concat())
        .with_code(0)
        .json();
    assert_eq!(done["dry_run"], false);
    done["dry_run"] = json!(true);
    assert_eq!(done, tried, "what was shown was done");
    project.noctule(&["follow", &first]).with_code(0);
    let again = served.asked(&project, &latest);
    again.with_code(4).saying("no failed task");
    // The engine is killed for good; what it left says all of it.
    drop(served);
    let run = project.noctule(&["show", &first, "-o", "json"]).json();
    assert_eq!((&run["version"], &run["round"]), (&tried["to"], &json!(2)));
    let told = |name: &str| {
        let tasks = run["tasks"].as_array().expect("tasks").iter();
        let task = tasks
            .filter(|task| task["task"] == name)
            .collect::<Vec<_>>();
        let [task] = task.as_slice() else {
            panic!("{name} stands there {} times", task.len())
        };
        let tries = task["attempts"].as_array().expect("attempts").len();
        (task["state"].clone(), tries, task["removed"] == true)
    };
    assert_eq!(told("say"), (json!("succeeded"), 1, false));
    assert_eq!(told("after"), (json!("succeeded"), 2, false));
    assert_eq!(told("more"), (json!("succeeded"), 1, false));
    assert_eq!(told("gone"), (json!("succeeded"), 1, true));
    let log = project.noctule(&["logs", &first, "gone"]).with_code(0);
    assert_eq!(log.stdout, "once\n");
    let replayed = project.noctule(&["replay", &first]).with_code(0);
    assert!(
        format!("{replayed:?}").contains("identical"),
        "{replayed:#?}"
    );
    let events = project.noctule(&["events", &first]).with_code(0);
    assert!(
        events.stdout.contains("with the latest definition"),
        "{events:#?}"
    );
    for look in [
        &["explain", &first, "gone"][..],
        &["explain", &first],
        &["graph", "d", "--run", &first],
        &["graph", "d", "--run", &first, "--format", "svg"],
        &["show", &first],
    ] {
        project.noctule(look).with_code(0);
    }
}

#[test]
fn a_definition_that_a_run_has_no_place_in_is_refused_with_a_code_a_place_and_a_way_out() {
    let (project, first) = with_a_later_definition();
    let file = project.path().join("dags/d.toml");
    let new = std::fs::read_to_string(&file).expect("the file");
    let list = "[tasks.say]\nmap = [1, 2]\n";
    project.write("dags/d.toml", &new.replace("[tasks.say]\n", list));
    let dry = ["retry", &first, "--definition", "latest", "--dry-run"];
    let refused = project.noctule(&dry).with_code(4);
    let refused = refused.saying("task `say`").saying("error[shape_changed]");
    refused.saying("noctule trigger");
    let served = Served::over(&project);
    let refused = served.asked(&project, &dry).with_code(4);
    refused.saying("error[shape_changed]");
    let many = ["--from", "2026-01-10", "--to", "2026-01-12", "--dag", "d"];
    let many = [&["retry", "--definition", "latest"], &many[..]].concat();
    project
        .noctule(&many)
        .with_code(2)
        .saying("one run at a time");
    served.asked(&project, &many).with_code(2);
}
