//! What one receiver gets: the first notice in full, how many more of the same cause, and how the delivery stands.
//!
//! Guarantees: bounded in size; its id never changes, so whoever gets it twice can know.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::notice::{Cause, Notice};
use super::rule::Occasion;
use crate::name::RunId;
use crate::run::Instant;

/// The names that a message lists besides the first.
const NAMES: usize = 10;
/// The subjects that a message can still see recover.
pub(super) const SUBJECTS: usize = 2_000;

/// The id of a message, the same in every delivery of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub String);

impl std::fmt::Display for MessageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// To whom a message goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Recipient {
    /// `[notify.NAME]`.
    Receiver {
        /// Its name.
        name: String,
    },
    /// Whoever asked for the run.
    Callback {
        /// The address that they gave.
        url: String,
    },
}

/// One more thing of the same cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// The DAG, and the task if that is told about.
    pub subject: String,
    /// Which run.
    pub run: Option<RunId>,
    /// What happened.
    pub occasion: Occasion,
}

/// What one receiver gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// To whom.
    pub to: Recipient,
    /// What its notices have in common.
    pub cause: Cause,
    /// The first notice.
    pub first: Notice,
    /// How many notices.
    pub count: u64,
    /// The next ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Name>,
    /// What it tells of and has not recovered since.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub open: BTreeSet<String>,
    /// The message of the same cause before it, within the hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<MessageId>,
    /// When it was made.
    pub created_at: Instant,
    /// When the last notice came.
    pub latest_at: Instant,
    /// When it was closed for further notices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_at: Option<Instant>,
    /// How often it was sent: counted, durably, before each sending.
    pub tries: u32,
    /// When a sending last failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried_at: Option<Instant>,
    /// The seconds between sendings that failed, without those in which there was no engine.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tried_for: u64,
    /// Why the last sending failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How it stands.
    pub standing: Standing,
}

/// How a message stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Standing {
    /// More of the same cause may come.
    Gathering {
        /// It goes out then.
        until: Instant,
        /// It goes out then at the latest.
        longest: Instant,
    },
    /// It is to be sent.
    Waiting {
        /// Not before.
        not_before: Instant,
    },
    /// It is being sent, or was when an engine was killed.
    Sending,
    /// The receiver has taken it.
    Sent {
        /// When.
        at: Instant,
    },
    /// The receiver will not have it.
    GivenUp {
        /// Since when.
        at: Instant,
    },
    /// Nobody is to get it: it only remembers what is to recover.
    Kept,
}

impl Standing {
    /// Its word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Gathering { .. } => "gathering",
            Self::Waiting { .. } => "waiting",
            Self::Sending => "sending",
            Self::Sent { .. } => "sent",
            Self::GivenUp { .. } => "given_up",
            Self::Kept => "kept",
        }
    }

    /// Whether it is still to be delivered.
    #[must_use]
    pub fn is_undelivered(&self) -> bool {
        matches!(
            self,
            Self::Gathering { .. } | Self::Waiting { .. } | Self::Sending
        )
    }
}

impl Message {
    /// Whether an engine has to remember it: it is to be delivered, or to see something recover.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.standing.is_undelivered() || !self.open.is_empty()
    }

    /// Whether its receiver did not take it when it was last sent.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        matches!(self.standing, Standing::GivenUp { .. }) || self.error.is_some()
    }

    /// The receiver, unless it is a callback.
    #[must_use]
    pub fn receiver(&self) -> Option<&str> {
        match &self.to {
            Recipient::Receiver { name } => Some(name),
            Recipient::Callback { .. } => None,
        }
    }

    /// Takes one more notice in.
    pub(super) fn fold(&mut self, notice: &Notice) {
        self.count += 1;
        self.latest_at = notice.at;
        if self.names.len() < NAMES {
            self.names.push(Name {
                subject: display_subject(notice),
                run: notice.run.clone(),
                occasion: notice.occasion,
            });
        }
    }
}

/// The DAG, and the task if that is what it is about.
pub(super) fn display_subject(notice: &Notice) -> String {
    match &notice.task {
        Some(task) if task.subject => format!("{}/{}", notice.dag, task.name),
        _ => notice.dag.to_string(),
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
