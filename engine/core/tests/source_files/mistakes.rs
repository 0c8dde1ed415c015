//! Every kind of mistake, and exactly what is said about it.
//!
//! The snapshot is the page to read when a message changes: each case with its whole output.

use std::fmt::Write as _;

use super::cases::{Case, GRAPHS, KEYS, PARAMS, PROJECTS, REFERENCES, TASK, TASKS, TIMES};
use super::stand_ins::{load_all, said};

fn show(cases: &[Case]) -> String {
    let mut out = String::new();
    for (what, project, dag) in cases {
        let dag = dag.replace("{TASK}", TASK);
        let dags = [("dags/d.toml", dag.as_str())];
        let loaded = load_all(project, if dag.is_empty() { &[] } else { &dags });
        let files = [("noctule.toml", *project), ("dags/d.toml", dag.as_str())];
        assert!(!loaded.diagnostics.is_empty(), "nothing is said of {what}");
        write!(out, "# {what}\n{}\n", said(&loaded, &files)).expect("a String takes all text");
    }
    out
}

#[test]
fn mistakes_in_keys_are_told_with_place_and_cure() {
    insta::assert_snapshot!("keys", show(KEYS));
}

#[test]
fn mistakes_in_the_graph_are_told_with_place_and_cure() {
    insta::assert_snapshot!("graphs", show(GRAPHS));
}

#[test]
fn mistakes_in_times_are_told_with_place_and_cure() {
    insta::assert_snapshot!("times", show(TIMES));
}

#[test]
fn mistakes_in_params_are_told_with_place_and_cure() {
    insta::assert_snapshot!("params", show(PARAMS));
}

#[test]
fn mistakes_in_tasks_are_told_with_place_and_cure() {
    insta::assert_snapshot!("tasks", show(TASKS));
}

#[test]
fn mistakes_in_references_are_told_with_place_and_cure() {
    insta::assert_snapshot!("references", show(REFERENCES));
}

#[test]
fn mistakes_in_the_project_are_told_with_place_and_cure() {
    insta::assert_snapshot!("projects", show(PROJECTS));
}
