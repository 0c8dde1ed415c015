//! `retry --definition latest`: what lies between the version that a run is pinned to and today's. Touches nothing.

use noctule_core::dag::{Dag, Difference};
use noctule_core::run::Run;
use noctule_store::Store;
use serde_json::json;

use super::asking::{Desk, one_run};
use crate::args::{Format, RetryArgs};
use crate::console::emit;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{document, printable};
use crate::surface::Surface;

/// What a retry with the latest version would change, where it is only tried.
pub(super) async fn tried(args: &RetryArgs, surface: &Surface) -> Result<Exit, CliError> {
    if !args.dry_run || surface.globals.server.is_some() || args.many.dag.is_some() {
        let error = CliError::not_yet("a retry with --definition latest");
        return Err(error.help("with --dry-run the differences of a run are shown"));
    }
    let desk = Desk::open(surface).await?;
    let (run, dag) = desk.run(one_run(args.run.as_ref())?).await?;
    show(&desk.store, &run, &dag, surface).await
}

async fn show(store: &Store, run: &Run, pinned: &Dag, surface: &Surface) -> Result<Exit, CliError> {
    let later = latest(store, run).await?;
    let difference = Difference::between(pinned, &later);
    if surface.format() != Format::Table {
        let shown = json!({
            "run": run.facts.id, "from": pinned.hash(), "to": later.hash(), "added": difference.added,
            "removed": difference.removed, "changed": difference.changed, "dag": difference.dag, "dry_run": true,
        });
        document(surface.format(), &shown)?;
        return Ok(Exit::Success);
    }
    emit(&lines(&difference))?;
    let (from, to) = (pinned.hash().short(), later.hash().short());
    match difference.is_empty() {
        true => eprintln!("run {} is pinned to the latest version, {to}", run.facts.id),
        false => eprintln!(
            "from version {from} of run {} to the latest, {to}",
            run.facts.id
        ),
    }
    Ok(Exit::Success)
}

/// The version that new runs take.
async fn latest(store: &Store, run: &Run) -> Result<Dag, CliError> {
    let dag = &run.facts.dag;
    let none = || CliError::conflict(format!("`{dag}` has no version that runs could take today"));
    let record = store.dag_record(dag).await?;
    let record = record.filter(|record| !record.withdrawn).ok_or_else(none)?;
    let version = record.version.ok_or_else(none)?;
    let version = store.version(&version).await?.ok_or_else(none)?;
    Dag::new(version.definition).map_err(|error| {
        CliError::unreachable(format!(
            "the latest version of `{dag}` cannot be read: {error}"
        ))
    })
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
