//! What is going to happen: a heap by virtual time, and by order of arrival among equals.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use noctule_core::name::RunId;
use noctule_core::run::{Event, TaskRunIx};
use noctule_core::word::{Message, MessageId, Undelivered};
use noctule_executor::AttemptKey;

use crate::clock::Ms;
use crate::faults::Fault;
use crate::store::{Commit, Reply};

/// The process of one engine between two crashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) engine: usize,
    pub(crate) number: u64,
}

/// Something that happens at an instant.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// The loop of an engine wakes by its own timer.
    Wake { life: Life, timer: u64 },
    /// An engine looks at its inbox.
    Inbox { life: Life },
    /// News of a run reaches an engine.
    Hear {
        life: Life,
        run: RunId,
        event: Box<Event>,
    },
    /// A hand of an engine makes its next call.
    Act {
        life: Life,
        run: RunId,
        task: TaskRunIx,
        hand: u64,
    },
    /// An engine makes a try of a clearing.
    Clear {
        life: Life,
        run: RunId,
        task: TaskRunIx,
        attempt: u32,
        hand: u64,
    },
    /// A launch request reaches the backend.
    Arrive {
        key: AttemptKey,
        life: Life,
        answered: bool,
    },
    /// A commit reaches the store.
    Commit { life: Life, commit: Box<Commit> },
    /// The answer to a commit reaches its engine.
    Committed {
        life: Life,
        serial: u64,
        reply: Reply,
    },
    /// An engine asks for the lease, or to keep it.
    Lease { life: Life },
    /// Its wish reaches the store.
    LeaseAsked {
        life: Life,
        epoch: Option<u64>,
        started: Ms,
    },
    /// The store's word reaches the engine.
    LeaseAnswered {
        life: Life,
        started: Ms,
        epoch: Option<u64>,
    },
    /// A message is brought to its receiver.
    Deliver { life: Life, message: Box<Message> },
    /// What became of that reaches the engine.
    HearBack {
        life: Life,
        id: MessageId,
        how: Result<(), Undelivered>,
    },
    /// A person asks for something.
    Ask,
    /// A person changes the file of a DAG.
    Edit,
    /// An engine reads the files again.
    Reload { life: Life },
    /// Fate strikes.
    Nemesis,
    /// A fault of a kind hits an engine.
    Strike { engine: usize, fault: Fault },
    /// A fault is over.
    Heal { engine: usize, fault: Fault },
    /// Faults stop: from here on everything has to come to its end.
    Settle,
    /// By now it has to have come to its end.
    Bound,
}

impl Happening {
    /// Whose process it happens to, if it waits while that process is stopped.
    pub(crate) fn waits_for(&self) -> Option<Life> {
        match self {
            Self::Wake { life, .. }
            | Self::Inbox { life }
            | Self::Reload { life }
            | Self::Deliver { life, .. }
            | Self::HearBack { life, .. }
            | Self::Hear { life, .. }
            | Self::Act { life, .. }
            | Self::Clear { life, .. }
            | Self::Committed { life, .. }
            | Self::Lease { life }
            | Self::LeaseAnswered { life, .. } => Some(*life),
            _ => None,
        }
    }

    /// A number for the trace.
    pub(crate) fn kind(&self) -> u64 {
        match self {
            Self::Wake { .. } => 1,
            Self::Inbox { .. } => 2,
            Self::Hear { .. } => 3,
            Self::Act { .. } => 4,
            Self::Clear { .. } => 5,
            Self::Arrive { .. } => 6,
            Self::Commit { .. } => 7,
            Self::Committed { .. } => 8,
            Self::Lease { .. } => 9,
            Self::LeaseAsked { .. } => 10,
            Self::LeaseAnswered { .. } => 11,
            Self::Ask => 12,
            Self::Nemesis => 13,
            Self::Strike { .. } => 14,
            Self::Heal { .. } => 15,
            Self::Settle => 16,
            Self::Bound => 17,
            Self::Edit => 18,
            Self::Reload { .. } => 19,
            Self::Deliver { .. } => 20,
            Self::HearBack { .. } => 21,
        }
    }
}

struct Entry {
    at: Ms,
    order: u64,
    happening: Happening,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// The heap.
#[derive(Default)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Reverse<Entry>>,
    order: u64,
}

impl Agenda {
    pub(crate) fn put(&mut self, at: Ms, happening: Happening) {
        self.order += 1;
        self.heap.push(Reverse(Entry {
            at,
            order: self.order,
            happening,
        }));
    }

    pub(crate) fn next(&mut self) -> Option<(Ms, Happening)> {
        let Reverse(entry) = self.heap.pop()?;
        Some((entry.at, entry.happening))
    }
}
