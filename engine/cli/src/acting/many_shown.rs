//! An act over many runs as people see it: what would be done, whether they want it, and what became of it.

use std::io::{IsTerminal, Write};

use noctule_core::view::{ManyOutcome, ManyRun, ManyView};

use crate::args::Format;
use crate::error::CliError;
use crate::output::{Grid, Tone, document, printable};
use crate::surface::Surface;

/// Runs that are listed before they are asked for.
const LISTED: usize = 20;

/// Whether a person says so; whoever cannot be asked has said so by the command.
pub(super) fn confirmed(surface: &Surface, yes: bool, question: &str) -> Result<(), CliError> {
    if yes || !surface.stderr_is_terminal || !std::io::stdin().is_terminal() {
        return Ok(());
    }
    eprint!("{question} [y/N] ");
    let mut said = String::new();
    // A prompt that cannot be shown or answered is no yes.
    let heard = std::io::stderr().flush().is_ok() && std::io::stdin().read_line(&mut said).is_ok();
    if heard && matches!(said.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(CliError::usage("nothing was done").help("answer y, or say --yes"))
}

fn said(run: &ManyRun) -> String {
    match &run.why {
        Some(why) => why.clone(),
        None => super::asking::listed(&run.tasks),
    }
}

pub(super) fn print(surface: &Surface, plan: &ManyView) -> Result<(), CliError> {
    if surface.format() != Format::Table {
        return document(surface.format(), plan);
    }
    let mut grid = Grid::new(
        surface,
        &["RUN", "INGESTION ID", "STATE", "WOULD", "TASKS, OR WHY NOT"],
    );
    for run in &plan.runs {
        let (word, tone) = match run.outcome {
            ManyOutcome::Planned => ("touch", Tone::Plain),
            _ => ("leave", Tone::Dim),
        };
        grid.row([
            (run.run.clone(), Tone::Plain),
            (run.ingestion_id.clone(), Tone::Plain),
            (run.state.to_owned(), Tone::of_state(run.state)),
            (word.to_owned(), tone),
            (said(run), tone),
        ]);
    }
    grid.print()?;
    announce(plan);
    Ok(())
}

/// What would be done, before it is.
pub(super) fn announce(plan: &ManyView) {
    let planned = plan.count(ManyOutcome::Planned);
    let left = plan.count(ManyOutcome::LeftAlone);
    eprintln!("{planned} of {} runs; {left} left alone", plan.runs.len());
    let touched = plan
        .runs
        .iter()
        .filter(|run| run.outcome == ManyOutcome::Planned);
    for run in touched
        .take(LISTED)
        .filter(|_| !plan.dry_run || planned <= LISTED)
    {
        let (id, bsda) = (&run.run, &run.ingestion_id);
        eprintln!("  {id}  {bsda}  {}: {}", run.state, printable(&said(run)));
    }
}

/// What became of it.
pub(super) fn tell(done: &ManyView) {
    for run in done
        .runs
        .iter()
        .filter(|run| run.outcome == ManyOutcome::Refused)
    {
        eprintln!("run {} was refused: {}", run.run, printable(&said(run)));
    }
    eprintln!(
        "{} done, {} refused, {} left alone",
        done.count(ManyOutcome::Done),
        done.count(ManyOutcome::Refused),
        done.count(ManyOutcome::LeftAlone)
    );
}
