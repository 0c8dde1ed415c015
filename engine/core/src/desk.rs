//! Where attempts are prepared: the scope of a task's templates is made from the run, the `with` table is rendered, and
//! the executor is asked for the request. Pure; the same desk serves `plan`, the engine and a restarted engine.

use std::borrow::Cow;
use std::collections::BTreeMap;

use noctule_executor::{
    AnyExecutor, Attempt, AttemptKey, Connection, Draft, Passing, Registry,
    RunFacts as ExecutorRun, Wait,
};
use serde_json::{Map, Value};

use crate::dag::{Dag, TaskDefinition};
use crate::listing::items_of;
use crate::name::{StoreId, attempt_key};
use crate::run::{
    AttemptEnd, AttemptState, Ended, Instant, Intent, Nature, Port, Prepared, Run, TaskRun,
    TaskRunIx,
};
use crate::source::Secret;
use crate::template::{DagScope, Outputs, RunScope, Scope, TaskScope, holds, render_table_except};
use crate::trace::traceparent;

/// The key of a `with` table below which the executor itself renders what names `answer`, over the answer it polls.
const RENDERED_BY_EXECUTOR: &str = "poll";

/// All that preparing an attempt needs besides the run.
#[derive(Clone)]
pub struct Desk {
    /// The executors of this binary.
    pub registry: Registry,
    /// The connections of the project, `vars` rendered.
    pub connections: BTreeMap<String, Connection>,
    /// The secrets of the project: where they stand, never what they are.
    pub secrets: BTreeMap<String, Secret>,
    /// The store whose attempts these are.
    pub store: StoreId,
    /// For `run.url`.
    pub public_url: Option<String>,
    /// Work is told of which trace it is a part.
    pub traces: bool,
}

impl Desk {
    /// The executor of a task.
    ///
    /// # Errors
    /// This binary has no executor of that kind.
    pub fn executor(&self, kind: &str) -> Result<&dyn AnyExecutor, String> {
        let missing = || format!("this noctule has no executor `{kind}`");
        self.registry
            .get(kind)
            .map(AsRef::as_ref)
            .ok_or_else(missing)
    }

    /// The connection that a rendered `with` table names, or the only one of the executor's kind.
    ///
    /// # Errors
    /// The named one does not exist, or none is named and several would do.
    pub fn connection(
        &self,
        executor: &dyn AnyExecutor,
        with: &Value,
    ) -> Result<Option<&Connection>, String> {
        let named = with.get("connection").and_then(Value::as_str);
        self.connection_of(executor.connection_kind(), named)
    }

    /// The connection of a kind that is named, or the only one.
    ///
    /// # Errors
    /// As [`connection`](Self::connection).
    pub fn connection_of(
        &self,
        kind: Option<&str>,
        named: Option<&str>,
    ) -> Result<Option<&Connection>, String> {
        let Some(kind) = kind else {
            return Ok(None);
        };
        if let Some(name) = named {
            let known = self
                .connections
                .get(name)
                .filter(|connection| connection.kind == kind);
            return known
                .map(Some)
                .ok_or_else(|| format!("there is no connection `{name}` of kind `{kind}`"));
        }
        let mut of_kind = self
            .connections
            .values()
            .filter(|connection| connection.kind == kind);
        match (of_kind.next(), of_kind.next()) {
            (only, None) => Ok(only),
            (Some(a), Some(b)) => Err(format!(
                "several connections of kind `{kind}` ({}, {}…): name one as `connection`",
                a.name, b.name
            )),
            (None, Some(_)) => Ok(None),
        }
    }

    /// The facts of a run that templates see.
    #[must_use]
    pub fn run_scope(&self, dag: &Dag, run: &Run) -> RunScope {
        let facts = &run.facts;
        let zone = dag
            .definition()
            .schedule
            .as_ref()
            .map_or("UTC", |schedule| &schedule.timezone);
        RunScope {
            id: facts.id.to_string(),
            ingestion_id: Some(facts.ingestion_id.as_str().to_owned()),
            logical_time: facts.logical_time,
            trigger: facts.trigger.word().to_owned(),
            timezone: zone.to_owned(),
            profile: facts.profile.to_string(),
            url: self
                .public_url
                .as_ref()
                .map(|base| format!("{}/runs/{}", base.trim_end_matches('/'), facts.id)),
            previous: facts.previous.any,
            previous_success: facts.previous.success,
        }
    }

    fn with_scope<T>(
        &self,
        dag: &Dag,
        run: &Run,
        at: (TaskRunIx, u32),
        output: Option<&Value>,
        use_it: impl FnOnce(&Scope<'_>) -> T,
    ) -> T {
        let (ix, attempt) = at;
        let task_run = &run.tasks[ix.index()];
        let definition = dag.definition();
        let run_scope = self.run_scope(dag, run);
        let dag_scope = DagScope {
            id: definition.id.to_string(),
            tags: definition.tags.clone(),
        };
        let name = task_run.definition(dag).name.to_string();
        let task_scope = TaskScope {
            name,
            map_key: task_run.map_key.clone(),
            attempt,
        };
        let outputs = OutputsOf { dag, run, ix };
        use_it(&Scope {
            run: Some(&run_scope),
            dag: Some(&dag_scope),
            task: Some(&task_scope),
            params: Some(&run.facts.params),
            vars: Some(&run.facts.vars),
            outputs: Some(&outputs),
            item: run.item_value(ix),
            output,
            ..Scope::default()
        })
    }

    fn render(
        &self,
        dag: &Dag,
        run: &Run,
        at: (TaskRunIx, u32),
        with: &Map<String, Value>,
    ) -> Result<Value, String> {
        if !with.values().any(holds_template) {
            return Ok(Value::Object(with.clone()));
        }
        let rendered = self.with_scope(dag, run, at, None, |scope| {
            render_table_except(with, scope, RENDERED_BY_EXECUTOR)
        });
        rendered
            .map(Value::Object)
            .map_err(|error| error.to_string())
    }

    /// How the secrets of a task may reach a backend that shows what it is given: by the project as it is now, whatever it
    /// was when the DAG was read.
    fn passing(&self, dag: &Dag, task: &TaskDefinition) -> Passing {
        let id = dag.definition().id.as_str();
        let reference = |(name, secret): (&String, &Secret)| {
            let stands = secret.readable && secret.from.vault().is_some() && secret.allows(id);
            stands.then(|| (name.clone(), secret.from.to_string()))
        };
        Passing {
            references: self.secrets.iter().filter_map(reference).collect(),
            exposed: task.expose_secrets,
        }
    }

    fn prepared(
        &self,
        task: &TaskDefinition,
        executor: &dyn AnyExecutor,
        attempt: &Attempt<Value>,
    ) -> Result<Prepared, String> {
        let connection = self.connection(executor, &attempt.config)?;
        let request = executor
            .request(attempt, connection)
            .map_err(|problem| in_words(&problem))?;
        let nature = if executor.capabilities().sensor {
            Nature::Sensor
        } else if executor.attached(&Draft::new(&attempt.config)) {
            Nature::Attached
        } else {
            Nature::Remote
        };
        Ok(Prepared {
            request,
            config: attempt.config.clone(),
            connection: connection.map(|connection| connection.name.clone()),
            wait: task.wait,
            recovery: executor.recovery(connection),
            nature,
            // Work that is left to itself keeps all it has.
            local: executor.is_local(),
            obliges: task.wait != Wait::Detach
                && (attempt.hold || executor.obliges(&Draft::new(&attempt.config))),
        })
    }
}

impl Port for Desk {
    fn key(&self, dag: &Dag, run: &Run, task: TaskRunIx, number: u32) -> AttemptKey {
        let task_run = &run.tasks[task.index()];
        let name = task_run.definition(dag).name.as_str();
        attempt_key(
            &self.store,
            &run.facts.id,
            name,
            task_run.map_key.as_deref(),
            number,
        )
    }

    fn prepare(&self, dag: &Dag, run: &Run, intent: &Intent<'_>) -> Result<Prepared, String> {
        let task_run = &run.tasks[intent.task.index()];
        let task = task_run.definition(dag);
        let executor = self.executor(&task.executor)?;
        let config = self.render(dag, run, (intent.task, intent.number), &task.with)?;
        let mut attempt = executor_attempt(dag, run, intent, config);
        attempt.passing = self.passing(dag, task);
        attempt.traceparent = self.traces.then(|| traceparent(&run.facts.id, intent.key));
        self.prepared(task, executor, &attempt)
    }

    fn items(&self, dag: &Dag, run: &Run, head: TaskRunIx) -> Result<Vec<(String, Value)>, String> {
        let Some(rule) = &run.tasks[head.index()].definition(dag).map else {
            return Ok(Vec::new());
        };
        let key = |scope: &Scope<'_>| items_of(rule, scope);
        self.with_scope(dag, run, (head, 1), None, key)
    }

    fn holds(
        &self,
        dag: &Dag,
        run: &Run,
        task: TaskRunIx,
        expression: &str,
        output: Option<&Value>,
    ) -> Result<bool, String> {
        let number = run.tasks[task.index()]
            .attempts
            .last()
            .map_or(1, |attempt| attempt.number);
        let held = self.with_scope(dag, run, (task, number), output, |scope| {
            holds(expression, scope)
        });
        held.map_err(|error| error.to_string())
    }
}

/// An attempt as its executor sees it.
fn executor_attempt(dag: &Dag, run: &Run, intent: &Intent<'_>, config: Value) -> Attempt<Value> {
    let task_run = &run.tasks[intent.task.index()];
    Attempt {
        key: intent.key.clone(),
        run: executor_run(run),
        task: task_run.definition(dag).name.to_string(),
        map_key: task_run.map_key.clone(),
        number: intent.number,
        sends: 1,
        intended_at: intent.at,
        hold: task_run.definition(dag).hold_until.is_some(),
        failed_before: failed_before(task_run, intent.number),
        passing: Passing::default(),
        traceparent: None,
        config,
    }
}

/// What the try before this one left as its output, if it failed.
fn failed_before(task_run: &TaskRun, number: u32) -> Option<Value> {
    let before = task_run
        .attempts
        .iter()
        .rev()
        .find(|attempt| attempt.number < number)?;
    match &before.state {
        AttemptState::Ended(Ended {
            end: AttemptEnd::Failed { output, .. } | AttemptEnd::TimedOut { output, .. },
            ..
        }) => output.clone(),
        _ => None,
    }
}

/// The facts of a run that executors see.
#[must_use]
pub fn executor_run(run: &Run) -> ExecutorRun {
    ExecutorRun {
        id: run.facts.id.to_string(),
        dag: run.facts.dag.to_string(),
        ingestion_id: run.facts.ingestion_id.as_str().to_owned(),
        logical_time: run.facts.logical_time,
    }
}

/// A stored attempt as its executor sees it: what is handed to `launch` and `adopt`.
#[must_use]
pub fn stored_attempt(
    dag: &Dag,
    run: &Run,
    ix: TaskRunIx,
    sends: u32,
    at: Instant,
) -> Option<Attempt<Value>> {
    let task_run = &run.tasks[ix.index()];
    let attempt = task_run.attempts.last()?;
    let intent = Intent {
        task: ix,
        number: attempt.number,
        key: &attempt.key,
        at,
    };
    let mut seen = executor_attempt(dag, run, &intent, attempt.prepared.config.clone());
    seen.sends = sends;
    seen.intended_at = attempt.intended_at;
    Some(seen)
}

struct OutputsOf<'a> {
    dag: &'a Dag,
    run: &'a Run,
    /// The task run that asks.
    ix: TaskRunIx,
}

impl Outputs for OutputsOf<'_> {
    /// Inside a group a name means the task of the same item.
    fn output(&self, task: &str) -> Option<Cow<'_, Value>> {
        let dag = self.dag;
        let own = self.run.tasks[self.ix.index()].definition(dag);
        let sibling = || dag.find(&format!("{}.{task}", own.within.as_ref()?));
        if let Some(named) = sibling().or_else(|| dag.find(task)) {
            let ix = self.run.seen_from(dag, self.ix, named)?;
            return self.run.output_of(dag, ix);
        }
        let inner = dag.tasks().find(|ix| {
            let known = dag.task(*ix);
            known.within.is_some() && known.name.local() == task
        })?;
        self.run.outputs_inside(dag, inner).map(Cow::Owned)
    }
}

fn holds_template(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(holds_template),
        Value::Object(table) => table.values().any(holds_template),
        other => Draft::is_template(other),
    }
}

fn in_words(problem: &noctule_executor::Problem) -> String {
    let path = if problem.path.is_empty() {
        "with".to_owned()
    } else {
        format!("with.{}", problem.path.join("."))
    };
    let help = problem
        .help
        .as_ref()
        .map_or_else(String::new, |help| format!(" ({help})"));
    format!("`{path}`: {}{help}", problem.message)
}
