//! A run of the store with the version of the DAG that it is pinned to: what most looks at one run begin with.

use noctule_core::dag::Dag;
use noctule_core::run::Run;
use noctule_store::Store;

use crate::error::CliError;
use crate::project::OpenProject;
use crate::run_name::{self, Several};
use crate::surface::Surface;

/// A run, its DAG, and where both came from.
pub(crate) struct Story {
    /// The project.
    pub(crate) open: OpenProject,
    /// The store.
    pub(crate) store: Store,
    /// The DAG, in the version of the run.
    pub(crate) dag: Dag,
    /// The run.
    pub(crate) run: Run,
}

impl Story {
    /// Finds the run of an argument.
    ///
    /// # Errors
    /// There is none, or the store does not hold its version.
    pub(crate) async fn find(surface: &Surface, name: &str) -> Result<Self, CliError> {
        let open = OpenProject::read(surface, &[])?;
        let store = open.store(surface).await?;
        let run = run_name::find(store.as_ref(), name, Several::Newest).await?;
        let store = store.ok_or_else(|| CliError::not_found("there is no store"))?;
        let dag = pinned(&store, &run).await?;
        Ok(Self {
            open,
            store,
            dag,
            run,
        })
    }
}

/// The version of a DAG that a run is pinned to.
pub(crate) async fn pinned(store: &Store, run: &Run) -> Result<Dag, CliError> {
    let (id, hash) = (&run.facts.id, &run.facts.version);
    let missing = || {
        CliError::unreachable(format!(
            "run {id} is pinned to version {hash}, which the store does not hold"
        ))
    };
    let version = store.version(hash).await?.ok_or_else(missing)?;
    Dag::new(version.definition).map_err(|error| {
        CliError::unreachable(format!("the stored version {hash} cannot be read: {error}"))
    })
}
