//! What is under way, by pool and by connection, and how the files of the DAGs are.

use std::collections::BTreeMap;

use noctule_core::run::{TaskState, holds_slot};
use serde_json::Value;

use crate::problem::Problem;
use crate::web::Web;

/// A pool.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// Slots that live attempts hold.
    pub(super) held: u64,
    /// None: only the slots of the engine bound it.
    pub(super) size: Option<u64>,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) name: String,
    pub(super) kind: String,
    /// Its rates, as the project has them.
    pub(super) launch: Option<String>,
    pub(super) poll: Option<String>,
    /// Attempts under way through it.
    pub(super) held: u64,
}

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Load {
    pub(super) runs: usize,
    pub(super) ready: usize,
    /// Attempts that hold a slot of the engine.
    pub(super) held: u64,
    pub(super) pools: BTreeMap<String, Pool>,
    /// None: this server is not the engine.
    pub(super) connections: Option<Vec<Connection>>,
    pub(super) dags: usize,
    pub(super) paused: usize,
    /// DAGs whose file cannot be used, and why.
    pub(super) broken: Vec<(String, String)>,
}

impl Load {
    pub(super) async fn of(web: &Web) -> Result<Self, Problem> {
        let mut load = Self::default();
        let through = load.count_runs(web).await?;
        load.count_files(web).await?;
        if let Ok(engine) = web.engine() {
            let around = engine.surroundings()?;
            for (name, size) in around.pools.iter() {
                let pool = load.pools.entry(name.clone()).or_default();
                pool.size = Some(u64::from(*size));
            }
            let known = around.desk.connections.values();
            let seen = |one: &noctule_executor::Connection| Connection {
                name: one.name.clone(),
                kind: one.kind.clone(),
                launch: rate(&one.settings, "launch"),
                poll: rate(&one.settings, "poll"),
                held: through.get(&one.name).copied().unwrap_or(0),
            };
            load.connections = Some(known.map(seen).collect());
        }
        Ok(load)
    }

    /// Counts what live runs hold; gives the attempts of each connection.
    async fn count_runs(&mut self, web: &Web) -> Result<BTreeMap<String, u64>, Problem> {
        let mut through: BTreeMap<String, u64> = BTreeMap::new();
        for run in web.store().live_runs().await? {
            let dag = web.dag(&run.facts.version).await?;
            self.runs += 1;
            for task in &run.tasks {
                match &task.state {
                    TaskState::Ready { .. } => self.ready += 1,
                    TaskState::Active => {
                        let pool = &task.definition(&dag).pool;
                        let held = &mut self.pools.entry(pool.name.to_string()).or_default().held;
                        *held += u64::from(pool.slots);
                        let attempt = task.attempts.last();
                        self.held += u64::from(attempt.is_some_and(holds_slot));
                        let connection = attempt.and_then(|one| one.prepared.connection.clone());
                        if let Some(name) = connection {
                            *through.entry(name).or_default() += 1;
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(through)
    }

    async fn count_files(&mut self, web: &Web) -> Result<(), Problem> {
        for record in web.store().dag_records().await? {
            if record.withdrawn {
                continue;
            }
            self.dags += 1;
            self.paused += usize::from(record.pause.is_some());
            if let Some(error) = record.error {
                self.broken.push((record.dag.to_string(), error));
            }
        }
        Ok(())
    }
}

/// A rate of a connection; nothing else of its settings is read.
fn rate(settings: &serde_json::Map<String, Value>, of: &str) -> Option<String> {
    let rate = settings.get("rate")?.get(of)?.as_str()?;
    Some(rate.to_owned())
}
