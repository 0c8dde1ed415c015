//! What is being done for each live attempt, and how it is brought in line with what the attempt's state asks for.

use std::sync::Arc;

use noctule_core::desk::stored_attempt;
use noctule_core::name::RunId;
use noctule_core::run::{Activity, Attempt, AttemptState, Ended, Handle, TaskRunIx, activity};
use noctule_executor::Wait;
use tokio::task::AbortHandle;
use tracing::Instrument;

use crate::engine::{Engine, Live};
use crate::work::Work;

/// One activity under way.
pub(crate) struct Hand {
    attempt: u32,
    activity: Activity,
    how: How,
}

enum How {
    /// A task of its own.
    Task(Task),
    /// The poller asks.
    Polled,
}

/// A task that ends with whoever holds it: an engine that is gone performs nothing more.
pub(crate) struct Task(AbortHandle);

impl Task {
    pub(crate) fn of(task: tokio::task::JoinHandle<()>) -> Self {
        Self(task.abort_handle())
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Live {
    /// Whether a request is being sent right now.
    pub(crate) fn is_launching(&self) -> bool {
        self.hands
            .values()
            .any(|hand| match (&hand.activity, &hand.how) {
                (Activity::Launch { .. }, How::Task(task)) => !task.0.is_finished(),
                _ => false,
            })
    }
}

impl Engine {
    /// Brings what is done for every task run of a run in line with its state.
    pub(crate) fn touch_all(&mut self, id: &RunId) {
        let count = self.live.get(id).map_or(0, |live| live.run.tasks.len());
        for ix in (0..u32::try_from(count).unwrap_or(u32::MAX)).map(TaskRunIx) {
            self.batch.untended.insert((id.clone(), ix));
        }
    }

    /// Brings what is done for one task run in line with its state. Called only after that state is durable.
    pub(crate) fn tend(&mut self, id: &RunId, ix: TaskRunIx) {
        self.tend_obligations(id, ix);
        let Some(live) = self.live.get(id) else {
            return;
        };
        let wanted = live.run.tasks[ix.index()]
            .live()
            .and_then(|attempt| Some((attempt.number, activity(attempt)?)));
        let current = live
            .hands
            .get(&ix)
            .map(|hand| (hand.attempt, hand.activity));
        if wanted == current {
            return;
        }
        let adopted = current.is_none() && matches!(wanted, Some((_, Activity::Watch { .. })));
        self.let_go(id, ix);
        let Some((number, activity)) = wanted else {
            return self.release(id, ix);
        };
        // A request that has rested is awaited like one that is under way: its rest is over for every engine.
        let sending = matches!(activity, Activity::Launch { tries: 1 });
        if sending && self.draining {
            return;
        }
        if let Some(how) = self.take_up(id, ix, activity, adopted)
            && let Some(live) = self.live.get_mut(id)
        {
            live.hands.insert(
                ix,
                Hand {
                    attempt: number,
                    activity,
                    how,
                },
            );
        }
    }

    fn take_up(&self, id: &RunId, ix: TaskRunIx, activity: Activity, adopted: bool) -> Option<How> {
        let live = self.live.get(id)?;
        let work = self.work(live, ix)?;
        let task = live.run.tasks[ix.index()].definition(&live.dag);
        if matches!(activity, Activity::Watch { .. }) && work.wait != Wait::Block {
            self.poller.add(work, task.poll_interval, adopted);
            return Some(How::Polled);
        }
        let span = span(live, &work);
        let performing = work.perform(activity).instrument(span);
        Some(How::Task(Task::of(tokio::spawn(performing))))
    }

    /// Lets an executor forget the leftovers of work whose end is durable. Nothing depends on it, so it is not awaited;
    /// work that goes on (detached, or let be by a mark) keeps all it has.
    fn release(&self, id: &RunId, ix: TaskRunIx) {
        let Some(live) = self.live.get(id) else {
            return;
        };
        let task_run = &live.run.tasks[ix.index()];
        let marked = task_run.end().is_some_and(|end| end.marked_by.is_some());
        let Some(attempt) = task_run.attempts.last().filter(|_| !marked) else {
            return;
        };
        let AttemptState::Ended(Ended {
            handle: Some(handle),
            ..
        }) = &attempt.state
        else {
            return;
        };
        let kind = &task_run.definition(&live.dag).executor;
        let executor = self.surroundings.desk.registry.get(kind).cloned();
        let Some(executor) = executor.filter(|_| attempt.prepared.wait != Wait::Detach) else {
            return;
        };
        let connection = attempt.prepared.connection.as_deref();
        let context = self
            .surroundings
            .context(live.run.facts.dag.as_str(), connection);
        let raw = handle.raw.clone();
        drop(tokio::spawn(async move {
            if let Err(error) = executor.release(&context, &raw).await {
                tracing::warn!(%error, "leftovers of a finished attempt stay");
            }
        }));
    }

    /// Stops what is being done for a task run; the remote work is not touched by this.
    pub(crate) fn let_go(&mut self, id: &RunId, ix: TaskRunIx) {
        let hand = self
            .live
            .get_mut(id)
            .and_then(|live| live.hands.remove(&ix));
        if let Some(Hand {
            how: How::Polled, ..
        }) = hand
        {
            self.poller.remove(id, ix);
        }
    }

    /// Stops everything that is being done for a run.
    pub(crate) fn let_all_go(&mut self, id: &RunId) {
        let tasks: Vec<TaskRunIx> = self
            .live
            .get(id)
            .into_iter()
            .flat_map(|live| live.hands.keys().copied())
            .collect();
        for ix in tasks {
            self.let_go(id, ix);
        }
    }

    fn work(&self, live: &Live, ix: TaskRunIx) -> Option<Work> {
        let task_run = &live.run.tasks[ix.index()];
        let attempt = task_run.live()?;
        let kind = &task_run.definition(&live.dag).executor;
        let Some(executor) = self.surroundings.desk.registry.get(kind) else {
            // Files are checked against the executors; only an older binary can come here. It does not touch the work.
            tracing::error!(run = %live.run.facts.id, kind, "this noctule has no executor of this kind");
            return None;
        };
        let sends = sends(attempt);
        let connection = attempt.prepared.connection.as_deref();
        Some(Work {
            run: live.run.facts.id.clone(),
            task: ix,
            executor: Arc::clone(executor),
            context: self
                .surroundings
                .context(live.run.facts.dag.as_str(), connection),
            attempt: stored_attempt(&live.dag, &live.run, ix, sends, attempt.intended_at)?,
            request: attempt.prepared.request.clone(),
            wait: attempt.prepared.wait,
            handle: handle(attempt).cloned(),
            clock: self.options.clock,
            lease: self.lease.clone(),
            lost_after: self.surroundings.host_lost_after,
            tell: self.tell.clone(),
        })
    }
}

/// What log lines of an executor are about. Of the level of an error, so that no line lacks it.
fn span(live: &Live, work: &Work) -> tracing::Span {
    tracing::error_span!(
        "attempt",
        run = work.run.as_str(),
        dag = live.run.facts.dag.as_str(),
        task = work.attempt.task,
        map_key = work.attempt.map_key,
        attempt = work.attempt.number,
        key = work.attempt.key.as_str(),
    )
}

fn sends(attempt: &Attempt) -> u32 {
    match &attempt.state {
        AttemptState::Launching(launching) => launching.sends,
        _ => 1,
    }
}

fn handle(attempt: &Attempt) -> Option<&Handle> {
    match &attempt.state {
        AttemptState::Running(work) => Some(&work.handle),
        AttemptState::Cancelling(work) => Some(&work.handle),
        AttemptState::Launching(_) | AttemptState::Ended(_) => None,
    }
}
