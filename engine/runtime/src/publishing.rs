//! Taking in the whole set of DAG files at once: new versions, changed schedules, files that went bad or went away.
//!
//! First sight of a DAG and an edited schedule make no runs for the past. A bad file keeps its last good version, and says
//! so. A deleted file ends no live run and no history.

use std::collections::BTreeSet;
use std::sync::Arc;

use noctule_core::dag::{Dag, Definition};
use noctule_core::name::{DagHash, DagId, RunId};
use noctule_core::run::Actor;
use noctule_store::{DagRecord, Pause, PinnedVersion};

use crate::catalog::{Known, Publication, PublishedDag};
use crate::engine::Engine;
use crate::error::RuntimeError;

impl Engine {
    pub(crate) async fn publish(&mut self, publication: Publication) -> Result<(), RuntimeError> {
        let mut seen = BTreeSet::new();
        for published in publication.dags {
            seen.insert(published.definition.id.clone());
            self.publish_one(published).await?;
        }
        let known: Vec<(DagId, String)> = self
            .catalog
            .iter()
            .map(|known| (known.dag.definition().id.clone(), known.record.file.clone()))
            .collect();
        for (id, file) in known {
            let error = publication.broken.get(&file).cloned();
            match error {
                Some(error) => self.say_broken(&id, Some(error)),
                None if !seen.contains(&id) => self.withdraw(&id),
                None => {}
            }
        }
        self.watch_all();
        Ok(())
    }

    async fn publish_one(&mut self, published: PublishedDag) -> Result<(), RuntimeError> {
        let id = published.definition.id.clone();
        let dag = match Dag::new(published.definition) {
            Ok(dag) => Arc::new(dag),
            Err(error) => {
                // The file was checked; this is the last guard.
                tracing::error!(dag = %id, %error, "a checked DAG is no graph");
                return Ok(());
            }
        };
        let now = self.options.clock.now();
        let version = PinnedVersion {
            hash: dag.hash().clone(),
            definition: dag.definition().clone(),
            source_file: published.file.clone(),
            source_text: published.text,
            git_commit: published.git_commit,
            first_seen: now,
        };
        let is_new = self.catalog.get(&id).is_none();
        let stored = match self.catalog.get(&id) {
            Some(known) => Some(known.record.clone()),
            // A file that went and comes back: what was not written yet is newer than the store.
            None => match self.batch.withdrawn.remove(&id) {
                Some(record) => Some(record),
                None => self.store.dag_record(&id).await?,
            },
        };
        let fingerprint = fingerprint(dag.definition());
        let mut record = stored
            .clone()
            .unwrap_or_else(|| self.first_sight(&id, &published.file));
        // An engine that fires no schedule does not begin the time in which ticks can be missed.
        let first = record.considered_until.is_none() && self.options.fires;
        if first || record.schedule_fingerprint != fingerprint {
            record.considered_until = self.options.fires.then_some(now);
        }
        record.version = Some(dag.hash().clone());
        record.file = published.file;
        record.error = None;
        record.withdrawn = false;
        record.schedule_fingerprint = fingerprint;
        let changed = stored.as_ref() != Some(&record);
        self.catalog.put(Known {
            dag: Arc::clone(&dag),
            version,
            record,
        });
        if changed {
            self.pin(&dag);
            self.batch.dags.insert(id.clone());
        }
        self.expect_tick(&id);
        if is_new {
            self.inherit_unborn(&id);
        }
        Ok(())
    }

    fn first_sight(&self, id: &DagId, file: &str) -> DagRecord {
        let now = self.options.clock.now();
        let by = Actor::engine();
        let why = Some("`engine.new_dags` is \"paused\"".to_owned());
        DagRecord {
            dag: id.clone(),
            version: None,
            file: file.to_owned(),
            error: None,
            withdrawn: false,
            trouble: None,
            unborn: Vec::new(),
            pause: self.options.new_dags_paused.then_some(Pause {
                by,
                why,
                since: now,
            }),
            schedule_fingerprint: String::new(),
            considered_until: None,
            first_seen: now,
        }
    }

    fn say_broken(&mut self, id: &DagId, error: Option<String>) {
        if let Some(known) = self.catalog.get_mut(id)
            && known.record.error != error
        {
            tracing::error!(dag = %id, ?error, "the file cannot be used; the last good version stays");
            known.record.error = error;
            self.batch.dags.insert(id.clone());
        }
    }

    fn withdraw(&mut self, id: &DagId) {
        tracing::warn!(dag = %id, "its file is gone: no new runs; live runs and history stay");
        if let Some(known) = self.catalog.get_mut(id) {
            known.record.withdrawn = true;
            known.record.trouble = None;
            let record = known.record.clone();
            self.batch.withdrawn.insert(id.clone(), record);
        }
        self.catalog.withdraw(id);
        self.expect_tick(id);
    }

    /// Has the store keep a version, before a run is pinned to it.
    pub(crate) fn pin(&mut self, dag: &Arc<Dag>) {
        if self.catalog.is_stored(dag.hash()) || self.batch.versions.contains_key(dag.hash()) {
            return;
        }
        if let Some(known) = self.catalog.get(&dag.definition().id)
            && known.version.hash == *dag.hash()
        {
            let version = known.version.clone();
            self.batch.versions.insert(version.hash.clone(), version);
        }
    }

    /// A fresh run id: ordered by time, unique.
    pub(crate) fn new_run_id(&self) -> RunId {
        loop {
            // The text of a UUID is always a name; the loop only spares a panic.
            if let Ok(id) = uuid::Uuid::now_v7().to_string().parse() {
                return id;
            }
        }
    }
}

/// What an edit of the schedule changes: a different text makes no runs for the past.
fn fingerprint(definition: &Definition) -> String {
    let schedule = definition.schedule.as_ref();
    let text = schedule
        .and_then(|schedule| serde_json::to_string(schedule).ok())
        .unwrap_or_default();
    DagHash::of(text.as_bytes()).short().to_owned()
}
