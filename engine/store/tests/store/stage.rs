//! A folder with a store, a small DAG, and runs of it.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use noctule_core::dag::{Dag, Definition};
use noctule_core::name::RunId;
use noctule_core::run::{Actor, NewRun, Previous, Run, Step, Trigger, create};
use noctule_core::ticks::IngestionId;
use noctule_store::{Lease, OpenOptions, Owner, PinnedVersion, Role, Store, StoreError, Write};
use serde_json::{Map, json};

pub(crate) struct Stage {
    pub(crate) dir: tempfile::TempDir,
}

pub(crate) fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_762_516_800 + second, 0).unwrap()
}

pub(crate) fn owner() -> Owner {
    Owner {
        pid: 4_711,
        host: "elsewhere".to_owned(),
        role: Role::Serve,
        since: at(0),
        listen: None,
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("state/state.db")
    }

    pub(crate) async fn try_open(&self, profile: &str, create: bool) -> Result<Store, StoreError> {
        let options = OpenOptions {
            profile: profile.parse().unwrap(),
            new_id: "0123abcd".parse().unwrap(),
            now: at(0),
            base: self.dir.path().to_owned(),
            create,
            hook: None,
        };
        Store::open("sqlite://state/state.db", options).await
    }

    pub(crate) async fn open(&self) -> Store {
        self.try_open("test", true).await.unwrap()
    }
}

/// A DAG of so many tasks in a row.
pub(crate) fn dag(tasks: usize) -> Dag {
    let task = |i: usize| {
        let upstream: Vec<String> = (i > 0).then(|| format!("t{}", i - 1)).into_iter().collect();
        json!({
            "name": format!("t{i}"), "executor": "process", "depends_on": upstream, "wait": "block",
            "with": {"command": ["true"]}, "timeout": null, "total_timeout": null, "start_timeout": null,
            "poll_interval": 15000, "trigger_rule": "all_success", "may_fail": false, "priority": 0, "when": null,
            "success": null, "skip_when": null, "on_unknown": "fail", "expose_secrets": false,
            "retries": {"max": 0, "delay": 10000, "backoff": 2.0, "max_delay": 600000, "on": []},
        })
    };
    let definition: Definition = serde_json::from_value(json!({
        "id": "d", "description": null, "owner": null, "tags": [], "timeout": null, "max_active_runs": 1,
        "schedule": null, "ingestion": null, "params": {}, "not_yet": [],
        "tasks": (0..tasks).map(task).collect::<Vec<_>>(),
    }))
    .unwrap();
    Dag::new(definition).unwrap()
}

pub(crate) fn version(dag: &Dag) -> PinnedVersion {
    PinnedVersion {
        hash: dag.hash().clone(),
        definition: dag.definition().clone(),
        source_file: "dags/d.toml".to_owned(),
        source_text: String::new(),
        git_commit: None,
        first_seen: at(0),
    }
}

pub(crate) fn run(dag: &Dag, id: &str, trigger: Trigger, created: DateTime<Utc>) -> (Run, Step) {
    let new = NewRun {
        id: id.parse().unwrap(),
        profile: "test".parse().unwrap(),
        trigger,
        ingestion_id: IngestionId::given("20251107120000").unwrap(),
        logical_time: created,
        params: Map::new(),
        vars: Map::new(),
        previous: Previous::default(),
    };
    create(dag, new, created)
}

pub(crate) fn manual() -> Trigger {
    Trigger::Manual {
        by: Actor {
            name: "operator".to_owned(),
            via: "cli".to_owned(),
        },
    }
}

pub(crate) fn id(text: &str) -> RunId {
    text.parse().unwrap()
}

/// Pins the version, and creates a run of it.
pub(crate) async fn bear(store: &Store, lease: &Lease, dag: &Dag, run: &Run, step: &Step) {
    let version = version(dag);
    let create = Write::Create {
        run,
        step,
        idempotency_key: None,
    };
    store
        .commit(lease, &[Write::Pin { version: &version }, create])
        .await
        .unwrap();
}
