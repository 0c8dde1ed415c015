//! `tonight`: what is late, what failed, what wants a person, what runs, what comes; and an exit code that says whether
//! somebody should look.

use noctule_core::view::{NeedView, RunHead, TonightView};

use super::source::Source;
use crate::args::{Format, TonightArgs};
use crate::console::emit;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Grid, Tone, document, printable};
use crate::surface::Surface;
use crate::times::{Zone, span};

/// Prints the night.
pub(crate) async fn tonight(args: &TonightArgs, surface: &Surface) -> Result<Exit, CliError> {
    let (source, zone) = Source::of(surface).await?;
    let night = source.tonight(surface.now).await?;
    if args.quiet {
        return Ok(exit(&night));
    }
    if surface.format() != Format::Table {
        document(surface.format(), &night)?;
    } else if args.short {
        emit(&format!("{}\n", short(&night)))?;
    } else {
        print(&night, zone, surface)?;
    }
    Ok(exit(&night))
}

fn exit(night: &TonightView) -> Exit {
    if night.well {
        Exit::Success
    } else {
        Exit::RunFailed
    }
}

/// The night in one line.
pub(super) fn short(night: &TonightView) -> String {
    let counts = [
        (night.counts.failed, "failed"),
        (night.counts.late + night.counts.overdue, "late"),
        (night.counts.needs_person, "want a person"),
        (night.counts.running, "under way"),
    ];
    let said: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if said.is_empty() {
        return "all well".to_owned();
    }
    said.join(", ")
}

fn print(night: &TonightView, zone: Zone, surface: &Surface) -> Result<(), CliError> {
    let style = surface.data_style();
    let tone = if night.well { Tone::Good } else { Tone::Bad };
    let engine = match &night.engine {
        Some(engine) => printable(engine),
        None => "no engine runs".to_owned(),
    };
    let mut text = format!(
        "{}  {}\n",
        style.paint(tone, &short(night)),
        style.dim(&engine)
    );
    let mut part = |heading: &str, tone: Tone, all: usize, grid: Grid, listed: usize| {
        if listed > 0 {
            text.push_str(&format!(
                "\n{}\n{}",
                style.paint(tone, heading),
                grid.text()
            ));
        }
        if all > listed {
            text.push_str(&format!("and {} more\n", all - listed));
        }
    };
    let counts = night.counts;
    let (grid, listed) = failed(&night.failed, zone, surface);
    part("failed", Tone::Bad, counts.failed, grid, listed);
    let (grid, listed) = late(night, zone, surface);
    let all = counts.late + counts.overdue;
    part("late", Tone::Odd, all, grid, listed);
    let (grid, listed) = needs(&night.needs_person, zone, surface);
    part(
        "wants a person",
        Tone::Bad,
        counts.needs_person,
        grid,
        listed,
    );
    let (grid, listed) = running(night, zone, surface);
    part("under way", Tone::Live, counts.running, grid, listed);
    let (grid, listed) = due(night, zone, surface);
    part("to end by", Tone::Dim, counts.due, grid, listed);
    let (grid, listed) = next(night, zone, surface);
    part("next", Tone::Dim, listed, grid, listed);
    if night.cut {
        text.push_str("\nmore runs than were read: the newest are shown\n");
    }
    emit(&text)
}

fn failed(runs: &[RunHead], zone: Zone, surface: &Surface) -> (Grid, usize) {
    let ended = zone.heading("ENDED");
    let mut grid = Grid::new(surface, &["DAG", "INGESTION ID", "STATE", &ended, "RUN"]);
    for run in runs {
        grid.row([
            (run.dag.clone(), Tone::Plain),
            (run.ingestion_id.clone(), Tone::Plain),
            (run.state.to_owned(), Tone::of_state(run.state)),
            (zone.maybe(run.ended_at), Tone::Plain),
            (run.id.clone(), Tone::Dim),
        ]);
    }
    (grid, runs.len())
}

/// Ticks that nobody decided about, and runs that are past the time by which they were to end.
fn late(night: &TonightView, zone: Zone, surface: &Surface) -> (Grid, usize) {
    let due = zone.heading("DUE");
    let mut grid = Grid::new(
        surface,
        &["DAG", "INGESTION ID", &due, "PAST", "WHAT", "RUN"],
    );
    let dash = || "-".to_owned();
    for tick in &night.late {
        grid.row([
            (tick.dag.clone(), Tone::Plain),
            (dash(), Tone::Plain),
            (zone.show(tick.due), Tone::Odd),
            (span(night.at - tick.due), Tone::Odd),
            ("its tick has passed".to_owned(), Tone::Plain),
            (dash(), Tone::Dim),
        ]);
    }
    let overdue = night.due.iter().filter(|due| due.past_seconds.is_some());
    let mut listed = night.late.len();
    for run in overdue {
        grid.row([
            (run.dag.clone(), Tone::Plain),
            (run.ingestion_id.clone(), Tone::Plain),
            (zone.show(run.by), Tone::Odd),
            (span(night.at - run.by), Tone::Odd),
            (format!("was to end, is {}", run.state), Tone::Plain),
            (run.run.clone(), Tone::Dim),
        ]);
        listed += 1;
    }
    (grid, listed)
}

/// Runs that have the time by which they are to end ahead.
fn due(night: &TonightView, zone: Zone, surface: &Surface) -> (Grid, usize) {
    let by = zone.heading("BY");
    let mut grid = Grid::new(surface, &["DAG", "INGESTION ID", &by, "IN", "STATE", "RUN"]);
    let ahead = night.due.iter().filter(|due| due.past_seconds.is_none());
    let mut listed = 0;
    for run in ahead {
        grid.row([
            (run.dag.clone(), Tone::Plain),
            (run.ingestion_id.clone(), Tone::Plain),
            (zone.show(run.by), Tone::Plain),
            (span(run.by - night.at), Tone::Plain),
            (run.state.to_owned(), Tone::of_state(run.state)),
            (run.run.clone(), Tone::Dim),
        ]);
        listed += 1;
    }
    (grid, listed)
}

fn needs(needs: &[NeedView], zone: Zone, surface: &Surface) -> (Grid, usize) {
    let since = zone.heading("SINCE");
    let mut grid = Grid::new(surface, &["DAG", "TASK", "WHY", &since, "WHAT", "RUN"]);
    for need in needs {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        grid.row([
            (need.dag.clone(), Tone::Plain),
            (or_dash(&need.task), Tone::Plain),
            (need.why.to_owned(), Tone::Bad),
            (zone.maybe(need.since), Tone::Plain),
            (need.text.clone(), Tone::Plain),
            (or_dash(&need.run), Tone::Dim),
        ]);
    }
    (grid, needs.len())
}

fn running(night: &TonightView, zone: Zone, surface: &Surface) -> (Grid, usize) {
    let began = zone.heading("BEGAN");
    let mut grid = Grid::new(
        surface,
        &["DAG", "INGESTION ID", "STATE", &began, "TOOK", "RUN"],
    );
    for run in &night.running {
        let took = run.started_at.map(|from| span(night.at - from));
        grid.row([
            (run.dag.clone(), Tone::Plain),
            (run.ingestion_id.clone(), Tone::Plain),
            (run.state.to_owned(), Tone::of_state(run.state)),
            (zone.maybe(run.started_at), Tone::Plain),
            (took.unwrap_or_else(|| "-".to_owned()), Tone::Plain),
            (run.id.clone(), Tone::Dim),
        ]);
    }
    (grid, night.running.len())
}

fn next(night: &TonightView, zone: Zone, surface: &Surface) -> (Grid, usize) {
    let when = zone.heading("WHEN");
    let mut grid = Grid::new(surface, &[&when, "DAG", "INGESTION ID", "REMARK"]);
    for coming in &night.next {
        let tick = &coming.tick;
        grid.row([
            (zone.show(tick.utc), Tone::Plain),
            (coming.dag.clone(), Tone::Plain),
            (
                tick.ingestion_id.clone().unwrap_or_else(|| "-".to_owned()),
                Tone::Plain,
            ),
            (tick.remark.clone().unwrap_or_default(), Tone::Dim),
        ]);
    }
    (grid, night.next.len())
}
