//! `dags`: the DAGs of the project, with what the store knows of them.

use std::collections::BTreeMap;

use noctule_core::dag::Dag;
use noctule_store::DagRecord;
use serde::Serialize;

use crate::args::Format;
use crate::console::remark;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Grid, Tone, documents, printable};
use crate::project::OpenProject;
use crate::surface::Surface;
use crate::times::{self, Zone};

/// One DAG, as JSON has it.
#[derive(Serialize)]
struct Shown {
    dag: String,
    state: &'static str,
    file: String,
    description: Option<String>,
    owner: Option<String>,
    tags: Vec<String>,
    tasks: usize,
    version: Option<String>,
    schedule: Option<Vec<String>>,
    timezone: Option<String>,
    next: Option<String>,
    error: Option<String>,
    paused: Option<Paused>,
    /// What makes its runs besides the schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger: Option<String>,
    /// What keeps that from making runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<Troubled>,
}

/// Why a DAG is paused.
#[derive(Serialize)]
struct Paused {
    by: String,
    reason: Option<String>,
    since: String,
}

/// What keeps a trigger from making runs.
#[derive(Serialize)]
struct Troubled {
    what: String,
    since: String,
}

/// Prints the DAGs.
pub(crate) async fn dags(surface: &Surface) -> Result<Exit, CliError> {
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
    if surface.format() != Format::Table {
        documents(surface.format(), &shown)?;
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
    for dag in &shown {
        let next = dag.next.as_ref().and_then(|next| next.parse().ok());
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
            (zone.maybe(next), Tone::Plain),
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
        let Troubled { what, since } = trouble;
        let message = format!("{dag}: its trigger is in trouble since {since}: {what}");
        remark(surface, &printable(&message));
    }
    Ok(Exit::Success)
}

fn gather(open: &OpenProject, surface: &Surface, records: Vec<DagRecord>) -> Vec<Shown> {
    let mut records: BTreeMap<String, DagRecord> = records
        .into_iter()
        .map(|record| (record.dag.to_string(), record))
        .collect();
    let mut shown = Vec::new();
    for loaded in &open.loaded.dags {
        let record = records.remove(loaded.definition.id.as_str());
        if let Ok(dag) = Dag::new(loaded.definition.clone()) {
            shown.push(of_file(&dag, &loaded.file, record, surface));
        }
    }
    shown.extend(records.into_values().map(without_file));
    shown.sort_by(|a, b| a.dag.cmp(&b.dag));
    shown
}

fn of_file(dag: &Dag, file: &str, record: Option<DagRecord>, surface: &Surface) -> Shown {
    let definition = dag.definition();
    let rule = definition.schedule.as_ref();
    let (pause, trouble) = record.map_or((None, None), |record| (record.pause, record.trouble));
    let enabled = rule.is_some_and(|rule| rule.enabled);
    let next = dag
        .schedule()
        .filter(|_| enabled && pause.is_none())
        .and_then(|schedule| schedule.next_after(surface.now));
    let state = match (&pause, rule) {
        (Some(_), _) => "paused",
        (None, Some(rule)) if !rule.enabled => "disabled",
        _ => "active",
    };
    Shown {
        dag: definition.id.to_string(),
        state,
        file: file.to_owned(),
        description: definition.description.clone(),
        owner: definition.owner.clone(),
        tags: definition.tags.clone(),
        tasks: definition.tasks.len(),
        version: Some(dag.hash().to_string()),
        schedule: rule.map(|rule| rule.cron.clone()),
        timezone: rule.map(|rule| rule.timezone.clone()),
        next: next.map(times::json),
        error: None,
        paused: pause.map(paused),
        trigger: definition
            .trigger
            .as_ref()
            .map(|trigger| trigger.kind.clone()),
        trouble: trouble.map(|trouble| Troubled {
            what: trouble.what,
            since: times::json(trouble.since),
        }),
    }
}

/// A DAG that the store knows and the files do not have now.
fn without_file(record: DagRecord) -> Shown {
    let state = if record.withdrawn {
        "withdrawn"
    } else {
        "broken"
    };
    Shown {
        dag: record.dag.to_string(),
        state,
        file: record.file,
        description: None,
        owner: None,
        tags: Vec::new(),
        tasks: 0,
        version: record.version.map(|version| version.to_string()),
        schedule: None,
        timezone: None,
        next: None,
        error: record.error,
        paused: record.pause.map(paused),
        trigger: None,
        trouble: None,
    }
}

fn paused(pause: noctule_store::Pause) -> Paused {
    Paused {
        by: pause.by.name,
        reason: pause.why,
        since: times::json(pause.since),
    }
}
