//! Word of what happened: what is told to whom, what is one message, and what it says.
//!
//! Guarantees: which messages are due follows from the steps of runs and from `now` alone. A [`Notice`] is one thing that
//! happened; a [`Message`] is what one receiver gets, and gathers the notices of one cause. Both are values that the
//! store keeps, so a message is decided in the commit of what it is about, and has the same id however often it is sent.
//!
//! Never: sends anything, or holds a secret or the address of a receiver; the lines of a log are not kept.

mod deciding;
mod lateness;
mod line;
mod message;
mod notice;
mod outbox;
mod rule;
mod shelf;
mod telling;
#[cfg(test)]
mod tests;
mod trying;

pub use self::deciding::{Told, not_started, notices};
pub use self::lateness::{late_at, lateness, must_end};
pub use self::message::{Message, MessageId, Name, Recipient, Standing};
pub use self::notice::{Cause, Notice, TaskNotice};
pub use self::outbox::Outbox;
pub use self::rule::{Occasion, Rule};
pub use self::shelf::Backlog;
pub use self::telling::{Findings, Letter, LogTail, compose};
pub use self::trying::Undelivered;
