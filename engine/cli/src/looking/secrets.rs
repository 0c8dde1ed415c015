//! What `doctor` says of secrets: whether each that a DAG uses can be had, and by which rights.
//!
//! Guarantees: a value is looked at and dropped, and stands in no message. What a backend reads by itself is not read here.

use std::collections::{BTreeMap, BTreeSet};

use noctule_core::dag::Dag;
use noctule_core::source::{Project, Secret, SecretOrigin};
use noctule_executor::Finding;
use serde_json::{Value, json};

use super::doctor::finding;
use super::plan::nobody;
use crate::error::CliError;
use crate::project::{OpenProject, reader_of};
use crate::simulator::Addresses;
use crate::surface::Surface;

/// Who reads a secret.
#[derive(Default)]
struct Readers {
    /// This engine, at the call.
    engine: bool,
    /// The backends that get the place of it: the names of their executors.
    backends: BTreeSet<String>,
}

/// Who reads each secret that these DAGs or the connections name.
fn readers(project: &Project, dags: &[Dag]) -> BTreeMap<String, Readers> {
    let mut readers: BTreeMap<String, Readers> = BTreeMap::new();
    let tasks = dags.iter().flat_map(|dag| {
        let tasks = dag.tasks();
        tasks.map(move |ix| dag.task(ix))
    });
    for task in tasks {
        let named = Value::Object(task.with.clone());
        for name in references(&named) {
            let reader = readers.entry(name.clone()).or_default();
            let secret = project.secrets.get(&name);
            if secret.is_some_and(|secret| secret.from.is_read_by(&task.executor)) {
                reader.backends.insert(task.executor.clone());
            } else {
                reader.engine = true;
            }
        }
    }
    for connection in project.connections.values() {
        for name in references(&Value::Object(connection.settings.clone())) {
            readers.entry(name).or_default().engine = true;
        }
    }
    readers
}

/// The secrets that a table refers to.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(table) => match (table.len(), table.get("secret")) {
            (1, Some(Value::String(name))) => vec![name.clone()],
            _ => table.values().flat_map(references).collect(),
        },
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// Looks at every secret of the project.
pub(super) async fn findings(
    open: &OpenProject,
    dags: &[Dag],
    surface: &Surface,
    address: Addresses,
) -> Result<Vec<Finding>, CliError> {
    let project = open.project()?;
    let readers = readers(project, dags);
    let mut findings = Vec::new();
    for (name, secret) in &project.secrets {
        let subject = format!("secret {name}");
        let reader = readers.get(name);
        findings.push(match &secret.from {
            SecretOrigin::Environment(variable) => of_variable(subject, variable, surface),
            SecretOrigin::File(path) => of_file(subject, path, open),
            SecretOrigin::Gcp(_) | SecretOrigin::Aws(_) => match reader {
                None => finding(true, subject, "no DAG uses it: not looked at"),
                Some(reader) if !reader.engine => {
                    let backends = Vec::from_iter(reader.backends.iter().cloned()).join(", ");
                    let told = format!(
                        "{} is passed to {backends} as a reference: the identity of the job reads it, and this one need not",
                        secret.from
                    );
                    finding(true, subject, told)
                }
                Some(_) => of_vault(open, surface, address, (name, secret)).await?,
            },
        });
    }
    Ok(findings)
}

fn of_variable(subject: String, variable: &str, surface: &Surface) -> Finding {
    let set = surface
        .env
        .get(variable)
        .is_some_and(|value| !value.is_empty());
    let told = format!(
        "the variable {variable} is {}",
        if set { "set" } else { "not set" }
    );
    finding(set, subject, told)
}

fn of_file(subject: String, path: &str, open: &OpenProject) -> Finding {
    match std::fs::metadata(open.place.root.join(path)) {
        Ok(found) if found.is_file() => finding(true, subject, format!("{path} is there")),
        Ok(_) => finding(false, subject, format!("{path} is no file")),
        Err(error) => finding(false, subject, format!("{path}: {error}")),
    }
}

async fn of_vault(
    open: &OpenProject,
    surface: &Surface,
    address: Addresses,
    (name, secret): (&String, &Secret),
) -> Result<Finding, CliError> {
    let subject = format!("secret {name}");
    let Some((kind, place)) = secret.from.vault() else {
        return Ok(finding(false, subject, "it stands in no vault"));
    };
    let Some(vault) = surface.registry.vault(kind) else {
        let told = format!("{} cannot be read by this noctule", secret.from);
        return Ok(finding(false, subject, told));
    };
    let desk = open.desk(surface, nobody()?, address)?;
    let connection = reader_of(&desk, name, secret)?;
    let surroundings = open.surroundings_of(surface, nobody()?, open.state_dir()?, address)?;
    let named = connection.as_ref().map(|known| known.name.as_str());
    let context = surroundings.context("", named);
    let found = vault.preflight(&context, &[place.to_owned()]).await;
    let (good, told) = match found.into_iter().next() {
        Some(found) => (found.good, found.message),
        None => (false, "nobody said whether it can be read".to_owned()),
    };
    let through = named.map_or_else(String::new, |name| format!(" through {name}"));
    Ok(finding(good, format!("{subject}{through}"), told))
}

/// The least rights that reading the secrets of these DAGs needs, a document for each vault and connection.
pub(super) fn rights(
    open: &OpenProject,
    dags: &[Dag],
    surface: &Surface,
    address: Addresses,
) -> Result<Vec<Value>, CliError> {
    let project = open.project()?;
    let desk = open.desk(surface, nobody()?, address)?;
    let readers = readers(project, dags);
    let mut places: BTreeMap<(&str, Option<String>), Vec<String>> = BTreeMap::new();
    for (name, secret) in &project.secrets {
        let by_engine = readers.get(name).is_some_and(|reader| reader.engine);
        if let (true, Some((kind, place))) = (by_engine, secret.from.vault()) {
            let connection = reader_of(&desk, name, secret)?.map(|known| known.name);
            places
                .entry((kind, connection))
                .or_default()
                .push(place.to_owned());
        }
    }
    let rights = places.iter().filter_map(|((kind, connection), places)| {
        let rights = surface.registry.vault(kind)?.rights(places);
        Some(json!({ "secrets": kind, "connection": connection, "rights": rights }))
    });
    Ok(rights.collect())
}
