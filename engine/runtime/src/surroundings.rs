//! What an engine works with besides its store: executors, connections, secrets, the host. Immutable; a reload of the
//! project makes new ones for new calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use noctule_core::desk::Desk;
use noctule_executor::{Budget, Context, Host, Unlimited};
use serde_json::{Map, Value};

use crate::budget::Rates;
use crate::secret::{Secret, Secrets};

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
    budgets: Arc<BTreeMap<String, Arc<Rates>>>,
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
        let rates = |(name, connection): (&String, &noctule_executor::Connection)| {
            (
                name.clone(),
                Arc::new(Rates::of(connection.settings.get("rate"))),
            )
        };
        let budgets = Arc::new(desk.connections.iter().map(rates).collect());
        Self {
            desk,
            secrets,
            host,
            vars: Arc::new(vars),
            pools: Arc::default(),
            budgets,
        }
    }

    /// The same with the pools of the project.
    #[must_use]
    pub fn with_pools(mut self, pools: BTreeMap<String, u32>) -> Self {
        self.pools = Arc::new(pools);
        self
    }

    /// The context of calls for one DAG through one connection.
    #[must_use]
    pub fn context(&self, dag: &str, connection: Option<&str>) -> Context {
        let budget = connection.and_then(|name| self.budgets.get(name)).cloned();
        let budget: Arc<dyn Budget> = match budget {
            Some(rates) => rates,
            None => Arc::new(Unlimited),
        };
        Context {
            connection: connection
                .and_then(|name| self.desk.connections.get(name))
                .map(|connection| {
                    let mut connection = connection.clone();
                    // The engine keeps the budget; executors need not know the key.
                    connection.settings.remove("rate");
                    connection
                }),
            secrets: Arc::new(Secrets {
                known: Arc::clone(&self.secrets),
                host: Arc::clone(&self.host),
                dag: dag.to_owned(),
            }),
            budget,
            host: Arc::clone(&self.host),
        }
    }
}
