//! Backfills and their plans as people see them.

use noctule_core::name::BackfillId;
use noctule_core::view::{BackfillView, NightsView};

use crate::args::Format;
use crate::console::emit;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Grid, Tone, document, documents, printable};
use crate::surface::Surface;
use crate::times::Zone;

pub(super) fn say_made(
    surface: &Surface,
    made: &NightsView,
    id: &BackfillId,
) -> Result<Exit, CliError> {
    if surface.format() != Format::Table {
        let made = NightsView {
            dry_run: false,
            ..made.clone()
        };
        document(surface.format(), &made)?;
        return Ok(Exit::Success);
    }
    emit(&format!("{id}\n"))?;
    eprintln!("  see how far it is:  noctule backfill show {id}");
    eprintln!("  stop it:            noctule backfill cancel {id}");
    Ok(Exit::Success)
}

fn progress(head: &BackfillView) -> String {
    let its = &head.progress;
    let over = its.succeeded + its.failed + its.left_alone;
    let mut text = format!("{over} of {} nights are over", its.nights);
    for (count, word) in [
        (its.running, "under way"),
        (its.failed, "failed"),
        (its.left_alone, "left alone"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    text
}

pub(super) fn say_head(surface: &Surface, head: &BackfillView) -> Result<Exit, CliError> {
    if surface.format() == Format::Table {
        eprintln!("backfill {} is {}: {}", head.id, head.state, progress(head));
    } else {
        document(surface.format(), head)?;
    }
    Ok(Exit::Success)
}

pub(super) fn list(
    surface: &Surface,
    heads: &[BackfillView],
    zone: Zone,
) -> Result<Exit, CliError> {
    if surface.format() != Format::Table {
        documents(surface.format(), heads)?;
        return Ok(Exit::Success);
    }
    let asked = zone.heading("ASKED");
    let mut grid = Grid::new(
        surface,
        &["BACKFILL", "DAG", "STATE", "PROGRESS", "BY", &asked],
    );
    for head in heads {
        grid.row([
            (head.id.clone(), Tone::Plain),
            (head.dag.clone(), Tone::Plain),
            (head.state.to_owned(), Tone::of_state(head.state)),
            (progress(head), Tone::Plain),
            (head.by.clone(), Tone::Plain),
            (zone.show(head.created_at), Tone::Plain),
        ]);
    }
    if !grid.is_empty() {
        grid.print()?;
    }
    Ok(Exit::Success)
}

pub(super) fn show(surface: &Surface, seen: &NightsView, zone: Zone) -> Result<Exit, CliError> {
    if surface.format() != Format::Table {
        document(surface.format(), seen)?;
        return Ok(Exit::Success);
    }
    let head = &seen.head;
    let (from, to) = (zone.say(head.from), zone.say(head.to));
    let mut text = format!(
        "backfill {} of {}: {}\n  {from} to {to}, only {}, at most {} at a time, asked for by {}\n  {}\n",
        head.id,
        head.dag,
        head.state,
        head.only.word(),
        head.max_parallel,
        printable(&head.by),
        progress(head),
    );
    if let Some(waits) = &head.waits {
        text.push_str(&format!("  the next night waits: {}\n", printable(waits)));
    }
    emit(&text)?;
    table(surface, seen, zone)
}

pub(super) fn show_plan(surface: &Surface, plan: &NightsView, zone: Zone) -> Result<(), CliError> {
    if surface.format() != Format::Table {
        return document(surface.format(), plan);
    }
    table(surface, plan, zone)?;
    announce(plan);
    Ok(())
}

fn table(surface: &Surface, seen: &NightsView, zone: Zone) -> Result<Exit, CliError> {
    let tick = zone.heading("TICK");
    let columns = [tick.as_str(), "INGESTION ID", "DO", "STATE", "RUN", "WHY"];
    let mut grid = Grid::new(surface, &columns);
    let none = || "-".to_owned();
    let mut rows: Vec<_> = seen
        .nights
        .iter()
        .map(|night| {
            let row = [
                (zone.show(night.tick), Tone::Plain),
                (night.ingestion_id.clone(), Tone::Plain),
                (night.errand.to_owned(), Tone::Plain),
                (night.state.to_owned(), Tone::of_state(night.state)),
                (night.run.clone().unwrap_or_else(none), Tone::Plain),
                (night.why.clone().unwrap_or_default(), Tone::Plain),
            ];
            (night.tick, row)
        })
        .collect();
    rows.extend(seen.left.iter().map(|left| {
        let row = [
            (zone.show(left.tick), Tone::Dim),
            (none(), Tone::Dim),
            ("leave".to_owned(), Tone::Dim),
            (none(), Tone::Dim),
            (left.run.clone().unwrap_or_else(none), Tone::Dim),
            (left.why.clone(), Tone::Dim),
        ];
        (left.tick, row)
    }));
    rows.sort_by_key(|(tick, _)| *tick);
    rows.into_iter().for_each(|(_, row)| grid.row(row));
    if !grid.is_empty() {
        grid.print()?;
    }
    Ok(Exit::Success)
}

pub(super) fn announce(plan: &NightsView) {
    let count = |errand: &str| plan.nights.iter().filter(|it| it.errand == errand).count();
    eprintln!(
        "{} nights: {} runs to make, {} to retry, {} to run again; {} ticks left alone",
        plan.nights.len(),
        count("make"),
        count("retry"),
        count("again"),
        plan.left.len()
    );
    if let (Some(first), Some(last)) = (plan.nights.first(), plan.nights.last()) {
        let (first, last) = (&first.ingestion_id, &last.ingestion_id);
        let most = plan.head.max_parallel;
        eprintln!("from {first} to {last}, at most {most} at a time, behind all other runs");
    }
}
