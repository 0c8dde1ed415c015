//! One task: the tasks it waits for, the slot it waits for, its pause, its end.

use std::collections::BTreeSet;

use super::words::{count, ended, listed};
use super::{Gate, Reason, Teller};
use crate::dag::{TaskDefinition, TriggerRule};
use crate::run::{
    Attempt, AttemptEnd, AttemptState, Instant, Phase, TaskEnd, TaskRun, TaskRunIx, TaskState,
    Verdict,
};

impl Teller<'_> {
    /// Every task that is under way, and how many wait behind them; of a run that is over, what went wrong.
    pub(super) fn tasks(&self) -> Vec<Reason> {
        let over = self.run.is_over();
        let mut waiting = Vec::new();
        let mut reasons = Vec::new();
        let outer = self
            .dag
            .order()
            .iter()
            .filter(|task| self.dag.group_of(**task).is_none());
        for ix in outer.map(|task| self.run.of_outer(*task)) {
            match &self.task_run(ix).state {
                TaskState::Ended(end)
                    if over && matches!(end.verdict, Verdict::Failed | Verdict::TimedOut) =>
                {
                    reasons.push(self.task(ix));
                }
                TaskState::Ended(_) => {}
                TaskState::Waiting => waiting.push(self.name(ix)),
                TaskState::Mapped { .. } => reasons.extend(self.whole(ix)),
                _ => reasons.push(self.task(ix)),
            }
        }
        if !waiting.is_empty() && matches!(self.run.phase, Phase::Running { .. }) {
            let text = format!("{} behind them: {}", waits(waiting.len()), listed(&waiting));
            reasons.push(Reason::new(Gate::Upstream, text));
        }
        reasons
    }

    /// A task, and the tasks that it waits for in the end.
    pub(super) fn task_and_roots(&self, ix: TaskRunIx) -> Vec<Reason> {
        let mut reasons = self.whole(ix);
        if !matches!(self.task_run(ix).state, TaskState::Waiting)
            || matches!(self.run.phase, Phase::Queued { .. })
        {
            return reasons;
        }
        let mut seen = BTreeSet::from([ix]);
        let mut open: Vec<TaskRunIx> = self.pending(ix);
        while let Some(next) = open.pop() {
            if !seen.insert(next) {
                continue;
            }
            match self.task_run(next).state {
                TaskState::Waiting => open.extend(self.pending(next)),
                _ => reasons.extend(self.whole(next)),
            }
        }
        reasons
    }

    pub(super) fn task(&self, ix: TaskRunIx) -> Reason {
        let run = self.task_run(ix);
        let name = self.name(ix);
        let reason = match &run.state {
            TaskState::Waiting => self.waiting(ix),
            TaskState::Mapped { since } => self.mapped(ix, *since),
            TaskState::Ready { since } => self.ready(ix, *since),
            TaskState::Backoff { until } => self.backoff(ix, *until),
            TaskState::Active => match run.live() {
                Some(attempt) => self.attempt(ix, attempt),
                None => Reason::new(Gate::Ended, format!("`{name}` has no attempt")),
            },
            TaskState::Ended(end) => self.ended(ix, end),
        };
        reason.of(name)
    }

    fn waiting(&self, ix: TaskRunIx) -> Reason {
        let name = self.name(ix);
        if let Phase::Queued { since } = self.run.phase {
            return Reason::new(
                Gate::MaxActiveRuns,
                format!("`{name}` waits: its run has not begun"),
            )
            .since(since);
        }
        if let Some(reason) = self.behind_others(ix) {
            return reason;
        }
        let pending: Vec<String> = self
            .pending(ix)
            .into_iter()
            .map(|up| self.briefly(up))
            .collect();
        let rule = self.definition(ix).trigger_rule;
        let rule = if rule == TriggerRule::AllSuccess {
            String::new()
        } else {
            format!(", by its trigger_rule `{}`", word(rule))
        };
        let text = format!("`{name}` waits{rule} for {}", listed(&pending));
        Reason::new(Gate::Upstream, text)
            .next("it is judged in the step in which the last of them ends")
    }

    /// A task that another one waits for, in a few words.
    fn briefly(&self, ix: TaskRunIx) -> String {
        let (run, name) = (self.task_run(ix), self.name(ix));
        match &run.state {
            TaskState::Waiting => format!("`{name}` (waiting itself)"),
            TaskState::Mapped { since } => {
                format!("`{name}` ({}, since {})", self.tally(ix), self.say(*since))
            }
            TaskState::Ready { since } => {
                format!("`{name}` (ready since {}, no slot yet)", self.say(*since))
            }
            TaskState::Backoff { until } => {
                let class = run.attempts.last().map(class).unwrap_or_default();
                format!(
                    "`{name}` (next try at {}, {}{class})",
                    self.say(*until),
                    self.next_try(ix)
                )
            }
            TaskState::Active => run.live().map_or_else(String::new, |attempt| {
                format!(
                    "`{name}` ({} since {})",
                    attempt.state.word(),
                    self.say(since(attempt))
                )
            }),
            TaskState::Ended(end) => format!("`{name}` ({})", end.verdict.word()),
        }
    }

    fn ready(&self, ix: TaskRunIx, since: Instant) -> Reason {
        if let Some(reason) = self.pool(ix, since) {
            return reason;
        }
        let name = self.name(ix);
        let (held, slots) = (self.known.holding.len(), self.known.slots);
        if held < slots {
            let text = format!("`{name}` is ready, and {held} of {slots} slots are held");
            let next = if self.known.engine.is_some() {
                "the engine takes it at its next turn, within a second"
            } else {
                "it is taken as soon as an engine runs"
            };
            return Reason::new(Gate::Slot, text).since(since).next(next);
        }
        let holders = self.known.holding.iter();
        let holders: Vec<String> = holders
            .map(|held| {
                format!(
                    "`{}` of {} {} (since {})",
                    held.task,
                    held.dag,
                    held.run,
                    self.say(held.since)
                )
            })
            .collect();
        let text = format!(
            "`{name}` is ready and waits for a slot: {held} of {slots} are held, by {}",
            listed(&holders)
        );
        let next = match self.known.ready_before {
            0 => "it is the first in line: it gets the next slot that is given back".to_owned(),
            before => format!("{} before it, by priority and by turn", still(before)),
        };
        Reason::new(Gate::Slot, text).since(since).next(next)
    }

    fn backoff(&self, ix: TaskRunIx, until: Instant) -> Reason {
        let name = self.name(ix);
        let last = self
            .task_run(ix)
            .attempts
            .last()
            .map(ending)
            .unwrap_or_default();
        let text = format!("`{name}` waits for its next try{last}");
        let next = format!("{} begins at {}", self.next_try(ix), self.say(until));
        let reason = Reason::new(Gate::Backoff, text).next(next).next_at(until);
        match self.task_run(ix).end_of_last() {
            Some(at) => reason.since(at),
            None => reason,
        }
    }

    /// `attempt 2 of 4`, of the one that comes.
    fn next_try(&self, ix: TaskRunIx) -> String {
        self.try_of(ix, 1)
    }

    /// The try of this round that is under way, or is over by `more`.
    pub(super) fn try_of(&self, ix: TaskRunIx, more: usize) -> String {
        let run = self.task_run(ix);
        let tries = run.attempts.len().saturating_sub(run.earlier as usize) + more;
        let most = self.definition(ix).retries.max + 1;
        if most == 1 && tries <= 1 {
            "the only attempt".to_owned()
        } else {
            format!("attempt {tries} of {most}")
        }
    }

    fn ended(&self, ix: TaskRunIx, end: &TaskEnd) -> Reason {
        let (run, name) = (self.task_run(ix), self.name(ix));
        let mut text = format!("`{name}` {} at {}", ended(end.verdict), self.say(end.at));
        if let Some(why) = &end.why {
            text = format!("{text}: {why}");
        } else if end.verdict == Verdict::UpstreamFailed {
            text = format!("{text}: {}", self.culprits(ix));
        } else if end.verdict.is_bad() {
            text = format!(
                "{text}{}",
                run.attempts.last().map(ending).unwrap_or_default()
            );
        }
        let reason = Reason::new(Gate::Ended, text).since(end.at);
        if end.verdict.is_bad() && end.verdict != Verdict::UpstreamFailed {
            let retry = format!(
                "`noctule logs {} {name}` shows what it wrote",
                self.run.facts.id
            );
            return reason.next(retry);
        }
        reason
    }

    /// What ended bad before a task.
    fn culprits(&self, ix: TaskRunIx) -> String {
        let bad = self.upstream(ix).into_iter().filter_map(|up| {
            let end = self.task_run(up).end()?;
            end.verdict
                .is_bad()
                .then(|| format!("`{}` {}", self.name(up), ended(end.verdict)))
        });
        listed(&bad.collect::<Vec<_>>())
    }

    fn upstream(&self, ix: TaskRunIx) -> Vec<TaskRunIx> {
        let upstream = self.dag.upstream(self.task_run(ix).task).iter();
        upstream
            .filter_map(|up| self.run.seen_from(self.dag, ix, *up))
            .collect()
    }

    fn pending(&self, ix: TaskRunIx) -> Vec<TaskRunIx> {
        let mut upstream = self.upstream(ix);
        upstream.retain(|up| self.task_run(*up).end().is_none());
        upstream
    }

    pub(super) fn task_run(&self, ix: TaskRunIx) -> &TaskRun {
        &self.run.tasks[ix.index()]
    }

    pub(super) fn definition(&self, ix: TaskRunIx) -> &TaskDefinition {
        self.task_run(ix).definition(self.dag)
    }

    pub(super) fn name(&self, ix: TaskRunIx) -> String {
        self.run.name_of(self.dag, ix)
    }
}

impl TaskRun {
    fn end_of_last(&self) -> Option<Instant> {
        match &self.attempts.last()?.state {
            AttemptState::Ended(ended) => Some(ended.ended_at),
            _ => None,
        }
    }
}

/// Since when an attempt stands as it does.
pub(super) fn since(attempt: &Attempt) -> Instant {
    match &attempt.state {
        AttemptState::Launching(_) => attempt.intended_at,
        AttemptState::Running(work) => work.started_at.unwrap_or(work.launched_at),
        AttemptState::Cancelling(work) => work.stop.at,
        AttemptState::Ended(ended) => ended.ended_at,
    }
}

/// `: attempt 1 failed (infrastructure): no capacity`.
fn ending(attempt: &Attempt) -> String {
    let AttemptState::Ended(over) = &attempt.state else {
        return String::new();
    };
    let number = attempt.number;
    match &over.end {
        AttemptEnd::Failed { class, message, .. } => {
            format!(": attempt {number} failed ({class}): {message}")
        }
        AttemptEnd::Cancelled { message, .. } | AttemptEnd::TimedOut { message, .. } => {
            format!(": attempt {number} {}: {message}", over.end.word())
        }
        AttemptEnd::Succeeded { .. } | AttemptEnd::Skipped { .. } => String::new(),
    }
}

fn class(attempt: &Attempt) -> String {
    match &attempt.state {
        AttemptState::Ended(over) => match &over.end {
            AttemptEnd::Failed { class, .. } => format!(", the last was {class}"),
            end => format!(", the last was {}", end.word()),
        },
        _ => String::new(),
    }
}

fn waits(tasks: usize) -> String {
    if tasks == 1 {
        "1 task waits".to_owned()
    } else {
        format!("{} wait", count(tasks, "task"))
    }
}

fn still(before: usize) -> String {
    if before == 1 {
        "1 ready task is".to_owned()
    } else {
        format!("{before} ready tasks are")
    }
}

fn word(rule: TriggerRule) -> &'static str {
    match rule {
        TriggerRule::AllSuccess => "all_success",
        TriggerRule::NoneFailed => "none_failed",
        TriggerRule::NoneFailedMinOneSuccess => "none_failed_min_one_success",
        TriggerRule::AllDone => "all_done",
        TriggerRule::OneSuccess => "one_success",
        TriggerRule::OneFailed => "one_failed",
        TriggerRule::AllFailed => "all_failed",
    }
}
