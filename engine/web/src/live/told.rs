//! One event as it is told, its place, and the word that something is missing.

use std::sync::Arc;

use axum::body::Bytes;
use noctule_core::name::{DagId, RunId};
use serde::Serialize;

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum About {
    /// An entry of the journal of a run.
    Run {
        run: RunId,
        /// Its number there.
        seq: u64,
        /// The round of the run is over with it.
        ends: bool,
    },
    /// How a backfill stands.
    Backfill,
    /// Something that cannot be read, and so is not told here: of this run, or of whatever.
    Lost { run: Option<RunId> },
}

impl About {
    /// Something of this run may be missing here.
    pub(crate) fn may_miss(&self, of: &RunId) -> bool {
        matches!(self, Self::Lost { run: Some(run) } if run == of)
    }
}

/// What is missing, as far as that is known.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Lost {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<RunId>,
    /// Without it nothing is named: nobody knows who may hear of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dag: Option<DagId>,
}

/// One event, written once for all who hear it.
#[derive(Debug)]
pub(crate) struct Told {
    /// Its number in the history.
    pub(crate) number: u64,
    /// What it is about.
    pub(crate) about: About,
    /// The DAG of that. None: it is for everybody.
    pub(crate) dag: Option<DagId>,
    /// The event in JSON.
    pub(crate) json: Bytes,
    /// As it is told to those who hear everything.
    pub(crate) line: Bytes,
}

/// A place in a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) history: Arc<str>,
    pub(crate) number: u64,
}

/// The word on the wire that something is missing.
pub(crate) fn reset(id: &str, json: &str) -> Bytes {
    format!("id: {id}\nevent: reset\ndata: {json}\n\n").into()
}

impl Position {
    /// The place that an id names; one that is none of ours names a place that is gone.
    pub(crate) fn read(text: &str) -> Self {
        let read = || {
            let (history, number) = text.rsplit_once('-')?;
            Some((history, number.parse().ok()?))
        };
        let (history, number) = read().unwrap_or_default();
        Self {
            history: history.into(),
            number,
        }
    }

    pub(crate) fn id(&self) -> String {
        format!("{}-{}", self.history, self.number)
    }
}
