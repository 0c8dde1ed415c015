//! A snapshot: all that a store says through its verbs, in parts that can be compared and named.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};

use noctule_core::name::{DagHash, DagId, RunId};
use noctule_core::run::{Record, Run};
use noctule_store::{Store, StoreError};

/// What the workload has named so far: where to look.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) dag: DagId,
    pub(crate) version: DagHash,
    pub(crate) runs: Vec<RunId>,
}

/// The parts of a store, each with a fingerprint of its whole content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Snapshot(BTreeMap<String, u64>);

impl Snapshot {
    /// Reads everything that is known.
    pub(crate) async fn of(store: &Store, known: &Known) -> Result<Self, StoreError> {
        let mut parts = Self::default();
        parts.add("the version", &store.version(&known.version).await?);
        parts.add("what is known of DAGs", &store.dag_records().await?);
        let dropped = store.dropped_ticks(&known.dag, 10_000).await?;
        parts.add("dropped ticks", &dropped);
        parts.add("asks and answers", &store.recent_asks(10_000).await?);
        parts.add("pending asks", &store.pending_asks().await?);
        parts.add("live runs", &store.live_runs().await?);
        for id in &known.runs {
            parts.add(&format!("run {id}"), &store.run(id).await?);
            let records = store.records(id, 0, 10_000).await?;
            parts.add(&format!("records of {id}"), &records);
        }
        Ok(parts)
    }

    /// The names of the parts that differ.
    pub(crate) fn differences<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        let names = self.0.keys().chain(other.0.keys());
        let mut names: Vec<&str> = names
            .filter(|name| self.0.get(*name) != other.0.get(*name))
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The same, where each of these runs that was not looked for is not there.
    pub(crate) fn without(&self, runs: &[RunId]) -> Self {
        let mut parts = Self::default();
        for id in runs {
            parts.add(&format!("run {id}"), &None::<Run>);
            parts.add(&format!("records of {id}"), &Vec::<(u64, Record)>::new());
        }
        parts.0.extend(self.0.clone());
        parts
    }

    fn add(&mut self, name: &str, part: &impl Debug) {
        let mut hasher = DefaultHasher::new();
        format!("{part:?}").hash(&mut hasher);
        self.0.insert(name.to_owned(), hasher.finish());
    }
}
