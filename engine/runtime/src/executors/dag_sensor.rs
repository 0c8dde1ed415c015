//! `executor = "dag_sensor"`: waits for the run of another DAG with an ingestion id, this run's own by default.
//!
//! Only the newest such run counts. One that ended otherwise fails the task at once: to wait for its retry, give the task
//! `retries`. Where no run is there and none can come, that is said at once, too, with the ids that would come.

use std::time::Duration;

use chrono::Utc;
use noctule_core::awaiting::{Found, Other, Sight, judge};
use noctule_core::dag::Dag;
use noctule_core::name::{DagId, TaskName};
use noctule_core::run::{Phase, Run, TaskState};
use noctule_core::ticks::IngestionId;
use noctule_executor::{
    Attempt, Capabilities, Connection, Context, Draft, ErrorClass, Executor, ExecutorError,
    Finished, Leaf, Outcome, Problem, Recovery, Request, Status, Wait, async_trait,
};
use noctule_store::{DagRecord, RunFilter, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Behind, child, unread};

/// A state to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AwaitedState {
    /// Begun, and not over.
    Running,
    /// Good.
    Succeeded,
    /// Bad.
    Failed,
    /// Stopped.
    Cancelled,
    /// A deadline passed.
    TimedOut,
    /// Of a task: it did not have to run.
    Skipped,
    /// Of a task: it could not run.
    UpstreamFailed,
}

impl AwaitedState {
    fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::Skipped => "skipped",
            Self::UpstreamFailed => "upstream_failed",
        }
    }

    /// Only tasks can be in it.
    fn is_of_tasks(self) -> bool {
        matches!(self, Self::Skipped | Self::UpstreamFailed)
    }
}

fn succeeded() -> Vec<AwaitedState> {
    vec![AwaitedState::Succeeded]
}

/// The `with` table, and the handle too: what is waited for is all there is to remember.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwaitedDag {
    /// The id of the DAG.
    pub dag: String,
    /// One of its tasks; by default the run as a whole.
    pub task: Option<String>,
    /// The ingestion id of its run; by default that of this run.
    pub ingestion_id: Option<String>,
    /// Any of these will do.
    #[serde(default = "succeeded")]
    pub states: Vec<AwaitedState>,
}

/// The executor.
#[derive(Clone, Default)]
pub struct DagSensor(pub(super) Behind);

/// What is waited for, read.
struct Wanted {
    dag: DagId,
    task: Option<TaskName>,
    id: IngestionId,
}

impl Wanted {
    fn of(awaited: &AwaitedDag) -> Result<Self, ExecutorError> {
        let wrong = |message: String| ExecutorError::rejected(ErrorClass::Config, message);
        let dag = awaited.dag.parse();
        let task = awaited.task.as_deref().map(str::parse).transpose();
        let id = IngestionId::given(awaited.ingestion_id.as_deref().unwrap_or_default());
        Ok(Self {
            dag: dag.map_err(|error| wrong(format!("`{}` is no id: {error}", awaited.dag)))?,
            task: task.map_err(|error| wrong(format!("`with.task`: {error}")))?,
            id: id.map_err(|error| wrong(error.to_string()))?,
        })
    }

    fn in_words(&self) -> String {
        let run = format!(
            "the run of `{}` with ingestion id {}",
            self.dag,
            self.id.as_str()
        );
        match &self.task {
            Some(task) => format!("task `{task}` of {run}"),
            None => run,
        }
    }
}

impl DagSensor {
    async fn look(&self, awaited: &AwaitedDag) -> Result<Status, ExecutorError> {
        let store = self.0.store()?;
        let wanted = Wanted::of(awaited)?;
        let seen = newest(store, &wanted).await?;
        let other = Target::of(store, &wanted.dag, seen.is_none()).await?;
        let found = seen.as_ref().map(|seen| Found {
            state: seen.state.as_deref(),
            is_over: seen.is_over,
        });
        let states: Vec<&str> = awaited.states.iter().map(|state| state.word()).collect();
        let sight = judge(&wanted.id, &states, found, other.as_other(), Utc::now());
        Ok(status(sight, &wanted, seen))
    }
}

/// The newest run with the id, as far as it is waited for.
struct Seen {
    state: Option<String>,
    is_over: bool,
    output: Value,
}

async fn newest(store: &Store, wanted: &Wanted) -> Result<Option<Seen>, ExecutorError> {
    let filter = RunFilter {
        dag: Some(wanted.dag.clone()),
        ingestion_id: Some(wanted.id.as_str().to_owned()),
        limit: 1,
        ..RunFilter::default()
    };
    let said = |error| unread(&wanted.in_words(), &error);
    let found = store.find_runs(&filter).await.map_err(said)?;
    let Some(summary) = found.into_iter().next() else {
        return Ok(None);
    };
    let Some(run) = store.run(&summary.facts.id).await.map_err(said)? else {
        return Ok(None);
    };
    let version = store.version(&run.facts.version).await.map_err(said)?;
    let definition = version.map(|version| version.definition);
    let is_over = matches!(run.phase, Phase::Ended { .. });
    let mut output = child::facts(&run);
    let Some(task) = &wanted.task else {
        let state = Some(run.phase.word().to_owned());
        return Ok(Some(Seen {
            state,
            is_over,
            output,
        }));
    };
    let named = |at: usize| {
        let tasks = definition.as_ref().map(|definition| &definition.tasks);
        tasks.and_then(|tasks| tasks.get(at)).map(|task| &task.name) == Some(task)
    };
    let states = Vec::from_iter(
        run.tasks
            .iter()
            .filter(|run| named(run.task.index()))
            .map(|run| &run.state),
    );
    output["task"] = json!(task);
    output["output"] = output_of(&run, &named);
    let known = definition.as_ref().is_some_and(|definition| {
        let mut tasks = definition.tasks.iter();
        tasks.any(|other| other.name == *task)
    });
    let state = match known {
        false => None,
        true => Some(of_items(&states).to_owned()),
    };
    if let Some(state) = &state {
        output["state"] = json!(state);
    }
    let items_over = !states.is_empty() && states.iter().all(|s| matches!(s, TaskState::Ended(_)));
    Ok(Some(Seen {
        state,
        is_over: is_over || items_over,
        output,
    }))
}

/// The state of a task; of a mapped one, the first of its items that is not as the others are to be.
fn of_items(states: &[&TaskState]) -> &'static str {
    let is_good = |state: &&&TaskState| matches!(state.word(), "succeeded" | "skipped");
    let open = states
        .iter()
        .find(|state| !matches!(state, TaskState::Ended(_)));
    let bad = states.iter().find(|state| !is_good(state));
    let good = states.iter().find(|state| state.word() == "succeeded");
    let any = open.or(bad).or(good).or(states.first());
    any.map_or("waiting", |state| state.word())
}

fn output_of(run: &Run, named: &dyn Fn(usize) -> bool) -> Value {
    let outputs = run.tasks.iter().filter(|task| named(task.task.index()));
    let mapped = outputs.clone().any(|task| task.map_key.is_some());
    let mut outputs = outputs.filter_map(|task| task.output().cloned());
    if mapped {
        Value::Array(outputs.collect())
    } else {
        outputs.next().unwrap_or_default()
    }
}

/// What the store knows of the DAG.
struct Target {
    record: Option<DagRecord>,
    dag: Option<Dag>,
}

impl Target {
    async fn of(store: &Store, id: &DagId, ticks: bool) -> Result<Self, ExecutorError> {
        let said = |error| unread(&format!("DAG `{id}`"), &error);
        let record = store.dag_record(id).await.map_err(said)?;
        let hash = record.as_ref().and_then(|record| record.version.as_ref());
        let version = match hash.filter(|_| ticks) {
            Some(hash) => store.version(hash).await.map_err(said)?,
            None => None,
        };
        let dag = version.map(|version| Dag::new(version.definition));
        let dag = dag.transpose().map_err(|error| {
            ExecutorError::unavailable(format!("DAG `{id}` cannot be understood: {error}"))
        })?;
        Ok(Self { record, dag })
    }

    fn as_other(&self) -> Other<'_> {
        match (&self.record, &self.dag) {
            (Some(record), _) if record.withdrawn => Other::Withdrawn,
            (Some(record), Some(dag)) => Other::Known {
                dag,
                considered: record.considered_until,
            },
            _ => Other::Unknown,
        }
    }
}

fn status(sight: Sight, wanted: &Wanted, seen: Option<Seen>) -> Status {
    let output = seen.map(|seen| seen.output);
    let outcome = match sight {
        Sight::Waits => {
            return Status::Running {
                started_at: None,
                poll_after: None,
            };
        }
        Sight::Holds => Outcome::Succeeded {
            output: output.unwrap_or_default(),
        },
        Sight::Otherwise(state) => {
            let message = format!("{} is {state}", wanted.in_words());
            Outcome::failed(ErrorClass::User, message, output)
        }
        Sight::InVain { why, next } => {
            let mut message = format!(
                "there is no {}, and none will come: {why}",
                wanted.in_words().trim_start_matches("the ")
            );
            if !next.is_empty() {
                let next: Vec<&str> = next.iter().map(IngestionId::as_str).collect();
                message = format!("{message}; the next would be {}", next.join(", "));
            }
            Outcome::failed(ErrorClass::NotFound, message, output)
        }
    };
    Status::Finished(Finished::now(outcome))
}

fn states_problem(with: &Draft<'_>) -> Option<Problem> {
    let Leaf::Given(states) = with.get(&["states"]) else {
        return None;
    };
    let states: Vec<AwaitedState> = serde_json::from_value(states.clone()).ok()?;
    if states.is_empty() {
        return Some(Problem::at(
            ["states"],
            "it is empty, so it would wait for ever",
        ));
    }
    let of_task = states.iter().find(|state| state.is_of_tasks())?;
    (with.get(&["task"]) == Leaf::Absent).then(|| {
        let message = format!("no run is ever `{}`, only a task", of_task.word());
        Problem::at(["states"], message).help("name the task that is meant, as `with.task`")
    })
}

#[async_trait]
impl Executor for DagSensor {
    const KIND: &'static str = "dag_sensor";
    type Config = AwaitedDag;
    type Handle = AwaitedDag;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            survives_restart: true,
            cancel: false,
            logs: false,
            sensor: true,
            holds: false,
            hints: false,
            default_wait: Wait::Poll,
        }
    }

    fn recovery(&self, _connection: Option<&Connection>) -> Recovery {
        Recovery::Resend
    }

    fn check(&self, with: &Draft<'_>) -> Vec<Problem> {
        let mut problems = Vec::from_iter(states_problem(with));
        if let Some(Err(error)) = with.text(&["dag"]).map(str::parse::<DagId>) {
            problems.push(Problem::at(["dag"], error.to_string()));
        }
        if let Some(Err(error)) = with.text(&["task"]).map(str::parse::<TaskName>) {
            problems.push(Problem::at(["task"], error.to_string()));
        }
        if let Some(Err(error)) = with.text(&["ingestion_id"]).map(IngestionId::given) {
            problems.push(Problem::at(["ingestion_id"], error.to_string()));
        }
        problems
    }

    fn request(
        &self,
        attempt: &Attempt<AwaitedDag>,
        _connection: Option<&Connection>,
    ) -> Result<Request, Problem> {
        Ok(Request(json!({ "wait_for": resolved(attempt) })))
    }

    async fn launch(
        &self,
        _context: &Context,
        attempt: &Attempt<AwaitedDag>,
        _request: &Request,
    ) -> Result<AwaitedDag, ExecutorError> {
        self.0.store()?;
        Ok(resolved(attempt))
    }

    async fn adopt(
        &self,
        _context: &Context,
        _attempt: &Attempt<AwaitedDag>,
        _request: &Request,
    ) -> Result<Option<AwaitedDag>, ExecutorError> {
        Ok(None)
    }

    async fn poll(
        &self,
        _context: &Context,
        handles: &[AwaitedDag],
        patience: Duration,
    ) -> Vec<Result<Status, ExecutorError>> {
        let look = |handle| self.look(handle);
        self.0.look_until_news(handles, patience, look).await
    }

    async fn cancel(
        &self,
        _context: &Context,
        _handle: &AwaitedDag,
        _grace: Duration,
    ) -> Result<(), ExecutorError> {
        Ok(())
    }
}

fn resolved(attempt: &Attempt<AwaitedDag>) -> AwaitedDag {
    let mut awaited = attempt.config.clone();
    let own = &attempt.run.ingestion_id;
    awaited.ingestion_id.get_or_insert_with(|| own.clone());
    awaited
}
