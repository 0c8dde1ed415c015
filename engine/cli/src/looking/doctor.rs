//! `doctor`: whether this machine and identity can do all that the DAGs need. Starts no work and makes no state.

use std::collections::BTreeMap;

use noctule_core::dag::Dag;
use noctule_core::source::SecretOrigin;
use noctule_executor::Finding;
use noctule_runtime::Surroundings;
use serde_json::{Value, json};

use super::Given;
use super::plan::nobody;
use super::planned::planned;
use crate::args::{DoctorArgs, Format, GivenArgs};
use crate::console::remark;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Grid, Tone, documents};
use crate::project::{Chosen, OpenProject};
use crate::simulator::{Addresses, Simulators};
use crate::surface::Surface;

/// What is asked of one executor through one connection.
pub(crate) type Needs = BTreeMap<(String, Option<String>), Vec<Value>>;

/// Prints what was found.
pub(crate) async fn doctor(args: &DoctorArgs, surface: &Surface) -> Result<Exit, CliError> {
    let (open, dags) = match &args.dag {
        Some(dag) => {
            let chosen = Chosen::find(surface, dag, &[])?;
            (chosen.open, vec![chosen.dag])
        }
        None => {
            let open = OpenProject::read(surface, &[])?;
            open.project()?;
            let dags = open
                .loaded
                .dags
                .iter()
                .filter_map(|dag| Dag::new(dag.definition.clone()).ok())
                .collect();
            (open, dags)
        }
    };
    if args.policy {
        return policies(&open, &dags, surface);
    }
    let mut findings = files(&open)?;
    findings.push(store(&open, surface).await);
    findings.extend(secrets(&open, surface)?);
    findings.extend(executors(&open, &dags, surface).await?);
    print(surface, &findings)
}

/// Prints the least rights that the DAGs need, one document for each executor and connection. Without a look at the network.
fn policies(open: &OpenProject, dags: &[Dag], surface: &Surface) -> Result<Exit, CliError> {
    let address = Addresses::expected(open.project()?, &open.state_dir()?);
    let mut all = Needs::new();
    for dag in dags {
        let (of_dag, untold) = needs(open, dag, surface, address)?;
        for (place, configs) in of_dag {
            all.entry(place).or_default().extend(configs);
        }
        for told in untold {
            remark(surface, &format!("{}: {}", told.subject, told.message));
        }
    }
    let rights = all.iter().filter_map(|((kind, connection), configs)| {
        let rights = surface.registry.get(kind)?.rights(configs)?;
        Some(json!({ "executor": kind, "connection": connection, "rights": rights }))
    });
    let rights: Vec<Value> = rights.collect();
    if rights.is_empty() {
        remark(surface, "no executor of these DAGs needs rights of a cloud");
    }
    let format = match surface.format() {
        // A policy is a document in any case.
        Format::Table => Format::Json,
        other => other,
    };
    documents(format, &rights)?;
    Ok(Exit::Success)
}

fn finding(good: bool, subject: impl Into<String>, message: impl Into<String>) -> Finding {
    Finding {
        good,
        subject: subject.into(),
        message: message.into(),
    }
}

fn files(open: &OpenProject) -> Result<Vec<Finding>, CliError> {
    let project = open.project()?;
    let root = open.place.root.display();
    let place = format!("{root}, profile {}", project.profile);
    let errors = open.loaded.diagnostics.errors().count() + open.unread.len();
    let told = match errors {
        0 => "no problem in any".to_owned(),
        _ => "some have problems: `noctule check` names them".to_owned(),
    };
    Ok(vec![
        finding(open.place.has_file, "project", place),
        finding(errors == 0, "files", told),
    ])
}

async fn store(open: &OpenProject, surface: &Surface) -> Finding {
    let subject = "store";
    match open.store(surface).await {
        Ok(None) => finding(true, subject, "there is none yet; the first run makes it"),
        Err(error) => finding(false, subject, error.to_string()),
        Ok(Some(store)) => match store.holder().await {
            Ok(Some(owner)) => {
                finding(true, subject, format!("{}, held by {owner}", store.place()))
            }
            Ok(None) => finding(
                true,
                subject,
                format!("{}, no engine is running", store.place()),
            ),
            Err(error) => finding(false, subject, error.to_string()),
        },
    }
}

/// Whether every secret stands where the project says. Values are looked at and not kept.
fn secrets(open: &OpenProject, surface: &Surface) -> Result<Vec<Finding>, CliError> {
    let look = |(name, secret): (&String, &noctule_core::source::Secret)| {
        let subject = format!("secret {name}");
        match &secret.from {
            SecretOrigin::Environment(variable) => {
                let set = surface
                    .env
                    .get(variable)
                    .is_some_and(|value| !value.is_empty());
                finding(
                    set,
                    subject,
                    format!(
                        "the variable {variable} is {}",
                        if set { "set" } else { "not set" }
                    ),
                )
            }
            SecretOrigin::File(path) => match std::fs::metadata(open.place.root.join(path)) {
                Ok(found) if found.is_file() => finding(true, subject, format!("{path} is there")),
                Ok(_) => finding(false, subject, format!("{path} is no file")),
                Err(error) => finding(false, subject, format!("{path}: {error}")),
            },
            origin => finding(false, subject, format!("{origin} cannot be read yet")),
        }
    };
    Ok(open.project()?.secrets.iter().map(look).collect())
}

async fn executors(
    open: &OpenProject,
    dags: &[Dag],
    surface: &Surface,
) -> Result<Vec<Finding>, CliError> {
    let project = open.project()?;
    let simulators = Simulators::for_a_look(project, &open.place.root).await?;
    let address = simulators.addresses();
    let mut findings = Vec::new();
    for dag in dags {
        let (needs, untold) = needs(open, dag, surface, address)?;
        findings.extend(untold);
        let surroundings = open.surroundings_of(surface, nobody()?, open.state_dir()?, address)?;
        findings.extend(ask(dag, &needs, &surroundings, surface).await);
    }
    findings.dedup();
    Ok(findings)
}

/// The configurations of a DAG by executor and connection; params without a default keep a task from being looked at.
pub(crate) fn needs(
    open: &OpenProject,
    dag: &Dag,
    surface: &Surface,
    simulator: Addresses,
) -> Result<(Needs, Vec<Finding>), CliError> {
    let (mut needs, mut untold) = (Needs::new(), Vec::new());
    let id = &dag.definition().id;
    let given = match Given::read(&GivenArgs::default(), dag, surface) {
        Ok(given) => given,
        Err(error) => {
            untold.push(finding(
                true,
                format!("dag {id}"),
                format!("not looked at: {error}"),
            ));
            return Ok((needs, untold));
        }
    };
    let project = open.project()?;
    let desk = open.desk(surface, nobody()?, simulator)?;
    for planned in planned(
        dag,
        &desk,
        &given,
        &project.profile,
        &project.vars,
        surface.now,
    ) {
        let task = dag.task(planned.task);
        match (planned.config, planned.request) {
            (Some(config), Ok(_)) => {
                needs
                    .entry((task.executor.clone(), planned.connection))
                    .or_default()
                    .push(config);
            }
            (_, Err(why)) => {
                let (good, why) = match why {
                    super::planned::Untold::Later(why) => {
                        (true, format!("not looked at, it depends on outputs: {why}"))
                    }
                    super::planned::Untold::Wrong(why) => (false, why),
                };
                untold.push(finding(good, format!("task {id}.{}", task.name), why));
            }
            (None, Ok(_)) => {}
        }
    }
    Ok((needs, untold))
}

async fn ask(
    dag: &Dag,
    needs: &Needs,
    surroundings: &Surroundings,
    surface: &Surface,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ((kind, connection), configs) in needs {
        let Some(executor) = surface.registry.get(kind) else {
            continue;
        };
        let context = surroundings.context(dag.definition().id.as_str(), connection.as_deref());
        let through = connection
            .as_ref()
            .map_or_else(String::new, |name| format!(" through {name}"));
        for found in executor.preflight(&context, configs).await {
            findings.push(finding(
                found.good,
                format!("{kind}{through}: {}", found.subject),
                found.message,
            ));
        }
    }
    findings
}

fn print(surface: &Surface, findings: &[Finding]) -> Result<Exit, CliError> {
    let bad = findings.iter().filter(|finding| !finding.good).count();
    if surface.format() == Format::Table {
        let mut grid = Grid::new(surface, &["", "WHAT", "FOUND"]);
        for finding in findings {
            let (mark, tone) = if finding.good {
                ("ok", Tone::Good)
            } else {
                ("MISSING", Tone::Bad)
            };
            grid.row([
                (mark, tone),
                (finding.subject.as_str(), Tone::Plain),
                (finding.message.as_str(), Tone::Plain),
            ]);
        }
        grid.print()?;
    } else {
        documents(surface.format(), findings)?;
    }
    // Nothing else stands between this machine and a run.
    Ok(if bad == 0 { Exit::Success } else { Exit::Usage })
}
