//! A chain of scripted tasks, and the promise about its attempts: one each, and each launched once.

use std::fmt::Write as _;

use serde_json::Value;

use crate::project::Project;

/// The DAG `chain`: tasks `t1`, `t2`, … one after the other, each with these lines.
pub(crate) fn chain(tasks: usize, lines: &str) -> String {
    let mut dag = "id = \"chain\"\n".to_owned();
    for number in 1..=tasks {
        write!(dag, "[tasks.t{number}]\nexecutor = \"scripted\"\n{lines}\n").unwrap();
        if number > 1 {
            writeln!(dag, "depends_on = [\"t{}\"]", number - 1).unwrap();
        }
    }
    dag
}

/// The keys of all attempts of a run, as it is printed.
pub(crate) fn keys(run: &Value) -> Vec<String> {
    let tasks = run["tasks"].as_array().unwrap();
    let attempts = tasks
        .iter()
        .flat_map(|task| task["attempts"].as_array().unwrap());
    attempts
        .map(|attempt| attempt["key"].as_str().unwrap().to_owned())
        .collect()
}

/// That the run took one attempt a task, and that the world started each of them once and nothing else.
#[track_caller]
pub(crate) fn assert_launched_once(project: &Project, run: &Value, tasks: usize) {
    let keys = keys(run);
    assert_eq!(keys.len(), tasks, "one attempt a task: {run:#}");
    assert_eq!(project.launches(), keys, "each launched once, in order");
}
