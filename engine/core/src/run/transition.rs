//! The state machine: an event at an instant makes a step. Pure; the only place that changes a run.
//!
//! | from | on | to |
//! |---|---|---|
//! | run queued | begin | running; roots are judged by their gates |
//! | run queued | cancel | cancelled, with every task |
//! | run running | last task ended | succeeded, failed, cancelled or timed_out |
//! | run running | cancel, deadline | stopping: nothing starts but `all_done` tasks |
//! | run ended | retry | queued, one round later; with a later definition: under that one, new tasks waiting, removed ones gone |
//! | task waiting | gate open, `when` true | ready |
//! | task waiting | gate or `when` says no | skipped, upstream_failed, failed (an expression that errs) |
//! | mapped task or group waiting | gate open | mapped: its list is known; or failed (`config`) |
//! | mapped task or group mapped | an item ended | the next items begin; after the last one ended: judged by `min_success` |
//! | task ready | slot | active: attempt launching, or failed (`config`) |
//! | attempt launching, sending | launched | running, succeeded (`detach`), cancelling (if it is to stop) |
//! | attempt launching, sending | refused | ended |
//! | attempt launching, sending | throttled, out of reach | sending, later |
//! | attempt launching, sending | unknown, or engine restarted | sending again, looking, or ended `unknown`: by the executor's recovery |
//! | attempt launching, looking | found | running or cancelling |
//! | attempt launching, looking | found nothing, search goes on | looking, later |
//! | attempt launching, looking | found nothing, search over | sending again; ended, if it is to stop |
//! | attempt launching | time-out, cancel, mark | the same, to stop; ended where surely nothing was started |
//! | attempt running | finished, lost | ended, judged by `skip_when` and `success` |
//! | attempt running, cancelling | advanced | the same, under the new handle |
//! | attempt running | ready | ended, judged by `success`; the work goes on, and is torn down by its obligation |
//! | attempt running | time-out, cancel, mark | cancelling |
//! | attempt cancelling | finished, lost | ended: the truth if it succeeded first |
//! | attempt cancelling | patience over | ended `unknown` |
//! | attempt ended | retries allow | task backoff |
//! | attempt ended | no retry | task ended; dependants are judged in the same step |
//! | task backoff | instant passed | ready |
//! | task any | mark | ended as marked, after its live attempt |
//!
//! | obligation held | the attempt failed, or those who use its work have ended | due |
//! | obligation due | done | gone; the run may end |
//! | obligation due | trouble | due, later; given up after a day |
//!
//! Late answers of an older attempt are recorded and change nothing.

use std::collections::{BTreeSet, VecDeque};

use super::attempt::{Attempt, AttemptState, LaunchStep, Launching};
use super::event::{Event, News};
use super::heard::{Heard, Overheard};
use super::lifecycle::ending;
use super::port::{Intent, Port};
use super::record::{Fact, Record};
use super::retry::Opened;
use super::state::{Instant, Phase, Run, StopWhy, TaskEnd, TaskRun, TaskRunIx, TaskState, Verdict};
use crate::dag::{Dag, TaskDefinition, TaskIx};
use crate::planted::{self, Bug};

/// Pauses grow from the first to the second.
const PAUSES: (std::time::Duration, std::time::Duration) = (
    std::time::Duration::from_secs(1),
    std::time::Duration::from_secs(60),
);

/// What one event changed. The run itself holds the new state; this says where to look.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Step {
    /// The run's own row changed.
    pub run_changed: bool,
    /// The task runs that changed.
    pub touched: BTreeSet<TaskRunIx>,
    /// What the journal says.
    pub records: Vec<Record>,
}

impl Step {
    /// Nothing changed, nothing is to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.run_changed && self.touched.is_empty() && self.records.is_empty()
    }

    /// Folds a later step of the same run into this one: both become one write.
    pub fn fold(&mut self, later: Self) {
        self.run_changed |= later.run_changed;
        self.touched.extend(later.touched);
        self.records.extend(later.records);
    }

    /// The first record of a change has what began it; a change that is no news gets a record for that alone.
    fn hear(&mut self, now: Instant, event: Event, overheard: Overheard<'_>, run: &Run) {
        if self.is_empty() {
            return;
        }
        if self.records.is_empty() {
            self.records.push(Record::new(now, None, None, Fact::Noted));
        }
        if let Some(first) = self.records.first_mut() {
            let heard = Heard::of(event, overheard.answers(), run, &first.fact);
            first.heard = Some(Box::new(heard));
        }
    }
}

/// Applies an event.
pub fn advance(dag: &Dag, run: &mut Run, event: Event, now: Instant, port: &dyn Port) -> Step {
    let overheard = Overheard::new(port);
    let mut turn = Turn {
        dag,
        run,
        now,
        port: &overheard,
        step: Step::default(),
        judged: VecDeque::new(),
    };
    turn.apply(event.clone());
    turn.settle();
    let mut step = turn.step;
    step.hear(now, event, overheard, run);
    step
}

/// One application of one event.
pub(super) struct Turn<'a> {
    pub(super) dag: &'a Dag,
    pub(super) run: &'a mut Run,
    pub(super) now: Instant,
    pub(super) port: &'a dyn Port,
    pub(super) step: Step,
    /// Tasks whose gate may have changed.
    pub(super) judged: VecDeque<TaskRunIx>,
}

impl Turn<'_> {
    fn apply(&mut self, event: Event) {
        match event {
            Event::Begin => self.begin(),
            Event::Admit { tasks } => tasks.into_iter().for_each(|task| self.intend(task)),
            Event::Resumed => self.each_live(Self::resume),
            Event::Doubted => self.doubt(),
            Event::Moved => self.each_live(Self::left_elsewhere),
            Event::Due => self.due(),
            Event::News {
                task,
                attempt,
                news,
            } => self.news(task, attempt, news),
            Event::Cleared {
                task,
                attempt,
                cleared,
            } => self.cleared(task, attempt, cleared),
            Event::Cancel { by, reason } => self.stop_run(StopWhy::Cancelled { by, reason }),
            Event::Retry {
                tasks,
                by,
                reason,
                backfill,
                definition,
            } => {
                let opened = Opened {
                    by,
                    reason,
                    backfill,
                };
                self.retry_run(&tasks, opened, definition.as_deref());
            }
            Event::Mark {
                task,
                verdict,
                leave_running,
                by,
                reason,
            } => {
                self.mark(task, verdict, leave_running, by, reason);
            }
        }
    }

    fn news(&mut self, task: TaskRunIx, number: u32, news: News) {
        let live = self
            .run
            .tasks
            .get(task.index())
            .and_then(|t| t.live())
            .map(|attempt| attempt.number);
        if live != Some(number) && !(live.is_some() && planted::is(Bug::LateAnswerIsTaken)) {
            let what = late(&news);
            self.record_of(Some(task), Some(number), Fact::LateAnswer { what });
            return;
        }
        match news {
            News::Launched { handle } => self.found(task, handle, false),
            News::LaunchFailed { error } => self.launch_failed(task, error),
            News::Looked {
                found: Some(handle),
            } => self.found(task, handle, true),
            News::Looked { found: None } => self.found_nothing(task),
            News::LookFailed { error } => self.look_failed(task, &error),
            News::Polled { status } => self.polled(task, status),
            News::Advanced { handle } => self.advanced(task, handle),
            News::Unheard {
                host,
                listened,
                lost_after,
            } => self.unheard(task, &host, listened, lost_after),
            News::PollFailed { error } => self.poll_failed(task, &error),
        }
    }

    /// Judges every gate that may have changed, and what follows from it, until nothing does; then the end of the run.
    fn settle(&mut self) {
        while let Some(task) = self.judged.pop_front() {
            self.judge(task);
        }
        self.let_go_held();
        self.end_run();
    }

    pub(super) fn ready(&mut self, ix: TaskRunIx) {
        self.set_state(ix, TaskState::Ready { since: self.now });
        self.record(ix, Fact::TaskReady);
    }

    /// A slot is there: the intent, with the request that will be sent, becomes part of this step.
    fn intend(&mut self, ix: TaskRunIx) {
        if !matches!(self.state(ix), TaskState::Ready { .. }) {
            return;
        }
        let before = u32::try_from(self.run.tasks[ix.index()].attempts.len());
        let number = match before.unwrap_or(u32::MAX - 1) + 1 {
            number if number > 1 && planted::is(Bug::RetryReusesNumber) => number - 1,
            number if number > 1 && planted::is(Bug::RetrySkipsNumber) => number + 1,
            number => number,
        };
        let key = self.port.key(self.dag, self.run, ix, number);
        let prepared = self.port.prepare(
            self.dag,
            self.run,
            &Intent {
                task: ix,
                number,
                key: &key,
                at: self.now,
            },
        );
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(message) => return self.end_task(ix, Verdict::Failed, Some(message)),
        };
        let task = self.definition(ix);
        let (timeout, start, total) = (task.timeout, task.start_timeout, task.total_timeout);
        let launching = Launching {
            sends: 1,
            tries: 1,
            sent_at: self.now,
            step: LaunchStep::Send { not_before: None },
            stop: None,
            trouble: None,
            refused: None,
        };
        let attempt = Attempt {
            number,
            key: key.clone(),
            intended_at: self.now,
            deadline: after(self.now, timeout),
            start_by: after(self.now, start),
            prepared,
            state: AttemptState::Launching(launching),
        };
        let now = self.now;
        let run = &mut self.run.tasks[ix.index()];
        run.give_up_at = run.give_up_at.or_else(|| after(now, total));
        run.attempts.push(attempt);
        self.set_state(ix, TaskState::Active);
        self.record(ix, Fact::Intended { key });
        self.look_before_sending(ix);
    }

    /// Ends a task and has its dependants judged.
    pub(super) fn end_task(&mut self, ix: TaskRunIx, verdict: Verdict, why: Option<String>) {
        let end = TaskEnd {
            verdict,
            at: self.now,
            why: why.clone(),
            marked_by: None,
        };
        self.set_state(ix, TaskState::Ended(end));
        self.record(ix, Fact::TaskEnded { verdict, why });
        self.judge_downstream(ix);
    }

    fn end_run(&mut self) {
        let Phase::Running {
            started_at, stop, ..
        } = &self.run.phase
        else {
            return;
        };
        // The end of a mapped task or group is the end of its items.
        let ended = |ix: TaskRunIx| self.run.tasks[ix.index()].end().is_some();
        let open = !self.run.outer(self.dag).all(ended);
        let obliged = self.run.tasks.iter().any(TaskRun::is_obliged);
        if open || (obliged && !planted::is(Bug::EndLeavesDuties)) {
            return;
        }
        let ending = ending(self.dag, self.run, stop.as_ref().map(|stop| &stop.why));
        self.run.phase = Phase::Ended {
            ending,
            started_at: Some(*started_at),
            at: self.now,
        };
        self.step.run_changed = true;
        self.record_of(None, None, Fact::RunEnded { ending });
    }

    pub(super) fn definition(&self, ix: TaskRunIx) -> &TaskDefinition {
        self.run.tasks[ix.index()].definition(self.dag)
    }

    pub(super) fn task(&self, ix: TaskRunIx) -> TaskIx {
        self.run.tasks[ix.index()].task
    }

    pub(super) fn state(&self, ix: TaskRunIx) -> &TaskState {
        &self.run.tasks[ix.index()].state
    }

    pub(super) fn set_state(&mut self, ix: TaskRunIx, state: TaskState) {
        self.run.tasks[ix.index()].state = state;
        self.step.touched.insert(ix);
    }

    /// The live attempt, to be changed: the task run counts as touched.
    pub(super) fn live(&mut self, ix: TaskRunIx) -> Option<&mut Attempt> {
        let task = &mut self.run.tasks[ix.index()];
        if !matches!(task.state, TaskState::Active) {
            return None;
        }
        self.step.touched.insert(ix);
        task.attempts.last_mut()
    }

    pub(super) fn each_live(&mut self, act: impl Fn(&mut Self, TaskRunIx)) {
        for ix in self.all() {
            if matches!(self.state(ix), TaskState::Active) {
                act(self, ix);
            }
        }
    }

    /// Every task run. Those that are gone have ended, and nothing that has ended is looked at twice.
    pub(super) fn all(&self) -> impl Iterator<Item = TaskRunIx> + use<> {
        (0..u32::try_from(self.run.tasks.len()).unwrap_or(u32::MAX)).map(TaskRunIx)
    }

    pub(super) fn record(&mut self, ix: TaskRunIx, fact: Fact) {
        let number = self.run.tasks[ix.index()]
            .live()
            .map(|attempt| attempt.number);
        self.record_of(Some(ix), number, fact);
    }

    pub(super) fn record_of(&mut self, task: Option<TaskRunIx>, attempt: Option<u32>, fact: Fact) {
        let record = Record::new(self.now, task, attempt, fact);
        self.step.records.push(record);
    }
}

/// An instant a duration later; an instant beyond the calendar never comes.
pub(super) fn after(now: Instant, duration: Option<std::time::Duration>) -> Option<Instant> {
    let duration = chrono::Duration::from_std(duration?).ok()?;
    now.checked_add_signed(duration)
}

/// A backend that asks for a longer pause is asked again all the same: its word must not stop a task for good.
pub(super) const LONGEST_ASKED: std::time::Duration = std::time::Duration::from_secs(3_600);

/// 1, 2, 4 … 60 s.
pub(super) fn pause(tries: u32) -> std::time::Duration {
    let (first, longest) = PAUSES;
    first
        .saturating_mul(2u32.saturating_pow(tries.saturating_sub(1).min(16)))
        .min(longest)
}

fn late(news: &News) -> String {
    match news {
        News::Launched { handle }
        | News::Advanced { handle }
        | News::Looked {
            found: Some(handle),
        } => format!("the work is known as {}", handle.public),
        News::LaunchFailed { error } | News::LookFailed { error } | News::PollFailed { error } => {
            error.to_string()
        }
        News::Looked { found: None } => "nothing was found".to_owned(),
        News::Unheard { host, .. } => format!("host {host} has said nothing"),
        News::Polled { status } => serde_json::to_string(status).unwrap_or_default(),
    }
}
