//! Spans of what is over, offered to whoever exports them, from durable records alone.
//!
//! Guarantees: offering waits for nobody. A fresh engine offers again what ended shortly before the last thing that the
//! store knows of, so a kill between a commit and its export loses no span; one that comes twice has the same ids. How
//! long an exporter may keep a span until it calls it lost is bounded by [`SPAN_PATIENCE`], and that is shorter.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use noctule_core::name::RunId;
use noctule_core::run::{AttemptState, Phase, Record, Run, Step};
use noctule_core::trace::{Span, round_before, spans};
use noctule_store::Store;
use tokio::task::JoinHandle;

use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::RuntimeError;

/// An exporter that cannot get rid of a span for so long calls it lost.
pub const SPAN_PATIENCE: Duration = Duration::from_secs(120);
/// What ended so long before the store was last written may not have been exported.
const AGAIN: TimeDelta = TimeDelta::minutes(5);
/// Where the last end is looked for: in the shortest of these times in which there is one.
const LOOK_BACK: [TimeDelta; 8] = [
    TimeDelta::minutes(15),
    TimeDelta::hours(1),
    TimeDelta::hours(6),
    TimeDelta::hours(24),
    TimeDelta::days(3),
    TimeDelta::days(7),
    TimeDelta::days(14),
    TimeDelta::days(30),
];
/// Rows of old runs that are read at once, and records of a journal.
const PAGE: u32 = 2_000;

/// Whoever exports spans.
pub trait SpanSink: Send + Sync {
    /// Takes spans, or loses some of them: it waits for nobody, and counts.
    fn offer(&self, spans: Vec<Span>);

    /// What became of them.
    fn counts(&self) -> SpanCounts;
}

/// What became of spans, since the process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpanCounts {
    /// The receiver has them.
    pub exported: u64,
    /// There was no place for them, or nobody took them in time.
    pub lost: u64,
    /// The receiver does not want them.
    pub refused: u64,
    /// They are to be exported.
    pub waiting: u64,
}

/// What a fresh engine offers again.
pub(crate) struct Again {
    since: DateTime<Utc>,
    runs: BTreeSet<RunId>,
}

/// Ends with whoever holds it.
pub(crate) struct Beside(JoinHandle<()>);

impl Drop for Beside {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Engine {
    /// A durable step of a run is offered.
    pub(crate) fn offer_spans(&self, id: &RunId, steps: &BTreeMap<RunId, Step>) {
        let Some(sink) = &self.surroundings.spans else {
            return;
        };
        if let (Some(live), Some(step)) = (self.live.get(id), steps.get(id)) {
            let round = round_before(&live.run, &step.records);
            let ended = spans(&live.dag, &live.run, round, &step.records);
            if !ended.is_empty() {
                sink.offer(ended);
            }
        }
    }

    /// Goes on beside the loop, on reads alone.
    pub(crate) fn offer_again(&mut self) -> Option<Beside> {
        let again = self.again.take()?;
        let sink = Arc::clone(self.surroundings.spans.as_ref()?);
        let store = self.store.clone();
        Some(Beside(tokio::spawn(async move {
            if let Err(error) = again.offer(&store, sink.as_ref()).await {
                tracing::warn!(%error, "spans of before could not be read; some may not be exported");
            }
        })))
    }
}

impl Again {
    /// What may not have been exported by an engine that is gone. Asked before this one writes anything.
    pub(crate) async fn of(
        store: &Store,
        live: &[Run],
        now: DateTime<Utc>,
    ) -> Result<Self, RuntimeError> {
        let ended = last_ended(store, now).await?;
        let last_end = ended.iter().map(|(_, at)| *at).max();
        let last = live.iter().map(last_sign).chain(last_end).max();
        let since = last.unwrap_or(now) - AGAIN;
        let recent = ended.into_iter().filter(|(_, at)| *at >= since);
        let attempted = live.iter().filter(|run| has_ended_attempts(run));
        let attempted = attempted.map(|run| run.facts.id.clone());
        Ok(Self {
            since,
            runs: recent.map(|(id, _)| id).chain(attempted).collect(),
        })
    }

    async fn offer(self, store: &Store, sink: &dyn SpanSink) -> Result<(), RuntimeError> {
        let mut catalog = Catalog::default();
        for id in self.runs {
            // Forgotten meanwhile.
            let Some(run) = store.run(&id).await? else {
                continue;
            };
            // After the run, so that it names every version that the run has taken.
            let journal = journal(store, &id).await?;
            let version = &run.facts.version;
            let dag = catalog.version(store, id.as_str(), version).await?;
            let recent = |record: &Record| record.at >= self.since;
            let old = journal.iter().position(recent).unwrap_or(journal.len());
            // Of the whole journal, so that each span has the round it is of.
            let before = spans(&dag, &run, 1, &journal[..old]).len();
            let ended = spans(&dag, &run, 1, &journal).split_off(before);
            if !ended.is_empty() {
                sink.offer(ended);
            }
        }
        Ok(())
    }
}

async fn last_ended(
    store: &Store,
    now: DateTime<Utc>,
) -> Result<Vec<(RunId, DateTime<Utc>)>, RuntimeError> {
    let mut ended = Vec::new();
    for span in LOOK_BACK {
        let mut after = (now - span, None);
        loop {
            // Clocks of two engines need not agree.
            let page = store.ended_between(&after, now + AGAIN, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = (last.ended_at, Some(last.run.clone()));
            ended.extend(page.into_iter().map(|run| (run.run, run.ended_at)));
        }
        if !ended.is_empty() {
            break;
        }
    }
    Ok(ended)
}

async fn journal(store: &Store, id: &RunId) -> Result<Vec<Record>, RuntimeError> {
    let (mut journal, mut after) = (Vec::new(), 0);
    loop {
        let page = store.records(id, after, PAGE).await?;
        let Some((last, _)) = page.last() else {
            return Ok(journal);
        };
        after = *last;
        journal.extend(page.into_iter().map(|(_, record)| record));
    }
}

fn has_ended_attempts(run: &Run) -> bool {
    let attempts = run.tasks.iter().flat_map(|task| &task.attempts);
    attempts
        .into_iter()
        .any(|attempt| matches!(attempt.state, AttemptState::Ended(_)))
}

/// The last instant that a live run knows of.
fn last_sign(run: &Run) -> DateTime<Utc> {
    let begun = match run.phase {
        Phase::Running { started_at, .. } => started_at,
        Phase::Queued { since } => since,
        Phase::Ended { at, .. } => at,
    };
    let attempts = run.tasks.iter().flat_map(|task| &task.attempts);
    let intended = attempts.map(|attempt| attempt.intended_at);
    intended.fold(begun, DateTime::max)
}
