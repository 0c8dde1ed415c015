//! What an engine is given of a project: its DAGs, its store, connections, secrets and the machine.
//!
//! Never: reads the value of a secret.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use noctule_core::desk::Desk;
use noctule_core::name::StoreId;
use noctule_core::source::{Project, SecretOrigin};
use noctule_executor::{Connection, Host};
use noctule_runtime::executors::over_store;
use noctule_runtime::{Origin, Publication, PublishedDag, Secret, Surroundings};
use noctule_store::{OpenOptions, Store, StoreError};
use serde_json::Value;

use super::checkout;
use super::exporting::{Traced, traced};
use super::footing::{Footing, stands_on};
use super::open::OpenProject;
use crate::error::CliError;
use crate::simulator::Addresses;
use crate::surface::Surface;

impl OpenProject {
    /// Opens the store of the project, and makes it where there is none.
    pub(crate) async fn make_store(&self, surface: &Surface) -> Result<Store, CliError> {
        let project = self.project()?;
        Ok(Store::open(&project.store_url, self.options(surface, true)?).await?)
    }

    /// Opens the store of the project, if there is one: looking makes no state.
    pub(crate) async fn store(&self, surface: &Surface) -> Result<Option<Store>, CliError> {
        let project = self.project()?;
        match Store::open(&project.store_url, self.options(surface, false)?).await {
            Ok(store) => Ok(Some(store)),
            Err(StoreError::Missing(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// How a store of this project is opened.
    pub(crate) fn options(&self, surface: &Surface, create: bool) -> Result<OpenOptions, CliError> {
        let project = self.project()?;
        let new_id = uuid::Uuid::new_v4().simple().to_string();
        let new_id: Option<StoreId> = new_id.get(..8).and_then(|id| id.parse().ok());
        Ok(OpenOptions {
            profile: project.profile.clone(),
            new_id: new_id
                .ok_or_else(|| CliError::unreachable("failed to make an id for the store"))?,
            now: surface.now,
            base: self.place.root.clone(),
            create,
            hook: surface.hook.clone(),
        })
    }

    /// The set of DAGs as an engine publishes it.
    pub(crate) fn publication(&self) -> Publication {
        let git_commit = checkout::commit(&self.place.root);
        let published = |dag: &noctule_core::source::LoadedDag| PublishedDag {
            definition: dag.definition.clone(),
            file: dag.file.clone(),
            text: self.texts.get(&dag.file).cloned().unwrap_or_default(),
            git_commit: git_commit.clone(),
        };
        let mut broken = BTreeMap::new();
        for problem in self.loaded.diagnostics.errors() {
            broken
                .entry(problem.file.to_string())
                .or_insert_with(|| problem.to_string());
        }
        for unread in &self.unread {
            broken
                .entry(unread.path.clone())
                .or_insert_with(|| unread.message.clone());
        }
        Publication {
            dags: self.loaded.dags.iter().map(published).collect(),
            broken,
        }
    }

    /// Where attempts are prepared. `simulators` are the addresses that stand for `endpoint = "simulator"`.
    pub(crate) fn desk(
        &self,
        surface: &Surface,
        store: StoreId,
        simulators: Addresses,
    ) -> Result<Desk, CliError> {
        let project = self.project()?;
        Ok(Desk {
            registry: surface.registry.clone(),
            connections: connections(project, simulators),
            secrets: project.secrets.clone(),
            store,
            public_url: project.engine.public_url.clone(),
            traces: !matches!(traced(project, &surface.env), Traced::Nowhere(_)),
        })
    }

    /// The surroundings of every call that an engine makes.
    pub(crate) fn surroundings(
        &self,
        surface: &Surface,
        store: &Store,
        simulators: Addresses,
    ) -> Result<Surroundings, CliError> {
        let mut surface = surface.clone();
        let profile = &self.project()?.profile;
        surface.registry = over_store(surface.registry, store, profile);
        self.surroundings_of(&surface, store.id().clone(), self.state_dir()?, simulators)
    }

    /// The same for a store that need not be there.
    pub(crate) fn surroundings_of(
        &self,
        surface: &Surface,
        store: StoreId,
        state_dir: PathBuf,
        simulators: Addresses,
    ) -> Result<Surroundings, CliError> {
        let project = self.project()?;
        let desk = self.desk(surface, store.clone(), simulators)?;
        let host = Host {
            state_dir,
            store_id: store.to_string(),
            env: surface.env.clone(),
            binary: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("noctule")),
        };
        let secrets = Arc::new(self.secrets(project, &desk)?);
        let surroundings = Surroundings::new(
            Arc::new(desk),
            secrets,
            Arc::new(host),
            project.vars.clone(),
        );
        Ok(surroundings
            .with_pools(project.pools.clone())
            .with_host_lost_after(project.engine.host_lost_after))
    }

    /// What a store in a file stands on; none for a store on a server.
    pub(crate) fn footing(&self) -> Result<Option<(PathBuf, Footing)>, CliError> {
        let url = &self.project()?.store_url;
        let path = url
            .strip_prefix("sqlite://")
            .or_else(|| url.strip_prefix("sqlite:"));
        Ok(path.and_then(|path| stands_on(&self.place.root.join(path))))
    }

    /// The private folder where executors keep files, which need not be there yet: beside a store that is a file
    /// (`state.db` has `state.d`), else where that of the default store would be.
    pub(crate) fn state_dir(&self) -> Result<PathBuf, CliError> {
        let project = self.project()?;
        let file = match project.store_url.strip_prefix("sqlite://") {
            Some(path) => self.place.root.join(path),
            None => self
                .place
                .root
                .join(".noctule")
                .join(project.profile.as_str())
                .join("state.db"),
        };
        Ok(file.with_extension("d"))
    }

    /// The secrets, and where each is read.
    fn secrets(
        &self,
        project: &Project,
        desk: &Desk,
    ) -> Result<BTreeMap<String, Secret>, CliError> {
        let read = |(name, secret): (&String, &noctule_core::source::Secret)| {
            let origin = match &secret.from {
                SecretOrigin::Environment(variable) => Origin::Env(variable.clone()),
                SecretOrigin::File(path) => Origin::File(self.place.root.join(path)),
                SecretOrigin::Gcp(place) | SecretOrigin::Aws(place) => Origin::Vault {
                    kind: secret.from.vault().map_or("", |(kind, _)| kind).to_owned(),
                    name: place.clone(),
                    connection: reader_of(desk, name, secret)?,
                },
            };
            let dags = secret.dags.clone();
            Ok((name.clone(), Secret { origin, dags }))
        };
        project.secrets.iter().map(read).collect()
    }
}

/// The connection whose identity reads a secret of a vault.
pub(crate) fn reader_of(
    desk: &Desk,
    name: &str,
    secret: &noctule_core::source::Secret,
) -> Result<Option<Connection>, CliError> {
    let vault = secret.from.vault();
    let Some(vault) = vault.and_then(|(kind, _)| desk.registry.vault(kind)) else {
        return Ok(None);
    };
    let found = desk.connection_of(Some(vault.connection_kind()), secret.connection.as_deref());
    let found = found.map_err(|why| CliError::unreachable(format!("secret `{name}`: {why}")))?;
    Ok(found.cloned())
}

/// The connections, with the address of its simulator where they ask for it.
fn connections(project: &Project, simulators: Addresses) -> BTreeMap<String, Connection> {
    let mut connections = project.connections.clone();
    for connection in connections.values_mut() {
        if let Some(address) = simulators.of(connection) {
            connection.settings.insert(
                "endpoint".to_owned(),
                Value::from(format!("http://{address}")),
            );
        }
    }
    connections
}
