//! `replay`: the decisions of a recorded run, made again from the store alone and compared with the record.
//!
//! Guarantees: nothing is started, changed or asked but the store; a run that moves while it is read is replayed as far as
//! it had come; the first difference is shown, with exit code 1.

use noctule_core::dag::Dag;
use noctule_core::name::RunId;
use noctule_core::replay::{Decided, Difference, fold_telling, versions};
use noctule_core::run::Run;
use noctule_store::{RunFilter, Store};
use serde::Serialize;

use super::events::journal;
use super::replayed::{Document, Sheet};
use super::story::{Story, pinned};
use crate::args::{Format, ReplayArgs};
use crate::console::emit;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Grid, Tone, document, documents, printable};
use crate::project::OpenProject;
use crate::surface::Surface;
use crate::times::Zone;

/// How many runs are read at a time.
const PAGE: u32 = 500;

/// A run that was heard once more.
struct Again {
    dag: Dag,
    /// As it is stored; a difference may make another of it.
    run: Run,
    events: Vec<Decided>,
    difference: Option<Difference>,
}

/// What became of it, as JSON has it.
#[derive(Serialize)]
struct Verdict<'a> {
    run: &'a str,
    dag: &'a str,
    /// None: there is nothing to compare with.
    identical: Option<bool>,
    events: usize,
    decisions: usize,
    difference: Option<String>,
}

/// One run, as `-o json` has it.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    verdict: Verdict<'a>,
    replayed: Vec<Document<'a>>,
}

/// Replays one run, or all of them.
pub(crate) async fn replay(args: &ReplayArgs, surface: &Surface) -> Result<Exit, CliError> {
    let Some(name) = &args.run else {
        return replay_all(args, surface).await;
    };
    let story = Story::find(surface, name).await?;
    let zone = Zone::of(story.open.project().ok());
    let again = Again::hear(&story.store, &story.run.facts.id).await?;
    if again.difference == Some(Difference::Earlier) {
        let id = &again.run.facts.id;
        return Err(
            CliError::conflict(format!("run {id}: {}", Difference::Earlier))
                .help(format!("`noctule events {id}` prints what it kept")),
        );
    }
    again.print(surface, zone)?;
    Ok(again.exit())
}

async fn replay_all(args: &ReplayArgs, surface: &Surface) -> Result<Exit, CliError> {
    let open = OpenProject::read(surface, &[])?;
    let dag = args.dag.as_ref().map(|dag| dag.parse()).transpose();
    let dag = dag.map_err(|_| {
        let dag = printable(args.dag.as_deref().unwrap_or_default());
        CliError::usage(format!("--dag: `{dag}` is no id of a DAG"))
    })?;
    let mut filter = RunFilter {
        dag,
        limit: PAGE,
        ..RunFilter::default()
    };
    let mut all = Vec::new();
    if let Some(store) = open.store(surface).await? {
        while let Some(page) = next_page(&store, &mut filter).await? {
            for run in page {
                all.push(hear_one(&store, &run).await?);
            }
        }
    }
    print_all(&all, surface)
}

/// The runs of the next page that are still there; none: that was the last one.
async fn next_page(store: &Store, filter: &mut RunFilter) -> Result<Option<Vec<Run>>, CliError> {
    let page = store.find_runs(filter).await?;
    let Some(last) = page.last() else {
        return Ok(None);
    };
    filter.before = Some(last.facts.id.clone());
    let mut runs = Vec::new();
    for found in &page {
        runs.extend(store.run(&found.facts.id).await?);
    }
    Ok(Some(runs))
}

async fn hear_one(store: &Store, run: &Run) -> Result<Summary, CliError> {
    Ok(Again::hear(store, &run.facts.id).await?.forgotten())
}

/// Every run, heard once more: it is identical, or of an earlier noctule (false), or there is a problem with it, which stops
/// no other.
pub(crate) async fn replayed_runs(store: &Store) -> Result<Vec<Result<bool, String>>, CliError> {
    let mut filter = RunFilter {
        limit: 1,
        ..RunFilter::default()
    };
    let mut verdicts = Vec::new();
    loop {
        let found = store.find_runs(&filter).await?;
        let Some(id) = found.last().map(|run| run.facts.id.clone()) else {
            return Ok(verdicts);
        };
        filter.before = Some(id.clone());
        verdicts.push(verdict_of(store, &id).await);
    }
}

async fn verdict_of(store: &Store, id: &RunId) -> Result<bool, String> {
    let problem = |error: CliError| format!("run {id}: {error}");
    let run = store.run(id).await.map_err(|error| problem(error.into()))?;
    let Some(run) = run else { return Ok(true) };
    let summary = hear_one(store, &run).await.map_err(problem)?;
    match &summary.difference {
        None => Ok(true),
        Some(Difference::Earlier) => Ok(false),
        Some(difference) => Err(format!("run {id}: {difference}")),
    }
}

fn print_all(all: &[Summary], surface: &Surface) -> Result<Exit, CliError> {
    let verdicts: Vec<Verdict<'_>> = all.iter().map(Summary::verdict).collect();
    if surface.format() == Format::Table {
        let mut grid = Grid::new(surface, &["RUN", "DAG", "REPLAY"]);
        for verdict in &verdicts {
            grid.row([
                (verdict.run.to_owned(), Tone::Plain),
                (verdict.dag.to_owned(), Tone::Plain),
                (verdict.words(), verdict.tone()),
            ]);
        }
        if !grid.is_empty() {
            grid.print()?;
        }
    } else {
        documents(surface.format(), &verdicts)?;
    }
    let different = |verdict: &Verdict<'_>| verdict.identical == Some(false);
    Ok(if verdicts.iter().any(different) {
        Exit::RunFailed
    } else {
        Exit::Success
    })
}

/// A run of many, without what it heard.
struct Summary {
    run: String,
    dag: String,
    events: usize,
    decisions: usize,
    difference: Option<Difference>,
}

impl Summary {
    fn verdict(&self) -> Verdict<'_> {
        let identical = match &self.difference {
            None => Some(true),
            Some(Difference::Earlier) => None,
            Some(_) => Some(false),
        };
        Verdict {
            run: &self.run,
            dag: &self.dag,
            identical,
            events: self.events,
            decisions: self.decisions,
            difference: self.difference.as_ref().map(ToString::to_string),
        }
    }
}

impl Verdict<'_> {
    fn words(&self) -> String {
        let (events, decisions) = (self.events, self.decisions);
        match (&self.difference, self.identical) {
            (None, _) => format!(
                "identical: {events} events, {decisions} decisions; the state is the stored one"
            ),
            (Some(difference), None) => difference.clone(),
            (Some(difference), Some(_)) => {
                format!("different after {events} events: {difference}")
            }
        }
    }

    fn tone(&self) -> Tone {
        match self.identical {
            Some(true) => Tone::Good,
            Some(false) => Tone::Bad,
            None => Tone::Dim,
        }
    }
}

impl Again {
    /// Reads the journal before the run and once more after it: a commit between the two looks is heard as well.
    async fn hear(store: &Store, id: &RunId) -> Result<Self, CliError> {
        let mut records = journal(store, id, 0).await?;
        let settled = records.last().map_or(0, |(seq, _)| *seq);
        let run = store.run(id).await?;
        let run =
            run.ok_or_else(|| CliError::not_found(format!("there is no run {id} any more")))?;
        records.extend(journal(store, id, settled).await?);
        let mut dags = Vec::new();
        for version in versions(&run.facts, &records) {
            dags.extend(
                store
                    .version(&version)
                    .await?
                    .and_then(|known| Dag::new(known.definition).ok()),
            );
        }
        let mut events = Vec::new();
        let tell = |event| events.push(event);
        let difference = fold_telling(&dags, &run, &records, settled, tell).err();
        Ok(Self {
            dag: pinned(store, &run).await?,
            run,
            events,
            difference,
        })
    }

    fn forgotten(self) -> Summary {
        Summary {
            run: self.run.facts.id.to_string(),
            dag: self.run.facts.dag.to_string(),
            events: self.events.len(),
            decisions: self.events.iter().map(|event| event.records.len()).sum(),
            difference: self.difference,
        }
    }

    fn exit(&self) -> Exit {
        match self.difference {
            None => Exit::Success,
            Some(_) => Exit::RunFailed,
        }
    }

    fn print(&self, surface: &Surface, zone: Zone) -> Result<(), CliError> {
        let summary = Summary {
            run: self.run.facts.id.to_string(),
            dag: self.run.facts.dag.to_string(),
            events: self.events.len(),
            decisions: self.events.iter().map(|event| event.records.len()).sum(),
            difference: self.difference.clone(),
        };
        let verdict = summary.verdict();
        let documents_of = || {
            self.events
                .iter()
                .map(|it| Document::of(&self.dag, &self.run, it))
        };
        match surface.format() {
            Format::Table => {
                let mut sheet = Sheet::new(surface, &self.dag, &self.run, zone);
                self.events.iter().for_each(|event| sheet.add(event));
                sheet.print()?;
                let words = printable(&verdict.words());
                emit(&(surface.data_style().paint(verdict.tone(), &words) + "\n"))
            }
            Format::Json => {
                let replayed = documents_of().collect();
                document(Format::Json, &Whole { verdict, replayed })
            }
            Format::Jsonl => {
                documents(Format::Jsonl, &documents_of().collect::<Vec<_>>())?;
                document(Format::Jsonl, &verdict)
            }
        }
    }
}
