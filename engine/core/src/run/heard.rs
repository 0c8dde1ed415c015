//! What the state machine heard, as the journal keeps it: the event of a transition, and what its surroundings answered.
//!
//! Guarantees: with the run before it, this is all that a transition was decided by. The instant is the record's; the key,
//! the request and the output stand once, in the attempt, and the digests here say that they are the same.
//! It never holds anything of an attempt that the state does not hold, but for answers that came too late to be kept there.

use std::cell::RefCell;

use noctule_executor::{AttemptKey, Finished, Outcome, Status};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::attempt::{Attempt, AttemptEnd, AttemptState, Prepared};
use super::event::{Event, News};
use super::port::{Intent, Port};
use super::record::Fact;
use super::state::{Run, TaskRunIx};
use crate::dag::Dag;
use crate::planted::{self, Bug};

/// Bytes of a digest: enough to tell a change, in a place where nobody forges.
const DIGEST: usize = 8;

/// What began a transition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heard {
    /// What happened.
    pub event: Event,
    /// What the surroundings were asked while it was decided, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<PortAnswer>,
    /// The event had an output, which stands in the end of its attempt: here is its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Digest>,
}

/// What the surroundings answered to one question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortAnswer {
    /// An attempt was prepared; the attempt has it.
    Prepared(Digest),
    /// The items of a list.
    Items(Vec<(String, Value)>),
    /// An expression held, or did not.
    Held(bool),
    /// None of these: the line for people.
    Refused(String),
}

/// The beginning of the SHA-256 of a value's JSON, in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The digest of a value.
    pub fn of<T: Serialize>(value: &T) -> Self {
        // What has no JSON cannot be stored either; its commit says so.
        let text = serde_json::to_vec(value).unwrap_or_default();
        let hash = Sha256::digest(&text);
        Self(
            hash.iter()
                .take(DIGEST)
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        )
    }
}

impl Heard {
    /// An event that has been applied to a run. An output that the run keeps is not kept twice, nor what the record says.
    pub(super) fn of(mut event: Event, answers: Vec<PortAnswer>, run: &Run, record: &Fact) -> Self {
        if let (Some(public), Some(told)) = (public_of(&mut event), told_handle(record))
            && public == told
        {
            *public = Value::Null;
        }
        if let (Event::Retry { definition, .. }, true) =
            (&mut event, planted::is(Bug::LaterIsNotRecorded))
        {
            *definition = None;
        }
        let mut digest = None;
        if let Some((task, attempt, output)) = output_of(&mut event)
            && kept_output(run, task, attempt) == Some(&*output)
        {
            digest = Some(Digest::of(output));
            *output = Value::Null;
        }
        Self {
            event,
            answers,
            output: digest,
        }
    }

    /// The event as it was, with the output that a run keeps, and the handle that its record tells.
    ///
    /// # Errors
    /// The run does not keep it, or keeps another one.
    pub fn recall(&self, kept: &Run, record: &Fact) -> Result<Event, String> {
        let mut event = self.event.clone();
        if let (Some(public), Some(told)) = (public_of(&mut event), told_handle(record))
            && public.is_null()
        {
            *public = told.clone();
        }
        let Some(digest) = &self.output else {
            return Ok(event);
        };
        let Some((task, attempt, place)) = output_of(&mut event) else {
            return Err("the record speaks of an output, and its event has none".to_owned());
        };
        // An output that is null is none once it has been stored.
        let output = kept_output(kept, task, attempt).unwrap_or(&Value::Null);
        if Digest::of(output) != *digest {
            return Err(format!(
                "the output of attempt {attempt} is not the one that was heard"
            ));
        }
        *place = output.clone();
        Ok(event)
    }
}

/// The output that an event brings, and the attempt that it is of.
fn output_of(event: &mut Event) -> Option<(TaskRunIx, u32, &mut Value)> {
    let Event::News {
        task,
        attempt,
        news: News::Polled { status },
    } = event
    else {
        return None;
    };
    let output = match status {
        Status::Ready { output } => output,
        Status::Finished(Finished { outcome, .. }) => match outcome {
            Outcome::Succeeded { output } => output,
            Outcome::Failed { output, .. } | Outcome::Cancelled { output, .. } => {
                output.as_mut()?
            }
        },
        _ => return None,
    };
    Some((*task, *attempt, output))
}

/// How people know the work that an event names.
fn public_of(event: &mut Event) -> Option<&mut Value> {
    let Event::News { news, .. } = event else {
        return None;
    };
    match news {
        News::Launched { handle }
        | News::Advanced { handle }
        | News::Looked {
            found: Some(handle),
        } => Some(&mut handle.public),
        _ => None,
    }
}

/// The same, as a record tells it.
fn told_handle(record: &Fact) -> Option<&Value> {
    match record {
        Fact::Launched { handle, .. } | Fact::Advanced { handle } => Some(handle),
        _ => None,
    }
}

/// An attempt of a run, by its number.
pub(crate) fn attempt_of(run: &Run, task: TaskRunIx, number: u32) -> Option<&Attempt> {
    let mut attempts = run.tasks.get(task.index())?.attempts.iter();
    attempts.find(|attempt| attempt.number == number)
}

fn kept_output(run: &Run, task: TaskRunIx, number: u32) -> Option<&Value> {
    let AttemptState::Ended(ended) = &attempt_of(run, task, number)?.state else {
        return None;
    };
    match &ended.end {
        AttemptEnd::Succeeded { output } => Some(output),
        AttemptEnd::Failed { output, .. }
        | AttemptEnd::Skipped { output }
        | AttemptEnd::Cancelled { output, .. }
        | AttemptEnd::TimedOut { output, .. } => output.as_ref(),
    }
}

/// The surroundings, with an ear at the door.
pub(super) struct Overheard<'a> {
    port: &'a dyn Port,
    answers: RefCell<Vec<PortAnswer>>,
}

impl<'a> Overheard<'a> {
    pub(super) fn new(port: &'a dyn Port) -> Self {
        Self {
            port,
            answers: RefCell::default(),
        }
    }

    pub(super) fn answers(self) -> Vec<PortAnswer> {
        self.answers.into_inner()
    }

    fn note<T>(&self, answer: &Result<T, String>, good: impl FnOnce(&T) -> PortAnswer) {
        let refused = |message: &String| PortAnswer::Refused(message.clone());
        let noted = answer.as_ref().map_or_else(refused, good);
        self.answers.borrow_mut().push(noted);
    }
}

impl Port for Overheard<'_> {
    fn key(&self, dag: &Dag, run: &Run, task: TaskRunIx, number: u32) -> AttemptKey {
        self.port.key(dag, run, task, number)
    }

    fn prepare(&self, dag: &Dag, run: &Run, attempt: &Intent<'_>) -> Result<Prepared, String> {
        let prepared = self.port.prepare(dag, run, attempt);
        self.note(&prepared, |prepared| {
            PortAnswer::Prepared(Digest::of(prepared))
        });
        prepared
    }

    fn items(&self, dag: &Dag, run: &Run, head: TaskRunIx) -> Result<Vec<(String, Value)>, String> {
        let items = self.port.items(dag, run, head);
        self.note(&items, |items| PortAnswer::Items(items.clone()));
        items
    }

    fn holds(
        &self,
        dag: &Dag,
        run: &Run,
        task: TaskRunIx,
        expression: &str,
        output: Option<&Value>,
    ) -> Result<bool, String> {
        let held = self.port.holds(dag, run, task, expression, output);
        self.note(&held, |held| PortAnswer::Held(*held));
        held
    }
}
