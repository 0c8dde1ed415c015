//! The conditions of executions, tasks and jobs.
//!
//! A condition carries at most one reason; its transition time changes only with its state or reason.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::clock::stamp;

/// One condition, as a test may set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub(crate) kind: String,
    pub(crate) state: ConditionState,
    pub(crate) message: String,
    pub(crate) reason: Option<Reason>,
    pub(crate) severity: Option<String>,
    pub(crate) changed: Option<DateTime<Utc>>,
}

/// The state of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionState {
    /// `CONDITION_PENDING`
    Pending,
    /// `CONDITION_RECONCILING`
    Reconciling,
    /// `CONDITION_FAILED`
    Failed,
    /// `CONDITION_SUCCEEDED`
    Succeeded,
}

/// Why a condition is as it is: the name of an enum value, by the enum it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `reason`, such as `CONTAINER_MISSING`.
    Common(String),
    /// `executionReason`, such as `NON_ZERO_EXIT_CODE`.
    Execution(String),
}

impl Reason {
    /// A common reason by its name.
    pub fn common(name: &str) -> Self {
        Reason::Common(name.to_owned())
    }

    /// An execution reason by its name.
    pub fn execution(name: &str) -> Self {
        Reason::Execution(name.to_owned())
    }
}

impl Condition {
    /// A condition of this type ("Completed", "Started", "ResourcesAvailable", "Retry").
    pub fn new(kind: &str, state: ConditionState) -> Self {
        Condition {
            kind: kind.to_owned(),
            state,
            message: String::new(),
            reason: None,
            severity: None,
            changed: None,
        }
    }

    /// The same, with a reason.
    #[must_use]
    pub fn because(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// The same, with a message.
    #[must_use]
    pub fn saying(mut self, message: &str) -> Self {
        self.message = message.to_owned();
        self
    }

    /// The same, with a severity (`ERROR`, `WARNING`, `INFO`).
    #[must_use]
    pub fn severity(mut self, severity: &str) -> Self {
        self.severity = Some(severity.to_owned());
        self
    }

    fn render(&self) -> Value {
        let mut value = json!({"type": self.kind, "state": self.state.name()});
        if !self.message.is_empty() {
            value["message"] = json!(self.message);
        }
        if let Some(changed) = self.changed {
            value["lastTransitionTime"] = json!(stamp(changed));
        }
        if let Some(severity) = &self.severity {
            value["severity"] = json!(severity);
        }
        match &self.reason {
            Some(Reason::Common(name)) => value["reason"] = json!(name),
            Some(Reason::Execution(name)) => value["executionReason"] = json!(name),
            None => {}
        }
        value
    }
}

impl ConditionState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            ConditionState::Pending => "CONDITION_PENDING",
            ConditionState::Reconciling => "CONDITION_RECONCILING",
            ConditionState::Failed => "CONDITION_FAILED",
            ConditionState::Succeeded => "CONDITION_SUCCEEDED",
        }
    }
}

/// The conditions of one resource, by type, in the order they first came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions(Vec<Condition>);

impl Conditions {
    /// What a new execution or task shows.
    pub(crate) fn waiting(now: DateTime<Utc>) -> Self {
        let mut conditions = Conditions::default();
        for kind in ["Completed", "ResourcesAvailable", "Started"] {
            conditions.set(Condition::new(kind, ConditionState::Reconciling), now);
        }
        conditions
    }

    pub(crate) fn set(&mut self, mut condition: Condition, now: DateTime<Utc>) {
        condition.changed = condition.changed.or(Some(now));
        match self.0.iter_mut().find(|known| known.kind == condition.kind) {
            Some(known) => {
                if known.state == condition.state && known.reason == condition.reason {
                    condition.changed = known.changed;
                }
                *known = condition;
            }
            None => self.0.push(condition),
        }
    }

    /// The container runs: its resources are there and it has started.
    pub(crate) fn started(&mut self, now: DateTime<Utc>) {
        for kind in ["ResourcesAvailable", "Started"] {
            self.set(Condition::new(kind, ConditionState::Succeeded), now);
        }
    }

    pub(crate) fn render(&self) -> Value {
        self.0.iter().map(Condition::render).collect()
    }

    pub(crate) fn get(&self, kind: &str) -> Option<&Condition> {
        self.0.iter().find(|condition| condition.kind == kind)
    }
}
