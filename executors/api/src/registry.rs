//! The executors, event sources and vaults of one binary, by kind. Filled in `main`, read by everybody else.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{AnyEventSource, AnyExecutor, EventSource, Executor, Vault};

/// The executors, event sources and vaults that a binary knows.
#[derive(Clone, Default)]
pub struct Registry {
    kinds: BTreeMap<&'static str, Arc<dyn AnyExecutor>>,
    sources: BTreeMap<&'static str, Arc<dyn AnyEventSource>>,
    vaults: BTreeMap<&'static str, Arc<dyn Vault>>,
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

    /// The same registry with one more event source; a later one of the same kind takes its place.
    #[must_use]
    pub fn with_source<S: EventSource>(mut self, source: S) -> Self {
        self.sources.insert(S::KIND, Arc::new(source));
        self
    }

    /// The same registry with one more vault; a later one of the same kind takes its place.
    #[must_use]
    pub fn with_vault(mut self, vault: impl Vault) -> Self {
        self.vaults.insert(vault.kind(), Arc::new(vault));
        self
    }

    /// The vault of a kind.
    #[must_use]
    pub fn vault(&self, kind: &str) -> Option<&Arc<dyn Vault>> {
        self.vaults.get(kind)
    }

    /// The event source of a kind.
    #[must_use]
    pub fn source(&self, kind: &str) -> Option<&Arc<dyn AnyEventSource>> {
        self.sources.get(kind)
    }

    /// Every event source, in the order of its kind.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<dyn AnyEventSource>> {
        self.sources.values()
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
