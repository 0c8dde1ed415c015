//! Work on a host that says nothing here: when what became of it counts as unknown.
//!
//! Guarantees: silence is counted in time that an engine listened, by a clock that does not jump, and that is stored with the
//! attempt: a wall clock that is set, a stop of the engine or of the machine only makes it longer. One sign ends it. It ends
//! as `unknown`, so that `on_unknown` decides: nothing is run twice in silence.

use std::time::Duration;

use noctule_executor::{AttemptKey, ErrorClass, Status};
use serde::{Deserialize, Serialize};

use super::attempt::{AttemptEnd, AttemptState};
use super::ending::Conclusion;
use super::record::Fact;
use super::state::{Instant, Run, TaskRunIx};
use super::transition::Turn;
use crate::name::RunId;

/// How long a host may be silent, where the project does not say.
pub const HOST_LOST_AFTER: Duration = Duration::from_secs(600);

/// How long a host has said nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// The host.
    pub host: String,
    /// Since when, for people.
    pub since: Instant,
    /// For how long somebody listened.
    pub listened: Duration,
}

impl Silence {
    /// The silence after this has been said, too. What was listened before its first word does not count.
    #[must_use]
    pub fn after(before: Option<Self>, host: &str, listened: Duration, now: Instant) -> Self {
        match before.filter(|known| known.host == host) {
            Some(known) => Self {
                listened: known.listened.saturating_add(listened),
                ..known
            },
            None => Self {
                host: host.to_owned(),
                since: now,
                listened: Duration::ZERO,
            },
        }
    }
}

/// What an engine that stands by says of work on its own host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The run.
    pub run: RunId,
    /// The task run.
    pub task: TaskRunIx,
    /// The number of the attempt.
    pub attempt: u32,
    /// The key of the attempt.
    pub key: AttemptKey,
    /// The host that says it.
    pub host: String,
    /// What it says.
    pub status: Status,
}

impl Report {
    /// Whether a run believes this: it is about the attempt that is live now, and comes from the host that the work is on.
    ///
    /// # Errors
    /// Why not.
    pub fn is_believed(&self, run: &Run) -> Result<(), String> {
        if !matches!(
            self.status,
            Status::Running { .. } | Status::Finished(_) | Status::Lost { .. }
        ) {
            return Err("a report says that work runs, or how it ended".to_owned());
        }
        let live = run
            .tasks
            .get(self.task.index())
            .and_then(|task| task.live());
        let attempt = live.filter(|one| one.number == self.attempt && one.key == self.key);
        let attempt =
            attempt.ok_or_else(|| format!("attempt {} is over, or never was", self.key))?;
        let host = match &attempt.state {
            AttemptState::Running(running) => running.silence.as_ref().map(|known| &known.host),
            _ => None,
        };
        match host {
            Some(host) if *host == self.host => Ok(()),
            Some(host) => Err(format!("attempt {} is on host {host}", self.key)),
            None => Err(format!("nobody waits for a report of attempt {}", self.key)),
        }
    }
}

impl Turn<'_> {
    pub(super) fn unheard(
        &mut self,
        ix: TaskRunIx,
        host: &str,
        listened: Duration,
        lost_after: Duration,
    ) {
        let now = self.now;
        let Some(AttemptState::Running(running)) = self.live(ix).map(|attempt| &mut attempt.state)
        else {
            // The end of work that is being stopped is awaited for a time of its own.
            return;
        };
        let is_first = running.silence.is_none();
        let silence = Silence::after(running.silence.take(), host, listened, now);
        let is_over = silence.listened >= lost_after;
        running.silence = Some(silence);
        let wait = lost_after.as_secs();
        if is_over {
            let message = format!(
                "host {host} has said nothing for {wait} s: whether the work runs, and how it ended, is not known"
            );
            let end = AttemptEnd::Failed {
                class: ErrorClass::Unknown,
                message,
                output: None,
            };
            self.conclude(ix, Conclusion::of(end));
        } else if is_first {
            let message = format!(
                "the work is on host {host}, which is asked by nobody here: without a sign of it for {wait} s it counts as unknown"
            );
            running.alarm = Some(message.clone());
            self.record(ix, Fact::Alarm { message });
        }
    }
}
