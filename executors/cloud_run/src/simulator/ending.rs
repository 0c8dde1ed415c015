//! The endings a test can give to an execution whose containers are scripted.

/// How an execution ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every task succeeded.
    Succeeded,
    /// `Completed` says success, but only so many tasks are counted as succeeded.
    SucceededShort {
        /// The tasks counted.
        succeeded: u32,
    },
    /// Some tasks failed; the first `succeeded` succeeded and the next `failed` did not.
    Failed {
        /// The exit code of the failed tasks.
        exit_code: i32,
        /// How many failed.
        failed: u32,
        /// How many succeeded.
        succeeded: u32,
    },
    /// Someone cancelled it; unfinished tasks count as cancelled.
    Cancelled,
    /// Someone cancelled it and no task counts as anything, as Google has been seen to answer.
    CancelledUncounted,
    /// No container could start: the common reason (`CONTAINER_MISSING`, ...) and the message.
    NeverStarted {
        /// The name of the reason.
        reason: String,
        /// The sentence for people.
        message: String,
    },
    /// It was deleted, and can still be read for a while.
    Deleted,
}

impl Ending {
    /// One task failed with this exit code.
    pub fn failed(exit_code: i32) -> Self {
        Ending::Failed {
            exit_code,
            failed: 1,
            succeeded: 0,
        }
    }
}
