//! A world of values: work that is started and ends by a script, and an engine that may be killed between any two steps.
//!
//! It performs what the states ask for, exactly as an engine does, and keeps a ledger of every launch that arrived.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use noctule_executor::{
    AttemptKey, Clearing, ErrorClass, ExecutorError, Finished, Outcome, Recovery, Request, Status,
    Use, Wait,
};
use serde_json::{Map, Value, json};

use super::journal::Journal;
use crate::dag::{Dag, Definition, OnUnknown, PoolUse, Retries, TaskDefinition, TriggerRule};
use crate::name::{StoreId, attempt_key};
use crate::run::{
    Activity, Attempt, Board, Cleared, Event, Fact, Handle, Instant, Intent, Limits, Nature,
    NewRun, News, Phase, Port, Prepared, Previous, Run, RunEnding, Step, TaskRunIx, TaskState,
    Trigger, activity, advance, create,
};
use crate::ticks::IngestionId;

mod engine;

pub(super) use self::engine::Engine;

pub(super) fn at(second: i64) -> Instant {
    chrono::DateTime::from_timestamp(1_762_516_800 + second, 0).unwrap()
}

/// A task by its name, its dependencies, and what a test wants otherwise.
pub(super) fn task(
    name: &str,
    depends_on: &[&str],
    change: impl FnOnce(&mut TaskDefinition),
) -> TaskDefinition {
    let mut task = TaskDefinition {
        name: name.parse().unwrap(),
        executor: "scripted".to_owned(),
        depends_on: depends_on
            .iter()
            .map(|name| name.parse().unwrap())
            .collect(),
        wait: Wait::Block,
        with: Map::new(),
        timeout: None,
        total_timeout: None,
        start_timeout: None,
        poll_interval: Duration::from_secs(15),
        retries: Retries::default(),
        trigger_rule: TriggerRule::AllSuccess,
        may_fail: false,
        priority: 0,
        when: None,
        success: None,
        skip_when: None,
        on_unknown: OnUnknown::Fail,
        expose_secrets: false,
        map: None,
        within: None,
        hold_until: None,
        pool: PoolUse::default(),
        notify: None,
    };
    change(&mut task);
    task
}

pub(super) fn dag(tasks: Vec<TaskDefinition>) -> Dag {
    dag_with(tasks, |_| {})
}

pub(super) fn dag_with(tasks: Vec<TaskDefinition>, change: impl FnOnce(&mut Definition)) -> Dag {
    let mut definition = Definition {
        id: "d".parse().unwrap(),
        description: None,
        owner: None,
        tags: Vec::new(),
        timeout: None,
        max_active_runs: 1,
        notify: None,
        must_end_by: None,
        schedule: None,
        trigger: None,
        ingestion: None,
        params: BTreeMap::new(),
        tasks,
        not_yet: Vec::new(),
    };
    change(&mut definition);
    Dag::new(definition).unwrap()
}

/// What the backend does with one send.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Send {
    Ok,
    /// The work is started, the answer is lost.
    LostAnswer,
    /// Nothing is started, the answer is lost.
    LostRequest,
    Fails(ExecutorError),
}

/// What a task's work does.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) sends: Vec<Send>,
    pub(super) outcomes: Vec<Outcome>,
    /// Seconds from launch to end; none: until it is cancelled.
    pub(super) lasts: Option<i64>,
    pub(super) recovery: Recovery,
    pub(super) nature: Nature,
    /// It is on the machine of the engine that sends it.
    pub(super) local: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            sends: Vec::new(),
            outcomes: Vec::new(),
            lasts: Some(5),
            recovery: Recovery::Search {
                after: [1, 5, 15, 30].map(Duration::from_secs).to_vec(),
            },
            nature: Nature::Remote,
            local: false,
        }
    }
}

pub(super) fn succeeded() -> Outcome {
    Outcome::Succeeded {
        output: json!({"status": "success"}),
    }
}

pub(super) fn failed(class: ErrorClass) -> Outcome {
    Outcome::failed(class, "as scripted", None)
}

#[derive(Debug, Clone)]
struct Work {
    ends: Option<Instant>,
    outcome: Outcome,
    cancelled: bool,
}

/// The world outside of the engine.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    scripts: BTreeMap<String, Script>,
    works: BTreeMap<AttemptKey, Work>,
    sends: BTreeMap<String, usize>,
    starts: BTreeMap<String, usize>,
    /// Every launch that started work.
    pub(super) ledger: Vec<AttemptKey>,
    pub(super) cancels: usize,
    conditions: BTreeMap<String, Result<bool, String>>,
    /// Works that others use, once they run.
    ready: BTreeSet<AttemptKey>,
    /// In which order answers are heard; none: in the order of the run.
    seed: Option<u64>,
    /// How often tearing down fails before it is done.
    stubborn: usize,
    /// What was torn down, and how its users had ended.
    pub(super) torn_down: Vec<(AttemptKey, Use)>,
}

impl World {
    pub(super) fn with(mut self, task: &str, script: Script) -> Self {
        self.scripts.insert(task.to_owned(), script);
        self
    }

    pub(super) fn when(mut self, expression: &str, held: Result<bool, String>) -> Self {
        self.conditions.insert(expression.to_owned(), held);
        self
    }

    pub(super) fn stubborn(mut self, tries: usize) -> Self {
        self.stubborn = tries;
        self
    }

    pub(super) fn shuffled(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    fn script(&self, task: &str) -> Script {
        self.scripts.get(task).cloned().unwrap_or_default()
    }

    fn launch(&mut self, task: &str, key: &AttemptKey, now: Instant) -> Result<(), ExecutorError> {
        let script = self.script(task);
        let count = self.sends.entry(task.to_owned()).or_default();
        let send = script.sends.get(*count).cloned().unwrap_or(Send::Ok);
        *count += 1;
        match send {
            Send::Fails(error) => return Err(error),
            Send::LostRequest => return Err(ExecutorError::unknown("connection reset")),
            Send::Ok | Send::LostAnswer => {}
        }
        let idempotent = script.recovery == Recovery::Resend && self.works.contains_key(key);
        if !idempotent {
            self.ledger.push(key.clone());
            let started = self.starts.entry(task.to_owned()).or_default();
            let outcome = script
                .outcomes
                .get(*started)
                .cloned()
                .unwrap_or_else(succeeded);
            *started += 1;
            let ends = script
                .lasts
                .map(|seconds| now + chrono::Duration::seconds(seconds));
            self.works.insert(
                key.clone(),
                Work {
                    ends,
                    outcome,
                    cancelled: false,
                },
            );
        }
        if send == Send::LostAnswer {
            Err(ExecutorError::unknown("answer lost"))
        } else {
            Ok(())
        }
    }

    fn status(&self, key: &AttemptKey, now: Instant) -> Status {
        let Some(work) = self.works.get(key) else {
            return Status::Lost {
                reason: "gone".to_owned(),
            };
        };
        match work.ends {
            _ if self.ready.contains(key) && !work.cancelled => Status::Ready {
                output: json!({"address": "10.0.0.1"}),
            },
            Some(end) if end <= now => Status::Finished(Finished::now(work.outcome.clone())),
            _ => Status::Running {
                started_at: None,
                poll_after: None,
            },
        }
    }

    fn cancel(&mut self, key: &AttemptKey, now: Instant) {
        self.cancels += 1;
        if let Some(work) = self.works.get_mut(key)
            && work.ends.is_none_or(|end| end > now)
        {
            work.ends = Some(now);
            work.cancelled = true;
            work.outcome = Outcome::Cancelled {
                by: None,
                output: None,
            };
        }
    }
}

impl Port for World {
    fn key(&self, dag: &Dag, run: &Run, task: TaskRunIx, number: u32) -> AttemptKey {
        let store: StoreId = "0123abcd".parse().unwrap();
        let task_run = &run.tasks[task.index()];
        let name = task_run.definition(dag).name.as_str();
        let map_key = task_run.map_key.as_deref();
        attempt_key(&store, &run.facts.id, name, map_key, number)
    }

    fn prepare(&self, dag: &Dag, run: &Run, intent: &Intent<'_>) -> Result<Prepared, String> {
        let task = run.tasks[intent.task.index()].definition(dag);
        let script = self.script(task.name.as_str());
        if task.with.contains_key("bad") {
            return Err("`with.bad` is none".to_owned());
        }
        Ok(Prepared {
            request: Request(json!({"task": task.name.as_str(), "key": intent.key.as_str()})),
            config: Value::Null,
            connection: None,
            wait: task.wait,
            recovery: script.recovery,
            nature: script.nature,
            local: script.local,
            obliges: task.hold_until.is_some(),
        })
    }

    fn items(&self, dag: &Dag, run: &Run, head: TaskRunIx) -> Result<Vec<(String, Value)>, String> {
        let rule = run.tasks[head.index()].definition(dag).map.clone();
        let list = rule.and_then(|rule| rule.items.as_array().cloned());
        let list = list.ok_or_else(|| "`map`: expected a list".to_owned())?;
        let name = |value: Value| (value.to_string(), value);
        Ok(list.into_iter().map(name).collect())
    }

    fn holds(
        &self,
        _: &Dag,
        _: &Run,
        _: TaskRunIx,
        expression: &str,
        _: Option<&Value>,
    ) -> Result<bool, String> {
        self.conditions.get(expression).cloned().unwrap_or(Ok(true))
    }
}
