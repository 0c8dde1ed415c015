//! Words that several sentences need.

use noctule_executor::Wait;
use serde_json::Value;

use super::Reason;
use crate::explain::Gate;
use crate::run::{AttemptStop, Instant, Nature, Prepared, Verdict};
use crate::ticks::format_duration;

/// How many names a sentence holds.
const NAMES: usize = 5;

impl Reason {
    pub(super) fn new(gate: Gate, text: impl Into<String>) -> Self {
        Self {
            gate,
            task: None,
            text: text.into(),
            since: None,
            next: None,
            next_at: None,
        }
    }

    pub(super) fn of(mut self, task: impl Into<String>) -> Self {
        self.task = Some(task.into());
        self
    }

    pub(super) fn since(mut self, since: Instant) -> Self {
        self.since = Some(since);
        self
    }

    pub(super) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    pub(super) fn next_at(mut self, at: Instant) -> Self {
        self.next_at = Some(at);
        self
    }
}

/// `a, b, c and 4 more`.
pub(super) fn listed(names: &[String]) -> String {
    match names.len().checked_sub(NAMES) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..NAMES].join(", ")),
    }
}

/// `1 task`, `3 tasks`.
pub(super) fn count(count: usize, one: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {one}s")
    }
}

/// Links longer than this tell a person nothing within a sentence.
const LINK: usize = 80;

/// A handle as people know it, on one line.
#[must_use]
pub fn handle_in_words(public: &Value) -> String {
    let Value::Object(fields) = public else {
        return plain(public);
    };
    let is_link = |value: &Value| {
        value
            .as_str()
            .is_some_and(|text| text.len() > LINK && text.contains("://"))
    };
    let told = fields
        .iter()
        .filter(|(_, value)| (value.is_string() || value.is_number()) && !is_link(value));
    let told: Vec<String> = told
        .map(|(name, value)| format!("{name} {}", plain(value)))
        .collect();
    if told.is_empty() {
        public.to_string()
    } else {
        told.join(", ")
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Why an attempt is being stopped.
pub(super) fn stop(why: &AttemptStop) -> String {
    match why {
        AttemptStop::RunCancelled => "the run is being cancelled".to_owned(),
        AttemptStop::RunDeadline => "the deadline of the run passed".to_owned(),
        AttemptStop::Timeout => "its timeout passed".to_owned(),
        AttemptStop::TotalTimeout => "its total_timeout passed".to_owned(),
        AttemptStop::StartTimeout => "it did not begin within its start_timeout".to_owned(),
        AttemptStop::Marked { verdict, by } => format!("{} marked it {}", by.name, verdict.word()),
    }
}

/// How the end of work is seen.
pub(super) fn watched(prepared: &Prepared, every: std::time::Duration) -> String {
    match (prepared.nature, prepared.wait) {
        (Nature::Attached, _) => "the engine holds the connection to it".to_owned(),
        (_, Wait::Block) => "it holds a slot, and its end is seen at once".to_owned(),
        _ => format!(
            "it holds no slot, and is asked about every {}",
            format_duration(every)
        ),
    }
}

/// `failed`, `timed out` … in a sentence.
pub(super) fn ended(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Succeeded => "succeeded",
        Verdict::Failed => "failed",
        Verdict::Skipped => "was skipped",
        Verdict::UpstreamFailed => "could not start",
        Verdict::Cancelled => "was cancelled",
        Verdict::TimedOut => "timed out",
    }
}
