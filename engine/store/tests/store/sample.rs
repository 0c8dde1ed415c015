//! Runs to write: a chain of tasks, and the hop from one task to the next as an engine would commit it.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use noctule_core::dag::{Dag, Definition};
use noctule_core::name::{DagHash, RunId, attempt_key};
use noctule_core::run::{
    Attempt, AttemptEnd, AttemptState, Ended, Fact, Handle, LaunchStep, Launching, Nature, NewRun,
    Phase, Prepared, Previous, Record, Run, Step, TaskEnd, TaskRunIx, TaskState, Trigger, Verdict,
};
use noctule_core::ticks::IngestionId;
use noctule_executor::{Recovery, Request, Wait};
use noctule_store::{Lease, OpenOptions, Owner, PinnedVersion, Role, Store, Write};
use serde_json::{Value, json};

use crate::bed::Bed;

pub(crate) fn noon() -> DateTime<Utc> {
    "2026-01-13T12:00:00.123456Z".parse().unwrap()
}

pub(crate) fn minutes(count: i64) -> DateTime<Utc> {
    noon() + TimeDelta::minutes(count)
}

pub(crate) fn options(base: &Path) -> OpenOptions {
    OpenOptions {
        profile: "prod".parse().unwrap(),
        new_id: "0123abcd".parse().unwrap(),
        now: noon(),
        base: base.to_owned(),
        create: true,
        hook: None,
    }
}

pub(crate) fn owner() -> Owner {
    Owner {
        pid: 4711,
        host: "moth".to_owned(),
        role: Role::Serve,
        since: noon(),
        listen: Some("127.0.0.1:7878".to_owned()),
    }
}

fn task(ix: usize) -> Value {
    let depends_on = ix
        .checked_sub(1)
        .map(|before| vec![format!("t{before}")])
        .unwrap_or_default();
    json!({
        "name": format!("t{ix}"), "executor": "process", "depends_on": depends_on, "wait": "block",
        "with": {"command": ["true"]}, "timeout": null, "total_timeout": null, "start_timeout": null,
        "poll_interval": 1000,
        "retries": {"max": 0, "delay": 10_000, "backoff": 2.0, "max_delay": 600_000, "on": []},
        "trigger_rule": "all_success", "may_fail": false, "priority": 0, "when": null, "success": null,
        "skip_when": null, "on_unknown": "fail", "expose_secrets": false
    })
}

/// A chain of tasks.
pub(crate) fn chain(id: &str, tasks: usize) -> Dag {
    let definition = json!({
        "id": id, "description": null, "owner": null, "tags": [], "timeout": null, "max_active_runs": 1,
        "schedule": null, "ingestion": null, "params": {}, "not_yet": [],
        "tasks": (0..tasks).map(task).collect::<Vec<_>>()
    });
    let definition: Definition = serde_json::from_value(definition).unwrap();
    Dag::new(definition).unwrap()
}

pub(crate) fn version(dag: &Dag) -> PinnedVersion {
    PinnedVersion {
        hash: dag.hash().clone(),
        definition: dag.definition().clone(),
        source_file: "dags/d.toml".to_owned(),
        source_text: "id = \"d\"\n".to_owned(),
        git_commit: None,
        first_seen: noon(),
    }
}

pub(crate) fn unknown_version() -> DagHash {
    DagHash::of(b"nobody pinned this")
}

pub(crate) fn scheduled(tick: DateTime<Utc>) -> Trigger {
    Trigger::Schedule { tick }
}

pub(crate) fn manual() -> Trigger {
    Trigger::Manual {
        by: noctule_core::run::Actor::engine(),
    }
}

/// A new run.
pub(crate) fn run(dag: &Dag, id: &str, trigger: Trigger) -> (Run, Step) {
    let at = trigger.tick().unwrap_or_else(noon);
    let new = NewRun {
        id: id.parse().unwrap(),
        profile: "prod".parse().unwrap(),
        trigger,
        ingestion_id: IngestionId::given("20260113120000").unwrap(),
        logical_time: at,
        params: json!({"note": "a \"quote\", ü, \u{0}, \u{2028} and \\"})
            .as_object()
            .cloned()
            .unwrap(),
        vars: json!({"rate": 0.1, "big": u64::MAX, "third": 1.0 / 3.0})
            .as_object()
            .cloned()
            .unwrap(),
        previous: Previous::default(),
        callback: None,
    };
    noctule_core::run::create(dag, new, at)
}

/// The round begins, and the first task is intended.
pub(crate) fn begin(run: &mut Run) -> Step {
    run.phase = Phase::Running {
        started_at: minutes(1),
        deadline: None,
        stop: None,
    };
    let mut step = Step {
        run_changed: true,
        ..Step::default()
    };
    step.records
        .push(record(None, Fact::RunStarted { round: 1 }));
    intend(run, 0, &mut step);
    step
}

/// A task ends well, the next is intended: what a chain commits for each task.
pub(crate) fn hop(run: &mut Run, from: u32) -> Step {
    let mut step = Step::default();
    step.records.push(record(Some(from), Fact::Started));
    let task = &mut run.tasks[from as usize];
    task.state = TaskState::Ended(TaskEnd {
        verdict: Verdict::Succeeded,
        at: minutes(3),
        why: None,
        marked_by: None,
    });
    let output = json!({"exit_code": 0, "rows": 12.5, "text": "fine\n"});
    let ended = Ended {
        end: AttemptEnd::Succeeded { output },
        handle: Some(Handle {
            advances: 0,
            raw: json!({"v": 1, "pid": 4242, "boot": "5cdd"}),
            public: json!("pid 4242"),
        }),
        launched_at: Some(minutes(2)),
        started_at: Some(minutes(2)),
        ended_at: minutes(3),
    };
    if let Some(attempt) = task.attempts.last_mut() {
        attempt.state = AttemptState::Ended(ended);
    }
    step.touched.insert(TaskRunIx(from));
    let word = "succeeded".to_owned();
    step.records.push(record(
        Some(from),
        Fact::AttemptEnded {
            state: word,
            class: None,
            message: None,
        },
    ));
    step.records.push(record(
        Some(from),
        Fact::TaskEnded {
            verdict: Verdict::Succeeded,
            why: None,
        },
    ));
    if from as usize + 1 < run.tasks.len() {
        intend(run, from + 1, &mut step);
    }
    step
}

fn intend(run: &mut Run, ix: u32, step: &mut Step) {
    let key = attempt_key(
        &"0123abcd".parse().unwrap(),
        &run.facts.id,
        &format!("t{ix}"),
        None,
        1,
    );
    let launching = Launching {
        sends: 1,
        tries: 1,
        sent_at: minutes(2),
        step: LaunchStep::Send { not_before: None },
        stop: None,
        trouble: None,
        refused: None,
    };
    let prepared = Prepared {
        request: Request(
            json!({"command": ["true"], "env": {"A": "1"}, "folder": "jobs", "limits": {"log": 1_048_576}}),
        ),
        config: json!({"command": ["true"], "env": {"A": "1"}}),
        connection: None,
        wait: Wait::Block,
        recovery: Recovery::Resend,
        nature: Nature::Remote,
        local: false,
        obliges: false,
    };
    let task = &mut run.tasks[ix as usize];
    task.state = TaskState::Active;
    task.attempts.push(Attempt {
        number: 1,
        key: key.clone(),
        intended_at: minutes(2),
        deadline: Some(minutes(60)),
        start_by: None,
        prepared,
        state: AttemptState::Launching(launching),
    });
    step.touched.insert(TaskRunIx(ix));
    step.records.push(record(Some(ix), Fact::TaskReady));
    step.records.push(record(Some(ix), Fact::Intended { key }));
    step.records.push(record(
        Some(ix),
        Fact::Launched {
            adopted: false,
            handle: json!("pid 4242"),
        },
    ));
}

pub(crate) fn record(task: Option<u32>, fact: Fact) -> Record {
    Record::new(minutes(2), task.map(TaskRunIx), task.map(|_| 1), fact)
}

/// A store whose DAG `d` of some tasks is pinned.
pub(crate) async fn pinned(bed: &Bed, tasks: usize) -> (Store, Lease, Dag) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let dag = chain("d", tasks);
    store
        .commit(
            &lease,
            &[Write::Pin {
                version: &version(&dag),
            }],
        )
        .await
        .unwrap();
    (store, lease, dag)
}

pub(crate) fn create<'a>(run: &'a Run, step: &'a Step) -> Write<'a> {
    Write::Create {
        run,
        step,
        idempotency_key: None,
    }
}

pub(crate) fn id(text: &str) -> RunId {
    text.parse().unwrap()
}
