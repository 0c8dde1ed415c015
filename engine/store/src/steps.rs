//! The steps of a commit, each run once: what changed in its phase, its task runs and its journal.

use std::collections::{BTreeMap, BTreeSet};

use noctule_core::name::BackfillId;
use noctule_core::run::{Fact, Instant, Phase, Record, Run, RunFacts, Step, TaskRun, TaskRunIx};
use serde::Serialize;

/// The part of a run's row that changes.
#[derive(Serialize)]
pub(crate) struct Progress<'a> {
    round: u32,
    phase: &'a Phase,
    #[serde(skip_serializing_if = "Option::is_none")]
    backfill: Option<&'a BackfillId>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    line: &'a [TaskRunIx],
}

impl<'a> Progress<'a> {
    pub(crate) fn of(run: &'a Run) -> Self {
        Self {
            round: run.round,
            phase: &run.phase,
            backfill: run.backfill.as_ref(),
            line: &run.line,
        }
    }

    pub(crate) fn ended_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Ended { at, .. } => Some(*at),
            Phase::Queued { .. } | Phase::Running { .. } => None,
        }
    }
}

/// What changed in one run.
struct Change<'a> {
    run: &'a Run,
    progress: bool,
    touched: BTreeSet<TaskRunIx>,
    records: Vec<&'a Record>,
}

/// What changed, each run once: a statement that meets the same row twice would keep either.
#[derive(Default)]
pub(crate) struct Steps<'a>(BTreeMap<&'a str, Change<'a>>);

impl<'a> Steps<'a> {
    /// Adds a step; a later one of the same run knows better how it stands.
    pub(crate) fn add(&mut self, run: &'a Run, step: &'a Step, progress: bool) {
        let fresh = || Change {
            run,
            progress: false,
            touched: BTreeSet::new(),
            records: Vec::new(),
        };
        let change = self.0.entry(run.facts.id.as_str()).or_insert_with(fresh);
        change.run = run;
        change.progress |= progress;
        change.touched.extend(&step.touched);
        change.records.extend(&step.records);
    }

    /// The runs whose phase changed, with how they stand.
    pub(crate) fn phases(&self) -> Vec<(&'a str, Progress<'a>)> {
        let changed = self.0.iter().filter(|(_, change)| change.progress);
        changed
            .map(|(id, change)| (*id, Progress::of(change.run)))
            .collect()
    }

    /// The facts of runs that took another definition: its version is one of them.
    pub(crate) fn facts(&self) -> Vec<(&'a str, &'a RunFacts)> {
        let taken = self.0.iter().filter(|(_, change)| takes_definition(change));
        taken.map(|(id, change)| (*id, &change.run.facts)).collect()
    }

    /// The task runs that changed.
    pub(crate) fn tasks(&self) -> Vec<(&'a str, u32, &'a TaskRun)> {
        self.0.iter().flat_map(tasks).collect()
    }

    /// The new records, with their place among those of their run.
    pub(crate) fn records(&self) -> Vec<(&'a str, usize, &'a Record)> {
        self.0.iter().flat_map(records).collect()
    }

    /// How a run stands after all of them.
    pub(crate) fn latest(&self, id: &str) -> Option<&'a Run> {
        self.0.get(id).map(|change| change.run)
    }
}

fn takes_definition(change: &Change<'_>) -> bool {
    let takes = |record: &&Record| {
        matches!(
            record.fact,
            Fact::RunRetried {
                definition: Some(_),
                ..
            }
        )
    };
    change.records.iter().any(takes)
}

fn tasks<'a>((id, change): (&&'a str, &Change<'a>)) -> Vec<(&'a str, u32, &'a TaskRun)> {
    let row = |ix: &TaskRunIx| Some((*id, ix.0, change.run.tasks.get(ix.index())?));
    change.touched.iter().filter_map(row).collect()
}

fn records<'a>((id, change): (&&'a str, &Change<'a>)) -> Vec<(&'a str, usize, &'a Record)> {
    (1..)
        .zip(&change.records)
        .map(|(ordinal, record)| (*id, ordinal, *record))
        .collect()
}
