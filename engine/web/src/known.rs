//! What is looked up for many operations: runs with the version they are pinned to, and how DAGs stand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use noctule_core::dag::Dag;
use noctule_core::name::{DagHash, DagId, RunId};
use noctule_core::run::{Run, TaskRunIx};
use noctule_core::view::{DagStanding, PausedView, TaskRunId, TroubleView};
use noctule_store::{DagRecord, PinnedVersion};

use crate::problem::{Code, Problem};
use crate::web::Web;

/// Versions kept in memory; they never change.
const KEPT: usize = 256;

/// Versions that were read before.
#[derive(Default)]
pub(crate) struct Versions(Mutex<HashMap<DagHash, Arc<Dag>>>);

impl Versions {
    fn get(&self, hash: &DagHash) -> Option<Arc<Dag>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(hash).cloned()
    }

    fn keep(&self, hash: DagHash, dag: &Arc<Dag>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(hash, Arc::clone(dag));
    }
}

/// A run with its tasks, and the version of its DAG.
pub(crate) struct Story {
    pub(crate) dag: Arc<Dag>,
    pub(crate) run: Run,
}

impl Web {
    pub(crate) async fn version(&self, hash: &DagHash) -> Result<PinnedVersion, Problem> {
        let missing = || Problem::new(Code::NoSuchVersion, format!("the store holds no {hash}"));
        self.store().version(hash).await?.ok_or_else(missing)
    }

    /// The graph of a version.
    pub(crate) async fn dag(&self, hash: &DagHash) -> Result<Arc<Dag>, Problem> {
        if let Some(dag) = self.versions().get(hash) {
            return Ok(dag);
        }
        let version = self.version(hash).await?;
        let unreadable = |error| {
            tracing::error!(%hash, %error, "a stored version cannot be read");
            Problem::new(Code::Internal, "a stored version cannot be read")
        };
        let dag = Arc::new(Dag::new(version.definition).map_err(unreadable)?);
        self.versions().keep(hash.clone(), &dag);
        Ok(dag)
    }

    pub(crate) async fn record(&self, id: &DagId) -> Result<DagRecord, Problem> {
        self.store().dag_record(id).await?.ok_or_else(|| no_dag(id))
    }

    /// The definition that new runs of a DAG get.
    pub(crate) async fn latest(&self, id: &DagId) -> Result<Arc<Dag>, Problem> {
        let record = self.record(id).await?;
        let version = record.version.filter(|_| !record.withdrawn);
        let none = || {
            let said = format!("`{id}` has no definition that runs could take today");
            Problem::new(Code::Conflict, said)
        };
        self.dag(&version.ok_or_else(none)?).await
    }

    pub(crate) async fn story(&self, id: &RunId) -> Result<Story, Problem> {
        let run = self.store().run(id).await?.ok_or_else(|| no_run(id))?;
        let dag = self.dag(&run.facts.version).await?;
        Ok(Story { dag, run })
    }

    /// The run of a task run, and which of its tasks that is.
    pub(crate) async fn task_story(&self, id: &TaskRunId) -> Result<(Story, TaskRunIx), Problem> {
        let story = self.story(&id.run).await?;
        // Also one that a later definition has no longer: what it did is kept.
        let ix = story.run.find_one_ever(&story.dag, &id.target);
        let missing = || {
            let said = format!("run {} has no task `{}`", id.run, id.target);
            Problem::new(Code::NoSuchTask, said)
        };
        let ix = ix.ok_or_else(missing)?;
        Ok((story, ix))
    }
}

pub(crate) fn no_dag(id: &DagId) -> Problem {
    Problem::new(Code::NoSuchDag, format!("there is no DAG `{id}`"))
}

pub(crate) fn no_run(id: &RunId) -> Problem {
    Problem::new(Code::NoSuchRun, format!("there is no run {id}"))
}

/// How a DAG stands, by what the store keeps of it.
#[must_use]
pub fn standing(record: DagRecord) -> DagStanding {
    let refused_ticks = refused_ticks(&record);
    DagStanding {
        refused_ticks,
        file: record.file,
        error: record.error,
        withdrawn: record.withdrawn,
        paused: record.pause.map(|pause| PausedView {
            by: pause.by.name,
            reason: pause.why,
            since: pause.since,
        }),
        trouble: record.trouble.map(|trouble| TroubleView {
            what: trouble.what,
            since: trouble.since,
        }),
    }
}

fn refused_ticks(record: &DagRecord) -> Option<TroubleView> {
    let first = record.unborn.iter().min_by_key(|unborn| unborn.tick)?;
    let tick = first.tick.format("%Y-%m-%d %H:%M UTC");
    let others = match record.unborn.len() - 1 {
        0 => String::new(),
        1 => " and one more".to_owned(),
        count => format!(" and {count} more"),
    };
    Some(TroubleView {
        what: format!(
            "the store refuses the run of the tick of {tick}{others}, and the engine tries it again: {}",
            first.why
        ),
        since: record.unborn.iter().map(|unborn| unborn.since).min()?,
    })
}
