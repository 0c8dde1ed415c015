//! One frame of `top`: what is drawn of a moment, on a screen of some size or on none.
//!
//! Guarantees: the same moment, time and size give the same frame; on a screen it has no more lines than the screen, and
//! what wants a person goes before what does not.

use chrono::{DateTime, Utc};
use noctule_core::explain::Gate;
use noctule_core::view::{RoomView, TonightView, WorkItem};

use super::line::Line;
use super::source::Moment;
use super::tonight::short;
use crate::output::Tone;
use crate::times::{Zone, span};

/// Lines of coming ticks.
const NEXT: usize = 6;
/// Below so many columns the ingestion ids give way.
const NARROW: usize = 90;
/// The widest columns of names.
const NAME: usize = 28;

/// A screen; none: everything is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// What is drawn.
pub(super) fn frame(
    moment: &Moment,
    trouble: Option<&str>,
    now: DateTime<Utc>,
    zone: Zone,
    size: Option<Size>,
) -> Vec<Line> {
    let mut lines = head(moment, trouble, now, zone);
    let narrow = size.is_some_and(|size| size.columns < NARROW);
    let bad = bad(&moment.tonight, now, zone);
    let next = next(&moment.tonight, now, zone);
    let work = work(&moment.work.items, now, narrow);
    // What is left of the screen below the head, the line of the keys, and a blank line before each part.
    let room = size.map(|size| size.rows.saturating_sub(lines.len() + 1));
    let [bad, next, work] = match room {
        None => [bad, next, work],
        Some(room) => fitted([bad, next, work], room),
    };
    for part in [bad, work, next] {
        if !part.is_empty() {
            lines.push(Line::default());
            lines.extend(part);
        }
    }
    if let Some(size) = size {
        lines.truncate(size.rows.saturating_sub(1));
    }
    lines
}

/// Parts cut to a room: what is bad may take half of it, what comes a quarter, and what runs the rest.
fn fitted(parts: [Vec<Line>; 3], room: usize) -> [Vec<Line>; 3] {
    let [bad, next, work] = parts;
    let bad = shortened(bad, (room / 2).saturating_sub(1));
    let next = shortened(next, (room / 4).saturating_sub(1));
    let taken = |part: &Vec<Line>| part.len() + usize::from(!part.is_empty());
    let left = room.saturating_sub(taken(&bad) + taken(&next) + 1);
    [bad, next, shortened(work, left)]
}

/// The first lines of a part, and how many more there are; a heading alone is nothing.
fn shortened(mut part: Vec<Line>, most: usize) -> Vec<Line> {
    if part.len() <= most {
        return part;
    }
    if most < 2 {
        return Vec::new();
    }
    let more = part.len() - (most - 1);
    part.truncate(most - 1);
    part.push(Line::of(&format!("… and {more} more"), Tone::Dim));
    part
}

fn head(moment: &Moment, trouble: Option<&str>, now: DateTime<Utc>, zone: Zone) -> Vec<Line> {
    let Moment { tonight, work } = moment;
    let mut first = Line::of(&zone.say(now), Tone::Plain);
    match &tonight.engine {
        Some(engine) => first.push(&format!("  {engine}"), Tone::Dim),
        None => first.push("  no engine runs: nothing goes on by itself", Tone::Bad),
    }
    let tone = if tonight.well { Tone::Good } else { Tone::Bad };
    let mut second = Line::of(&short(tonight), tone);
    for room in work.slots.iter().chain(&work.pools) {
        let (text, tone) = held(room);
        second.push("   ", Tone::Plain);
        second.push(&text, tone);
    }
    let mut lines = vec![first, second];
    if let Some(trouble) = trouble {
        let at = zone.show(tonight.at);
        let text = format!("as it was at {at}: {trouble}");
        lines.push(Line::of(&text, Tone::Odd));
    }
    lines
}

fn held(room: &RoomView) -> (String, Tone) {
    let RoomView { name, held, size } = room;
    match size {
        Some(size) if held >= size => (format!("{name} {held}/{size}"), Tone::Odd),
        Some(size) => (format!("{name} {held}/{size}"), Tone::Plain),
        None => (format!("{name} {held}"), Tone::Plain),
    }
}

fn heading(text: &str) -> Line {
    Line::of(text, Tone::Dim)
}

/// What somebody should look at, the gravest first.
fn bad(night: &TonightView, now: DateTime<Utc>, zone: Zone) -> Vec<Line> {
    let mut lines = Vec::new();
    for need in &night.needs_person {
        let mut line = Line::default();
        line.column("wants a person", 14, Tone::Bad);
        line.column(&need.dag, NAME.min(20), Tone::Plain);
        if let Some(task) = &need.task {
            line.column(task, 16, Tone::Plain);
        }
        let since = need.since.map(|since| ago(since, now)).unwrap_or_default();
        line.push(&format!("{} {} {since}", need.why, need.text), Tone::Plain);
        lines.push(line);
    }
    for late in &night.late {
        let mut line = Line::default();
        line.column("late", 14, Tone::Odd);
        line.column(&late.dag, NAME.min(20), Tone::Plain);
        line.push(
            &format!("due {} {}", zone.show(late.due), ago(late.due, now)),
            Tone::Plain,
        );
        lines.push(line);
    }
    for run in night.due.iter().filter(|run| run.past_seconds.is_some()) {
        let mut line = Line::default();
        line.column("late", 14, Tone::Odd);
        line.column(&run.dag, NAME.min(20), Tone::Plain);
        line.column(&run.ingestion_id, 14, Tone::Plain);
        let (by, past) = (zone.show(run.by), ago(run.by, now));
        line.push(&format!("was to end by {by} {past}"), Tone::Plain);
        lines.push(line);
    }
    for run in &night.failed {
        let mut line = Line::default();
        line.column(run.state, 14, Tone::Bad);
        line.column(&run.dag, NAME.min(20), Tone::Plain);
        line.column(&run.ingestion_id, 14, Tone::Plain);
        let ended = run.ended_at.map(|at| ago(at, now)).unwrap_or_default();
        line.push(&format!("{ended}  noctule show {}", run.id), Tone::Dim);
        lines.push(line);
    }
    if !lines.is_empty() {
        lines.insert(0, heading("TO LOOK AT"));
    }
    lines
}

fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    format!("({} ago)", span(now - at))
}

fn work(items: &[WorkItem], now: DateTime<Utc>, narrow: bool) -> Vec<Line> {
    let wide = |texts: &dyn Fn(&WorkItem) -> usize| {
        let widest = items.iter().map(texts).max().unwrap_or(0);
        widest.clamp(4, if narrow { 14 } else { NAME })
    };
    let dags = wide(&|item| item.dag.chars().count());
    let tasks = wide(&|item| item.task.as_deref().unwrap_or("(the run)").chars().count());
    let row = |cells: [(&str, Tone); 6]| {
        let mut line = Line::default();
        let [dag, id, task, gate, since, why] = cells;
        line.column(dag.0, dags, dag.1);
        if !narrow {
            line.column(id.0, 14, id.1);
        }
        line.column(task.0, tasks, task.1);
        line.column(gate.0, 14, gate.1);
        line.column(since.0, 8, since.1);
        line.push(why.0, why.1);
        line
    };
    let titles = ["DAG", "INGESTION ID", "TASK", "IS", "SINCE", "WHY"];
    let mut lines = vec![row(titles.map(|title| (title, Tone::Dim)))];
    for item in items {
        let (gate, tone) = gate(item.gate);
        let since = item.since.map(|since| span(now - since));
        lines.push(row([
            (&item.dag, Tone::Plain),
            (&item.ingestion_id, Tone::Dim),
            (item.task.as_deref().unwrap_or("(the run)"), Tone::Plain),
            (gate, tone),
            (since.as_deref().unwrap_or("-"), Tone::Plain),
            (&item.text, Tone::Dim),
        ]));
    }
    if items.is_empty() {
        return vec![Line::of("nothing runs, and nothing waits", Tone::Dim)];
    }
    lines
}

/// A gate in a word, and what it means for whoever looks.
fn gate(gate: Gate) -> (&'static str, Tone) {
    match gate {
        Gate::Running => ("running", Tone::Live),
        Gate::Launching => ("launching", Tone::Live),
        Gate::Cancelling | Gate::Stopping => ("stopping", Tone::Odd),
        Gate::Alarm => ("ALARM", Tone::Bad),
        Gate::LaunchTrouble | Gate::LaunchUnknown => ("launch trouble", Tone::Bad),
        Gate::Slot => ("wants a slot", Tone::Odd),
        Gate::Pool => ("wants a pool", Tone::Odd),
        Gate::Backoff => ("next try", Tone::Odd),
        Gate::MaxActiveRuns => ("queued", Tone::Dim),
        Gate::Backfill => ("backfill", Tone::Dim),
        Gate::NoEngine | Gate::AskWaiting | Gate::Upstream | Gate::Ended => ("waits", Tone::Dim),
    }
}

fn next(night: &TonightView, now: DateTime<Utc>, zone: Zone) -> Vec<Line> {
    let mut lines = Vec::new();
    for coming in night.next.iter().take(NEXT) {
        let mut line = Line::default();
        line.column(&zone.show(coming.tick.utc), 19, Tone::Plain);
        line.column(
            &format!("in {}", span(coming.tick.utc - now)),
            10,
            Tone::Plain,
        );
        line.column(&coming.dag, NAME, Tone::Plain);
        line.push(
            coming.tick.ingestion_id.as_deref().unwrap_or("-"),
            Tone::Dim,
        );
        lines.push(line);
    }
    if !lines.is_empty() {
        lines.insert(0, heading(&zone.heading("NEXT TICKS")));
    }
    lines
}

#[cfg(test)]
mod tests;
