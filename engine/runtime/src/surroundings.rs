//! What an engine works with besides its store: executors, connections, secrets, the host. Immutable; a reload of the
//! project makes new ones for new calls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use noctule_core::desk::Desk;
use noctule_core::run::HOST_LOST_AFTER;
use noctule_executor::{Budget, Connection, Context, Host, Unlimited};
use serde_json::{Map, Value};

use crate::budget::Rates;
use crate::secret::{Secret, Secrets};
use crate::spanning::SpanSink;
use crate::telling::Courier;

/// The surroundings of every call.
#[derive(Clone)]
pub struct Surroundings {
    /// Prepares attempts: executors and connections.
    pub desk: Arc<Desk>,
    /// The secrets of the project.
    pub secrets: Arc<BTreeMap<String, Secret>>,
    /// The machine and the store.
    pub host: Arc<Host>,
    /// The effective `vars`, pinned with each run.
    pub vars: Arc<Map<String, Value>>,
    /// How large each pool is.
    pub pools: Arc<BTreeMap<String, u32>>,
    /// How long a host of local tasks may be silent.
    pub host_lost_after: Duration,
    /// Who brings messages to their receivers; none: they wait for an engine that has one.
    pub courier: Option<Arc<dyn Courier>>,
    /// Who exports spans of what is over; none: nobody does.
    pub spans: Option<Arc<dyn SpanSink>>,
    budgets: Budgets,
}

/// The rate budgets of the connections.
#[derive(Clone, Default)]
pub(crate) struct Budgets(Arc<BTreeMap<String, Arc<Rates>>>);

impl Budgets {
    /// The budget of a connection.
    pub(crate) fn of(&self, connection: Option<&str>) -> Arc<dyn Budget> {
        match connection.and_then(|name| self.0.get(name)) {
            Some(rates) => Arc::clone(rates) as Arc<dyn Budget>,
            None => Arc::new(Unlimited),
        }
    }
}

/// A connection as it is handed out: the engine keeps the budget; executors need not know the key.
pub(crate) fn as_given(connection: &Connection) -> Connection {
    let mut connection = connection.clone();
    connection.settings.remove("rate");
    connection
}

impl Surroundings {
    /// Surroundings with the rate budgets of their connections.
    #[must_use]
    pub fn new(
        desk: Arc<Desk>,
        secrets: Arc<BTreeMap<String, Secret>>,
        host: Arc<Host>,
        vars: Map<String, Value>,
    ) -> Self {
        let rates = |(name, connection): (&String, &Connection)| {
            (
                name.clone(),
                Arc::new(Rates::of(connection.settings.get("rate"))),
            )
        };
        let budgets = Budgets(Arc::new(desk.connections.iter().map(rates).collect()));
        Self {
            desk,
            secrets,
            host,
            vars: Arc::new(vars),
            pools: Arc::default(),
            host_lost_after: HOST_LOST_AFTER,
            courier: None,
            spans: None,
            budgets,
        }
    }

    /// The same with the pools of the project.
    #[must_use]
    pub fn with_pools(mut self, pools: BTreeMap<String, u32>) -> Self {
        self.pools = Arc::new(pools);
        self
    }

    /// The same with somebody who brings messages to their receivers.
    #[must_use]
    pub fn with_courier(mut self, courier: Arc<dyn Courier>) -> Self {
        self.courier = Some(courier);
        self
    }

    /// The same with somebody who exports spans, or nobody. Work is told of its trace exactly where there is one.
    #[must_use]
    pub fn with_spans(mut self, spans: Option<Arc<dyn SpanSink>>) -> Self {
        Arc::make_mut(&mut self.desk).traces = spans.is_some();
        self.spans = spans;
        self
    }

    /// The same with another patience for hosts that say nothing.
    #[must_use]
    pub fn with_host_lost_after(mut self, silence: Duration) -> Self {
        self.host_lost_after = silence;
        self
    }

    /// The same with the budgets of earlier surroundings where their rates are what they were: reading the files again
    /// gives nobody a second burst. Whoever exports spans stays.
    #[must_use]
    pub(crate) fn after(mut self, earlier: &Self) -> Self {
        let carried = |(name, rates): (&String, &Arc<Rates>)| {
            let old = earlier.budgets.0.get(name);
            let kept = old.filter(|old| old.is_alike(rates)).unwrap_or(rates);
            (name.clone(), Arc::clone(kept))
        };
        self.budgets = Budgets(Arc::new(self.budgets.0.iter().map(carried).collect()));
        self.with_spans(earlier.spans.clone())
    }

    /// The context of calls for one DAG through one connection.
    #[must_use]
    pub fn context(&self, dag: &str, connection: Option<&str>) -> Context {
        Context {
            connection: connection
                .and_then(|name| self.desk.connections.get(name))
                .map(as_given),
            secrets: Arc::new(Secrets {
                known: Arc::clone(&self.secrets),
                host: Arc::clone(&self.host),
                dag: dag.to_owned(),
                vaults: self.desk.registry.clone(),
                budgets: self.budgets.clone(),
                read: Arc::default(),
            }),
            budget: self.budgets.of(connection),
            host: Arc::clone(&self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use noctule_core::name::StoreId;
    use noctule_executor::{Call, Registry};
    use serde_json::json;
    use std::path::PathBuf;

    use super::*;

    impl Surroundings {
        /// No executor, no connection.
        pub(crate) fn nothing() -> Self {
            let store: StoreId = "0123abcd".parse().unwrap();
            let desk = Desk {
                registry: Registry::new(),
                connections: BTreeMap::new(),
                secrets: BTreeMap::new(),
                store: store.clone(),
                public_url: None,
                traces: false,
            };
            let host = Host {
                state_dir: PathBuf::new(),
                store_id: store.to_string(),
                env: BTreeMap::new(),
                binary: PathBuf::new(),
            };
            Self::new(Arc::new(desk), Arc::default(), Arc::new(host), Map::new())
        }
    }

    fn surroundings(rate: &str) -> Result<Surroundings, Box<dyn std::error::Error>> {
        let settings = json!({ "rate": { "launch": rate } });
        let connection = Connection {
            name: "gcp".to_owned(),
            kind: "google".to_owned(),
            settings: settings.as_object().cloned().unwrap_or_default(),
        };
        let store: StoreId = "0123abcd".parse()?;
        let host = Host {
            state_dir: PathBuf::new(),
            store_id: store.to_string(),
            env: BTreeMap::new(),
            binary: PathBuf::new(),
        };
        let desk = Desk {
            registry: Registry::new(),
            connections: BTreeMap::from([("gcp".to_owned(), connection)]),
            secrets: BTreeMap::new(),
            store,
            public_url: None,
            traces: false,
        };
        Ok(Surroundings::new(
            Arc::new(desk),
            Arc::default(),
            Arc::new(host),
            Map::new(),
        ))
    }

    #[tokio::test(start_paused = true)]
    async fn files_that_are_read_again_give_no_second_burst_unless_the_rate_is_another()
    -> Result<(), Box<dyn std::error::Error>> {
        let first = surroundings("1/h")?;
        first
            .context("d", Some("gcp"))
            .budget
            .take(Call::Launch)
            .await;
        let free = async |surroundings: &Surroundings| {
            let context = surroundings.context("d", Some("gcp"));
            let taken = context.budget.take(Call::Launch);
            tokio::time::timeout(Duration::from_secs(1), taken)
                .await
                .is_ok()
        };
        let same = surroundings("1/h")?.after(&first);
        assert!(!free(&same).await);
        let other = surroundings("2/h")?.after(&same);
        assert!(free(&other).await);
        Ok(())
    }
}
