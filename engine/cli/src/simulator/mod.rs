//! `endpoint = "simulator"`: the services behind connections, simulated inside this process.
//!
//! Guarantees: the address of each stays the same for a store, because the handles of remote work keep it. What is simulated
//! ends with the process: an engine that starts again finds it `lost`.

mod address;
mod configured;
mod secrets;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use noctule_cloud_run::simulator as cloud_run;
use noctule_core::source::Project;
use noctule_executor::Connection;
use serde_json::Value;

pub(crate) use self::configured::{cloud_run_config, ecs_config};
pub(crate) use self::secrets::simulated;
use crate::error::CliError;

/// What can be simulated.
#[derive(Clone, Copy)]
enum Service {
    CloudRun,
    Ecs,
}

impl Service {
    const ALL: [Self; 2] = [Self::CloudRun, Self::Ecs];

    /// The service behind a connection that asks for its simulator.
    fn wanted_by(connection: &Connection) -> Option<Self> {
        is_wanted(connection).then_some(match connection.kind.as_str() {
            "aws" => Self::Ecs,
            _ => Self::CloudRun,
        })
    }

    fn is_wanted(self, project: &Project) -> bool {
        let mut wanted = project.connections.values().filter_map(Self::wanted_by);
        wanted.any(|one| one.index() == self.index())
    }

    fn index(self) -> usize {
        match self {
            Self::CloudRun => 0,
            Self::Ecs => 1,
        }
    }

    /// Where its port is written down.
    fn written(self) -> &'static str {
        match self {
            Self::CloudRun => "simulator.port",
            Self::Ecs => "simulator-ecs.port",
        }
    }

    async fn start(
        self,
        project: &Project,
        root: &Path,
        at: SocketAddr,
    ) -> Result<Running, CliError> {
        match self {
            Self::CloudRun => cloud_run::Simulator::builder()
                .config(cloud_run_config(project, root))
                .listen(at)
                .start()
                .await
                .map(Running::CloudRun)
                .map_err(|error| CliError::unreachable(error.to_string())),
            Self::Ecs => {
                let mut settings = ecs_config(project, root).settings();
                settings.listen = at;
                noctule_ecs_simulator::Simulator::start(settings)
                    .await
                    .map(Running::Ecs)
                    .map_err(|error| CliError::unreachable(error.to_string()))
            }
        }
    }
}

/// A simulator; it runs until it is dropped.
enum Running {
    CloudRun(cloud_run::Simulator),
    Ecs(noctule_ecs_simulator::Simulator),
}

impl Running {
    fn address(&self) -> SocketAddr {
        match self {
            Self::CloudRun(one) => one.address(),
            Self::Ecs(one) => one.address(),
        }
    }
}

/// The addresses that stand for `endpoint = "simulator"`, by service.
#[derive(Clone, Copy, Default)]
pub(crate) struct Addresses([Option<SocketAddr>; 2]);

impl Addresses {
    /// The addresses that the simulators of a store have or will have, where the project asks for them. Makes no state.
    pub(crate) fn expected(project: &Project, state_dir: &Path) -> Self {
        let address = |one: Service| {
            one.is_wanted(project)
                .then(|| address::local(address::expected_port(one.written(), state_dir)))
        };
        Self(Service::ALL.map(address))
    }

    /// The address for a connection that asks for a simulator.
    pub(crate) fn of(self, connection: &Connection) -> Option<SocketAddr> {
        self.0[Service::wanted_by(connection)?.index()]
    }
}

/// The simulators of a project. They run until they are dropped.
pub(crate) struct Simulators([Option<Running>; 2]);

impl Simulators {
    /// Starts those that the project asks for.
    ///
    /// # Errors
    /// No port is free, or an address cannot be written down.
    pub(crate) async fn start(
        project: &Project,
        root: &Path,
        state_dir: &Path,
    ) -> Result<Self, CliError> {
        let mut simulators = Self([None, None]);
        for one in Service::ALL
            .into_iter()
            .filter(|one| one.is_wanted(project))
        {
            simulators.0[one.index()] = Some(start_near(one, project, root, state_dir).await?);
        }
        Ok(simulators)
    }

    /// Starts them on any ports and writes nothing down: for a look, not for a run.
    ///
    /// # Errors
    /// No port is free.
    pub(crate) async fn for_a_look(project: &Project, root: &Path) -> Result<Self, CliError> {
        let mut simulators = Self([None, None]);
        for one in Service::ALL
            .into_iter()
            .filter(|one| one.is_wanted(project))
        {
            let running = one.start(project, root, address::local(0)).await?;
            simulators.0[one.index()] = Some(running);
        }
        Ok(simulators)
    }

    /// The same with the secrets that the project gives them.
    #[must_use]
    pub(crate) fn with_secrets(
        self,
        project: &Project,
        root: &Path,
        env: &BTreeMap<String, String>,
    ) -> Self {
        for (name, value) in simulated(project, root, env) {
            for running in self.0.iter().flatten() {
                match running {
                    Running::CloudRun(one) => one.keep_secret(&name, value.clone()),
                    Running::Ecs(one) => one.keep_secret(&name, value.clone()),
                }
            }
        }
        self
    }

    /// Where they listen.
    pub(crate) fn addresses(&self) -> Addresses {
        let [cloud_run, ecs] = &self.0;
        Addresses([cloud_run, ecs].map(|one| one.as_ref().map(Running::address)))
    }
}

/// Starts one at the port of its store, or near it.
async fn start_near(
    one: Service,
    project: &Project,
    root: &Path,
    state_dir: &Path,
) -> Result<Running, CliError> {
    let first = address::expected_port(one.written(), state_dir);
    for port in address::ports_from(first) {
        if let Ok(running) = one.start(project, root, address::local(port)).await {
            address::write_down(one.written(), state_dir, port)?;
            return Ok(running);
        }
    }
    Err(CliError::unreachable(format!(
        "no port for the simulator is free near {first}"
    )))
}

/// Whether a connection asks for a simulator.
pub(crate) fn is_wanted(connection: &Connection) -> bool {
    connection.settings.get("endpoint").and_then(Value::as_str) == Some("simulator")
}
