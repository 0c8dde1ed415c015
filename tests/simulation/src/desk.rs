//! What the state machine asks of its surroundings, without any: requests, items, expressions. Pure.

use std::time::Duration;

use noctule_core::dag::Dag;
use noctule_core::name::{StoreId, attempt_key};
use noctule_core::run::{Instant, Intent, Nature, Port, Prepared, Run, TaskRunIx};
use noctule_executor::{AttemptKey, Recovery, Request};
use serde_json::{Value, json};

/// Offsets of the looks of a search: the last is far behind any request that is still under way.
pub(crate) const LOOKS: [u64; 4] = [1, 5, 15, 40];

/// The surroundings.
pub(crate) struct Desk {
    pub(crate) store: StoreId,
}

fn nature(kind: &str) -> (Recovery, Nature) {
    let search = || Recovery::Search {
        after: LOOKS.map(Duration::from_secs).to_vec(),
    };
    match kind {
        "silent" => (Recovery::Never, Nature::Remote),
        "call" => (Recovery::Never, Nature::Attached),
        "sensor" => (Recovery::Resend, Nature::Sensor),
        "keyed" => (Recovery::Resend, Nature::Remote),
        _ => (search(), Nature::Remote),
    }
}

impl Port for Desk {
    fn key(&self, dag: &Dag, run: &Run, task: TaskRunIx, number: u32) -> AttemptKey {
        let task_run = &run.tasks[task.index()];
        let name = task_run.definition(dag).name.as_str();
        let item = task_run.map_key.as_deref();
        attempt_key(&self.store, &run.facts.id, name, item, number)
    }

    fn prepare(&self, dag: &Dag, run: &Run, intent: &Intent<'_>) -> Result<Prepared, String> {
        let task = run.tasks[intent.task.index()].definition(dag);
        let (recovery, nature) = nature(&task.executor);
        let leaves =
            task.with.contains_key("leaves") && task.wait != noctule_executor::Wait::Detach;
        Ok(Prepared {
            request: Request(json!({"key": intent.key.as_str()})),
            config: Value::Null,
            connection: None,
            wait: task.wait,
            recovery,
            nature,
            local: false,
            obliges: leaves || task.hold_until.is_some(),
        })
    }

    fn items(&self, dag: &Dag, run: &Run, head: TaskRunIx) -> Result<Vec<(String, Value)>, String> {
        let rule = dag.task(run.tasks[head.index()].task).map.as_ref();
        let list = rule.and_then(|rule| rule.items.as_array());
        let named = |value: &Value| (value.to_string(), value.clone());
        list.map(|list| list.iter().map(named).collect())
            .ok_or_else(|| "`map`: expected a list".to_owned())
    }

    fn holds(
        &self,
        _: &Dag,
        _: &Run,
        _: TaskRunIx,
        expression: &str,
        output: Option<&Value>,
    ) -> Result<bool, String> {
        match expression {
            "yes" => Ok(true),
            "no" => Ok(false),
            "odd" => Ok(output.is_some_and(|output| output["n"].as_u64().unwrap_or(0) % 2 == 1)),
            other => Err(format!("`{other}` is no expression")),
        }
    }
}

/// Whether a deadline of the past stands in a run that nobody has acted on.
pub(crate) fn passed(deadline: Option<Instant>, now: Instant) -> bool {
    deadline.is_some_and(|deadline| deadline < now)
}
