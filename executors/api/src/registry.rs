//! The executors of one binary, by kind. Filled in `main`, read by everybody else.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{AnyExecutor, Executor};

/// The executors that a binary knows.
#[derive(Clone, Default)]
pub struct Registry {
    kinds: BTreeMap<&'static str, Arc<dyn AnyExecutor>>,
}

impl Registry {
    /// A registry without executors.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same registry with one more executor; a later one of the same kind takes its place.
    #[must_use]
    pub fn with<E: Executor>(mut self, executor: E) -> Self {
        self.kinds.insert(E::KIND, Arc::new(executor));
        self
    }

    /// The executor of a kind.
    #[must_use]
    pub fn get(&self, kind: &str) -> Option<&Arc<dyn AnyExecutor>> {
        self.kinds.get(kind)
    }

    /// The kinds that are known, in order.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.kinds.keys().copied()
    }

    /// Every executor, in the order of its kind.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn AnyExecutor>> {
        self.kinds.values()
    }
}
