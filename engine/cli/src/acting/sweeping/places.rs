//! Where this store's work may be: the places of its recent and live attempts, and those of the DAG files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use noctule_core::dag::Dag;
use noctule_core::name::DagHash;
use noctule_executor::{AnyExecutor, Context, ExecutorError, Owned};
use noctule_store::{AttemptPlace, Store};
use serde_json::Value;

use crate::error::CliError;
use crate::looking::needs;
use crate::project::OpenProject;
use crate::simulator::{self, Addresses};
use crate::surface::Surface;

/// Runs that were created since are asked where they sent their work; older ones while they are live.
pub(super) const RECENT: TimeDelta = TimeDelta::days(30);
/// The most different places of attempts that are taken from the store.
const MOST_PLACES: u32 = 20_000;
/// What is handed to the work, never where it is.
const HANDED_OVER: [&str; 2] = ["env", "args"];

/// The places of one executor through one connection.
pub(super) struct Place {
    pub(super) kind: String,
    pub(super) connection: Option<String>,
    pub(super) executor: Arc<dyn AnyExecutor>,
    pub(super) context: Context,
    pub(super) configs: Vec<Value>,
}

impl Place {
    pub(super) fn len(&self) -> usize {
        self.configs.len()
    }

    pub(super) fn name(&self) -> String {
        let through = self.connection.as_ref();
        let through = through.map_or_else(String::new, |name| format!(" through {name}"));
        format!("{}{through}", self.kind)
    }

    pub(super) async fn owned(
        &self,
        configs: &[Value],
    ) -> Result<Vec<Owned<Value>>, ExecutorError> {
        self.executor.owned(&self.context, configs).await
    }
}

/// What is asked for, by executor and connection: a DAG that goes there, and the different configurations as text.
type Wanted = BTreeMap<(String, Option<String>), (String, BTreeSet<String>)>;

/// Every place, and what cannot be looked at.
pub(super) async fn gather(
    open: &OpenProject,
    store: &Store,
    surface: &Surface,
) -> Result<(Vec<Place>, Vec<String>), CliError> {
    let (mut wanted, mut unseen) = (Wanted::new(), Vec::new());
    let stored = store
        .attempt_places(surface.now - RECENT, MOST_PLACES)
        .await?;
    if stored.len() >= MOST_PLACES as usize {
        unseen.push(format!(
            "more than {MOST_PLACES} different places of attempts"
        ));
    }
    of_attempts(store, stored, &mut wanted).await?;
    of_files(open, surface, &mut wanted)?;
    let project = open.project()?;
    let simulator = Addresses::expected(project, &open.state_dir()?);
    let surroundings = open.surroundings(surface, store, simulator)?;
    let simulated = store.holder().await?.is_some();
    let mut places = Vec::new();
    for ((kind, connection), (dag, configs)) in wanted {
        let Some(executor) = surface.registry.get(&kind) else {
            unseen.push(format!("this noctule has no executor `{kind}`"));
            continue;
        };
        if let Some(name) = &connection {
            match project.connections.get(name) {
                None => {
                    unseen.push(format!("{kind}: there is no connection `{name}` any more"));
                    continue;
                }
                // A simulator ends with the engine that runs it, and everything in it.
                Some(known) if simulator::is_wanted(known) && !simulated => continue,
                Some(_) => {}
            }
        }
        let configs = configs
            .iter()
            .filter_map(|text| serde_json::from_str(text).ok());
        places.push(Place {
            context: surroundings.context(&dag, connection.as_deref()),
            executor: Arc::clone(executor),
            configs: configs.collect(),
            kind,
            connection,
        });
    }
    Ok((places, unseen))
}

async fn of_attempts(
    store: &Store,
    stored: Vec<AttemptPlace>,
    wanted: &mut Wanted,
) -> Result<(), CliError> {
    let mut versions: BTreeMap<DagHash, Option<Dag>> = BTreeMap::new();
    for place in stored {
        if !versions.contains_key(&place.version) {
            let version = store.version(&place.version).await?;
            let dag = version.and_then(|version| Dag::new(version.definition).ok());
            versions.insert(place.version.clone(), dag);
        }
        let dag = versions.get(&place.version).and_then(Option::as_ref);
        let task = dag.filter(|dag| place.task.index() < dag.definition().tasks.len());
        let kind = task.map(|dag| dag.task(place.task).executor.clone());
        let Some(kind) = place.gone.or(kind) else {
            return Err(CliError::unreachable(format!(
                "the store does not hold version {} of `{}`, to which attempts belong",
                place.version, place.dag
            )));
        };
        add(
            wanted,
            (kind, place.connection),
            place.dag.as_str(),
            place.config,
        );
    }
    Ok(())
}

/// The tasks of the DAG files as they are now; what only a run can know keeps a task from being looked at.
fn of_files(open: &OpenProject, surface: &Surface, wanted: &mut Wanted) -> Result<(), CliError> {
    for loaded in &open.loaded.dags {
        let Ok(dag) = Dag::new(loaded.definition.clone()) else {
            continue;
        };
        let (needs, _) = needs(open, &dag, surface, Addresses::default())?;
        for (whose, configs) in needs {
            for mut config in configs {
                if let Value::Object(table) = &mut config {
                    for key in HANDED_OVER {
                        table.remove(key);
                    }
                }
                if !holds_stand_in(&config) {
                    add(wanted, whose.clone(), loaded.definition.id.as_str(), config);
                }
            }
        }
    }
    Ok(())
}

fn holds_stand_in(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('<') || text.contains("{{"),
        Value::Array(items) => items.iter().any(holds_stand_in),
        Value::Object(table) => table.values().any(holds_stand_in),
        _ => false,
    }
}

fn add(wanted: &mut Wanted, whose: (String, Option<String>), dag: &str, config: Value) {
    let (_, configs) = wanted
        .entry(whose)
        .or_insert_with(|| (dag.to_owned(), BTreeSet::new()));
    configs.insert(config.to_string());
}
