//! A project with one session, the simulated AWS that it runs on, and the ledger of what its containers did.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use noctule_ecs_simulator::{
    Action, ContainerDefinition, Definition, Settings, Simulator, State, TargetHealth, TaskView,
};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::process::{Process, until};
use crate::project::Project;

/// What runs in the container.
const WORKER: &str = env!("CARGO_BIN_EXE_noctule-session-container");
const GROUP: &str =
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/sessions/0123456789abcdef";

/// A container that is used by two calls, and kept until the second has ended.
const DAG: &str = r#"
id = "session"
max_active_runs = 2

[params.route]
type = "string"
default = ""

[tasks.container]
executor = "fargate"
wait = "WAIT"
hold_until = ["complete"]
retries = { max = 1, delay = "10ms" }
with = { task_definition = "worker", container = "worker", target_group = "GROUP", port = 8080, health = { ready_timeout = "READY" }, after_failure = "AFTER" }

[tasks.execute]
executor = "http"
depends_on = ["container"]
wait = "WAIT"
with.url = "{{ params.route or tasks.container.output.url }}/execute"
with.session = "{{ tasks.container.output.key }}"
with.json = { code = "print(1)" }

[tasks.complete]
executor = "http"
depends_on = ["execute"]
wait = "WAIT"
on_unknown = "retry"
retries = { max = 3, delay = "20ms" }
with.url = "{{ tasks.container.output.url }}/session/complete"
with.session = "{{ tasks.container.output.key }}"
with.json = {}
"#;

/// What a test changes of the usual session.
#[derive(Clone, Copy)]
pub(crate) struct Session<'a> {
    pub(crate) wait: &'a str,
    pub(crate) ready_timeout: &'a str,
    pub(crate) after_failure: &'a str,
    /// What goes wrong with completions.
    pub(crate) faults: &'a str,
    /// The container takes calls of other sessions.
    pub(crate) careless: bool,
}

impl Session<'_> {
    pub(crate) fn usual(wait: &str) -> Session<'_> {
        Session {
            wait,
            ready_timeout: "50s",
            after_failure: "stop",
            faults: "",
            careless: false,
        }
    }

    fn dag(&self) -> String {
        DAG.replace("WAIT", self.wait)
            .replace("GROUP", GROUP)
            .replace("READY", self.ready_timeout)
            .replace("AFTER", self.after_failure)
    }
}

/// A line of the containers' ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deed {
    pub(crate) micros: i64,
    pub(crate) key: String,
    pub(crate) word: String,
}

/// The project and the cloud.
pub(crate) struct Stage {
    pub(crate) project: Project,
    pub(crate) ecs: Simulator,
    stranger: String,
    /// The cloud works on its threads.
    _threads: Runtime,
}

impl Stage {
    pub(crate) fn usual(wait: &str) -> Self {
        Self::of(&Session::usual(wait))
    }

    pub(crate) fn of(session: &Session<'_>) -> Self {
        let project = Project::new("", &session.dag());
        let threads = Runtime::new().unwrap();
        let mut worker = ContainerDefinition::command("worker", &[WORKER]);
        let folder = project.path("");
        worker.env.insert(
            "SESSION_FOLDER".to_owned(),
            folder.to_str().unwrap().to_owned(),
        );
        worker.port = Some(8080);
        let mut settings =
            Settings::default().definition(Definition::new("worker").container(worker));
        if let noctule_ecs_simulator::Health::Probe { interval, .. } = &mut settings.health {
            *interval = Duration::from_millis(20);
        }
        let ecs = threads.block_on(Simulator::start(settings)).unwrap();
        let inside = threads.enter();
        let stranger = ecs.stranger_task("us-east-1", "c", "worker", Some("somebody"));
        drop(inside);
        let connection = format!(
            r#"
[connections.aws1]
kind = "aws"
region = "us-east-1"
endpoint = "{}"
cluster = "c"
subnets = ["subnet-1a"]
search_after = ["50ms", "200ms", "400ms"]
"#,
            ecs.endpoint()
        );
        let file = project.path("noctule.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{text}{connection}")).unwrap();
        fs::write(project.path("faults"), session.faults).unwrap();
        if session.careless {
            fs::write(project.path("careless"), "").unwrap();
        }
        Self {
            project,
            ecs,
            stranger: stranger.unwrap(),
            _threads: threads,
        }
    }

    /// Starts an engine for one run.
    pub(crate) fn run(&self) -> Process {
        self.project.start(&["run", "session", "-o", "json"])
    }

    /// Starts another engine for the last run.
    pub(crate) fn follow(&self) -> Process {
        self.project.start(&["follow", "@latest", "-o", "json"])
    }

    /// Runs to the end.
    #[track_caller]
    pub(crate) fn ends(&self, code: i32) -> Value {
        self.run().end().with(code).json()
    }

    /// Waits until the cloud is as it should be.
    pub(crate) fn cloud_is(&self, what: &str, reached: impl Fn(&State) -> bool) -> State {
        until(what, || {
            Some(self.ecs.state()).filter(|state| reached(state))
        })
    }

    /// What the containers did, in order.
    pub(crate) fn deeds(&self) -> Vec<Deed> {
        let deed = |line: String| {
            let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
            let [micros, key, word] = <[String; 3]>::try_from(words).unwrap();
            let micros = micros.parse().unwrap();
            Deed { micros, key, word }
        };
        self.project.lines("ledger").into_iter().map(deed).collect()
    }

    /// What the container of one key did, in order.
    pub(crate) fn deeds_of(&self, key: &str) -> Vec<String> {
        let own = self.deeds().into_iter().filter(|deed| deed.key == key);
        own.map(|deed| deed.word).collect()
    }

    /// The tasks that we started, in order.
    pub(crate) fn ours(&self) -> Vec<TaskView> {
        let all = self.ecs.tasks().into_iter();
        all.filter(|task| task.arn != self.stranger).collect()
    }

    /// The containers cannot work, as those of an image that lacks what it needs.
    pub(crate) fn breaks(&self) {
        fs::write(self.project.path("broken"), "").unwrap();
    }

    /// Lets the completions end that wait.
    pub(crate) fn go_on(&self) {
        fs::write(self.project.path("go"), "").unwrap();
    }

    /// Asks a container to end, as it would by itself one day.
    pub(crate) fn let_end(&self, task: &TaskView) {
        let mut stream = TcpStream::connect((task.address, 8080)).unwrap();
        stream.write_all(b"GET /exit HTTP/1.1\r\n\r\n").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    }

    /// That nothing of ours is left, and what is somebody else's is as it was.
    #[track_caller]
    pub(crate) fn assert_nothing_left(&self) {
        let ours = self.ours();
        assert!(ours.iter().all(TaskView::has_stopped), "{ours:#?}");
        let targets = self.ecs.targets();
        let out = targets
            .iter()
            .all(|target| target.health == TargetHealth::Draining);
        assert!(out, "{targets:#?}");
        let tasks = self.ecs.tasks();
        let stranger = tasks.iter().find(|task| task.arn == self.stranger).unwrap();
        assert!(!stranger.stop_asked, "{stranger:#?}");
    }

    /// The calls that arrived, each with its instant; what repeats itself at once is one.
    pub(crate) fn calls(&self) -> Vec<(i64, Action)> {
        let requests = self.ecs.requests();
        let call = |request: &std::sync::Arc<noctule_ecs_simulator::RecordedRequest>| {
            Some((request.at.timestamp_micros(), Action::of(request)?))
        };
        requests.iter().filter_map(call).collect()
    }
}

/// A task of a printed run.
#[track_caller]
pub(crate) fn task<'r>(run: &'r Value, name: &str) -> &'r Value {
    let mut tasks = run["tasks"].as_array().unwrap().iter();
    tasks
        .find(|task| task["task"] == name)
        .unwrap_or_else(|| panic!("{run:#}"))
}

/// The attempts of a task of a printed run.
#[track_caller]
pub(crate) fn attempts<'r>(run: &'r Value, name: &str) -> &'r [Value] {
    task(run, name)["attempts"].as_array().unwrap()
}
