//! The phases of every attempt: queued, launching, running.

use super::before::Before;
use super::{of_round, round_began};
use crate::dag::Dag;
use crate::run::Instant;
use crate::view::{AttemptView, RunView, TaskView, Word};

/// What an attempt was about at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It could begin, and waited: for a slot, a pool, or the pause before another try.
    Queued,
    /// It was sent, and the work had not begun.
    Launching,
    /// The work was under way.
    Running,
}

impl Phase {
    /// The word for people.
    #[must_use]
    pub fn word(self) -> Word {
        match self {
            Self::Queued => "queued",
            Self::Launching => "launching",
            Self::Running => "running",
        }
    }
}

/// A phase with its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Which.
    pub phase: Phase,
    /// When it began.
    pub from: Instant,
    /// When it ended, or now.
    pub to: Instant,
}

/// One attempt, or the wait for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// Its number; none: it waits for its first or its next.
    pub attempt: Option<u32>,
    /// How it stands, by the word of the contract.
    pub state: Word,
    /// Its phases, one after the other.
    pub spans: Vec<Span>,
}

/// One task with its attempts of this round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which of the tasks of the run.
    pub task: usize,
    /// Its attempts.
    pub bars: Vec<Bar>,
}

/// A run as a chart over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// When the round began.
    pub from: Instant,
    /// When it ended, or now.
    pub to: Instant,
    /// The tasks that have something to show, by when they began.
    pub rows: Vec<Row>,
}

impl Timeline {
    /// The chart of a run.
    #[must_use]
    pub fn of(dag: &Dag, run: &RunView, now: Instant) -> Self {
        let from = round_began(run);
        let to = run.head.ended_at.unwrap_or(now).max(from);
        let before = Before::of(dag, run);
        let mut rows: Vec<Row> = (0..run.tasks.len())
            .map(|task| Row {
                task,
                bars: bars(run, &before, task, to),
            })
            .filter(|row| !row.bars.is_empty())
            .collect();
        let begins = |row: &Row| {
            row.bars
                .first()
                .and_then(|bar| bar.spans.first())
                .map(|span| span.from)
        };
        rows.sort_by_key(|row| (begins(row), row.task));
        let last = rows
            .iter()
            .flat_map(|row| &row.bars)
            .flat_map(|bar| &bar.spans);
        let to = last.map(|span| span.to).max().unwrap_or(to).max(to);
        Self { from, to, rows }
    }
}

fn bars(run: &RunView, before: &Before<'_>, at: usize, end: Instant) -> Vec<Bar> {
    let task = &run.tasks[at];
    let mut free = None;
    let mut bars = Vec::new();
    for attempt in of_round(run, &task.attempts) {
        let since = free.unwrap_or_else(|| could_begin(run, before, at, attempt.intended_at));
        bars.push(Bar {
            attempt: Some(attempt.number),
            state: attempt.state,
            spans: spans(attempt, since, end),
        });
        free = attempt.ended_at;
    }
    bars.extend(waiting(run, task, free, end));
    bars
}

/// When a task could begin: the end of what it depends on, or the beginning of the round.
fn could_begin(run: &RunView, before: &Before<'_>, at: usize, began: Instant) -> Instant {
    let up = before.last(at, began).and_then(|up| run.tasks[up].ended_at);
    up.unwrap_or(round_began(run)).max(round_began(run))
}

/// The phases of an attempt, each beginning where the one before ended.
fn spans(attempt: &AttemptView, since: Instant, end: Instant) -> Vec<Span> {
    let over = attempt.ended_at.unwrap_or(end);
    let works = attempt.started_at.or(attempt.launched_at);
    let marks = [
        (Phase::Queued, Some(since)),
        (Phase::Launching, Some(attempt.intended_at)),
        (Phase::Running, works),
    ];
    let mut spans: Vec<Span> = Vec::with_capacity(marks.len());
    for (phase, from) in marks {
        let Some(from) = from else { continue };
        let from = spans
            .last()
            .map_or(from, |last: &Span| from.max(last.from))
            .min(over.max(since));
        if let Some(last) = spans.last_mut() {
            last.to = from;
        }
        spans.push(Span {
            phase,
            from,
            to: over.max(from),
        });
    }
    spans.retain(|span| span.phase != Phase::Queued || span.to > span.from);
    spans
}

/// The wait for an attempt that has not begun.
fn waiting(run: &RunView, task: &TaskView, free: Option<Instant>, end: Instant) -> Option<Bar> {
    let waits =
        run.head.ended_at.is_none() && (task.ready_since.is_some() || task.next_try_at.is_some());
    let from = task.ready_since.or(free)?.max(round_began(run));
    waits.then(|| Bar {
        attempt: None,
        state: task.state,
        spans: vec![Span {
            phase: Phase::Queued,
            from,
            to: end.max(from),
        }],
    })
}
