//! A live attempt: its launch, its work, its stop.

use noctule_executor::Recovery;

use super::words::{handle_in_words as handle, stop, watched};
use super::{Gate, Rate, Reason, Teller};
use crate::run::{
    Attempt, AttemptState, Cancelling, Instant, LaunchStep, Launching, Nature, Running, TaskRunIx,
};

impl Teller<'_> {
    pub(super) fn attempt(&self, ix: TaskRunIx, attempt: &Attempt) -> Reason {
        let reason = match &attempt.state {
            AttemptState::Launching(launching) => self.launching(ix, attempt, launching),
            AttemptState::Running(work) => self.running(ix, attempt, work),
            AttemptState::Cancelling(work) => self.cancelling(ix, work),
            AttemptState::Ended(ended) => {
                Reason::new(Gate::Ended, "it is over").since(ended.ended_at)
            }
        };
        reason.since_unless_known(super::task::since(attempt))
    }

    fn launching(&self, ix: TaskRunIx, attempt: &Attempt, launching: &Launching) -> Reason {
        let (name, kind) = (self.name(ix), &self.definition(ix).executor);
        let trouble = launching.trouble.as_deref().unwrap_or("no answer came");
        if let Some(stopping) = &launching.stop {
            let text = format!(
                "`{name}` is to stop ({}), but whether its launch came through is not known: {trouble}",
                stop(&stopping.why)
            );
            let next = "nothing is sent again; what is found under its key is cancelled";
            return Reason::new(Gate::Cancelling, text)
                .since(stopping.at)
                .next(next);
        }
        let (reason, at) = match launching.step {
            LaunchStep::Send {
                not_before: Some(at),
            } if at > self.known.now => {
                let text = format!("`{name}` is not started yet: {trouble}");
                let next = format!(
                    "the same request is sent again at {}; this uses up no retry",
                    self.say(at)
                );
                (Reason::new(Gate::LaunchTrouble, text).next(next), Some(at))
            }
            LaunchStep::Send { .. } if attempt.prepared.nature == Nature::Attached => {
                let text = format!(
                    "`{name}` has sent its request and waits for the answer ({}){}",
                    self.try_of(ix, 0),
                    self.budget(attempt)
                );
                (
                    Reason::new(Gate::Launching, text).next(self.deadline(ix, attempt)),
                    attempt.deadline,
                )
            }
            LaunchStep::Send { .. } => {
                let again = if launching.sends > 1 {
                    ", once more under the same key,"
                } else {
                    ""
                };
                let text = format!(
                    "`{name}` is being launched: its request was handed to `{kind}`{again} and no answer has come yet ({}){}",
                    self.try_of(ix, 0),
                    self.budget(attempt)
                );
                (
                    Reason::new(Gate::Launching, text).next(self.deadline(ix, attempt)),
                    attempt.deadline,
                )
            }
            LaunchStep::Look { look, at } => {
                (self.looking(attempt, &name, trouble, look, at), Some(at))
            }
        };
        match at {
            Some(at) => reason.next_at(at),
            None => reason,
        }
    }

    /// The rate of its connection, where more launches are under way than that lets through at once.
    fn budget(&self, attempt: &Attempt) -> String {
        let through = attempt.prepared.connection.as_deref();
        let mut rates = self.known.rates.iter();
        let rate = rates.find(|rate| Some(rate.connection.as_str()) == through);
        let crowded = |rate: &&Rate| {
            let count = rate.launch.split('/').next().map(str::trim);
            let count = count.and_then(|count| count.parse().ok());
            count.is_some_and(|count: usize| rate.launching > count)
        };
        rate.filter(crowded).map_or_else(String::new, |rate| {
            format!(
                "; connection `{}` lets {} launches through, and {} are under way: it may wait for its turn",
                rate.connection, rate.launch, rate.launching
            )
        })
    }

    fn looking(
        &self,
        attempt: &Attempt,
        name: &str,
        trouble: &str,
        look: u32,
        at: Instant,
    ) -> Reason {
        let looks = match &attempt.prepared.recovery {
            Recovery::Search { after } => format!(" of {}", after.len().max(1)),
            Recovery::Resend | Recovery::Never => String::new(),
        };
        let text = format!("nobody knows whether the launch of `{name}` came through: {trouble}");
        let next = format!(
            "its work is searched for by its key {}: look {}{looks} at {}; found, it is watched; not found by the last look, the same request is sent again",
            attempt.key,
            look + 1,
            self.say(at)
        );
        Reason::new(Gate::LaunchUnknown, text).next(next)
    }

    fn running(&self, ix: TaskRunIx, attempt: &Attempt, work: &Running) -> Reason {
        let name = self.name(ix);
        let known = handle(&work.handle.public);
        if let Some(alarm) = &work.alarm {
            let text =
                format!("`{name}` cannot be watched: {alarm}. Its work is left alone ({known})");
            let next = format!(
                "somebody has to act; it is asked about again and again meanwhile. {}",
                self.deadline(ix, attempt)
            );
            return self.with_deadline(Reason::new(Gate::Alarm, text).next(next), attempt);
        }
        let how = watched(&attempt.prepared, self.definition(ix).poll_interval);
        let Some(started) = work.started_at else {
            let text = format!(
                "`{name}` was accepted and has not begun, as far as is known ({known}); {how}"
            );
            if let Some(run) = started_run(work) {
                let text = format!(
                    "`{name}` waits for the run that it started, which has not begun ({known}); {how}"
                );
                let next = format!("`noctule explain {run}` says what that waits for");
                let reason = Reason::new(Gate::Running, text).since(work.launched_at);
                return self.with_deadline(reason.next(next), attempt);
            }
            let next = attempt.start_by.map_or_else(
                || self.deadline(ix, attempt),
                |by| format!("it is stopped if it has not begun by {}", self.say(by)),
            );
            let reason = Reason::new(Gate::Running, text)
                .since(work.launched_at)
                .next(next);
            return self.with_deadline(reason, attempt);
        };
        let text = format!(
            "`{name}` is at work since {} ({known}; {}); {how}",
            self.say(started),
            self.try_of(ix, 0)
        );
        self.with_deadline(
            Reason::new(Gate::Running, text).next(self.deadline(ix, attempt)),
            attempt,
        )
    }

    fn with_deadline(&self, reason: Reason, attempt: &Attempt) -> Reason {
        match attempt.deadline {
            Some(at) => reason.next_at(at),
            None => reason,
        }
    }

    /// What stops an attempt that does not end.
    fn deadline(&self, ix: TaskRunIx, attempt: &Attempt) -> String {
        let given_up = self.task_run(ix).give_up_at;
        match [attempt.deadline, given_up].into_iter().flatten().min() {
            Some(at) if at <= self.known.now => format!(
                "its time was over at {}; it is stopped as soon as an engine looks",
                self.say(at)
            ),
            Some(at) => format!("it is stopped if it has not ended by {}", self.say(at)),
            None => "it has no timeout of its own".to_owned(),
        }
    }

    fn cancelling(&self, ix: TaskRunIx, work: &Cancelling) -> Reason {
        let name = self.name(ix);
        let text = format!(
            "`{name}` was asked to stop ({}), and its end has not been seen ({})",
            stop(&work.stop.why),
            handle(&work.handle.public)
        );
        let next = format!(
            "its end is awaited until {}; after that it is called unknown",
            self.say(work.kill_at)
        );
        Reason::new(Gate::Cancelling, text)
            .since(work.stop.at)
            .next(next)
            .next_at(work.kill_at)
    }
}

/// The run of another DAG that is the work.
fn started_run(work: &Running) -> Option<&str> {
    let public = work.handle.public.as_object()?;
    let is_run = public.len() == 2 && public.contains_key("dag");
    public.get("run").filter(|_| is_run)?.as_str()
}

impl Reason {
    fn since_unless_known(mut self, since: Instant) -> Self {
        self.since.get_or_insert(since);
        self
    }
}
