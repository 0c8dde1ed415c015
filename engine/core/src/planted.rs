//! Known mistakes, planted by hand: the simulation switches one on and has to find it, which shows that it would find ours.
//!
//! Guarantees: without the feature `planted`, which no release has, `is` is a constant `false` and every site vanishes;
//! with it, nothing is planted until a test says so, and then in its own thread alone.

/// A mistake that somebody could make in the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bug {
    /// A launch that nobody can tell about is sent again, although nobody can tell.
    UnknownIsSentAgain,
    /// A launch of unknown outcome is sent again without a search.
    SearchIsSkipped,
    /// The first list that does not show the work is believed.
    FirstListIsBelieved,
    /// A search that could not be made counts as one that found nothing.
    FailedSearchIsEvidence,
    /// A request that is sent again gets another key.
    ResendHasNewKey,
    /// A fresh engine sends what was being sent, as if it had not been.
    RestartIsIgnored,
    /// An answer for an older attempt is taken as one for the live attempt.
    LateAnswerIsTaken,
    /// Work that is done counts as work that succeeded.
    DoneIsSuccess,
    /// Work that could not be asked about counts as lost.
    SilenceIsLoss,
    /// Success drops what is to be cleared away.
    SuccessClearsDuties,
    /// A run ends although something is still to be cleared away.
    EndLeavesDuties,
    /// Held work is torn down as soon as it is ready.
    HoldIsForgotten,
    /// The obligation keeps the handle that it began with.
    DutyKeepsOldHandle,
    /// A retry takes the number of the attempt before it.
    RetryReusesNumber,
    /// A retry leaves one number out.
    RetrySkipsNumber,
    /// One try more than `retries.max` allows.
    RetryTooMany,
    /// The pause before a retry is cut short by any other instant.
    BackoffIsCut,
    /// A gate opens although a task before it has not ended.
    GateDoesNotWait,
    /// `timeout` passes unseen.
    TimeoutIsMissed,
    /// The deadline of the run passes unseen.
    RunDeadlineIsMissed,
    /// A stop ends a launch of which nobody knows whether it arrived.
    StopSkipsSearch,
    /// Work that was asked to stop counts as stopped.
    CancelIsTheEnd,
    /// A slot is never given back.
    SlotLeaks,
    /// An attempt that is being launched holds no slot.
    SlotIsNotCounted,
    /// What is held of a pool is not counted.
    PoolIsNotCounted,
    /// `max_active_runs` lets one too many begin.
    OneRunTooMany,
    /// `max_parallel` is not looked at.
    MaxParallelIsMissed,
    /// A mapped task ends with its first item.
    MapEndsEarly,
    /// Ticks of a pause become runs.
    PauseIsMissed,
    /// Ticks a minute ahead count as decided.
    TicksAreDecidedAhead,
    /// `catchup = "latest"` keeps the first missed tick instead.
    CatchupKeepsTheFirst,
    /// A local time that exists twice fires twice, whatever the policy.
    FoldFiresTwice,
    /// A local time that does not exist never fires, whatever the policy.
    GapNeverFires,
    /// A later definition takes the task runs over by their places, not by their names.
    TasksAreMatchedByPlace,
    /// A retry with a later definition begins every task anew, also those that succeeded.
    LaterBeginsAllAnew,
    /// A task that a later definition has not loses its attempts.
    GoneLosesAttempts,
    /// A task leaves with a later definition whatever it has left behind.
    LeavingIsNotChecked,
    /// What a task was that is gone is not kept: its last definition is another's.
    GoneIsNotKept,
    /// That a retry took a later definition is not in the journal.
    LaterIsNotRecorded,
    /// A backfill begins one night more at once than it may.
    NightsTooMany,
    /// A backfill that was paused begins its nights all the same.
    PausedNightsGoOn,
    /// Every thing that happens makes a message of its own.
    CausesAreNotGathered,
}

impl Bug {
    /// Every one.
    pub const ALL: [Self; 42] = [
        Self::UnknownIsSentAgain,
        Self::SearchIsSkipped,
        Self::FirstListIsBelieved,
        Self::FailedSearchIsEvidence,
        Self::ResendHasNewKey,
        Self::RestartIsIgnored,
        Self::LateAnswerIsTaken,
        Self::DoneIsSuccess,
        Self::SilenceIsLoss,
        Self::SuccessClearsDuties,
        Self::EndLeavesDuties,
        Self::HoldIsForgotten,
        Self::DutyKeepsOldHandle,
        Self::RetryReusesNumber,
        Self::RetrySkipsNumber,
        Self::RetryTooMany,
        Self::BackoffIsCut,
        Self::GateDoesNotWait,
        Self::TimeoutIsMissed,
        Self::RunDeadlineIsMissed,
        Self::StopSkipsSearch,
        Self::CancelIsTheEnd,
        Self::SlotLeaks,
        Self::SlotIsNotCounted,
        Self::PoolIsNotCounted,
        Self::OneRunTooMany,
        Self::MaxParallelIsMissed,
        Self::MapEndsEarly,
        Self::PauseIsMissed,
        Self::TicksAreDecidedAhead,
        Self::CatchupKeepsTheFirst,
        Self::FoldFiresTwice,
        Self::GapNeverFires,
        Self::TasksAreMatchedByPlace,
        Self::LaterBeginsAllAnew,
        Self::GoneLosesAttempts,
        Self::LeavingIsNotChecked,
        Self::GoneIsNotKept,
        Self::LaterIsNotRecorded,
        Self::NightsTooMany,
        Self::PausedNightsGoOn,
        Self::CausesAreNotGathered,
    ];
}

#[cfg(feature = "planted")]
mod thread {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Plants one mistake in this thread, or none.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }

    pub(crate) fn is(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }
}

#[cfg(feature = "planted")]
pub(crate) use thread::is;
#[cfg(feature = "planted")]
pub use thread::plant;

#[cfg(not(feature = "planted"))]
pub(crate) const fn is(_: Bug) -> bool {
    false
}
