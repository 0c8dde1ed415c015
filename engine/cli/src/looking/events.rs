//! `events`: the journal of a run, in order: what happened, not what was heard, which `replay` shows.

use noctule_core::explain::handle_in_words;
use noctule_core::name::RunId;
use noctule_core::run::{Fact, Record};
use noctule_core::view::EventView;
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
    let because = |why: &Option<String>| {
        why.as_ref()
            .map_or_else(String::new, |why| format!(": {why}"))
    };
    match fact {
        Fact::RunCreated { trigger } => format!("run created ({})", trigger.word()),
        Fact::RunStarted { round } => format!("round {round} began"),
        Fact::RunStopping { stop } => match stop {
            noctule_core::run::StopWhy::Cancelled { by, reason } => {
                format!("cancelled by {}{}", by.name, because(reason))
            }
            noctule_core::run::StopWhy::Deadline => "the deadline of the run passed".to_owned(),
        },
        Fact::RunEnded { ending } => format!("run {}", ending.word()),
        Fact::RunRetried {
            by, reason, tasks, ..
        } => {
            format!("{} retried {tasks} tasks{}", by.name, because(reason))
        }
        Fact::TaskReset => "begins anew".to_owned(),
        Fact::TaskReady => "ready, waits for a slot".to_owned(),
        Fact::TaskMapped { items } => format!("its list has {items} items"),
        Fact::Clearing => "what it left behind is to be cleared away".to_owned(),
        Fact::Cleared => "cleared away".to_owned(),
        Fact::ClearTrouble { message, again_at } => {
            format!(
                "not cleared away: {message}; tried again at {}",
                zone.show(*again_at)
            )
        }
        Fact::TaskBackoff { until } => format!("next try at {}", zone.show(*until)),
        Fact::TaskEnded { verdict, why } => format!("{}{}", verdict.word(), because(why)),
        Fact::TaskMarked {
            verdict,
            by,
            reason,
        } => {
            format!(
                "marked {} by {}{}",
                verdict.word(),
                by.name,
                because(reason)
            )
        }
        Fact::Intended { key } => format!("attempt intended, key {key}"),
        Fact::LaunchTrouble { message, again_at } => {
            format!(
                "not started: {message}; sent again at {}",
                zone.show(*again_at)
            )
        }
        Fact::Searching { message, look_at } => {
            format!(
                "launch unknown: {message}; looked for at {}",
                zone.show(*look_at)
            )
        }
        Fact::Doubted => {
            "the store was set back: whatever was not sent then is looked for before it is sent"
                .to_owned()
        }
        Fact::SentAgain => "nothing was found: the same request is sent again".to_owned(),
        Fact::Launched { adopted, handle } => {
            let known = handle_in_words(handle);
            format!(
                "{}: {known}",
                if *adopted { "found again" } else { "launched" }
            )
        }
        Fact::Advanced { handle } => format!("came further: {}", handle_in_words(handle)),
        Fact::Started => "the work began".to_owned(),
        Fact::Stopping { stop } => {
            let text = serde_json::to_value(stop).ok();
            let why = text
                .as_ref()
                .and_then(|stop| stop.get("why"))
                .and_then(serde_json::Value::as_str);
            format!("asked to stop ({})", why.unwrap_or("stopped"))
        }
        Fact::AttemptEnded {
            state,
            class,
            message,
        } => {
            let class = class.map_or_else(String::new, |class| format!(" ({class})"));
            format!("attempt {state}{class}{}", because(message))
        }
        Fact::Alarm { message } => format!("ALARM: {message}"),
        Fact::AlarmOver => "the alarm is over".to_owned(),
        Fact::LateAnswer { what } => format!("late, without effect: {what}"),
        Fact::Noted => "noted".to_owned(),
    }
}
