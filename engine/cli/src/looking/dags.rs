//! `dags`: the DAGs of the project, with what the store knows of them.

use std::collections::BTreeMap;

use noctule_core::dag::Dag;
use noctule_core::view::{DagStanding, DagView};
use noctule_store::DagRecord;
use noctule_web::standing;

use crate::args::Format;
use crate::console::remark;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Grid, Tone, documents, printable};
use crate::project::OpenProject;
use crate::server::Server;
use crate::surface::Surface;
use crate::times::{self, Zone};

/// Prints the DAGs.
pub(crate) async fn dags(surface: &Surface) -> Result<Exit, CliError> {
    let (shown, zone) = match Server::of(surface)? {
        Some(server) => (server.dags().await?, Zone::here(surface)),
        None => of_project(surface).await?,
    };
    print(&shown, zone, surface)
}

async fn of_project(surface: &Surface) -> Result<(Vec<DagView>, Zone), CliError> {
    let open = OpenProject::read(surface, &[])?;
    let zone = Zone::of(Some(open.project()?));
    let records = match open.store(surface).await? {
        Some(store) => store.dag_records().await?,
        None => Vec::new(),
    };
    let shown = gather(&open, surface, records);
    let broken = open.loaded.diagnostics.errors().count() + open.unread.len();
    if broken > 0 {
        remark(
            surface,
            &format!("{broken} problems in the files: `noctule check` names them"),
        );
    }
    Ok((shown, zone))
}

fn print(shown: &[DagView], zone: Zone, surface: &Surface) -> Result<Exit, CliError> {
    if surface.format() != Format::Table {
        documents(surface.format(), shown)?;
        return Ok(Exit::Success);
    }
    let mut grid = Grid::new(
        surface,
        &[
            "DAG",
            "STATE",
            "TASKS",
            "SCHEDULE",
            &zone.heading("NEXT TICK"),
            "FILE",
        ],
    );
    for dag in shown {
        let schedule = dag.schedule.as_ref().map(|crons| crons.join(" | "));
        let events = dag.trigger.as_ref().map(|kind| format!("on {kind}"));
        let makes: Vec<String> = schedule.into_iter().chain(events).collect();
        let schedule = match makes.as_slice() {
            [] => "-".to_owned(),
            makes => makes.join(", "),
        };
        let tone = if dag.state == "active" {
            Tone::Plain
        } else {
            Tone::Odd
        };
        grid.row([
            (dag.dag.clone(), Tone::Plain),
            (dag.state.to_owned(), tone),
            (dag.tasks.to_string(), Tone::Plain),
            (schedule, Tone::Plain),
            (zone.maybe(dag.next), Tone::Plain),
            (dag.file.clone(), Tone::Dim),
        ]);
    }
    if !grid.is_empty() {
        grid.print()?;
    }
    for (dag, trouble) in shown
        .iter()
        .filter_map(|dag| Some((&dag.dag, dag.trouble.as_ref()?)))
    {
        let (what, since) = (&trouble.what, times::json(trouble.since));
        let message = format!("{dag}: its trigger is in trouble since {since}: {what}");
        remark(surface, &printable(&message));
    }
    for (dag, refused) in shown
        .iter()
        .filter_map(|dag| Some((&dag.dag, dag.refused_ticks.as_ref()?)))
    {
        let since = times::json(refused.since);
        let message = format!("{dag}: a tick has no run since {since}: {}", refused.what);
        remark(surface, &printable(&message));
    }
    Ok(Exit::Success)
}

fn gather(open: &OpenProject, surface: &Surface, records: Vec<DagRecord>) -> Vec<DagView> {
    let mut records: BTreeMap<String, DagRecord> = records
        .into_iter()
        .map(|record| (record.dag.to_string(), record))
        .collect();
    let mut shown = Vec::new();
    for loaded in &open.loaded.dags {
        let record = records.remove(loaded.definition.id.as_str());
        if let Ok(dag) = Dag::new(loaded.definition.clone()) {
            let known = record.map(standing).unwrap_or_default();
            // The file is there and good now, whatever an engine has read before.
            let now = DagStanding {
                file: loaded.file.clone(),
                error: None,
                withdrawn: false,
                ..known
            };
            shown.push(DagView::of(&dag, now, surface.now));
        }
    }
    shown.extend(records.into_values().map(without_file));
    shown.sort_by(|a, b| a.dag.cmp(&b.dag));
    shown
}

/// A DAG that the store knows and the files do not have now.
fn without_file(record: DagRecord) -> DagView {
    let version = record.version.as_ref().map(ToString::to_string);
    DagView::without_file(record.dag.to_string(), version, standing(record))
}
