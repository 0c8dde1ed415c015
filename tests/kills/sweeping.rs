//! Work that was left behind, found by its mark: what is on record as ended is stopped when asked, everything else is let be.

use noctule_cloud_run::simulator::{
    Answer, Effect, Ending, ExecutionView, JobScript, RequestPattern, Simulator,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::process::{Ended, Process, until};
use crate::project::Project;

/// A project with one task that runs a job of a simulated Cloud Run.
struct Stage {
    project: Project,
    cloud: Simulator,
    /// The cloud works on its threads.
    threads: Runtime,
}

impl Stage {
    fn new(wait: &str) -> Self {
        let threads = Runtime::new().unwrap();
        let cloud = Simulator::builder().job("convert", JobScript::hold());
        let cloud = threads.block_on(cloud.start()).unwrap();
        let settings = format!(
            r#"
[connections.gcp]
kind = "google"
project = "somewhere"
endpoint = "{}"
auth = "anonymous"
search_after = ["50ms", "100ms", "200ms", "300ms"]
"#,
            cloud.url()
        );
        let dag = format!(
            r#"
id = "nightly"
[tasks.convert]
executor = "cloud_run"
wait = "{wait}"
with = {{ job = "convert", region = "asia-northeast1", env = {{ RUN = "{{{{ run.id }}}}" }} }}
"#
        );
        Self {
            project: Project::new(&settings, &dag),
            cloud,
            threads,
        }
    }

    /// Waits for the execution of a run that has just been started, and for the run to know it.
    fn begun(&self) -> ExecutionView {
        until("the run knows its execution", || {
            let run = self.show()?;
            let known = run["tasks"][0]["attempts"][0]["handle"]["execution_name"].as_str()?;
            let executions = self.cloud.executions();
            executions.into_iter().find(|one| one.name == known)
        })
    }

    fn show(&self) -> Option<Value> {
        let shown = self.project.ends(&["show", "@latest", "-o", "json"]);
        serde_json::from_str(&shown.stdout).ok()
    }

    /// A run whose task was marked as good while its execution was let be.
    fn left_running() -> (Self, ExecutionView) {
        let stage = Self::new("poll");
        let engine = stage.project.start(&["run", "nightly"]);
        let execution = stage.begun();
        let words = ["mark", "@latest", "convert", "succeeded", "--leave-running"];
        stage.project.ends(&words).with(0);
        engine.end().with(0);
        (stage, execution)
    }

    fn start_run(&self) -> (Process, ExecutionView) {
        let engine = self.project.start(&["run", "nightly"]);
        let execution = self.begun();
        (engine, execution)
    }

    /// Starts an execution as somebody else would, with this attempt key or with none.
    fn stranger(&self, key: Option<&str>) -> String {
        let mut env = vec![json!({ "name": "RUN", "value": "mine" })];
        env.extend(key.map(|key| json!({ "name": "NOCTULE_ATTEMPT_KEY", "value": key })));
        let url = format!(
            "{}/v2/projects/somewhere/locations/asia-northeast1/jobs/convert:run",
            self.cloud.url()
        );
        let body = json!({ "overrides": { "containerOverrides": [{ "env": env }] } });
        let answer = self.threads.block_on(async {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let sent = client.post(url).json(&body).send().await.unwrap();
            sent.json::<Value>().await.unwrap()
        });
        answer["metadata"]["name"].as_str().unwrap().to_owned()
    }

    /// The words of the sweep with JSON, to its end.
    fn sweep(&self, words: &[&str]) -> Ended {
        self.project
            .ends(&[&["sweep", "-o", "json"], words].concat())
    }

    fn listed(&self, words: &[&str]) -> Vec<Value> {
        let told = self.sweep(words).with(0).json();
        told.as_array().unwrap().clone()
    }

    fn execution(&self, name: &str) -> ExecutionView {
        let executions = self.cloud.executions();
        executions.into_iter().find(|one| one.name == name).unwrap()
    }
}

fn key_of(execution: &ExecutionView) -> &str {
    &execution.env["NOCTULE_ATTEMPT_KEY"]
}

/// Another key of the same store.
fn sibling(key: &str) -> String {
    format!("{}{}", &key[..12], "0".repeat(40))
}

#[test]
fn work_that_was_let_be_is_listed_and_only_stop_stops_it() {
    let (stage, execution) = Stage::left_running();
    let rows = stage.listed(&[]);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    let row = &rows[0];
    let run = stage.show().unwrap();
    assert_eq!(row["executor"], "cloud_run");
    assert_eq!(row["connection"], "gcp");
    assert_eq!(row["handle"]["execution_name"], execution.name.as_str());
    assert_eq!(row["key"], key_of(&execution));
    assert_eq!(
        (&row["standing"], &row["action"]),
        (&json!("ended"), &json!("none"))
    );
    assert_eq!(
        row["record"],
        json!({ "run": run["id"], "task": "convert", "map_key": null, "attempt": 1, "state": "cancelled" })
    );
    let since = row["since"].as_str().unwrap();
    assert!(since.starts_with("20") && since.ends_with('Z'), "{row:#}");
    assert_eq!(
        stage.cloud.cancels_sent(),
        0,
        "nothing is changed without --stop"
    );

    let stopped = stage.listed(&["--stop"]);
    assert_eq!(stopped[0]["action"], "stopped", "{stopped:#?}");
    assert_eq!(stage.cloud.cancels_sent(), 1);
    assert!(stage.execution(&execution.name).ended);
    assert_eq!(stage.listed(&["--stop"]), [] as [Value; 0]);
    assert_eq!(stage.cloud.cancels_sent(), 1);
    assert_eq!(stage.show().unwrap(), run, "the store is as it was");
}

#[test]
fn strangers_and_other_stores_are_never_touched_and_what_is_unrecorded_is_only_listed() {
    let (stage, execution) = Stage::left_running();
    let unrecorded = sibling(key_of(&execution));
    let names = [
        stage.stranger(None),
        stage.stranger(Some("n1-ffffffff-0123456789abcdef0123456789abcdef01234567")),
        stage.stranger(Some(&unrecorded)),
    ];
    let rows = stage.listed(&["--stop", "--detached"]);
    let told: Vec<_> = rows
        .iter()
        .map(|row| [&row["standing"], &row["action"]].map(|word| word.as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [["ended", "stopped"], ["unrecorded", "none"]],
        "{rows:#?}"
    );
    assert_eq!(rows[1]["key"], unrecorded.as_str());
    assert_eq!(rows[1]["record"], Value::Null);
    assert_eq!(stage.cloud.cancels_sent(), 1);
    for name in names {
        let other = stage.execution(&name);
        assert!(!other.ended && !other.cancel_requested, "{name}");
    }
}

#[test]
fn work_that_a_live_run_waits_for_is_wanted_with_and_without_an_engine() {
    let stage = Stage::new("poll");
    let (engine, execution) = stage.start_run();
    assert_eq!(stage.listed(&["--stop", "--detached"]), [] as [Value; 0]);
    assert!(engine.kill());
    assert_eq!(stage.listed(&["--stop", "--detached"]), [] as [Value; 0]);
    assert_eq!(stage.cloud.cancels_sent(), 0);
    let follow = stage.project.start(&["follow", "@latest"]);
    stage
        .cloud
        .finish(&execution.id, Ending::Succeeded)
        .unwrap();
    follow.end().with(0);
}

#[test]
fn detached_work_is_looked_at_only_when_asked() {
    let stage = Stage::new("detach");
    stage.project.ends(&["run", "nightly"]).with(0);
    let execution = stage.begun();
    assert_eq!(stage.listed(&["--stop"]), [] as [Value; 0]);
    let rows = stage.listed(&["--detached"]);
    assert_eq!((rows.len(), &rows[0]["standing"]), (1, &json!("detached")));
    assert_eq!(stage.cloud.cancels_sent(), 0);
    let rows = stage.listed(&["--detached", "--stop"]);
    assert_eq!(rows[0]["action"], "stopped");
    assert!(stage.execution(&execution.name).ended);
}

#[test]
fn a_second_execution_under_a_live_key_is_said_loudly_and_let_be() {
    let stage = Stage::new("poll");
    let (engine, execution) = stage.start_run();
    let double = stage.stranger(Some(key_of(&execution)));
    let swept = stage.sweep(&["--stop"]).with(0);
    let rows = swept.json();
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows:#}");
    assert_eq!(rows[0]["standing"], "double");
    assert_eq!(rows[0]["handle"]["execution_name"], double.as_str());
    assert!(
        swept
            .stderr
            .contains("two pieces of work run under the live key"),
        "{}",
        swept.stderr
    );
    assert_eq!(stage.cloud.cancels_sent(), 0);
    stage
        .cloud
        .finish(&execution.id, Ending::Succeeded)
        .unwrap();
    engine.end().with(0);
}

#[test]
fn a_place_that_cannot_be_looked_at_and_a_cancel_that_fails_are_said_and_exit_with_6() {
    let (stage, execution) = Stage::left_running();
    let unavailable = || Effect::Answer(Answer::unavailable());
    let order = stage
        .cloud
        .fault(RequestPattern::execution_lists(), 1000, unavailable());
    let swept = stage.sweep(&["--stop"]).with(6);
    assert_eq!(swept.json(), json!([]));
    assert!(
        swept
            .stderr
            .contains("not looked at: cloud_run through gcp"),
        "{}",
        swept.stderr
    );
    order.withdraw();
    let order = stage
        .cloud
        .fault(RequestPattern::cancels(), 1000, unavailable());
    let swept = stage.sweep(&["--stop"]).with(6);
    assert_eq!(swept.json()[0]["action"], "failed");
    assert!(
        swept.stderr.contains("could not be stopped"),
        "{}",
        swept.stderr
    );
    assert!(!stage.execution(&execution.name).ended);
    order.withdraw();
}

#[test]
fn where_nothing_has_run_there_is_nothing_to_sweep() {
    let stage = Stage::new("poll");
    let swept = stage.sweep(&["--stop"]).with(0);
    assert_eq!(swept.json(), json!([]));
    assert!(stage.cloud.requests().is_empty());
}

#[test]
fn a_command_that_was_let_be_is_swept_like_a_job() {
    let dag = r#"
id = "local"
[tasks.work]
executor = "process"
with.command = ["sh", "-c", "echo $$ > pid; exec sleep 60"]
"#;
    let project = Project::new("", dag);
    let engine = project.start(&["run", "local"]);
    let pid = until("the command runs", || project.lines("pid").pop());
    until("the run knows it", || {
        let shown = project.ends(&["show", "@latest", "-o", "json"]).stdout;
        let run: Value = serde_json::from_str(&shown).ok()?;
        run["tasks"][0]["attempts"][0]["handle"]["pid"].as_i64()
    });
    let words = ["mark", "@latest", "work", "succeeded", "--leave-running"];
    project.ends(&words).with(0);
    engine.end().with(0);
    let rows = project.ends(&["sweep", "-o", "json"]).with(0).json();
    assert_eq!(rows[0]["handle"]["pid"].to_string(), pid);
    assert_eq!(rows[0]["standing"], "ended");
    let alive = || std::path::Path::new(&format!("/proc/{pid}")).exists();
    assert!(alive());
    let rows = project
        .ends(&["sweep", "--stop", "-o", "json"])
        .with(0)
        .json();
    assert_eq!(rows[0]["action"], "stopped");
    assert!(!alive());
}
