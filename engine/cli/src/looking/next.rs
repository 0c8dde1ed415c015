//! `next`: coming ticks with their local times, ingestion ids, and what is worth knowing about them.

use chrono::{DateTime, Utc};
use noctule_core::dag::Dag;
use noctule_core::ticks::Schedule;
use noctule_core::view::TickView;

use crate::args::{Format, NextArgs};
use crate::console::remark;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Grid, Tone, documents};
use crate::project::Chosen;
use crate::surface::Surface;
use crate::times::{self, Zone};

/// How many ticks are printed where nothing limits them.
const DEFAULT: usize = 10;
const MOST: usize = 10_000;

/// Prints the ticks strictly after `--from`.
pub(crate) fn next(args: &NextArgs, surface: &Surface) -> Result<Exit, CliError> {
    let chosen = Chosen::find(surface, &args.dag, &[])?;
    let definition = chosen.dag.definition();
    let zone = Zone::of_dag(definition);
    let read = |flag: &str, text: &Option<String>| {
        text.as_ref()
            .map(|text| times::read(flag, text, zone, surface))
            .transpose()
    };
    let (from, to) = (read("--from", &args.from)?, read("--to", &args.to)?);
    echo(surface, from, to);
    let Some(schedule) = chosen.dag.schedule() else {
        remark(
            surface,
            &format!(
                "`{}` has no [schedule]: it runs when somebody asks",
                definition.id
            ),
        );
        return print(surface, zone, &[]);
    };
    let from = from.unwrap_or(surface.now);
    let default = if to.is_some() { MOST } else { DEFAULT };
    let count = args
        .count
        .map_or(default, |count| usize::try_from(count).unwrap_or(MOST));
    let ticks: Vec<DateTime<Utc>> = match to {
        Some(to) => schedule.ticks_between(from, to).take(count).collect(),
        None => schedule.ticks_after(from).take(count).collect(),
    };
    let shown: Vec<TickView> = ticks
        .iter()
        .map(|at| TickView::of(&chosen.dag, schedule, *at, zone.0))
        .collect();
    tell_what_is_missing(
        surface,
        &chosen.dag,
        schedule,
        from,
        to.or(ticks.last().copied()),
    );
    print(surface, zone, &shown)
}

fn echo(surface: &Surface, from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) {
    let said = [("--from", from), ("--to", to)]
        .into_iter()
        .filter_map(|(flag, at)| Some((flag, at?)));
    for (flag, at) in said {
        remark(surface, &format!("{flag} is {}", times::json(at)));
    }
}

/// Ticks that a gap swallows are in no list; so they are told beside it.
fn tell_what_is_missing(
    surface: &Surface,
    dag: &Dag,
    schedule: &Schedule,
    from: DateTime<Utc>,
    to: Option<DateTime<Utc>>,
) {
    let rule = dag.definition().schedule.as_ref();
    if rule.is_some_and(|rule| !rule.enabled) {
        remark(
            surface,
            "`schedule.enabled` is false: none of these ticks becomes a run",
        );
    }
    let Some(to) = to else {
        remark(surface, "the schedule has no tick in that time");
        return;
    };
    for loss in schedule.losses_between(from, to) {
        remark(surface, &loss.to_string());
    }
}

fn print(surface: &Surface, zone: Zone, ticks: &[TickView]) -> Result<Exit, CliError> {
    if surface.format() != Format::Table {
        documents(surface.format(), ticks)?;
        return Ok(Exit::Success);
    }
    let mut grid = Grid::new(
        surface,
        &[&zone.heading("LOCAL"), "UTC", "INGESTION ID", "REMARK"],
    );
    for tick in ticks {
        let local = tick.local.parse::<DateTime<chrono::FixedOffset>>().ok();
        let local = local.map_or_else(
            || tick.local.clone(),
            |at| at.format("%a %Y-%m-%d %H:%M %:z").to_string(),
        );
        let utc = tick.utc.format("%Y-%m-%d %H:%M").to_string();
        grid.row([
            (local, Tone::Plain),
            (utc, Tone::Dim),
            (
                tick.ingestion_id.clone().unwrap_or_else(|| "-".to_owned()),
                Tone::Plain,
            ),
            (tick.remark.clone().unwrap_or_default(), Tone::Odd),
        ]);
    }
    if !grid.is_empty() {
        grid.print()?;
    }
    Ok(Exit::Success)
}
