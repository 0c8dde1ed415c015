//! Addresses of a run's page: every way to look at it has one.

use form_urlencoded::Serializer;
use noctule_core::view::TaskView;
use serde::Deserialize;

use crate::problem::{Code, Problem};

/// The states that tasks can be looked for by.
pub(super) const STATES: [&str; 9] = [
    "running",
    "ready",
    "waiting",
    "failed",
    "timed_out",
    "upstream_failed",
    "cancelled",
    "skipped",
    "succeeded",
];

/// What of a run is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunQuery {
    /// Tasks in this state.
    pub(crate) state: Option<String>,
    /// The items of this task.
    pub(crate) task: Option<String>,
    /// Tasks from this place of the list on.
    pub(crate) from: Option<usize>,
    /// Only what is near this task, in the graph.
    pub(crate) near: Option<String>,
    /// The groups that are open, in the graph.
    pub(crate) open: Option<String>,
    /// Journal entries before this one.
    pub(crate) before: Option<u64>,
}

impl RunQuery {
    /// Whether it asks for something that there is.
    pub(super) fn check(&self) -> Result<(), Problem> {
        match &self.state {
            Some(state) if !STATES.contains(&state.as_str()) => {
                let said = format!("state: one of {}", STATES.join(", "));
                Err(Problem::new(Code::InvalidParameter, said))
            }
            _ => Ok(()),
        }
    }

    /// The address that shows it, at a part of the page.
    pub(crate) fn way(&self, run: &str, part: &str) -> String {
        let mut query = Serializer::new(String::new());
        let numbers = [
            ("from", self.from.map(|from| from.to_string())),
            ("before", self.before.map(|before| before.to_string())),
        ];
        let texts = [
            ("state", &self.state),
            ("task", &self.task),
            ("near", &self.near),
            ("open", &self.open),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                query.append_pair(name, text);
            }
        }
        for (name, number) in numbers {
            if let Some(number) = number {
                query.append_pair(name, &number);
            }
        }
        let query = query.finish();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("/runs/{run}{mark}{query}#{part}")
    }
}

/// The page of a task's last attempt, or of the task where there is none yet.
pub(crate) fn attempt_way(run: &str, task: &TaskView) -> String {
    match task.attempts.last() {
        Some(last) => format!("/runs/{run}/tasks/{}/attempts/{}", task.id, last.number),
        None => format!("/runs/{run}/tasks/{}", task.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_whatever_is_asked_for() {
        let query = RunQuery {
            task: Some("a&b=#<x>".to_owned()),
            before: Some(7),
            ..RunQuery::default()
        };
        assert_eq!(
            query.way("r1", "tasks"),
            "/runs/r1?task=a%26b%3D%23%3Cx%3E&before=7#tasks"
        );
        assert_eq!(RunQuery::default().way("r1", "graph"), "/runs/r1#graph");
    }
}
