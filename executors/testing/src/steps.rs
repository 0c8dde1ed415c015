//! The words of a script: how the world answers each launch, search, poll and cancel.
//!
//! One word alone holds for every call; a list is consumed one word a call, and past its end the world behaves well.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use noctule_executor::{ErrorClass, ExecutorError};

use crate::Span;

/// One word for every call, or one word a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Steps<T> {
    /// The same for every call.
    Always(T),
    /// One for each call; then the world behaves well.
    Each(Vec<T>),
}

impl<T> Default for Steps<T> {
    fn default() -> Self {
        Self::Each(Vec::new())
    }
}

impl<T: Clone + Default> Steps<T> {
    /// The step of a call, counted from 0.
    #[must_use]
    pub fn at(&self, call: u32) -> T {
        match self {
            Self::Always(step) => step.clone(),
            Self::Each(steps) => usize::try_from(call)
                .ok()
                .and_then(|call| steps.get(call).cloned())
                .unwrap_or_default(),
        }
    }
}

/// A failed call that says nothing about the work: `unavailable`, `alarm`, `throttled`, `throttled:2s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// The world could not be asked.
    Unavailable,
    /// It will not answer until a person acts.
    Alarm,
    /// It asks to slow down.
    Throttled(Option<Span>),
}

impl Outage {
    fn read(word: &str, argument: Option<&str>) -> Result<Option<Self>, String> {
        Ok(match (word, argument) {
            ("unavailable", None) => Some(Self::Unavailable),
            ("alarm", None) => Some(Self::Alarm),
            ("throttled", None) => Some(Self::Throttled(None)),
            ("throttled", Some(span)) => {
                Some(Self::Throttled(Some(Span::try_from(span.to_owned())?)))
            }
            _ => None,
        })
    }

    fn write(self) -> String {
        match self {
            Self::Unavailable => "unavailable".to_owned(),
            Self::Alarm => "alarm".to_owned(),
            Self::Throttled(None) => "throttled".to_owned(),
            Self::Throttled(Some(span)) => format!("throttled:{span}"),
        }
    }

    /// The error of the contract.
    #[must_use]
    pub fn error(self, call: &str) -> ExecutorError {
        match self {
            Self::Unavailable => ExecutorError::unavailable(format!("{call}: scripted outage")),
            Self::Alarm => ExecutorError::alarm(format!("{call}: scripted alarm")),
            Self::Throttled(span) => ExecutorError::Throttled {
                retry_after: span.map(|span| span.0),
                message: format!("{call}: scripted throttling"),
            },
        }
    }
}

fn split(text: &str) -> (&str, Option<&str>) {
    text.split_once(':')
        .map_or((text, None), |(word, argument)| (word, Some(argument)))
}

/// How a launch is answered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub enum LaunchStep {
    /// `ok`: the work starts and the answer arrives.
    #[default]
    Ok,
    /// `lost_answer`: the work starts, nobody is told.
    LostAnswer,
    /// `unknown_not_started`: nothing starts, nobody is told.
    UnknownNotStarted,
    /// `rejected:CLASS`.
    Rejected(ErrorClass),
    /// `unavailable`, `alarm`, `throttled`, `throttled:2s`: nothing starts.
    Outage(Outage),
    /// `hang`: nothing starts, no answer ever.
    Hang,
    /// `hang_started`: the work starts, no answer ever.
    HangStarted,
}

impl TryFrom<String> for LaunchStep {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (word, argument) = split(&text);
        if let Some(outage) = Outage::read(word, argument)? {
            return Ok(Self::Outage(outage));
        }
        match (word, argument) {
            ("ok", None) => Ok(Self::Ok),
            ("lost_answer", None) => Ok(Self::LostAnswer),
            ("unknown_not_started", None) => Ok(Self::UnknownNotStarted),
            ("hang", None) => Ok(Self::Hang),
            ("hang_started", None) => Ok(Self::HangStarted),
            ("rejected", Some(class)) => serde_json::from_value(class.into())
                .map(Self::Rejected)
                .map_err(|_| format!("`{class}` is no error class")),
            _ => Err(format!("`{text}` is no step of a launch")),
        }
    }
}

impl From<LaunchStep> for String {
    fn from(step: LaunchStep) -> Self {
        match step {
            LaunchStep::Ok => "ok".to_owned(),
            LaunchStep::LostAnswer => "lost_answer".to_owned(),
            LaunchStep::UnknownNotStarted => "unknown_not_started".to_owned(),
            LaunchStep::Rejected(class) => format!("rejected:{class}"),
            LaunchStep::Outage(outage) => outage.write(),
            LaunchStep::Hang => "hang".to_owned(),
            LaunchStep::HangStarted => "hang_started".to_owned(),
        }
    }
}

/// How a poll of one piece of work is answered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub enum PollStep {
    /// `ok`: the truth.
    #[default]
    Ok,
    /// `unavailable`, `alarm`, `throttled`, `throttled:2s`.
    Outage(Outage),
    /// `lost`: the world no longer knows the work.
    Lost,
    /// `launching`: an answer from before it began.
    Launching,
    /// `running`: a late answer.
    Running,
    /// `hang`: no answer ever.
    Hang,
}

impl TryFrom<String> for PollStep {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (word, argument) = split(&text);
        if let Some(outage) = Outage::read(word, argument)? {
            return Ok(Self::Outage(outage));
        }
        match text.as_str() {
            "ok" => Ok(Self::Ok),
            "lost" => Ok(Self::Lost),
            "launching" => Ok(Self::Launching),
            "running" => Ok(Self::Running),
            "hang" => Ok(Self::Hang),
            _ => Err(format!("`{text}` is no step of a poll")),
        }
    }
}

impl From<PollStep> for String {
    fn from(step: PollStep) -> Self {
        match step {
            PollStep::Ok => "ok".to_owned(),
            PollStep::Outage(outage) => outage.write(),
            PollStep::Lost => "lost".to_owned(),
            PollStep::Launching => "launching".to_owned(),
            PollStep::Running => "running".to_owned(),
            PollStep::Hang => "hang".to_owned(),
        }
    }
}

/// How a search for the work of a key is answered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub enum AdoptStep {
    /// `ok`: what is visible.
    #[default]
    Ok,
    /// `unavailable`, `alarm`, `throttled`, `throttled:2s`.
    Outage(Outage),
    /// `nothing`: a stale list.
    Nothing,
}

impl TryFrom<String> for AdoptStep {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (word, argument) = split(&text);
        if let Some(outage) = Outage::read(word, argument)? {
            return Ok(Self::Outage(outage));
        }
        match text.as_str() {
            "ok" => Ok(Self::Ok),
            "nothing" => Ok(Self::Nothing),
            _ => Err(format!("`{text}` is no step of a search")),
        }
    }
}

impl From<AdoptStep> for String {
    fn from(step: AdoptStep) -> Self {
        match step {
            AdoptStep::Ok => "ok".to_owned(),
            AdoptStep::Outage(outage) => outage.write(),
            AdoptStep::Nothing => "nothing".to_owned(),
        }
    }
}

/// How a cancel is answered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub enum CancelStep {
    /// `ok`: the work ends, `cancel_takes` later.
    #[default]
    Ok,
    /// `ignored`: accepted, and the work goes on.
    Ignored,
    /// `already_succeeded`: the work has succeeded just before.
    AlreadySucceeded,
    /// `unavailable`, `alarm`, `throttled`, `throttled:2s`.
    Outage(Outage),
}

impl TryFrom<String> for CancelStep {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (word, argument) = split(&text);
        if let Some(outage) = Outage::read(word, argument)? {
            return Ok(Self::Outage(outage));
        }
        match text.as_str() {
            "ok" => Ok(Self::Ok),
            "ignored" => Ok(Self::Ignored),
            "already_succeeded" => Ok(Self::AlreadySucceeded),
            _ => Err(format!("`{text}` is no step of a cancel")),
        }
    }
}

impl From<CancelStep> for String {
    fn from(step: CancelStep) -> Self {
        match step {
            CancelStep::Ok => "ok".to_owned(),
            CancelStep::Ignored => "ignored".to_owned(),
            CancelStep::AlreadySucceeded => "already_succeeded".to_owned(),
            CancelStep::Outage(outage) => outage.write(),
        }
    }
}
