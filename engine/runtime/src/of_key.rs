//! What an idempotency key has made already, and what its second use is answered.
//!
//! A key makes one run, ever: also after retention has taken the run out of the store.

use noctule_core::ask::{Answer, Refusal};
use noctule_core::name::RunId;
use noctule_core::run::RunFacts;
use serde_json::{Map, Value};

use crate::asking::refused;

/// The run that an idempotency key has made.
pub(crate) enum OfKey {
    /// It is in the store, or will be with the next commit.
    Known(Box<RunFacts>),
    /// It was past its retention. The key is spent all the same.
    Forgotten(RunId),
}

impl OfKey {
    /// The run that was made.
    pub(crate) fn run(&self) -> &RunId {
        match self {
            Self::Known(facts) => &facts.id,
            Self::Forgotten(id) => id,
        }
    }

    /// The same run for the same parameters; those of a forgotten run are not known any more.
    pub(crate) fn answer(&self, params: &Map<String, Value>, key: &str) -> Answer {
        let (run, notes) = match self {
            Self::Known(facts) if facts.params == *params => (&facts.id, Vec::new()),
            Self::Known(facts) => {
                let id = &facts.id;
                return refused(
                    Refusal::Conflict,
                    format!("idempotency key `{key}` already made run {id} with other parameters"),
                );
            }
            Self::Forgotten(id) => {
                let note = format!("run {id} ended long ago, and what it did is forgotten");
                (id, vec![note])
            }
        };
        Answer::Done {
            run: Some(run.clone()),
            existing: true,
            notes,
        }
    }
}
