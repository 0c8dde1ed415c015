//! The built program runs the example DAG to its end: a file arrives, and a worker on the other side counts its lines.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

const PROGRAM: &str = env!("CARGO_BIN_EXE_noctule-with-spool");
const LIMIT: Duration = Duration::from_secs(60);

/// The example as it is shipped, with the two folders that it works in.
fn copy_of_the_project() -> TempDir {
    let (here, copy) = (
        Path::new(env!("CARGO_MANIFEST_DIR")),
        tempfile::tempdir().unwrap(),
    );
    for folder in ["dags", "inbox", "spool"] {
        fs::create_dir(copy.path().join(folder)).unwrap();
    }
    for file in ["noctule.toml", "worker.sh", "dags/example.toml"] {
        fs::copy(here.join(file), copy.path().join(file)).unwrap();
    }
    copy
}

fn noctule(project: &TempDir, args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(args)
        .current_dir(project.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// The program to its end, which is success.
async fn ended(child: Child) -> Output {
    let waiting = tokio::time::timeout(LIMIT, child.wait_with_output());
    let output = waiting.await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    output
}

async fn said(project: &TempDir, args: &[&str]) -> String {
    let output = ended(noctule(project, args).spawn().unwrap()).await;
    String::from_utf8(output.stdout).unwrap()
}

fn worker(project: &TempDir) -> Child {
    Command::new("./worker.sh")
        .arg("spool")
        .current_dir(project.path())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn the_example_runs_to_success() {
    let project = copy_of_the_project();
    let _worker = worker(&project);
    let running = noctule(&project, &["run", "example", "-o", "json"])
        .spawn()
        .unwrap();
    fs::write(project.path().join("inbox/orders.csv"), "id,sum\n1,20\n").unwrap();

    let run: Value = serde_json::from_slice(&ended(running).await.stdout).unwrap();
    assert_eq!(run["state"], "succeeded");
    let output = |task: &str| {
        let tasks = run["tasks"].as_array().unwrap();
        let found = tasks.iter().find(|found| found["task"] == task).unwrap();
        found["attempts"][0]["output"].clone()
    };
    let arrived = json!({ "path": "inbox/orders.csv", "bytes": 12 });
    assert_eq!(output("arrival"), arrived);
    assert_eq!(output("count"), json!({ "lines": 2 }));

    let log = said(&project, &["logs", "example@latest", "count"]).await;
    assert_eq!(log, "inbox/orders.csv has 2 lines\n");
}

#[tokio::test]
async fn the_example_checks_without_a_remark() {
    let project = copy_of_the_project();
    let problems = said(&project, &["check", "-o", "jsonl"]).await;
    assert_eq!(problems, "");
    let schema = said(&project, &["schema", "dag"]).await;
    assert!(schema.contains("file_sensor") && schema.contains("spool"));
}
