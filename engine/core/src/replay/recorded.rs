//! Surroundings that answer from the record: the same answers in the same order, whoever asks today.
//!
//! Never renders, never asks an executor: what a binary of today would prepare is not what was sent then.

use std::cell::{Cell, RefCell};

use noctule_executor::AttemptKey;
use serde_json::Value;

use crate::dag::Dag;
use crate::run::{Intent, Port, PortAnswer, Prepared, Run, TaskRunIx, attempt_of};

/// The answers of one transition.
pub(super) struct Recorded<'a> {
    /// Keeps what was prepared.
    stored: &'a Run,
    answers: &'a [PortAnswer],
    next: Cell<usize>,
    complaint: RefCell<Option<String>>,
}

impl<'a> Recorded<'a> {
    pub(super) fn new(stored: &'a Run, answers: &'a [PortAnswer]) -> Self {
        Self {
            stored,
            answers,
            next: Cell::new(0),
            complaint: RefCell::new(None),
        }
    }

    /// The first question that the record has no answer to.
    pub(super) fn complaint(self) -> Option<String> {
        self.complaint.into_inner()
    }

    fn answer(&self) -> Option<&'a PortAnswer> {
        let next = self.next.get();
        self.next.set(next + 1);
        self.answers.get(next)
    }

    fn complain<T>(&self, what: String) -> Result<T, String> {
        self.complaint.borrow_mut().get_or_insert(what.clone());
        Err(what)
    }

    fn unanswered<T>(&self, answer: Option<&PortAnswer>, asked: &str) -> Result<T, String> {
        match answer {
            Some(PortAnswer::Refused(message)) => Err(message.clone()),
            Some(_) => self.complain(format!(
                "{asked} was asked for, and something else was then"
            )),
            None => self.complain(format!("{asked} was asked for, and was not then")),
        }
    }
}

impl Port for Recorded<'_> {
    fn key(&self, _: &Dag, _: &Run, task: TaskRunIx, number: u32) -> AttemptKey {
        // An attempt that could not be prepared has no key that anybody uses.
        attempt_of(self.stored, task, number).map_or_else(
            || AttemptKey::from_text(String::new()),
            |attempt| attempt.key.clone(),
        )
    }

    fn prepare(&self, _: &Dag, _: &Run, intent: &Intent<'_>) -> Result<Prepared, String> {
        match self.answer() {
            Some(PortAnswer::Prepared(_)) => {}
            other => return self.unanswered(other, "a request"),
        }
        // Whether it is the one that was prepared then, the digest says: it is compared with the record it stands in.
        match attempt_of(self.stored, intent.task, intent.number) {
            Some(attempt) => Ok(attempt.prepared.clone()),
            None => self.complain(format!(
                "attempt {} was prepared, and the stored run has none",
                intent.number
            )),
        }
    }

    fn items(&self, _: &Dag, _: &Run, _: TaskRunIx) -> Result<Vec<(String, Value)>, String> {
        match self.answer() {
            Some(PortAnswer::Items(items)) => Ok(items.clone()),
            other => self.unanswered(other, "a list"),
        }
    }

    fn holds(
        &self,
        _: &Dag,
        _: &Run,
        _: TaskRunIx,
        expression: &str,
        _: Option<&Value>,
    ) -> Result<bool, String> {
        match self.answer() {
            Some(PortAnswer::Held(held)) => Ok(*held),
            other => self.unanswered(other, &format!("`{expression}`")),
        }
    }
}
