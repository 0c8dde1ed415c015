//! The run as a whole: no engine, the queue, a stop, the end.

use super::words::{count, listed};
use super::{Gate, Reason, Teller};
use crate::run::{Instant, Phase, RunEnding, Stop, StopWhy};

impl Teller<'_> {
    pub(super) fn engine(&self) -> Vec<Reason> {
        if self.run.is_over() || self.known.engine.is_some() {
            return Vec::new();
        }
        let live = self
            .run
            .tasks
            .iter()
            .filter(|task| task.live().is_some())
            .count();
        let text = match live {
            0 => "no engine holds the store: nothing of this run goes on, and no deadline is enforced".to_owned(),
            live => format!(
                "no engine holds the store: the remote work of {} goes on by itself, nothing watches it, and no deadline is enforced",
                count(live, "task")
            ),
        };
        let id = &self.run.facts.id;
        let next = format!(
            "start `noctule serve`, or drive this run alone with `noctule follow {id}`; what ended meanwhile is seen then"
        );
        vec![Reason::new(Gate::NoEngine, text).next(next)]
    }

    pub(super) fn phase(&self) -> Vec<Reason> {
        match &self.run.phase {
            Phase::Queued { since } => vec![self.queued(*since)],
            Phase::Running {
                stop: Some(stop), ..
            } => vec![self.stopping(stop)],
            Phase::Running { .. } => Vec::new(),
            Phase::Ended { ending, at, .. } => vec![self.over(*ending, *at)],
        }
    }

    fn queued(&self, since: Instant) -> Reason {
        let most = self.dag.definition().max_active_runs;
        let running = self.known.running;
        let before = self.known.queued_before;
        let reason = |text: String| Reason::new(Gate::MaxActiveRuns, text).since(since);
        if running.len() < most as usize && before == 0 {
            let text =
                format!("the run is queued, and `max_active_runs` = {most} has a place for it");
            return reason(text).next("an engine begins it at its next turn, within a second");
        }
        let who: Vec<String> = running
            .iter()
            .map(|other| format!("{} (since {})", other.run, self.say(other.since)))
            .collect();
        let mut text = format!("the run is queued: `max_active_runs` is {most}");
        if !who.is_empty() {
            text = format!(
                "{text}, and under way {} {}",
                if who.len() == 1 { "is" } else { "are" },
                listed(&who)
            );
        }
        if before > 0 {
            text = format!(
                "{text}; {} queued before it",
                if before == 1 {
                    "1 run is".to_owned()
                } else {
                    format!("{before} runs are")
                }
            );
        }
        let next = running.first().map_or_else(
            || "it begins when those before it have ended".to_owned(),
            |other| {
                format!(
                    "it begins when that has ended; `noctule explain {}` says what that waits for",
                    other.run
                )
            },
        );
        reason(text).next(next)
    }

    fn stopping(&self, stop: &Stop) -> Reason {
        let left = self
            .run
            .tasks
            .iter()
            .filter(|task| task.end().is_none())
            .count();
        let why = match &stop.why {
            StopWhy::Cancelled { by, reason } => {
                let reason = reason
                    .as_ref()
                    .map_or_else(String::new, |reason| format!(": {reason}"));
                format!("{} cancelled the run{reason}", by.name)
            }
            StopWhy::Deadline => "the deadline of the run passed".to_owned(),
        };
        let text = format!(
            "{why}; nothing starts any more but `all_done` tasks, and {} still to end",
            still(left)
        );
        Reason::new(Gate::Stopping, text)
            .since(stop.at)
            .next("the run ends when the work that was asked to stop has ended; a second cancel ends the `all_done` tasks too")
    }

    fn over(&self, ending: RunEnding, at: Instant) -> Reason {
        let id = &self.run.facts.id;
        let text = format!(
            "the run {} at {}; nothing waits",
            ended(ending),
            self.say(at)
        );
        let reason = Reason::new(Gate::Ended, text).since(at);
        if ending == RunEnding::Succeeded {
            return reason;
        }
        reason.next(format!(
            "`noctule retry {id}` runs what failed again; `--dry-run` shows what that would be"
        ))
    }
}

fn still(count: usize) -> String {
    if count == 1 {
        "1 task is".to_owned()
    } else {
        format!("{count} tasks are")
    }
}

fn ended(ending: RunEnding) -> &'static str {
    match ending {
        RunEnding::Succeeded => "succeeded",
        RunEnding::Failed => "failed",
        RunEnding::Cancelled => "was cancelled",
        RunEnding::TimedOut => "timed out",
    }
}
