//! `runs`: a list of runs, newest first.

use chrono::{DateTime, Utc};
use noctule_core::name::DagId;
use noctule_core::view::RunHead;
use noctule_store::RunFilter;

use crate::args::{Format, RunsArgs};
use crate::console::remark;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Grid, Tone, documents, printable};
use crate::project::OpenProject;
use crate::server::Server;
use crate::surface::Surface;
use crate::times::{self, Zone, span};

/// Prints the runs that fit.
pub(crate) async fn runs(args: &RunsArgs, surface: &Surface) -> Result<Exit, CliError> {
    let (heads, zone) = match Server::of(surface)? {
        Some(server) => of_server(&server, args, surface).await?,
        None => of_store(args, surface).await?,
    };
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

async fn of_store(args: &RunsArgs, surface: &Surface) -> Result<(Vec<RunHead>, Zone), CliError> {
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
    let head = |run: &noctule_store::RunSummary| RunHead::of(&run.facts, run.round, &run.phase);
    Ok((found.iter().map(head).collect(), zone))
}

async fn of_server(
    server: &Server,
    args: &RunsArgs,
    surface: &Surface,
) -> Result<(Vec<RunHead>, Zone), CliError> {
    let zone = Zone::here(surface);
    let mut filter = Vec::new();
    if let Some(dag) = dag(args)? {
        filter.push(("dag", dag.to_string()));
    }
    filter.extend(args.state.clone().map(|state| ("state", state)));
    if let Some(since) = since(args, zone, surface)? {
        filter.push(("since", times::json(since)));
    }
    Ok((server.runs(&filter, args.limit).await?, zone))
}

fn dag(args: &RunsArgs) -> Result<Option<DagId>, CliError> {
    let dag = args.dag.as_ref().map(|dag| dag.parse()).transpose();
    dag.map_err(|_| {
        let dag = printable(args.dag.as_deref().unwrap_or_default());
        CliError::usage(format!("--dag: `{dag}` is no id of a DAG"))
    })
}

fn since(
    args: &RunsArgs,
    zone: Zone,
    surface: &Surface,
) -> Result<Option<DateTime<Utc>>, CliError> {
    let Some(text) = &args.since else {
        return Ok(None);
    };
    let since = times::read("--since", text, zone, surface)?;
    remark(surface, &format!("--since is {}", times::json(since)));
    Ok(Some(since))
}

fn filter(
    args: &RunsArgs,
    surface: &Surface,
    open: &OpenProject,
    zone: Zone,
) -> Result<RunFilter, CliError> {
    let dag = dag(args)?;
    let own = dag.as_ref().and_then(|dag| open.loaded_dag(dag.as_str()));
    let zone = own.map_or(zone, |dag| Zone::of_dag(&dag.definition));
    let since = since(args, zone, surface)?;
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
