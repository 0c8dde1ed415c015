//! What the store says, read through its own crate and never changed.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use noctule_core::dag::Dag;
use noctule_core::name::{DagHash, RunId};
use noctule_core::run::{Attempt, AttemptEnd, AttemptState, Run};
use noctule_executor::{ErrorClass, Wait};
use noctule_store::{OpenOptions, RunFilter, Store};

use crate::error::CampaignError;
use crate::stage::Stage;

/// Runs that are read at once.
const PAGE: u32 = 500;

/// The store of a stage, open for reading.
pub(crate) struct Books {
    store: Store,
    stage: Arc<Stage>,
    dags: HashMap<DagHash, Arc<Dag>>,
}

/// A run as it stands in the store.
#[derive(Debug, Clone)]
pub(crate) struct RunRow {
    pub(crate) id: String,
    pub(crate) dag: String,
    pub(crate) state: &'static str,
    pub(crate) over: bool,
    pub(crate) round: u32,
    /// The tick it is for, and when it was made.
    pub(crate) tick: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) attempts: Vec<AttemptRow>,
    /// Numbers of attempts that are not 1, 2, 3, …
    pub(crate) gaps: Vec<String>,
}

/// An attempt as it stands in the store.
#[derive(Debug, Clone)]
pub(crate) struct AttemptRow {
    pub(crate) run: String,
    pub(crate) task: String,
    /// Tasks that must have ended well before.
    pub(crate) upstream: Vec<String>,
    pub(crate) kind: String,
    pub(crate) blocks: bool,
    pub(crate) number: u32,
    pub(crate) key: String,
    pub(crate) state: &'static str,
    pub(crate) class: Option<ErrorClass>,
    pub(crate) message: String,
    pub(crate) intended_at: DateTime<Utc>,
    pub(crate) ended_at: Option<DateTime<Utc>>,
}

impl Books {
    pub(crate) fn open(stage: Arc<Stage>) -> Result<Self, CampaignError> {
        let name = |error: noctule_core::name::NameError| CampaignError::Failed(error.to_string());
        let options = OpenOptions {
            profile: "default".parse().map_err(name)?,
            new_id: "00000000".parse().map_err(name)?,
            now: Utc::now(),
            base: stage.root().to_owned(),
            create: false,
            hook: None,
        };
        let threads = &stage.world.threads;
        let store = threads.block_on(Store::open(stage.store_url(), options))?;
        Ok(Self {
            store,
            stage,
            dags: HashMap::new(),
        })
    }

    fn wait<T>(&self, asked: impl Future<Output = T>) -> T {
        self.stage.world.threads.block_on(asked)
    }

    /// The second part of every attempt key.
    pub(crate) fn store_id(&self) -> String {
        self.store.id().to_string()
    }

    /// The process that has the right to write.
    pub(crate) fn holder(&self) -> Result<Option<u32>, CampaignError> {
        Ok(self.wait(self.store.holder())?.map(|owner| owner.pid))
    }

    /// Whether an engine has written down that it has seen a DAG.
    pub(crate) fn knows(&self, dag: &str) -> bool {
        let record = |dag| self.wait(self.store.dag_record(&dag)).ok().flatten();
        dag.parse().ok().and_then(record).is_some()
    }

    /// How many runs are not over.
    pub(crate) fn live(&self) -> Result<usize, CampaignError> {
        let mut live = 0;
        for state in ["queued", "running"] {
            let filter = RunFilter {
                state: Some(state.to_owned()),
                limit: PAGE,
                ..RunFilter::default()
            };
            live += self.wait(self.store.find_runs(&filter))?.len();
        }
        Ok(live)
    }

    /// How many asks nobody has answered.
    pub(crate) fn pending(&self) -> Result<usize, CampaignError> {
        Ok(self.wait(self.store.pending_asks())?.len())
    }

    /// The keys of every attempt of a run.
    pub(crate) fn keys_of(&self, run: &str) -> Result<Vec<String>, CampaignError> {
        let Ok(id) = run.parse::<RunId>() else {
            return Ok(Vec::new());
        };
        let run = self.wait(self.store.run(&id))?;
        let attempts = run.iter().flat_map(|run| &run.tasks);
        let keys = attempts.flat_map(|task| &task.attempts);
        Ok(keys.map(|attempt| attempt.key.to_string()).collect())
    }

    /// Whether there is such a run.
    pub(crate) fn has(&self, run: &str) -> Result<bool, CampaignError> {
        let Ok(id) = run.parse::<RunId>() else {
            return Ok(false);
        };
        Ok(self.wait(self.store.summary(&id))?.is_some())
    }

    /// The run that an idempotency key made.
    pub(crate) fn run_of(&self, dag: &str, key: &str) -> Result<Option<String>, CampaignError> {
        let name = |error: noctule_core::name::NameError| CampaignError::Failed(error.to_string());
        let dag = dag.parse().map_err(name)?;
        let run = self.wait(self.store.run_by_key(&dag, key))?;
        Ok(run.map(|run| run.to_string()))
    }

    /// Every page of the store is sound, by its own check.
    pub(crate) fn check(&self) -> Result<(), CampaignError> {
        Ok(self.wait(self.store.check())?)
    }

    /// Every run with all its attempts, newest first.
    pub(crate) fn all(&mut self) -> Result<Vec<RunRow>, CampaignError> {
        let mut rows = Vec::new();
        let mut before = None;
        loop {
            let filter = RunFilter {
                before: before.clone(),
                limit: PAGE,
                ..RunFilter::default()
            };
            let page = self.wait(self.store.find_runs(&filter))?;
            let Some(last) = page.last() else {
                return Ok(rows);
            };
            before = Some(last.facts.id.clone());
            for summary in page {
                if let Some(run) = self.wait(self.store.run(&summary.facts.id))? {
                    let dag = self.dag(&run)?;
                    rows.push(row_of(&dag, &run));
                }
            }
        }
    }

    fn dag(&mut self, run: &Run) -> Result<Arc<Dag>, CampaignError> {
        let hash = &run.facts.version;
        if let Some(dag) = self.dags.get(hash) {
            return Ok(Arc::clone(dag));
        }
        let missing = || CampaignError::Failed(format!("the store has no version {hash}"));
        let version = self.wait(self.store.version(hash))?.ok_or_else(missing)?;
        let dag = Dag::new(version.definition);
        let dag = Arc::new(dag.map_err(|error| CampaignError::Failed(error.to_string()))?);
        self.dags.insert(hash.clone(), Arc::clone(&dag));
        Ok(dag)
    }
}

fn row_of(dag: &Dag, run: &Run) -> RunRow {
    let mut row = RunRow {
        id: run.facts.id.to_string(),
        dag: run.facts.dag.to_string(),
        state: run.phase.word(),
        over: run.is_over(),
        round: run.round,
        tick: run.facts.trigger.tick(),
        created_at: run.facts.created_at,
        attempts: Vec::new(),
        gaps: Vec::new(),
    };
    for task in &run.tasks {
        let definition = task.definition(dag);
        for (place, attempt) in (1..).zip(&task.attempts) {
            if attempt.number != place {
                let (name, number) = (&definition.name, attempt.number);
                row.gaps
                    .push(format!("{name}: attempt {number} stands in place {place}"));
            }
            let upstream = &definition.depends_on;
            row.attempts.push(AttemptRow {
                run: row.id.clone(),
                task: definition.name.to_string(),
                upstream: upstream.iter().map(ToString::to_string).collect(),
                kind: definition.executor.clone(),
                blocks: attempt.prepared.wait == Wait::Block,
                ..attempt_row(attempt)
            });
        }
    }
    row
}

fn attempt_row(attempt: &Attempt) -> AttemptRow {
    let (mut class, mut message, mut ended_at) = (None, String::new(), None);
    if let AttemptState::Ended(ended) = &attempt.state {
        ended_at = Some(ended.ended_at);
        match &ended.end {
            AttemptEnd::Failed {
                class: why,
                message: said,
                ..
            } => {
                (class, message) = (Some(*why), said.clone());
            }
            AttemptEnd::Cancelled { message: said, .. }
            | AttemptEnd::TimedOut { message: said, .. } => {
                message.clone_from(said);
            }
            AttemptEnd::Succeeded { .. } | AttemptEnd::Skipped { .. } => {}
        }
    }
    AttemptRow {
        run: String::new(),
        task: String::new(),
        upstream: Vec::new(),
        kind: String::new(),
        blocks: false,
        number: attempt.number,
        key: attempt.key.to_string(),
        state: attempt.state.word(),
        class,
        message,
        intended_at: attempt.intended_at,
        ended_at,
    }
}
