//! What was asked by whom.

use noctule_store::AuditId;
use noctule_web::AuditView;

use crate::args::{AuditArgs, Format};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Grid, Tone, documents};
use crate::project::OpenProject;
use crate::server::Server;
use crate::surface::Surface;

/// Prints audit events, newest first.
pub(crate) async fn audit(args: &AuditArgs, surface: &Surface) -> Result<Exit, CliError> {
    let events = match Server::of(surface)? {
        Some(server) => server.audit(args.before, args.limit).await?,
        None => {
            let open = OpenProject::read(surface, &[])?;
            open.project()?;
            match open.store(surface).await? {
                Some(store) => {
                    let before = args.before.map(AuditId);
                    let events = store.audit(before, args.limit).await?;
                    events.into_iter().map(AuditView::from).collect()
                }
                None => Vec::new(),
            }
        }
    };
    if surface.format() != Format::Table {
        documents(surface.format(), &events)?;
        return Ok(Exit::Success);
    }
    let columns = ["ID", "AT", "WHO", "VIA", "FROM", "DID", "ON", "OUTCOME"];
    let mut grid = Grid::new(surface, &columns);
    for event in &events {
        grid.row(row(event));
    }
    if !grid.is_empty() {
        grid.print()?;
    }
    Ok(Exit::Success)
}

fn row(event: &AuditView) -> [(String, Tone); 8] {
    let outcome = event.outcome.as_deref().unwrap_or("not known");
    let tone = match outcome {
        done if done.starts_with("done") => Tone::Good,
        "not known" => Tone::Odd,
        _ => Tone::Bad,
    };
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    [
        (event.id.to_string(), Tone::Dim),
        (event.at.clone(), Tone::Plain),
        (event.actor.clone(), Tone::Plain),
        (event.via.clone(), Tone::Plain),
        (or_dash(&event.from), Tone::Plain),
        (event.act.clone(), Tone::Plain),
        (or_dash(&event.on), Tone::Plain),
        (outcome.to_owned(), tone),
    ]
}
