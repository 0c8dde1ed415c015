//! What people ask for, as they stand in the inbox of the store.

use noctule_core::ask::BackfillAct;
use noctule_core::backfill::Only;
use noctule_core::name::{BackfillId, DagHash, DagId, RunId};
use noctule_core::run::{Instant, TaskRunIx, Verdict};

/// Past ticks of a DAG.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Range {
    pub(crate) dag: DagId,
    pub(crate) from: Instant,
    pub(crate) to: Instant,
    pub(crate) only: Only,
    pub(crate) max_parallel: u32,
}

/// A wish.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wish {
    Trigger {
        dag: DagId,
        key: Option<String>,
    },
    Cancel {
        run: RunId,
    },
    Retry {
        run: RunId,
        all: bool,
    },
    /// With the latest definition, and perhaps with none but the one that was seen.
    RetryLatest {
        run: RunId,
        all: bool,
        seen: Option<DagHash>,
    },
    Mark {
        run: RunId,
        task: TaskRunIx,
        verdict: Verdict,
        leave: bool,
    },
    Backfill {
        id: BackfillId,
        range: Range,
    },
    ActOnBackfill {
        id: BackfillId,
        act: BackfillAct,
    },
    Pause {
        dag: DagId,
    },
    Resume {
        dag: DagId,
    },
}

/// What the engine says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Done { run: Option<RunId> },
    Refused,
}

/// One ask.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) wish: Wish,
    pub(crate) at: Instant,
    pub(crate) answer: Option<Answer>,
}
