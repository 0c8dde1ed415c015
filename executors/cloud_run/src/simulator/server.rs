//! The simulator as something to start, hold and drop.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use chrono::{DateTime, Utc};
use noctule_simulated::{Clock, Wire, WireListener};
use secrecy::SecretString;
use tokio::{net::TcpListener, sync::oneshot};

use super::{
    JobScript, SimulatorConfig, SimulatorError, call,
    cloud::{Cloud, ListLag},
    shared::Shared,
};

const GRACE: Duration = Duration::from_secs(10);

/// A running simulator. Dropping it closes its address and kills its containers.
pub struct Simulator {
    pub(crate) shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
}

/// What a simulator starts with.
pub struct SimulatorBuilder {
    config: SimulatorConfig,
    scripts: BTreeMap<String, JobScript>,
    address: SocketAddr,
    clock: Clock,
    pub(crate) secrets: BTreeMap<String, SecretString>,
}

impl Simulator {
    /// A simulator without jobs, on a free local port.
    pub fn builder() -> SimulatorBuilder {
        SimulatorBuilder {
            config: SimulatorConfig::default(),
            scripts: BTreeMap::new(),
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            clock: Clock::default(),
            secrets: BTreeMap::new(),
        }
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base for clients of jobs and of logs, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(stop) = self.stop.take() {
            // Whoever listened may be gone with the runtime.
            let _ = stop.send(());
        }
    }
}

impl SimulatorBuilder {
    /// Takes jobs, token, grace, lag and faults from a configuration.
    #[must_use]
    pub fn config(mut self, config: SimulatorConfig) -> Self {
        self.config = config;
        self
    }

    /// Adds a job, in every project and region; it goes before one of the configuration.
    #[must_use]
    pub fn job(mut self, name: &str, script: impl Into<JobScript>) -> Self {
        self.scripts.insert(name.to_owned(), script.into());
        self
    }

    /// Listens there instead of on a free local port.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Takes timestamps from there instead of from the clock on the wall.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Refuses requests without this bearer token.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.config.token = Some(token.to_owned());
        self
    }

    /// From TERM to KILL of a container.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.config.grace = Some(grace);
        self
    }

    /// Starts to listen; must be called within a tokio runtime.
    pub async fn start(self) -> Result<Simulator, SimulatorError> {
        let failed = |source| SimulatorError::Listen {
            address: self.address,
            source,
        };
        let listener = TcpListener::bind(self.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(self.shared());
        let (stop, stopped) = oneshot::channel::<()>();
        let router = Router::new()
            .fallback(call::answer)
            .with_state(Arc::clone(&shared));
        let service = router.into_make_service_with_connect_info::<Wire>();
        let serving = axum::serve(WireListener(listener), service).with_graceful_shutdown(async {
            // An error means that the sender was dropped, which is a stop too.
            drop(stopped.await);
        });
        tokio::spawn(async move { serving.await });
        Ok(Simulator {
            shared,
            address,
            stop: Some(stop),
        })
    }

    fn shared(self) -> Shared {
        let configured = self
            .config
            .jobs
            .into_iter()
            .map(|(name, job)| (name, JobScript::command(job)));
        let mut cloud = Cloud::default();
        cloud.scripts.extend(configured);
        cloud.scripts.extend(self.scripts);
        cloud.secrets = self.secrets;
        cloud.list_lag = self.config.list_lag.map_or(ListLag::None, ListLag::After);
        let shared = Shared::new(
            cloud,
            self.clock,
            self.config.grace.unwrap_or(GRACE),
            self.config.token,
        );
        for fault in &self.config.faults {
            shared
                .faults
                .add(fault.pattern().matcher(), fault.times, fault.effect());
        }
        shared
    }
}
