//! The DAGs that an engine knows: the current version of each, and the versions that live runs are pinned to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use noctule_core::dag::{Dag, Definition};
use noctule_core::name::{DagHash, DagId};
use noctule_store::{DagRecord, PinnedVersion, Store};

use crate::error::RuntimeError;

/// A DAG as it was read from its file.
#[derive(Debug, Clone)]
pub struct PublishedDag {
    /// What was read.
    pub definition: Definition,
    /// The file, relative to the project.
    pub file: String,
    /// Its text.
    pub text: String,
    /// The commit of the checkout, where there is one.
    pub git_commit: Option<String>,
}

/// The whole set of DAG files, as it was read.
#[derive(Debug, Clone, Default)]
pub struct Publication {
    /// The good ones.
    pub dags: Vec<PublishedDag>,
    /// Files that could not be read, with the first problem: their DAGs keep the last good version.
    pub broken: BTreeMap<String, String>,
}

/// What is known of one DAG.
#[derive(Debug, Clone)]
pub struct Known {
    /// The version that new runs take.
    pub dag: Arc<Dag>,
    /// The version, as the store keeps it.
    pub version: PinnedVersion,
    /// Pause, ticks, error: as the store keeps it.
    pub record: DagRecord,
}

/// The DAGs of an engine.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    known: BTreeMap<DagId, Known>,
    pinned: HashMap<DagHash, Arc<Dag>>,
    stored: BTreeSet<DagHash>,
}

impl Catalog {
    /// One DAG.
    #[must_use]
    pub(crate) fn get(&self, id: &DagId) -> Option<&Known> {
        self.known.get(id)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.known.len()
    }

    /// What the store keeps of one DAG.
    #[must_use]
    pub(crate) fn record(&self, id: &DagId) -> Option<&DagRecord> {
        self.known.get(id).map(|known| &known.record)
    }

    /// One DAG, to be changed together with its record in the store.
    pub(crate) fn get_mut(&mut self, id: &DagId) -> Option<&mut Known> {
        self.known.get_mut(id)
    }

    /// Every DAG, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.known.values()
    }

    /// Takes a new or changed DAG in.
    pub(crate) fn put(&mut self, known: Known) {
        self.pinned
            .insert(known.dag.hash().clone(), Arc::clone(&known.dag));
        self.known.insert(known.dag.definition().id.clone(), known);
    }

    /// Forgets a DAG whose file is gone; its runs and their versions stay.
    pub(crate) fn withdraw(&mut self, id: &DagId) -> Option<Known> {
        self.known.remove(id)
    }

    /// Whether the store is known to hold a version.
    #[must_use]
    pub(crate) fn is_stored(&self, hash: &DagHash) -> bool {
        self.stored.contains(hash)
    }

    /// The store holds this version from now on.
    pub(crate) fn stored(&mut self, hash: DagHash) {
        self.stored.insert(hash);
    }

    /// The version that a run is pinned to, from memory or from the store.
    ///
    /// # Errors
    /// The store does not hold it, or it is no graph.
    pub(crate) async fn version(
        &mut self,
        store: &Store,
        run: &str,
        hash: &DagHash,
    ) -> Result<Arc<Dag>, RuntimeError> {
        if let Some(dag) = self.pinned.get(hash) {
            return Ok(Arc::clone(dag));
        }
        let missing = || RuntimeError::VersionMissing {
            run: run.to_owned(),
            hash: hash.clone(),
        };
        let version = store.version(hash).await?.ok_or_else(missing)?;
        let id = version.definition.id.to_string();
        let unreadable = |source| RuntimeError::VersionUnreadable {
            dag: id,
            hash: hash.clone(),
            source,
        };
        let dag = Arc::new(Dag::new(version.definition).map_err(unreadable)?);
        self.pinned.insert(hash.clone(), Arc::clone(&dag));
        self.stored.insert(hash.clone());
        Ok(dag)
    }
}
