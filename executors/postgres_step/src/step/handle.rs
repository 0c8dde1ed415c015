//! What is remembered of a step: its key, where its row is, and how it is watched. No secret, no address with one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use noctule_executor::{AttemptKey, Span};

use super::document::{Document, Statement};
use super::watch::Watch;

/// The handle of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepHandle {
    pub(crate) key: AttemptKey,
    /// Host, port and database; a connection that leads elsewhere tells nothing about this work.
    pub(crate) place: String,
    pub(crate) watch: Watch,
    pub(crate) cancel: Option<Statement>,
    pub(crate) channel: Option<String>,
    pub(crate) timeout: Option<Span>,
}

impl StepHandle {
    pub(crate) fn of(key: &AttemptKey, place: String, document: &Document) -> Self {
        Self {
            key: key.clone(),
            place,
            watch: document.watch.clone(),
            cancel: document.cancel.clone(),
            channel: document.channel.clone(),
            timeout: document.timeout,
        }
    }

    /// The handle as people know it.
    pub(crate) fn public(&self) -> Value {
        json!({ "attempt_key": self.key, "database": self.place, "row_in": self.watch.place })
    }
}
