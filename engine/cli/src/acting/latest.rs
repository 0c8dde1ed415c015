//! `retry --definition latest`: a run goes on with today's definition of its DAG. The differences are shown, whether it is
//! only tried or done, and what was shown is what is asked for.

use noctule_core::ask::{Take, Wish};
use noctule_core::dag::{Dag, Difference};
use noctule_core::run::{Latest, RetryRefusal, RetryScope, Run, plan_latest};
use noctule_core::view::TakenView;
use noctule_web::Acted;
use serde_json::json;

use super::asking::{listed, one_run};
use super::desk::Desk;
use super::many::targets;
use crate::args::{Format, RetryArgs};
use crate::console::emit;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{document, printable};
use crate::surface::Surface;

/// A retry with the latest definition, without a server.
pub(super) async fn retry(args: &RetryArgs, surface: &Surface) -> Result<Exit, CliError> {
    if args.many.dag.is_some() {
        return Err(one_at_a_time());
    }
    let desk = Desk::open(surface).await?;
    let (run, pinned) = desk.run(one_run(args.run.as_ref())?).await?;
    let scope = RetryScope {
        tasks: targets(&args.task)?,
        downstream: args.downstream,
        all: args.all,
    };
    let later = latest(&desk, &run).await?;
    let planned = plan_latest(&pinned, &later, &run, &scope).map_err(refused)?;
    let acted = acted(args, (&pinned, &later), &run, planned);
    if acted.dry_run {
        return show(&acted, surface);
    }
    let wish = Wish::Retry {
        run: run.facts.id.clone(),
        tasks: scope.tasks,
        downstream: scope.downstream,
        all: scope.all,
        reason: args.reason.clone(),
        definition: Take::Latest {
            version: Some(later.hash().clone()),
        },
    };
    let Some(done) = desk.ask_for(wish).await? else {
        if let (Some(taken), Format::Table) = (&acted.definition, surface.format()) {
            emit(&lines(&taken.difference))?;
        }
        return Ok(Exit::Success);
    };
    let acted = Acted {
        existing: done.existing,
        notes: done.notes,
        ..acted
    };
    show(&acted, surface)
}

pub(super) fn one_at_a_time() -> CliError {
    let error = CliError::usage("--definition latest is for one run at a time");
    error.help("whether a run can take another definition is looked at run by run: name one")
}

fn acted(args: &RetryArgs, (pinned, later): (&Dag, &Dag), run: &Run, planned: Latest) -> Acted {
    Acted {
        run: Some(run.facts.id.to_string()),
        existing: false,
        notes: Vec::new(),
        tasks: planned.names(later),
        definition: Some(TakenView::of(pinned, later, planned.difference)),
        dry_run: args.dry_run,
    }
}

fn refused(refusal: RetryRefusal) -> CliError {
    match refusal {
        RetryRefusal::NoTask(task) => CliError::not_found(format!(
            "neither the run nor its new definition has a task `{task}`"
        )),
        RetryRefusal::Definition(unfit) => {
            let at = unfit
                .task
                .as_ref()
                .map_or_else(String::new, |task| format!(" at task `{task}`"));
            let (code, message) = (unfit.code, &unfit.message);
            CliError::conflict(format!(
                "the latest definition does not fit the run{at}: error[{code}]: {message}"
            ))
            .help(unfit.help)
        }
        other => CliError::conflict(other.to_string()),
    }
}

/// The definition of the file, as it is read now; of a DAG without a good one, what the engine took last.
async fn latest(desk: &Desk<'_>, run: &Run) -> Result<Dag, CliError> {
    let dag = &run.facts.dag;
    let none = || CliError::conflict(format!("`{dag}` has no version that runs could take today"));
    let definition = match desk.definition(dag) {
        Some(definition) => definition.clone(),
        None => {
            let record = desk.store.dag_record(dag).await?;
            let record = record.filter(|record| !record.withdrawn).ok_or_else(none)?;
            let version = record.version.ok_or_else(none)?;
            desk.store
                .version(&version)
                .await?
                .ok_or_else(none)?
                .definition
        }
    };
    Dag::new(definition).map_err(|error| {
        CliError::unreachable(format!(
            "the latest version of `{dag}` cannot be read: {error}"
        ))
    })
}

/// What a retry took, or would take: the same lines, whoever did it.
pub(super) fn show(acted: &Acted, surface: &Surface) -> Result<Exit, CliError> {
    let run = acted.run.as_deref().unwrap_or_default();
    let Some(taken) = &acted.definition else {
        return Err(CliError::unreachable(
            "the server says nothing of a definition",
        ));
    };
    if surface.format() != Format::Table {
        let shown = json!({
            "run": run, "from": taken.from, "to": taken.to, "added": taken.difference.added,
            "removed": taken.difference.removed, "changed": taken.difference.changed, "dag": taken.difference.dag,
            "tasks": acted.tasks, "existing": acted.existing, "notes": acted.notes, "dry_run": acted.dry_run,
        });
        document(surface.format(), &shown)?;
        return Ok(Exit::Success);
    }
    emit(&lines(&taken.difference))?;
    for note in &acted.notes {
        eprintln!("{}", printable(note));
    }
    let (from, to) = (short(&taken.from), short(&taken.to));
    if taken.from == taken.to {
        eprintln!("run {run} is pinned to the latest version, {to}");
    } else {
        eprintln!("from version {from} of run {run} to the latest, {to}");
    }
    let names = listed(&acted.tasks);
    match (acted.dry_run, acted.tasks.is_empty()) {
        (true, true) => eprintln!("nothing would begin"),
        (true, false) => eprintln!("would begin: {names}"),
        (false, true) => eprintln!("run {run} goes on: nothing is left to begin"),
        (false, false) => eprintln!("run {run} goes on: {names} begin"),
    }
    if !acted.dry_run {
        eprintln!("  follow it:  noctule follow {run}");
    }
    Ok(Exit::Success)
}

/// The first digits of a version, for people.
fn short(version: &str) -> String {
    printable(version).chars().take(12).collect()
}

fn lines(difference: &Difference) -> String {
    let mut lines = Vec::new();
    lines.extend(difference.added.iter().map(|task| format!("+ {task}")));
    lines.extend(difference.removed.iter().map(|task| format!("- {task}")));
    let changed = difference.changed.iter();
    lines.extend(changed.map(|it| format!("~ {}: {}", it.task, it.fields.join(", "))));
    if !difference.dag.is_empty() {
        lines.push(format!("~ the DAG itself: {}", difference.dag.join(", ")));
    }
    lines
        .iter()
        .map(|line| format!("{}\n", printable(line)))
        .collect()
}
