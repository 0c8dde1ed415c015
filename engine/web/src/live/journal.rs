//! How far each journal was read, and by which names its tasks are known.
//!
//! Guarantees: where the news of a run begins is a place in its journal, which the engine names with what it changed; no
//! clock is asked. So what was written before is not told, and what was decided before this reader began and written after
//! it is.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use noctule_core::dag::Dag;
use noctule_core::name::{DagHash, DagId, RunId};
use noctule_core::run::{Fact, Record, Run};
use noctule_core::view::EventView;
use noctule_store::{Store, StoreError};

use super::client::LiveEvent;
use super::history::History;
use super::told::About;

/// Records read at a time.
const PAGE: u32 = 500;
/// Journals remembered; beyond that those are forgotten that have long ended.
const REMEMBERED: usize = 4_096;
/// What is forgotten has been silent for so long: nothing of it can still be unread.
const SILENT: TimeDelta = TimeDelta::seconds(60);

/// Reads journals for everybody.
pub(super) struct Journals {
    store: Store,
    read: HashMap<RunId, Read>,
}

struct Read {
    dag: DagId,
    last: u64,
    last_at: DateTime<Utc>,
    over: bool,
    /// Task and map key of each task run.
    names: Vec<(String, Option<String>)>,
}

impl Journals {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            read: HashMap::new(),
        }
    }

    /// Tells what is new in the journal of a run; where nothing of it was told yet, what stands after an entry.
    pub(super) async fn catch_up(
        &mut self,
        id: &RunId,
        after: u64,
        history: &History,
    ) -> Result<(), StoreError> {
        if !self.read.contains_key(id) {
            let Some(read) = self.begin(id, after).await? else {
                return Ok(());
            };
            self.read.insert(id.clone(), read);
        }
        loop {
            let last = self.read.get(id).map_or(0, |read| read.last);
            let page = self.store.records(id, last, PAGE).await?;
            for (seq, record) in &page {
                self.tell(id, *seq, record, history).await?;
            }
            if page.len() < PAGE as usize {
                break;
            }
        }
        self.forget();
        Ok(())
    }

    /// The DAG of a run, where it was read once.
    pub(super) fn dag(&self, id: &RunId) -> Option<&DagId> {
        self.read.get(id).map(|read| &read.dag)
    }

    async fn begin(&self, id: &RunId, last: u64) -> Result<Option<Read>, StoreError> {
        let Some(run) = self.store.run(id).await? else {
            return Ok(None);
        };
        Ok(Some(Read {
            dag: run.facts.dag.clone(),
            last,
            last_at: run.facts.created_at,
            over: run.is_over(),
            names: self.names(&run).await?,
        }))
    }

    async fn names(&self, run: &Run) -> Result<Vec<(String, Option<String>)>, StoreError> {
        let hash: &DagHash = &run.facts.version;
        let version = self.store.version(hash).await?;
        let dag = version.and_then(|version| Dag::new(version.definition).ok());
        let Some(dag) = dag else {
            tracing::error!(run = %run.facts.id, %hash, "the version of a run cannot be read");
            return Ok(Vec::new());
        };
        let name = |task: &noctule_core::run::TaskRun| {
            (task.definition(&dag).name.to_string(), task.map_key.clone())
        };
        Ok(run.tasks.iter().map(name).collect())
    }

    async fn tell(
        &mut self,
        id: &RunId,
        seq: u64,
        record: &Record,
        history: &History,
    ) -> Result<(), StoreError> {
        let grown = |read: &Read| {
            let unknown = record.task.is_some_and(|ix| ix.index() >= read.names.len());
            unknown || matches!(record.fact, Fact::TaskMapped { .. })
        };
        if self.read.get(id).is_some_and(grown)
            && let Some(run) = self.store.run(id).await?
        {
            let names = self.names(&run).await?;
            if let Some(read) = self.read.get_mut(id) {
                read.names = names;
            }
        }
        let Some(read) = self.read.get_mut(id) else {
            return Ok(());
        };
        read.last = seq;
        read.last_at = record.at;
        // A change that is no news is kept for `replay`.
        if record.fact == Fact::Noted {
            return Ok(());
        }
        let ends = matches!(record.fact, Fact::RunEnded { .. });
        // What is marked after the end begins nothing.
        read.over = ends || (read.over && !matches!(record.fact, Fact::RunRetried { .. }));
        let named = record.task.and_then(|ix| read.names.get(ix.index()));
        let event = LiveEvent {
            run: id.to_string(),
            dag: read.dag.to_string(),
            event: EventView {
                seq,
                at: record.at,
                task: named.map(|(task, _)| task.clone()),
                map_key: named.and_then(|(_, key)| key.clone()),
                attempt: record.attempt,
                fact: record.fact.clone(),
            },
        };
        match serde_json::to_string(&event) {
            Ok(json) => {
                let about = About::Run {
                    run: id.clone(),
                    seq,
                    ends,
                };
                history.tell(about, &read.dag, &json);
            }
            Err(error) => tracing::error!(run = %id, %error, "an event cannot be written"),
        }
        Ok(())
    }

    fn forget(&mut self) {
        if self.read.len() > REMEMBERED {
            let since = Utc::now() - SILENT;
            self.read
                .retain(|_, read| !read.over || read.last_at >= since);
        }
    }
}
