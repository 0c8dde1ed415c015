//! The journal of every run of these tests: after each transition, folding it gives the state, and the same records.
//!
//! It is kept as a store keeps it: appended with the commit, lost with what was not committed. `replaying` writes and reads
//! it as JSON, too.

use crate::dag::Dag;
use crate::name::BackfillId;
use crate::replay::{Numbered, Replay, fold};
use crate::run::{Fact, Phase, Run, Step, TaskRun, TaskRunIx};

/// The journal of a run, and the run that it makes.
#[derive(Clone)]
pub(super) struct Journal<'a> {
    dags: &'a [Dag],
    pub(super) records: Vec<Numbered>,
    folded: Replay<'a>,
    pending: Vec<Pending>,
    /// The run as a store would have it that is told of every step.
    told: Run,
    committed: Run,
    /// Transitions that were folded.
    folds: usize,
}

/// What is decided and not committed: the records of one transition, and what it changed.
#[derive(Clone)]
struct Pending {
    records: Vec<Numbered>,
    round: u32,
    phase: Phase,
    backfill: Option<BackfillId>,
    tasks: Vec<(TaskRunIx, TaskRun)>,
}

impl<'a> Journal<'a> {
    pub(super) fn new(dags: &'a [Dag], run: &Run, step: &Step) -> Self {
        let records = numbered(1, step);
        let (folded, rest) = Replay::begin(dags, &run.facts, &records).unwrap();
        assert!(rest.is_empty());
        assert_eq!(folded.compare(run), Ok(()));
        Self {
            dags,
            records,
            folded,
            pending: Vec::new(),
            told: run.clone(),
            committed: run.clone(),
            folds: 0,
        }
    }

    /// Adds what one event led to. A step tells of everything that changed.
    pub(super) fn append(&mut self, step: &Step, after: &Run) {
        if step.run_changed {
            self.told.round = after.round;
            self.told.phase = after.phase.clone();
            self.told.backfill = after.backfill.clone();
            self.told.line = after.line.clone();
            // The store writes facts anew where a definition was taken, and nowhere else.
            if takes_definition(step) {
                self.told.facts = after.facts.clone();
            }
        }
        let tasks = step.touched.iter();
        let tasks: Vec<_> = tasks
            .map(|ix| (*ix, after.tasks[ix.index()].clone()))
            .collect();
        write(&mut self.told, &tasks);
        assert_eq!(self.told, *after, "a change that is not written");
        if step.is_empty() {
            return;
        }
        let pending: usize = self.pending.iter().map(|it| it.records.len()).sum();
        let first = self.records.len() + pending + 1;
        self.pending.push(Pending {
            records: numbered(first, step),
            round: after.round,
            phase: after.phase.clone(),
            backfill: after.backfill.clone(),
            tasks,
        });
    }

    /// A kill: what was not committed was never heard.
    pub(super) fn forget(&mut self) {
        self.pending.clear();
        self.told = self.committed.clone();
    }

    /// Folds what became durable, and compares it after each transition.
    pub(super) fn commit(&mut self, stored: &Run) {
        for pending in std::mem::take(&mut self.pending) {
            let heard = self.folded.hear(&pending.records, stored).unwrap();
            let run = self.folded.run();
            assert_eq!(run.round, pending.round, "after {heard:#?}");
            assert_eq!(run.phase, pending.phase, "after {heard:#?}");
            assert_eq!(run.backfill, pending.backfill, "after {heard:#?}");
            for (ix, task) in &pending.tasks {
                assert_eq!(run.tasks[ix.index()], *task, "after {heard:#?}");
            }
            write(&mut self.committed, &pending.tasks);
            self.records.extend(pending.records);
            self.folds += 1;
        }
        self.committed.round = stored.round;
        self.committed.phase = stored.phase.clone();
        self.committed.backfill = stored.backfill.clone();
        self.committed.line = stored.line.clone();
        self.committed.facts = stored.facts.clone();
        assert_eq!(self.folded.compare(stored), Ok(()));
    }

    /// Folds all of it at once, as a reader of the store does.
    pub(super) fn replays(&self, stored: &Run) {
        let last = self.records.last().map_or(0, |(seq, _)| *seq);
        let replayed = fold(self.dags, stored, &self.records, last).unwrap();
        assert_eq!(replayed.events.len(), self.folds);
    }
}

fn takes_definition(step: &Step) -> bool {
    step.records.iter().any(|record| {
        matches!(
            record.fact,
            Fact::RunRetried {
                definition: Some(_),
                ..
            }
        )
    })
}

/// Writes rows of task runs, as the store does: new ones come after the others.
fn write(run: &mut Run, rows: &[(TaskRunIx, TaskRun)]) {
    for (ix, row) in rows {
        match run.tasks.get_mut(ix.index()) {
            Some(task) => *task = row.clone(),
            None => run.tasks.push(row.clone()),
        }
    }
}

fn numbered(first: usize, step: &Step) -> Vec<Numbered> {
    (first as u64..).zip(step.records.iter().cloned()).collect()
}
