//! What the workload writes: a chain of tasks, and runs of it that go one task further with each step.

use chrono::{DateTime, TimeDelta, Utc};
use noctule_core::ask::{Answer, Ask, Wish};
use noctule_core::dag::{Dag, Definition};
use noctule_core::run::{
    Actor, Fact, NewRun, Phase, Previous, Record, Run, Step, TaskEnd, TaskRunIx, TaskState,
    Trigger, Verdict,
};
use noctule_core::scheduling::{DropReason, Dropped};
use noctule_core::ticks::IngestionId;
use noctule_store::{DagRecord, DroppedTicks, OpenOptions, Owner, PinnedVersion, Role};
use serde_json::{Value, json};

use crate::error::PowerError;

/// An instant, so many minutes after the first.
pub(crate) fn minute(count: usize) -> DateTime<Utc> {
    let minutes = i64::try_from(count).unwrap_or(0);
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minutes)
}

/// A value of the test that is known to be right.
fn fixed<T, E: std::fmt::Display>(value: Result<T, E>) -> Result<T, PowerError> {
    value.map_err(|error| PowerError::Recording(format!("a value of the test is wrong: {error}")))
}

pub(crate) fn options(folder: &std::path::Path, create: bool) -> Result<OpenOptions, PowerError> {
    Ok(OpenOptions {
        profile: fixed("prod".parse())?,
        new_id: fixed("0123abcd".parse())?,
        now: minute(0),
        base: folder.to_owned(),
        create,
        hook: None,
    })
}

pub(crate) fn owner() -> Owner {
    Owner {
        pid: std::process::id(),
        host: "here".to_owned(),
        role: Role::Serve,
        since: minute(0),
        listen: None,
    }
}

pub(crate) fn chain(tasks: usize) -> Result<Dag, PowerError> {
    let task = |ix: usize| {
        let before: Vec<String> = ix
            .checked_sub(1)
            .map(|ix| format!("t{ix}"))
            .into_iter()
            .collect();
        json!({
            "name": format!("t{ix}"), "executor": "process", "depends_on": before, "wait": "block",
            "with": {"command": ["true"]}, "timeout": null, "total_timeout": null, "start_timeout": null,
            "poll_interval": 1000, "trigger_rule": "all_success", "may_fail": false, "priority": 0,
            "retries": {"max": 0, "delay": 10_000, "backoff": 2.0, "max_delay": 600_000, "on": []},
            "when": null, "success": null, "skip_when": null, "on_unknown": "fail", "expose_secrets": false
        })
    };
    let definition = json!({
        "id": "d", "description": null, "owner": null, "tags": [], "timeout": null, "max_active_runs": 1,
        "schedule": null, "ingestion": null, "params": {}, "not_yet": [],
        "tasks": (0..tasks).map(task).collect::<Vec<Value>>()
    });
    let definition: Definition = fixed(serde_json::from_value(definition))?;
    Dag::new(definition).map_err(|_| PowerError::Recording("the chain is no DAG".to_owned()))
}

pub(crate) fn version(dag: &Dag) -> PinnedVersion {
    PinnedVersion {
        hash: dag.hash().clone(),
        definition: dag.definition().clone(),
        source_file: "dags/d.toml".to_owned(),
        source_text: "id = \"d\"\n".to_owned(),
        git_commit: None,
        first_seen: minute(0),
    }
}

pub(crate) fn run(dag: &Dag, number: usize, padding: usize) -> Result<(Run, Step), PowerError> {
    let params = json!({"note": "x".repeat(padding)});
    let new = NewRun {
        id: fixed(format!("run-{number}").parse())?,
        profile: fixed("prod".parse())?,
        trigger: Trigger::Schedule {
            tick: minute(number),
        },
        ingestion_id: fixed(IngestionId::given("20260113120000"))?,
        logical_time: minute(number),
        params: params.as_object().cloned().unwrap_or_default(),
        vars: serde_json::Map::new(),
        previous: Previous::default(),
        callback: None,
    };
    Ok(noctule_core::run::create(dag, new, minute(number)))
}

/// The round begins.
pub(crate) fn begin(run: &mut Run) -> Step {
    run.phase = Phase::Running {
        started_at: minute(1),
        deadline: None,
        stop: None,
    };
    let records = vec![record(None, Fact::RunStarted { round: 1 })];
    Step {
        run_changed: true,
        records,
        ..Step::default()
    }
}

/// One more task ends; false if none is left.
pub(crate) fn hop(run: &mut Run, padding: usize) -> Option<Step> {
    let next = run
        .tasks
        .iter()
        .position(|task| !matches!(task.state, TaskState::Ended(_)))?;
    let at = minute(next);
    let verdict = Verdict::Succeeded;
    run.tasks[next].state = TaskState::Ended(TaskEnd {
        verdict,
        at,
        why: None,
        marked_by: None,
    });
    let ix = u32::try_from(next).ok()?;
    let mut step = Step::default();
    step.touched.insert(TaskRunIx(ix));
    let message = Some("m".repeat(padding));
    let state = "succeeded".to_owned();
    step.records.push(record(Some(ix), Fact::Started));
    step.records.push(record(
        Some(ix),
        Fact::AttemptEnded {
            state,
            class: None,
            message,
        },
    ));
    step.records
        .push(record(Some(ix), Fact::TaskEnded { verdict, why: None }));
    Some(step)
}

fn record(task: Option<u32>, fact: Fact) -> Record {
    Record::new(minute(2), task.map(TaskRunIx), task.map(|_| 1), fact)
}

pub(crate) fn ask(number: usize) -> Result<Ask, PowerError> {
    Ok(Ask {
        profile: fixed("prod".parse())?,
        by: Actor {
            name: "somebody".to_owned(),
            via: "cli".to_owned(),
        },
        at: minute(number),
        valid_until: minute(number + 1440),
        wish: Wish::Reload,
    })
}

pub(crate) fn answer(number: usize) -> Answer {
    Answer::Done {
        run: None,
        existing: false,
        notes: vec![format!("note {number}")],
    }
}

pub(crate) fn dag_record(dag: &Dag, number: usize) -> DagRecord {
    DagRecord {
        dag: dag.definition().id.clone(),
        version: Some(dag.hash().clone()),
        file: "dags/d.toml".to_owned(),
        error: None,
        withdrawn: false,
        pause: None,
        trouble: None,
        unborn: Vec::new(),
        schedule_fingerprint: format!("schedule {number}"),
        considered_until: Some(minute(number)),
        first_seen: minute(0),
    }
}

pub(crate) fn dropped(dag: &Dag, number: usize) -> DroppedTicks {
    let (first, last) = (minute(number), minute(number + 1));
    let reason = DropReason::Paused;
    let dropped = Dropped {
        first,
        last,
        count: 2,
        reason,
    };
    DroppedTicks {
        dag: dag.definition().id.clone(),
        dropped,
        at: minute(number),
    }
}
