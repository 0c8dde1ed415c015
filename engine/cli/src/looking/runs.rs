//! `runs`: a list of runs, newest first.

use noctule_core::name::DagId;
use noctule_core::view::RunHead;
use noctule_store::RunFilter;

use crate::args::{Format, RunsArgs};
use crate::console::remark;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Grid, Tone, documents, printable};
use crate::project::OpenProject;
use crate::surface::Surface;
use crate::times::{self, Zone, span};

/// Prints the runs that fit.
pub(crate) async fn runs(args: &RunsArgs, surface: &Surface) -> Result<Exit, CliError> {
    let open = OpenProject::read(surface, &[])?;
    let zone = Zone::of(Some(open.project()?));
    let filter = filter(args, surface, &open, zone)?;
    let found = match open.store(surface).await? {
        Some(store) => store.find_runs(&filter).await?,
        None => {
            remark(
                surface,
                "nothing has been run in this project under this profile yet",
            );
            Vec::new()
        }
    };
    let heads: Vec<RunHead> = found
        .iter()
        .map(|run| RunHead::of(&run.facts, run.round, &run.phase))
        .collect();
    if surface.format() != Format::Table {
        documents(surface.format(), &heads)?;
        return Ok(Exit::Success);
    }
    let began = zone.heading("BEGAN");
    let mut grid = Grid::new(
        surface,
        &[
            "RUN",
            "DAG",
            "STATE",
            "INGESTION ID",
            "TRIGGER",
            &began,
            "TOOK",
        ],
    );
    for head in &heads {
        grid.row(row(head, zone, surface));
    }
    if !grid.is_empty() {
        grid.print()?;
    }
    Ok(Exit::Success)
}

fn filter(
    args: &RunsArgs,
    surface: &Surface,
    open: &OpenProject,
    zone: Zone,
) -> Result<RunFilter, CliError> {
    let dag: Option<DagId> = args
        .dag
        .as_ref()
        .map(|dag| dag.parse())
        .transpose()
        .map_err(|_| {
            let dag = printable(args.dag.as_deref().unwrap_or_default());
            CliError::usage(format!("--dag: `{dag}` is no id of a DAG"))
        })?;
    let own = dag.as_ref().and_then(|dag| open.loaded_dag(dag.as_str()));
    let zone = own.map_or(zone, |dag| Zone::of_dag(&dag.definition));
    let since = args
        .since
        .as_ref()
        .map(|text| times::read("--since", text, zone, surface))
        .transpose()?;
    if let Some(since) = since {
        remark(surface, &format!("--since is {}", times::json(since)));
    }
    Ok(RunFilter {
        dag,
        state: args.state.clone(),
        since,
        limit: args.limit,
        ..RunFilter::default()
    })
}

fn row(head: &RunHead, zone: Zone, surface: &Surface) -> [(String, Tone); 7] {
    let end = head.ended_at.unwrap_or(surface.now);
    let took = head
        .started_at
        .map_or_else(|| "-".to_owned(), |from| span(end - from));
    let state = match head.stopping {
        Some(why) => format!("{} (stopping: {why})", head.state),
        None => head.state.to_owned(),
    };
    [
        (head.id.clone(), Tone::Plain),
        (head.dag.clone(), Tone::Plain),
        (state, Tone::of_state(head.state)),
        (head.ingestion_id.clone(), Tone::Plain),
        (head.trigger.to_owned(), Tone::Plain),
        (zone.maybe(head.started_at), Tone::Plain),
        (took, Tone::Plain),
    ]
}
