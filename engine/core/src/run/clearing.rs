//! How obligations come due, are carried out, and are given up.

use noctule_executor::{Clearing, Use};

use super::attempt::Handle;
use super::obligation::{CLEARING_PATIENCE, Cleared, Duty, Obligation};
use super::record::Fact;
use super::state::{TaskRunIx, Verdict};
use super::transition::{Turn, after, pause};
use crate::dag::{HoldUntil, TaskIx};
use crate::planted::{self, Bug};

impl Turn<'_> {
    /// The obligation of the live attempt follows its handle.
    pub(super) fn oblige_further(&mut self, ix: TaskRunIx, number: u32, handle: &Handle) {
        if planted::is(Bug::DutyKeepsOldHandle) {
            return;
        }
        let obligations = &mut self.run.tasks[ix.index()].obligations;
        for obligation in obligations.iter_mut().filter(|o| o.attempt == number) {
            obligation.handle = handle.clone();
        }
    }

    /// An attempt has ended: unless others use its work from now on, what it left behind is to be cleared away.
    pub(super) fn attempt_over(&mut self, ix: TaskRunIx, number: u32, succeeded: bool) {
        let held = self.definition(ix).hold_until.is_some() && !planted::is(Bug::HoldIsForgotten);
        if succeeded && held {
            return;
        }
        if succeeded && planted::is(Bug::SuccessClearsDuties) {
            return self.run.tasks[ix.index()].obligations.clear();
        }
        let usage = if succeeded { Use::Good } else { Use::Bad };
        self.clear(ix, usage, |obligation| obligation.attempt == number);
    }

    fn clear(&mut self, ix: TaskRunIx, usage: Use, which: impl Fn(&Obligation) -> bool) {
        let due = Duty::Due {
            since: self.now,
            tries: 1,
            not_before: None,
            usage,
            trouble: None,
        };
        let mut cleared = Vec::new();
        for obligation in &mut self.run.tasks[ix.index()].obligations {
            if obligation.duty == Duty::Held && which(obligation) {
                obligation.duty = due.clone();
                cleared.push(obligation.attempt);
            }
        }
        for attempt in cleared {
            self.step.touched.insert(ix);
            self.record_of(Some(ix), Some(attempt), Fact::Clearing);
        }
    }

    /// Work whose users have all ended is let go of.
    pub(super) fn let_go_held(&mut self) {
        for holder in self.dag.holders() {
            let runs: Vec<TaskRunIx> = self
                .all()
                .filter(|ix| self.task(*ix) == *holder && self.holds_for_users(*ix))
                .collect();
            for ix in runs {
                if let Some(usage) = self.used(ix) {
                    self.clear(ix, usage, |_| true);
                }
            }
        }
    }

    fn holds_for_users(&self, ix: TaskRunIx) -> bool {
        let run = &self.run.tasks[ix.index()];
        run.end().is_some() && run.obligations.iter().any(|o| o.duty == Duty::Held)
    }

    /// How those who use the work of a task run have ended; none while one has not.
    fn used(&self, holder: TaskRunIx) -> Option<Use> {
        let users: Vec<TaskRunIx> = match self.definition(holder).hold_until.as_ref()? {
            HoldUntil::Run => {
                let outer = self.run.outer(self.dag);
                outer.filter(|ix| *ix != self.head_of(holder)).collect()
            }
            HoldUntil::Tasks(names) => {
                let of = |task: TaskIx| self.run.seen_from(self.dag, holder, task);
                let tasks = names.iter().filter_map(|name| self.dag.find(name.as_str()));
                tasks.filter_map(of).collect()
            }
        };
        let ends = users
            .iter()
            .map(|ix| self.run.tasks[ix.index()].end().map(|end| end.verdict));
        let ends: Vec<Verdict> = ends.collect::<Option<_>>()?;
        Some(if ends.iter().any(|verdict| verdict.is_bad()) {
            Use::Bad
        } else {
            Use::Good
        })
    }

    fn head_of(&self, ix: TaskRunIx) -> TaskRunIx {
        self.run.tasks[ix.index()].item.map_or(ix, |of| of.head)
    }

    pub(super) fn cleared(&mut self, ix: TaskRunIx, number: u32, cleared: Cleared) {
        let now = self.now;
        let Some(run) = self.run.tasks.get_mut(ix.index()) else {
            return;
        };
        let place = run.obligations.iter().position(|o| o.attempt == number);
        let Some(obligation) = place.and_then(|place| run.obligations.get_mut(place)) else {
            return;
        };
        let Duty::Due {
            since,
            tries,
            not_before,
            trouble,
            ..
        } = &mut obligation.duty
        else {
            return;
        };
        let (wait, message) = match cleared {
            Cleared::Answered {
                clearing: Clearing::Done,
            } => {
                run.obligations.retain(|o| o.attempt != number);
                self.step.touched.insert(ix);
                return self.record_of(Some(ix), Some(number), Fact::Cleared);
            }
            Cleared::Answered {
                clearing: Clearing::Pending { again_after },
            } => (again_after, None),
            Cleared::Failed { message } => (pause(*tries), Some(message)),
        };
        let again_at = after(now, Some(wait)).unwrap_or(now);
        let given_up = after(*since, Some(CLEARING_PATIENCE)).is_some_and(|end| end <= now);
        *tries += 1;
        *not_before = Some(again_at);
        let news = message.is_some();
        if news {
            *trouble = message;
        }
        let why = trouble
            .clone()
            .unwrap_or_else(|| "it is not gone yet".to_owned());
        self.step.touched.insert(ix);
        if given_up {
            let why = format!("clearing away was given up: {why}");
            obligation.duty = Duty::GivenUp {
                at: now,
                why: why.clone(),
            };
            self.record_of(Some(ix), Some(number), Fact::Alarm { message: why });
        } else if news {
            let message = why;
            self.record_of(
                Some(ix),
                Some(number),
                Fact::ClearTrouble { message, again_at },
            );
        }
    }
}
