//! Runs that take another definition: nothing of them is lost, nothing is done twice, and what is gone is said.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use noctule_core::dag::{Dag, Difference};
use noctule_core::name::{DagHash, DagId, RunId};
use noctule_core::replay::{Numbered, fold, versions};
use noctule_core::run::{
    AttemptEnd, AttemptState, Ended, Fact, Record, Run, TaskRun, TaskRunIx, Verdict,
};
use noctule_executor::{ErrorClass, Wait};

use super::{Referee, Truth};
use crate::asks::{Answer, Wish};
use crate::store::Store;

/// What it remembers for them.
#[derive(Default)]
pub(crate) struct Versions {
    /// Whether journals are kept, and folded in the end.
    kept: bool,
    journals: BTreeMap<RunId, Vec<Numbered>>,
    pinned: BTreeMap<DagHash, Rc<Dag>>,
    /// What was last said of the way of a run to a later definition.
    said: BTreeMap<RunId, Difference>,
    /// Runs of which somebody asked that every task begins anew.
    again: BTreeSet<RunId>,
    /// The same of all runs of a DAG.
    all_again: BTreeSet<DagId>,
    pub(crate) taken: u64,
    pub(crate) folded: u64,
}

impl Versions {
    pub(super) fn kept(kept: bool) -> Self {
        Self {
            kept,
            ..Self::default()
        }
    }
}

impl Referee {
    /// Somebody asks for a round; with all of it, or with what failed.
    pub(crate) fn asked_again(&mut self, run: &RunId, all: bool) {
        if all {
            self.versions.again.insert(run.clone());
        }
    }

    /// Somebody asks for all past ticks of a DAG again.
    pub(crate) fn asked_for_all(&mut self, dag: &DagId) {
        self.versions.all_again.insert(dag.clone());
    }

    /// What whoever asks for a later definition is told.
    pub(crate) fn told_of(&mut self, run: &RunId, difference: &Difference) {
        let said = &mut self.versions.said;
        said.insert(run.clone(), difference.clone());
    }

    /// One commit of a run that there was.
    pub(crate) fn versioned(
        &mut self,
        before: (&Dag, &Run),
        after: (&Dag, &Run),
        records: &[Record],
        truth: &Truth<'_>,
    ) {
        let (old, new) = (before.1, after.1);
        if new.facts.version != *after.0.hash() {
            let id = &new.facts.id;
            self.say(format!(
                "{id} goes on with a version that it is not pinned to"
            ));
        }
        if old.round != new.round {
            self.successes_stay(before, after, records);
        }
        if old.facts.version != new.facts.version {
            self.versions.taken += 1;
            self.taken_openly(before, after, records);
            self.places_stay(before, after);
            self.leaves_nothing(before, after, truth);
        }
        for (was, is) in old.tasks.iter().zip(&new.tasks) {
            if was.gone.is_some() && is.gone.is_some() && was != is {
                let id = &new.facts.id;
                self.say(format!("{id}: a task that is gone changes"));
            }
        }
    }

    /// A later definition comes with a round, and whoever asked was told what is new and what is gone.
    fn taken_openly(&mut self, before: (&Dag, &Run), after: (&Dag, &Run), records: &[Record]) {
        let (id, version) = (&after.1.facts.id, &after.1.facts.version);
        let takes = |record: &Record| matches!(&record.fact, Fact::RunRetried { definition: Some(to), .. } if to == version);
        if !records.iter().any(takes) {
            self.say(format!(
                "{id} has another definition, and no round that took it"
            ));
        }
        let names = |dag: &Dag| -> BTreeSet<String> {
            let tasks = dag.definition().tasks.iter();
            tasks.map(|task| task.name.to_string()).collect()
        };
        let (was, is) = (names(before.0), names(after.0));
        let told = self.versions.said.get(id).is_some_and(|said| {
            said.removed.iter().eq(before_only(before.0, &is).iter())
                && said.added.iter().collect::<BTreeSet<_>>() == is.difference(&was).collect()
        });
        if !told {
            self.say(format!(
                "{id}: nobody was told which tasks are new and which are gone"
            ));
        }
    }

    /// Every task run keeps its place, its name and its attempts; what the definition has not is gone, and nothing else is.
    fn places_stay(&mut self, before: (&Dag, &Run), after: (&Dag, &Run)) {
        let ((was_dag, old), (dag, new)) = (before, after);
        let id = &new.facts.id;
        for (ix, task) in (0u32..).map(TaskRunIx).zip(&old.tasks) {
            let Some(now) = new.tasks.get(ix.index()) else {
                return self.say(format!("{id}: a task run is gone from its place"));
            };
            let (was, is) = (old.name_of(was_dag, ix), new.name_of(dag, ix));
            if was != is {
                return self.say(format!("{id}: {was} has become {is}"));
            }
            if now.attempts.len() < task.attempts.len() {
                return self.say(format!("{id}: an attempt of {was} is lost"));
            }
        }
        for (task, ix) in dag.outer().zip(new.outer(dag)) {
            let fits = new
                .tasks
                .get(ix.index())
                .is_some_and(|run| run.task == task && run.gone.is_none() && run.item.is_none());
            if !fits {
                let name = &dag.task(task).name;
                return self.say(format!("{id}: {name} has no task run of its own"));
            }
        }
        for task in new.tasks.iter().filter(|task| task.item.is_none()) {
            let name = &task.definition(dag).name;
            if task.gone.is_some() == dag.find(name.as_str()).is_some() {
                return self.say(format!("{id}: {name} is gone and there, or neither"));
            }
        }
    }

    /// Nobody looks at a task that is gone: nothing of it may go on, and nobody may have to wonder.
    fn leaves_nothing(&mut self, before: (&Dag, &Run), after: (&Dag, &Run), truth: &Truth<'_>) {
        let (old, new) = (before.1, after.1);
        let id = &new.facts.id;
        for (was, is) in old.tasks.iter().zip(&new.tasks) {
            if was.gone.is_some() || is.gone.is_none() {
                continue;
            }
            let name = &is.definition(after.0).name;
            let open = is.obligations.iter().any(|duty| duty.is_open());
            if is.live().is_some() || open || is.end().is_none() {
                self.say(format!(
                    "{id}: {name} is gone, and something of it is not over"
                ));
            }
            let marked = self.marked.contains(id) || self.left.contains(id);
            if !marked && (is_in_doubt(is) || self.goes_on(is, truth)) {
                self.say(format!("{id}: {name} is gone, and its work may go on"));
            }
        }
    }

    fn goes_on(&self, task: &TaskRun, truth: &Truth<'_>) -> bool {
        task.attempts.iter().any(|attempt| {
            let work = truth.backends.works.get(&attempt.key);
            let known = work.is_some_and(|work| !work.is_over(truth.now) && !work.is_ready());
            // Work that nobody waits for goes on, as it was meant to; of an attempt before the last it may be unknown.
            known
                && attempt.prepared.wait != Wait::Detach
                && !is_unknown(attempt)
                && attempt.prepared.nature == noctule_core::run::Nature::Remote
        })
    }

    /// A task that succeeded and stays is not begun anew, unless somebody asked for all, or its work was held for another.
    fn successes_stay(&mut self, before: (&Dag, &Run), after: (&Dag, &Run), records: &[Record]) {
        let id = &after.1.facts.id;
        let asked = self.versions.again.contains(id)
            || self.versions.all_again.contains(&after.1.facts.dag)
            || self.marked.contains(id);
        if asked {
            return;
        }
        let reset = |record: &&Record| matches!(record.fact, Fact::TaskReset);
        for ix in records
            .iter()
            .filter(reset)
            .filter_map(|record| record.task)
        {
            let (Some(was), Some(is)) = (
                before.1.tasks.get(ix.index()),
                after.1.tasks.get(ix.index()),
            ) else {
                continue;
            };
            let stays = was.gone.is_none() && is.gone.is_none() && was.item.is_none();
            let succeeded = was
                .end()
                .is_some_and(|end| end.verdict == Verdict::Succeeded);
            let held = |task: &TaskRun, dag| task.definition(dag).hold_until.is_some();
            if stays && succeeded && !held(was, before.0) && !held(is, after.0) {
                let name = after.1.name_of(after.0, ix);
                self.say(format!("{id}: {name} had succeeded, and begins anew"));
            }
        }
    }

    /// A retry that asked for what somebody saw took that, or nothing.
    pub(crate) fn answered_with(&mut self, store: &Store, ask: usize, answer: &Answer) {
        let Some(Wish::RetryLatest {
            run,
            seen: Some(seen),
            ..
        }) = store.asks.get(ask).map(|asked| &asked.wish)
        else {
            return;
        };
        let version = store.runs.get(run).map(|stored| &stored.run.facts.version);
        if matches!(answer, Answer::Done { .. }) && version != Some(seen) {
            self.say(format!("{run} took another definition than was seen"));
        }
    }

    pub(crate) fn journal(&mut self, dag: &Rc<Dag>, run: &RunId, records: &[Record]) {
        if !self.versions.kept {
            return;
        }
        let pinned = self.versions.pinned.entry(dag.hash().clone());
        pinned.or_insert_with(|| Rc::clone(dag));
        let journal = self.versions.journals.entry(run.clone()).or_default();
        for record in records {
            journal.push((journal.len() as u64 + 1, record.clone()));
        }
    }

    /// What was heard makes every stored run again, over all versions that it had.
    pub(crate) fn fold_all(&mut self, store: &Store) {
        for (id, journal) in std::mem::take(&mut self.versions.journals) {
            let Some(stored) = store.runs.get(&id) else {
                continue;
            };
            let dags = versions(&stored.run.facts, &journal);
            let dags = dags
                .iter()
                .filter_map(|hash| self.versions.pinned.get(hash));
            let dags: Vec<Dag> = dags.map(|dag| Dag::clone(dag)).collect();
            self.versions.folded += 1;
            if let Err(difference) = fold(&dags, &stored.run, &journal, journal.len() as u64) {
                self.say(format!("{id} does not replay: {difference}"));
            }
        }
    }
}

fn before_only(was: &Dag, is: &BTreeSet<String>) -> Vec<String> {
    let names = was.tasks().map(|task| was.task(task).name.to_string());
    names.filter(|name| !is.contains(name)).collect()
}

fn is_unknown(attempt: &noctule_core::run::Attempt) -> bool {
    let AttemptState::Ended(Ended { end, .. }) = &attempt.state else {
        return true;
    };
    matches!(end, AttemptEnd::Failed { class, .. } if *class == ErrorClass::Unknown)
}

/// Of its last attempt nobody can tell what became of it, and nobody has said how it stands.
fn is_in_doubt(task: &TaskRun) -> bool {
    let unmarked = task.end().is_some_and(|end| end.marked_by.is_none());
    unmarked && task.attempts.last().is_some_and(is_unknown)
}
