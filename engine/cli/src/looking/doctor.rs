//! `doctor`: whether this machine and identity can do all that the DAGs need. Starts no work and makes no state.

use std::collections::BTreeMap;

use noctule_core::dag::Dag;
use noctule_executor::Finding;
use noctule_runtime::Surroundings;
use noctule_store::DagRecord;
use noctule_web::standing;
use serde_json::{Value, json};

use super::Given;
use super::plan::nobody;
use super::planned::planned;
use super::secrets;
use crate::args::{DoctorArgs, Format, GivenArgs};
use crate::console::remark;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Grid, Tone, documents};
use crate::project::{Chosen, Footing, OpenProject};
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
    let only = args.dag.as_ref().and(dags.first());
    findings.extend(ticks(&open, only, surface).await?);
    findings.extend(footing(&open)?);
    let simulators = Simulators::for_a_look(open.project()?, &open.place.root).await?;
    let simulators = simulators.with_secrets(open.project()?, &open.place.root, &surface.env);
    let address = simulators.addresses();
    findings.extend(secrets::findings(&open, &dags, surface, address).await?);
    findings.extend(executors(&open, &dags, surface, address).await?);
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
    let mut rights: Vec<Value> = rights.collect();
    rights.extend(secrets::rights(open, dags, surface, address)?);
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

pub(super) fn finding(
    good: bool,
    subject: impl Into<String>,
    message: impl Into<String>,
) -> Finding {
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

/// Whether a store in a file may stand where it does.
fn footing(open: &OpenProject) -> Result<Option<Finding>, CliError> {
    let Some((folder, footing)) = open.footing()? else {
        return Ok(None);
    };
    let subject = format!("disk of the store, {}", folder.display());
    Ok(Some(match footing.trouble() {
        Some(trouble) => finding(false, subject, format!("it {trouble}")),
        None => match footing {
            Footing::Disk(kind) => finding(true, subject, kind),
            _ => finding(
                true,
                subject,
                "a file system that is not known here: it must have locks, shared memory and sync",
            ),
        },
    }))
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

/// Ticks whose runs the store refused.
async fn ticks(
    open: &OpenProject,
    only: Option<&Dag>,
    surface: &Surface,
) -> Result<Vec<Finding>, CliError> {
    // Why it cannot be opened stands there already.
    let Ok(Some(store)) = open.store(surface).await else {
        return Ok(Vec::new());
    };
    let records = match store.dag_records().await {
        Ok(records) => records,
        Err(error) => return Ok(vec![finding(false, "store", error.to_string())]),
    };
    let refused = |record: DagRecord| {
        let dag = record.dag.to_string();
        let what = standing(record).refused_ticks?.what;
        Some(finding(false, &dag, what))
    };
    let asked = |record: &DagRecord| only.is_none_or(|dag| dag.definition().id == record.dag);
    let records = records.into_iter().filter(asked);
    Ok(records.filter_map(refused).collect())
}

async fn executors(
    open: &OpenProject,
    dags: &[Dag],
    surface: &Surface,
    address: Addresses,
) -> Result<Vec<Finding>, CliError> {
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
