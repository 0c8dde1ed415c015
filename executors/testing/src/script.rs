//! The `with` table of the scripted executor: how one task's work behaves, from launch to end.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use noctule_executor::{Entry, ErrorClass, Outcome};

use crate::steps::{AdoptStep, CancelStep, LaunchStep, PollStep, Steps};
use crate::{Span, TestingError};

/// How the work ends when nothing disturbs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It does what was asked.
    #[default]
    Succeeded,
    /// It fails, with `class` and `message`.
    Failed,
    /// Somebody else stops it.
    Cancelled,
    /// It is done without an error, and only a part of it succeeded.
    Short,
}

/// One ending, or one for each attempt number; the last holds for all further attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Endings {
    /// Every attempt ends so.
    Every(Ending),
    /// Attempt 1, 2, …
    ByAttempt(Vec<Ending>),
}

impl Default for Endings {
    fn default() -> Self {
        Self::Every(Ending::Succeeded)
    }
}

impl Endings {
    fn of(&self, number: u32) -> Ending {
        match self {
            Self::Every(ending) => *ending,
            Self::ByAttempt(endings) => usize::try_from(number.saturating_sub(1))
                .ok()
                .and_then(|index| endings.get(index))
                .or(endings.last())
                .copied()
                .unwrap_or_default(),
        }
    }
}

/// How the work of one task behaves. Every key is optional: the empty table succeeds at once with output `{}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// `succeeded`, `failed`, `cancelled` (from outside) or `short` (done, and only a part succeeded); or a list by attempt.
    pub ends: Endings,
    /// The class of a failure; default `user`.
    #[schemars(with = "Option<String>")]
    pub class: Option<ErrorClass>,
    /// The message of a failure.
    pub message: Option<String>,
    /// The output, of any ending.
    pub output: Option<Value>,
    /// From launch to end; default at once.
    pub after: Span,
    /// From launch to begin.
    pub starts_after: Span,
    /// Goes on until the world is told to finish it.
    pub hold: bool,
    /// The answers to launches of this task, over all its attempts within a run.
    pub launch: Steps<LaunchStep>,
    /// The answers to polls of one piece of work.
    pub poll: Steps<PollStep>,
    /// The answers to searches for one key.
    pub adopt: Steps<AdoptStep>,
    /// The answers to cancels of one piece of work.
    pub cancel: Steps<CancelStep>,
    /// From an accepted cancel to the end.
    pub cancel_takes: Span,
    /// A search finds the work only this long after its launch.
    pub visible_after: Span,
    /// What a running poll asks to wait before the next one.
    pub poll_after: Option<Span>,
    /// What the work writes.
    pub log: String,
    /// `launch` lasts as long as the work, and nothing can be found after a restart.
    pub attached: bool,
    /// Texts and secrets that the work is given; secrets are resolved at the launch and kept nowhere.
    pub env: BTreeMap<String, Entry>,
}

impl Script {
    /// Reads a script as it would stand under `with`.
    ///
    /// # Errors
    /// The message of serde, for an unknown key or word.
    pub fn read(with: Value) -> Result<Self, TestingError> {
        serde_json::from_value(with).map_err(|error| TestingError::Script {
            message: error.to_string(),
        })
    }

    /// The verdict of an attempt that nothing disturbs.
    #[must_use]
    pub fn outcome(&self, number: u32) -> Outcome {
        match self.ends.of(number) {
            Ending::Succeeded => self.success(),
            Ending::Failed => Outcome::Failed {
                class: self.class.unwrap_or(ErrorClass::User),
                message: self
                    .message
                    .clone()
                    .unwrap_or_else(|| "scripted failure".to_owned()),
                output: self.output.clone(),
            },
            Ending::Cancelled => Outcome::Cancelled {
                by: Some("outside".to_owned()),
                output: self.output.clone(),
            },
            Ending::Short => Outcome::Failed {
                class: self.class.unwrap_or(ErrorClass::User),
                message: "done, and 1 of 2 parts succeeded".to_owned(),
                output: self.output.clone(),
            },
        }
    }

    pub(crate) fn success(&self) -> Outcome {
        Outcome::Succeeded {
            output: self.output.clone().unwrap_or_else(|| json!({})),
        }
    }

    pub(crate) fn length(&self) -> Duration {
        self.after.0.max(self.starts_after.0)
    }
}

impl AsRef<Self> for Script {
    fn as_ref(&self) -> &Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_script_is_read_and_written_back() {
        let with = json!({
            "ends": ["failed", "succeeded"], "class": "infrastructure", "after": "5s",
            "launch": ["ok", "lost_answer", "unknown_not_started", "rejected:config", "throttled:2000ms",
                "throttled", "unavailable", "alarm", "hang", "hang_started"],
            "poll": ["unavailable", "throttled", "alarm", "lost", "launching", "running", "hang", "ok"],
            "adopt": "nothing", "cancel": ["ignored", "already_succeeded", "unavailable", "ok"],
        });
        let script = Script::read(with.clone()).unwrap();
        let written = serde_json::to_value(&script).unwrap();
        for list in ["ends", "launch", "poll", "adopt", "cancel"] {
            assert_eq!(written[list], with[list], "{list}");
        }
        assert_eq!(Script::read(written).unwrap(), script);
    }

    #[test]
    fn unknown_keys_and_words_are_refused() {
        assert!(Script::read(json!({ "end": "failed" })).is_err());
        assert!(Script::read(json!({ "launch": "maybe" })).is_err());
        assert!(Script::read(json!({ "launch": ["rejected:nonsense"] })).is_err());
    }

    #[test]
    fn the_last_ending_holds_for_all_further_attempts() {
        let script = Script::read(json!({ "ends": ["failed", "succeeded"] })).unwrap();
        assert!(matches!(script.outcome(1), Outcome::Failed { .. }));
        assert!(matches!(script.outcome(2), Outcome::Succeeded { .. }));
        assert!(matches!(script.outcome(3), Outcome::Succeeded { .. }));
    }

    #[test]
    fn a_word_alone_holds_and_a_list_is_consumed() {
        let always: Steps<PollStep> = serde_json::from_value(json!("lost")).unwrap();
        assert_eq!(always.at(7), PollStep::Lost);
        let each: Steps<PollStep> = serde_json::from_value(json!(["lost"])).unwrap();
        assert_eq!((each.at(0), each.at(1)), (PollStep::Lost, PollStep::Ok));
    }
}
