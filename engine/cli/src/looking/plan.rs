//! `plan`: each request that a run would send, exactly; sends nothing, makes no state.

use noctule_core::name::StoreId;
use serde::Serialize;
use serde_json::Value;

use super::Given;
use super::planned::{Planned, Untold, planned};
use crate::args::{Format, PlanArgs};
use crate::console::{emit, remark};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{documents, printable};
use crate::project::Chosen;
use crate::simulator::Addresses;
use crate::surface::Surface;

/// One request, as JSON has it.
#[derive(Serialize)]
struct Shown<'a> {
    task: &'a str,
    executor: &'a str,
    wait: &'static str,
    connection: Option<&'a str>,
    when: Option<&'a str>,
    runs: Option<bool>,
    request: Option<&'a Value>,
    note: Option<&'a str>,
}

/// Prints the requests, each after those it depends on.
pub(crate) fn plan(args: &PlanArgs, surface: &Surface) -> Result<Exit, CliError> {
    let chosen = Chosen::find(surface, &args.dag, &[])?;
    let given = Given::read(&args.given, &chosen.dag, surface)?;
    for not_yet in &chosen.dag.definition().not_yet {
        remark(
            surface,
            &format!("`{}` cannot run yet: {not_yet}", chosen.dag.definition().id),
        );
    }
    let plan = of(&chosen, &given, surface)?;
    if surface.format() == Format::Table {
        emit(&text(&chosen, &given, &plan, surface))?;
    } else {
        let shown: Vec<Shown<'_>> = plan.iter().map(|planned| shown(&chosen, planned)).collect();
        documents(surface.format(), &shown)?;
    }
    wrong(&chosen, &plan)
}

/// The requests of a DAG as this project would send them.
pub(super) fn of(
    chosen: &Chosen,
    given: &Given,
    surface: &Surface,
) -> Result<Vec<Planned>, CliError> {
    let project = chosen.project()?;
    let address = Addresses::expected(project, &chosen.open.state_dir()?);
    let store: StoreId = nobody()?;
    let desk = chosen.open.desk(surface, store, address)?;
    Ok(planned(
        &chosen.dag,
        &desk,
        given,
        &project.profile,
        &project.vars,
        surface.now,
    ))
}

/// The id of no store.
pub(super) fn nobody() -> Result<StoreId, CliError> {
    "00000000"
        .parse()
        .map_err(|_| CliError::unreachable("failed to name a store"))
}

fn shown<'a>(chosen: &'a Chosen, planned: &'a Planned) -> Shown<'a> {
    let task = chosen.dag.task(planned.task);
    let note = match &planned.request {
        Ok(_) => None,
        Err(Untold::Later(why) | Untold::Wrong(why)) => Some(why.as_str()),
    };
    Shown {
        task: task.name.as_str(),
        executor: &task.executor,
        wait: task.wait.as_str(),
        connection: planned.connection.as_deref(),
        when: task.when.as_deref(),
        runs: planned.runs,
        request: planned.request.as_ref().ok(),
        note,
    }
}

fn text(chosen: &Chosen, given: &Given, plan: &[Planned], surface: &Surface) -> String {
    let style = surface.data_style();
    let definition = chosen.dag.definition();
    let mut out = style.dim(&format!(
        "# {} version {}, profile {}, ingestion id {}, logical time {}",
        definition.id,
        chosen.dag.hash().short(),
        chosen
            .open
            .loaded
            .project
            .as_ref()
            .map_or("default", |project| project.profile.as_str()),
        given.ingestion_id,
        crate::times::json(given.logical_time)
    ));
    out.push('\n');
    for planned in plan {
        let task = chosen.dag.task(planned.task);
        let through = planned
            .connection
            .as_ref()
            .map_or_else(String::new, |name| format!(", connection {name}"));
        let heading = format!(
            "# {} ({}, wait {}{through})",
            task.name,
            task.executor,
            task.wait.as_str()
        );
        out.push_str(&format!(
            "\n{}{}\n",
            style.dim(&printable(&heading)),
            condition(task.when.as_deref(), planned.runs)
        ));
        match &planned.request {
            Ok(request) => out.push_str(&pretty(request)),
            Err(Untold::Later(why)) => {
                out.push_str(&format!(
                    "# its request is known when the tasks before it have ended: {}\n",
                    printable(why)
                ));
            }
            Err(Untold::Wrong(why)) => {
                out.push_str(&format!("# it cannot be prepared: {}\n", printable(why)));
            }
        }
    }
    out
}

fn condition(when: Option<&str>, runs: Option<bool>) -> String {
    let Some(when) = when else {
        return String::new();
    };
    let judged = match runs {
        Some(true) => "holds: it runs",
        Some(false) => "does not hold: it is SKIPPED",
        None => "is judged when it is its turn",
    };
    format!(" when `{}` {judged}", printable(when))
}

/// JSON escapes every control character by itself; what reorders a line on a screen is escaped here.
fn pretty(request: &Value) -> String {
    let text = serde_json::to_string_pretty(request).unwrap_or_default();
    text.lines().map(|line| printable(line) + "\n").collect()
}

/// A request that no run could make is a mistake in the file or in what was given.
fn wrong(chosen: &Chosen, plan: &[Planned]) -> Result<Exit, CliError> {
    let wrong = plan.iter().filter_map(|planned| match &planned.request {
        Err(Untold::Wrong(why)) => Some(format!("`{}`: {why}", chosen.dag.task(planned.task).name)),
        _ => None,
    });
    let wrong: Vec<String> = wrong.collect();
    match wrong.as_slice() {
        [] => Ok(Exit::Success),
        [first, rest @ ..] => {
            let error = CliError::files(format!("a run would fail: {first}"));
            Err(rest
                .iter()
                .fold(error, |error, other| error.help(format!("and {other}"))))
        }
    }
}
