//! What a sweep prints.

use noctule_core::explain::handle_in_words;
use noctule_core::sweep::Standing;
use serde::Serialize;
use serde_json::Value;

use super::Judged;
use super::finding::RecordRow;
use crate::args::Format;
use crate::error::CliError;
use crate::output::{Grid, Tone, documents};
use crate::project::OpenProject;
use crate::surface::Surface;
use crate::times::{self, Zone};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    /// Nothing.
    None,
    /// It was asked to stop, and has ended.
    Stopped,
    /// It was asked to stop, and has not ended yet.
    Stopping,
    /// It could not be asked.
    Failed,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Self::None => "-",
            Self::Stopped => "stopped",
            Self::Stopping => "stopping",
            Self::Failed => "failed",
        }
    }
}

#[derive(Serialize)]
struct Row<'a> {
    executor: &'a str,
    connection: Option<&'a str>,
    handle: &'a Value,
    key: &'a str,
    since: Option<String>,
    standing: Standing,
    record: Option<&'a RecordRow>,
    action: Action,
}

impl<'a> Row<'a> {
    fn of(one: &'a Judged) -> Self {
        let work = &one.work;
        Self {
            executor: &work.kind,
            connection: work.connection.as_deref(),
            handle: &work.public,
            key: work.owned.key.as_str(),
            since: work.owned.since.map(times::json),
            standing: one.standing,
            record: work.record.as_ref().map(|record| &record.row),
            action: one.action,
        }
    }
}

/// Prints the work.
pub(super) fn print(
    surface: &Surface,
    open: &OpenProject,
    judged: &[Judged],
) -> Result<(), CliError> {
    if surface.format() != Format::Table {
        let rows: Vec<Row<'_>> = judged.iter().map(Row::of).collect();
        return documents(surface.format(), &rows);
    }
    let zone = Zone::of(Some(open.project()?));
    let since = zone.heading("SINCE");
    let mut grid = Grid::new(
        surface,
        &[
            "STANDING", "EXECUTOR", &since, "RECORD", "DONE", "KEY", "WORK",
        ],
    );
    for one in judged {
        grid.row(cells(one, zone));
    }
    if grid.is_empty() {
        return Ok(());
    }
    grid.print()
}

fn cells(one: &Judged, zone: Zone) -> [(String, Tone); 7] {
    let tone = match one.standing {
        Standing::Double | Standing::Unwatched => Tone::Bad,
        Standing::Unrecorded => Tone::Odd,
        _ => Tone::Plain,
    };
    let record = one.work.record.as_ref().map_or_else(
        || "-".to_owned(),
        |record| {
            let row = &record.row;
            let key = row
                .map_key
                .as_ref()
                .map_or_else(String::new, |key| format!("[{key}]"));
            format!(
                "{} {}{key} #{} {}",
                row.run, row.task, row.attempt, row.state
            )
        },
    );
    [
        (one.standing.word().to_owned(), tone),
        (one.work.kind.clone(), Tone::Plain),
        (zone.maybe(one.work.owned.since), Tone::Plain),
        (record, Tone::Plain),
        (one.action.word().to_owned(), Tone::Plain),
        (one.work.owned.key.to_string(), Tone::Dim),
        (handle_in_words(&one.work.public), Tone::Plain),
    ]
}
