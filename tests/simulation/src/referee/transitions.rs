//! What may become of a run in one commit.

use noctule_core::dag::{Dag, HoldUntil, OnUnknown};
use noctule_core::name::attempt_key;
use noctule_core::run::{
    Attempt, AttemptEnd, AttemptState, Ended, Fact, Instant, ItemState, Phase, Record, Run,
    TaskRun, TaskRunIx, TaskState, Verdict,
};

use super::truth::{Truth, may_begin, untrue};
use super::{Referee, is_ended};

impl Referee {
    /// One run before and after a commit.
    pub(crate) fn stepped(
        &mut self,
        dag: &Dag,
        old: Option<&Run>,
        new: &Run,
        records: &[Record],
        truth: &Truth<'_>,
    ) {
        self.note(new, records);
        self.note_rounds(&new.facts.id, records);
        for (ix, task) in (0u32..).map(TaskRunIx).zip(&new.tasks) {
            let before = old.and_then(|old| old.tasks.get(ix.index()));
            if before == Some(task) {
                continue;
            }
            self.numbers(dag, new, ix, before, task);
            self.ends_of_attempts(new, ix, before, task, truth);
            self.begins(dag, new, ix, before, task, records);
            self.stays_ended(old, new, (ix, before, task), records);
            self.items(dag, new, task);
        }
        self.phases(dag, old, new, truth);
        self.overdue(new, truth.turn);
    }

    fn note(&mut self, run: &Run, records: &[Record]) {
        for record in records {
            let (Some(ix), Some(attempt)) = (record.task, record.attempt) else {
                continue;
            };
            let place = (run.facts.id.clone(), ix, attempt);
            match &record.fact {
                Fact::Intended { key } => {
                    self.attempts += 1;
                    if self.intents.insert(key.clone(), place).is_some() {
                        self.say(format!("{key} is intended twice"));
                    }
                }
                Fact::AttemptEnded { state, .. } => {
                    self.successes += u64::from(state == "succeeded");
                    if !self.ends.insert(place) {
                        let id = &run.facts.id;
                        self.say(format!(
                            "the end of attempt {attempt} of {id} {ix:?} is recorded twice"
                        ));
                    }
                }
                _ => {}
            }
        }
    }

    /// Numbers are neither left out nor used twice, keys are those of their numbers, what has ended stays as it is.
    fn numbers(
        &mut self,
        dag: &Dag,
        run: &Run,
        ix: TaskRunIx,
        before: Option<&TaskRun>,
        task: &TaskRun,
    ) {
        let old: &[Attempt] = before.map_or(&[], |before| &before.attempts);
        let name = || run.name_of(dag, ix);
        let id = &run.facts.id;
        if task.attempts.len() < old.len() {
            self.say(format!("{id} {}: an attempt is gone", name()));
        }
        for (place, attempt) in (1u32..).zip(&task.attempts) {
            let known = old.get(place as usize - 1);
            let changed = known.is_some_and(|known| is_ended(known) && known != attempt);
            let local = task.definition(dag).name.as_str();
            let key = || attempt_key(&self.store_id, id, local, task.map_key.as_deref(), place);
            let other_key = match known {
                Some(known) => known.key != attempt.key,
                None => attempt.key != key(),
            };
            let last = place as usize == task.attempts.len();
            if attempt.number != place || other_key || changed || !(last || is_ended(attempt)) {
                let (number, key) = (attempt.number, &attempt.key);
                let what = format!("{id} {}: attempt {number} ({key}) in place {place}", name());
                return self.say(what);
            }
        }
    }

    /// An attempt ends as its work did, and no work that somebody would have to stop goes on unseen.
    fn ends_of_attempts(
        &mut self,
        run: &Run,
        ix: TaskRunIx,
        before: Option<&TaskRun>,
        task: &TaskRun,
        truth: &Truth<'_>,
    ) {
        let old: &[Attempt] = before.map_or(&[], |before| &before.attempts);
        for (place, attempt) in task.attempts.iter().enumerate() {
            if old.get(place).is_some_and(is_ended) {
                continue;
            }
            if let AttemptState::Ended(ended) = &attempt.state {
                let left = self.left.contains(&run.facts.id);
                if let Some(what) = untrue(attempt, ended, left, truth) {
                    let (id, number) = (&run.facts.id, attempt.number);
                    let end = ended.end.word();
                    self.say(format!("{id} {ix:?} attempt {number} {end}: {what}"));
                }
            }
        }
    }

    /// A new attempt begins only behind an open gate, within its retries, after its pause.
    fn begins(
        &mut self,
        dag: &Dag,
        run: &Run,
        ix: TaskRunIx,
        before: Option<&TaskRun>,
        task: &TaskRun,
        records: &[Record],
    ) {
        let old = before.map_or(0, |before| before.attempts.len());
        let Some(first) = task.attempts.get(old) else {
            return;
        };
        let (id, name) = (&run.facts.id, run.name_of(dag, ix));
        let definition = task.definition(dag);
        let unknown = definition.on_unknown == OnUnknown::Retry;
        let allowed = definition.retries.max.max(u32::from(unknown)) + 1;
        let tries = task.attempts.len() - task.earlier as usize;
        if tries > allowed as usize {
            self.say(format!("{id} {name}: try {tries} of {allowed}"));
        }
        if let Some(TaskState::Backoff { until }) = before.map(|before| &before.state)
            && became_ready(records, ix).unwrap_or(first.intended_at) < *until
            && task.earlier == before.map_or(0, |before| before.earlier)
        {
            self.say(format!("{id} {name}: tried again before {until}"));
        }
        // The items of a mapped task have their gate in its head.
        let is_item = task.item.is_some() && definition.within.is_none();
        let upstream: Vec<_> = dag
            .upstream(task.task)
            .iter()
            .filter(|_| !is_item)
            .filter_map(|up| run.seen_from(dag, ix, *up))
            .map(|up| &run.tasks[up.index()])
            .collect();
        let marked = upstream
            .iter()
            .any(|up| up.end().is_some_and(|end| end.marked_by.is_some()));
        let ends: Vec<Option<Verdict>> = upstream
            .iter()
            .map(|up| up.end().map(|end| end.verdict))
            .collect();
        // A mark on an item judges its whole again, in the midst of a commit.
        let marked = marked || self.marked.contains(id);
        if !marked && !may_begin(definition.trigger_rule, &ends) {
            let rule = definition.trigger_rule;
            self.say(format!("{id} {name} begins by {rule:?} over {ends:?}"));
        }
    }

    /// What has ended stays ended within a round, but for a mark.
    fn stays_ended(
        &mut self,
        old: Option<&Run>,
        new: &Run,
        task: (TaskRunIx, Option<&TaskRun>, &TaskRun),
        records: &[Record],
    ) {
        let (ix, before, after) = task;
        let marked = records
            .iter()
            .any(|record| matches!(record.fact, Fact::TaskMarked { .. }));
        let Some(end) = before.and_then(TaskRun::end) else {
            return;
        };
        if old.is_some_and(|old| old.round == new.round) && !marked && after.end() != Some(end) {
            // A list that is made again in a new round resets its items, in the same round as their head.
            let reset = records
                .iter()
                .any(|record| record.task == Some(ix) && matches!(record.fact, Fact::TaskReset));
            if !(reset && new.round > 1 && after.item.is_some()) {
                let id = &new.facts.id;
                self.say(format!(
                    "{id} {ix:?} had {} and is {}",
                    end.verdict.word(),
                    after.state.word()
                ));
            }
        }
    }

    /// A mapped task ends after its items, and lets no more begin than it may.
    fn items(&mut self, dag: &Dag, run: &Run, task: &TaskRun) {
        let head = task.item.map_or(task, |of| &run.tasks[of.head.index()]);
        if head.gone.is_some() {
            return;
        }
        let (Some(expansion), Some(rule)) = (&head.expansion, &head.definition(dag).map) else {
            return;
        };
        let walk = dag.walk(head.task);
        let states = expansion
            .items
            .iter()
            .map(|item| run.item_state(dag, &walk, item));
        let (mut open, mut waiting) = (0, 0);
        for state in states {
            open += u32::from(state == ItemState::Open);
            waiting += u32::from(state == ItemState::Waiting);
        }
        let id = &run.facts.id;
        let unmarked = head.end().is_some_and(|end| end.marked_by.is_none());
        if unmarked && open + waiting > 0 && !run.is_stopping() {
            self.say(format!(
                "{id}: a mapped task ended with {open} open items, {waiting} waiting"
            ));
        }
        // In a new round items that had begun go on beside each other.
        let counts = run.round == 1 && !self.marked.contains(id);
        if counts && rule.max_parallel.is_some_and(|most| open > most) {
            self.say(format!("{id}: {open} items at once"));
        }
    }

    fn phases(&mut self, dag: &Dag, old: Option<&Run>, new: &Run, truth: &Truth<'_>) {
        let id = &new.facts.id;
        let was_over = old.is_some_and(Run::is_over);
        if let Some(old) = old.filter(|old| old.is_over())
            && !new.is_over()
            && new.round <= old.round
        {
            self.say(format!("{id} is under way again without a new round"));
        }
        if !new.is_over() {
            if let Phase::Running {
                deadline: Some(deadline),
                stop: None,
                ..
            } = &new.phase
                && *deadline < truth.turn
            {
                self.say(format!("{id} goes on after its deadline {deadline}"));
            }
            return;
        }
        if was_over {
            return;
        }
        self.ended_runs += 1;
        let mut outer = new.outer(dag).map(|ix| &new.tasks[ix.index()]);
        if outer.any(|task| task.end().is_none()) {
            self.say(format!("{id} ended with an open task"));
        }
        for task in &new.tasks {
            if task.live().is_some() || task.is_obliged() {
                self.say(format!(
                    "{id} ended with live work or something to clear away"
                ));
            }
            self.nothing_is_left(new, task, truth);
        }
    }

    fn nothing_is_left(&mut self, run: &Run, task: &TaskRun, truth: &Truth<'_>) {
        for attempt in &task.attempts {
            let AttemptState::Ended(Ended {
                handle: Some(_), ..
            }) = &attempt.state
            else {
                continue;
            };
            let Some(work) = truth.backends.works.get(&attempt.key) else {
                continue;
            };
            let number = attempt.number;
            let given_up = task
                .obligations
                .iter()
                .any(|o| o.attempt == number && !o.is_open());
            if attempt.prepared.obliges && !given_up && (!work.torn_down || work.place_left) {
                let (id, key) = (&run.facts.id, &attempt.key);
                self.say(format!("{id} ended, and {key} has left something behind"));
            }
        }
    }

    /// No instant that was stored passes unseen.
    fn overdue(&mut self, run: &Run, turn: Instant) {
        if run.is_over() {
            return;
        }
        for task in &run.tasks {
            let Some(attempt) = task.live() else {
                continue;
            };
            let stopping = match &attempt.state {
                AttemptState::Launching(launching) => launching.stop.is_some(),
                AttemptState::Cancelling(_) => true,
                AttemptState::Running(_) | AttemptState::Ended(_) => false,
            };
            let late = crate::desk::passed(attempt.deadline, turn)
                || crate::desk::passed(task.give_up_at, turn);
            if late && !stopping {
                let (id, key) = (&run.facts.id, &attempt.key);
                self.say(format!("{id}: {key} goes on after its time-out"));
            }
        }
    }

    /// Held work is torn down after those who use it.
    pub(super) fn users_have_ended(&mut self, dag: &Dag, run: &Run, ix: TaskRunIx, attempt: u32) {
        let task = &run.tasks[ix.index()];
        let succeeded = task.attempts.iter().any(|known| {
            let AttemptState::Ended(ended) = &known.state else {
                return false;
            };
            known.number == attempt && matches!(ended.end, AttemptEnd::Succeeded { .. })
        });
        let Some(hold) = task
            .definition(dag)
            .hold_until
            .as_ref()
            .filter(|_| succeeded)
        else {
            return;
        };
        let users: Vec<&TaskRun> = match hold {
            HoldUntil::Run => (run.outer(dag).map(|ix| &run.tasks[ix.index()]))
                .filter(|other| other.task != task.task)
                .collect(),
            HoldUntil::Tasks(names) => names
                .iter()
                .filter_map(|name| run.seen_from(dag, ix, dag.find(name.as_str())?))
                .map(|user| &run.tasks[user.index()])
                .collect(),
        };
        if users.iter().any(|user| user.end().is_none()) {
            let id = &run.facts.id;
            self.say(format!("{id}: work is torn down while it is used"));
        }
    }
}

/// When a task run was last found ready, if this commit says so. The pause is over then, by the clock of that instant: a
/// commit that is refused and made again may hold an attempt of a later instant at which a clock that was set back shows less.
fn became_ready(records: &[Record], ix: TaskRunIx) -> Option<Instant> {
    let ready =
        |record: &&Record| record.task == Some(ix) && matches!(record.fact, Fact::TaskReady);
    records.iter().rev().find(ready).map(|record| record.at)
}
