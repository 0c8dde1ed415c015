//! `events`: the journal of a run, in order: what happened, not what was heard, which `replay` shows.

use noctule_core::name::RunId;
use noctule_core::run::{Fact, Record};
use noctule_core::view::{EventView, fact_in_words};
use noctule_store::Store;

use super::story::Story;
use crate::args::{EventsArgs, Format};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Grid, Tone, documents};
use crate::run_name::Several;
use crate::server::Server;
use crate::surface::Surface;
use crate::times::Zone;

/// How many records are read at a time.
const PAGE: u32 = 1_000;

/// Prints the journal.
pub(crate) async fn events(args: &EventsArgs, surface: &Surface) -> Result<Exit, CliError> {
    let (events, zone) = match Server::of(surface)? {
        Some(server) => {
            let run = server.find(&args.run, Several::Newest).await?;
            (server.events(&run).await?, Zone::here(surface))
        }
        None => of_store(args, surface).await?,
    };
    print(&events, zone, surface)
}

async fn of_store(
    args: &EventsArgs,
    surface: &Surface,
) -> Result<(Vec<EventView>, Zone), CliError> {
    let story = Story::find(surface, &args.run).await?;
    let records = journal(&story.store, &story.run.facts.id, 0).await?;
    // A change that is no news is kept for `replay`.
    let news = records
        .iter()
        .filter(|(_, record)| record.fact != Fact::Noted);
    let seen = |(seq, record): &(u64, Record)| EventView::of(&story.dag, &story.run, *seq, record);
    let events = news.map(seen).collect();
    Ok((events, Zone::of(Some(story.open.project()?))))
}

fn print(events: &[EventView], zone: Zone, surface: &Surface) -> Result<Exit, CliError> {
    if surface.format() != Format::Table {
        documents(surface.format(), events)?;
        return Ok(Exit::Success);
    }
    let mut grid = Grid::new(surface, &[&zone.heading("AT"), "TASK", "ATTEMPT", "WHAT"]);
    for event in events {
        let attempt = event.attempt.map(|number| number.to_string());
        grid.row([
            (zone.show(event.at), Tone::Dim),
            (event.task.clone().unwrap_or_default(), Tone::Plain),
            (attempt.unwrap_or_default(), Tone::Plain),
            (words(&event.fact, zone), Tone::Plain),
        ]);
    }
    grid.print()?;
    Ok(Exit::Success)
}

/// The journal of a run after a record.
pub(super) async fn journal(
    store: &Store,
    run: &RunId,
    after: u64,
) -> Result<Vec<(u64, Record)>, CliError> {
    let mut records: Vec<(u64, Record)> = Vec::new();
    loop {
        let last = records.last().map_or(after, |(seq, _)| *seq);
        let page = store.records(run, last, PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        records.extend(page);
        if is_last {
            return Ok(records);
        }
    }
}

pub(super) fn words(fact: &Fact, zone: Zone) -> String {
    fact_in_words(fact, &|at| zone.show(at))
}
