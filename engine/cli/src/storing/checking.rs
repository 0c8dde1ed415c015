//! Whether a store is well: its pages, its documents, its journals. Reads, and changes nothing.

use noctule_store::Store;
use serde::Serialize;

use super::existing;
use crate::args::Format;
use crate::console::emit;
use crate::error::CliError;
use crate::exit::Exit;
use crate::looking::replayed_runs;
use crate::output::{document, printable};
use crate::project::OpenProject;
use crate::surface::Surface;

/// What was found.
#[derive(Serialize)]
struct Checked {
    store: String,
    id: String,
    runs: usize,
    /// Journals that make the stored state again.
    identical: usize,
    /// Journals of an earlier noctule, which cannot be made again.
    earlier: usize,
    /// What is not as it should be.
    problems: Vec<String>,
}

/// Checks everything.
pub(super) async fn check(open: &OpenProject, surface: &Surface) -> Result<Exit, CliError> {
    let store = existing(open, surface).await?;
    let mut checked = Checked {
        store: store.place(),
        id: store.id().to_string(),
        runs: 0,
        identical: 0,
        earlier: 0,
        problems: Vec::new(),
    };
    if let Err(error) = store.check().await {
        checked.problems.push(error.to_string());
    }
    for verdict in replayed_runs(&store).await? {
        checked.runs += 1;
        match verdict {
            Ok(true) => checked.identical += 1,
            Ok(false) => checked.earlier += 1,
            Err(problem) => checked.problems.push(problem),
        }
    }
    print(surface, &checked)
}

fn print(surface: &Surface, checked: &Checked) -> Result<Exit, CliError> {
    if surface.format() == Format::Table {
        let Checked {
            store,
            id,
            runs,
            identical,
            earlier,
            problems,
        } = checked;
        emit(&format!("{store}, store {id}\n"))?;
        emit(&format!(
            "{runs} runs read; {identical} journals make the stored state again, {earlier} are of an earlier noctule\n"
        ))?;
        for problem in problems {
            emit(&format!("problem: {}\n", printable(problem)))?;
        }
    } else {
        document(surface.format(), checked)?;
    }
    Ok(if checked.problems.is_empty() {
        Exit::Success
    } else {
        Exit::RunFailed
    })
}

/// Opening is what brings a store forward; this says so.
pub(super) async fn migrate(open: &OpenProject, surface: &Surface) -> Result<Exit, CliError> {
    let store: Store = existing(open, surface).await?;
    eprintln!("{} has the schema of this noctule", store.place());
    Ok(Exit::Success)
}
