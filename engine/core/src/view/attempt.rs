//! One try of a task, as it is seen.

use noctule_executor::ErrorClass;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::instant;
use super::words::{self, Word};
use crate::run::{Attempt, AttemptEnd, AttemptState, Ended, Handle, Instant};

/// One try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptView {
    /// 1 for the first; goes on over rounds.
    pub number: u32,
    /// How it stands, by the word of the contract.
    #[serde(deserialize_with = "words::read")]
    #[schemars(schema_with = "words::attempt_states")]
    pub state: Word,
    /// The attempt key, as the remote side sees it.
    pub key: String,
    /// The remote work, as people know it.
    pub handle: Value,
    /// When the launch was confirmed.
    #[serde(serialize_with = "instant::write_optional")]
    #[schemars(schema_with = "instant::optional_schema")]
    pub launched_at: Option<Instant>,
    /// When the work began.
    #[serde(serialize_with = "instant::write_optional")]
    #[schemars(schema_with = "instant::optional_schema")]
    pub started_at: Option<Instant>,
    /// When it ended.
    #[serde(serialize_with = "instant::write_optional")]
    #[schemars(schema_with = "instant::optional_schema")]
    pub ended_at: Option<Instant>,
    /// What it gave, of any end that has output.
    pub output: Option<Value>,
    /// Why it did not succeed.
    pub error: Option<AttemptError>,
    /// When the intent was committed.
    #[serde(serialize_with = "instant::write")]
    #[schemars(schema_with = "instant::schema")]
    pub intended_at: Instant,
    /// When its `timeout` ends.
    #[serde(
        default,
        serialize_with = "instant::write_optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "instant::optional_schema")]
    pub deadline: Option<Instant>,
    /// What the last try to launch said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// A person has to act before the work can be watched again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alarm: Option<String>,
}

/// Why an attempt did not succeed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptError {
    /// The class.
    #[schemars(schema_with = "words::classes")]
    pub class: ErrorClass,
    /// One line for people.
    pub message: String,
    /// The exit code, of work that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<Value>,
}

/// What a state tells of the remote work.
#[derive(Default)]
struct Told<'a> {
    handle: Option<&'a Handle>,
    launched_at: Option<Instant>,
    started_at: Option<Instant>,
    ended: Option<&'a Ended>,
    trouble: Option<&'a String>,
    alarm: Option<&'a String>,
}

impl<'a> Told<'a> {
    fn by(state: &'a AttemptState) -> Self {
        let none = Self::default();
        match state {
            AttemptState::Launching(launching) => Self {
                trouble: launching.trouble.as_ref(),
                ..none
            },
            AttemptState::Running(work) => Self {
                handle: Some(&work.handle),
                launched_at: Some(work.launched_at),
                started_at: work.started_at,
                alarm: work.alarm.as_ref(),
                ..none
            },
            AttemptState::Cancelling(work) => Self {
                handle: Some(&work.handle),
                launched_at: Some(work.launched_at),
                started_at: work.started_at,
                ..none
            },
            AttemptState::Ended(ended) => Self {
                handle: ended.handle.as_ref(),
                launched_at: ended.launched_at,
                started_at: ended.started_at,
                ended: Some(ended),
                ..none
            },
        }
    }
}

impl AttemptView {
    pub(super) fn of(attempt: &Attempt) -> Self {
        let told = Told::by(&attempt.state);
        let output = told.ended.and_then(|ended| output(&ended.end));
        Self {
            number: attempt.number,
            state: attempt.state.word(),
            key: attempt.key.to_string(),
            handle: told
                .handle
                .map(|handle| handle.public.clone())
                .unwrap_or_default(),
            launched_at: told.launched_at,
            started_at: told.started_at,
            ended_at: told.ended.map(|ended| ended.ended_at),
            output: output.cloned(),
            error: told.ended.and_then(|ended| error(&ended.end, output)),
            intended_at: attempt.intended_at,
            deadline: attempt.deadline,
            trouble: told.trouble.cloned(),
            alarm: told.alarm.cloned(),
        }
    }
}

fn output(end: &AttemptEnd) -> Option<&Value> {
    match end {
        AttemptEnd::Succeeded { output } => Some(output),
        AttemptEnd::Failed { output, .. }
        | AttemptEnd::Skipped { output }
        | AttemptEnd::Cancelled { output, .. }
        | AttemptEnd::TimedOut { output, .. } => output.as_ref(),
    }
}

fn error(end: &AttemptEnd, output: Option<&Value>) -> Option<AttemptError> {
    let (class, message) = match end {
        AttemptEnd::Succeeded { .. } | AttemptEnd::Skipped { .. } => return None,
        AttemptEnd::Failed { class, message, .. } => (*class, message),
        AttemptEnd::Cancelled { message, .. } => (ErrorClass::Cancelled, message),
        AttemptEnd::TimedOut { message, .. } => (ErrorClass::TimedOut, message),
    };
    let exit_code = output
        .and_then(|output| output.get("exit_code"))
        .filter(|code| !code.is_null())
        .cloned();
    Some(AttemptError {
        class,
        message: message.clone(),
        exit_code,
    })
}
