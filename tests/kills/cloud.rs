//! Engines that are killed around a Cloud Run job, which a simulator in this process goes on with.

use noctule_cloud_run::simulator::{Effect, Ending, JobScript, RequestPattern, Simulator, State};
use tokio::runtime::Runtime;

use crate::process::until;
use crate::project::Project;

const FOLLOW: &[&str] = &["follow", "@latest", "-o", "json"];

/// A project with one task that runs a job of a simulated Cloud Run.
struct Stage {
    project: Project,
    cloud: Simulator,
    /// The cloud works on its threads.
    _threads: Runtime,
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
with = {{ job = "convert", region = "asia-northeast1" }}
"#
        );
        Self {
            project: Project::new(&settings, &dag),
            cloud,
            _threads: threads,
        }
    }

    /// Waits until the cloud is as it should be.
    fn cloud_is(&self, what: &str, reached: impl Fn(&State) -> bool) {
        until(what, || reached(&self.cloud.state()).then_some(()));
    }

    /// Follows the run to its success, ending the one execution once the new engine asks about it.
    fn ends_as_one_execution(&self, runs_sent: usize) {
        let read = |state: &State| {
            let reads = state.requests.iter();
            reads.filter(|request| request.method == "GET").count()
        };
        let before = read(&self.cloud.state());
        let engine = self.project.start(FOLLOW);
        self.cloud_is("the new engine asks about the execution", |state| {
            read(state) > before && !state.executions.is_empty()
        });
        let executions = self.cloud.executions();
        assert_eq!(executions.len(), 1, "{executions:#?}");
        self.cloud
            .finish(&executions[0].id, Ending::Succeeded)
            .unwrap();
        let run = engine.end().with(0).json();
        assert_eq!(run["state"], "succeeded", "{run:#}");
        let attempts = run["tasks"][0]["attempts"].as_array().unwrap();
        assert_eq!(attempts.len(), 1, "{run:#}");
        assert_eq!(
            attempts[0]["key"],
            executions[0].env["NOCTULE_ATTEMPT_KEY"].as_str()
        );
        assert_eq!(self.cloud.executions().len(), 1);
        assert_eq!(self.cloud.runs_sent(), runs_sent);
        assert_eq!(self.cloud.cancels_sent(), 0);
    }
}

#[test]
fn killed_before_the_answer_to_a_run_request_the_next_engine_adopts_the_execution() {
    let stage = Stage::new("poll");
    let order = stage
        .cloud
        .fault(RequestPattern::runs(), 1, Effect::HangAnswer);
    let engine = stage.project.start(&["run", "nightly"]);
    stage.cloud_is("the execution exists", |state| !state.executions.is_empty());
    assert!(engine.kill());
    order.release();
    stage.ends_as_one_execution(1);
}

#[test]
fn killed_before_google_acted_on_a_run_request_the_next_engine_sends_it_again() {
    let stage = Stage::new("poll");
    let _order = stage.cloud.fault(RequestPattern::runs(), 1, Effect::Hang);
    let engine = stage.project.start(&["run", "nightly"]);
    stage.cloud_is("the request has arrived", |state| state.runs().count() == 1);
    assert!(engine.kill());
    stage.ends_as_one_execution(2);
}

/// Kills three engines while the execution is under way.
fn killed_while_it_runs(wait: &str) {
    let stage = Stage::new(wait);
    for kill in 0..3 {
        let before = stage.cloud.requests().len();
        let words: &[&str] = if kill == 0 {
            &["run", "nightly"]
        } else {
            FOLLOW
        };
        let engine = stage.project.start(words);
        stage.cloud_is("the engine asks about the execution", |state| {
            let new = state.requests.iter().skip(before);
            let asks = new
                .filter(|request| request.method == "GET" && request.path.contains("/executions"));
            asks.count() > 0 && state.executions.iter().any(|execution| execution.started)
        });
        assert!(engine.kill());
    }
    stage.ends_as_one_execution(1);
}

#[test]
fn killed_while_a_blocking_task_runs_its_job_is_run_once() {
    killed_while_it_runs("block");
}

#[test]
fn killed_while_a_polling_task_runs_its_job_is_run_once() {
    killed_while_it_runs("poll");
}
