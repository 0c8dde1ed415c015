//! Known mistakes of the loop and of the store's protocol, as wrong variants that a history may be run with.
//!
//! Those of the core itself are [`noctule_core::planted`]. A history has one mistake or none.

use noctule_core::planted;

use crate::Kind;

/// A mistake that somebody could make in the loop, or in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// What a state asks for is performed before the state is durable.
    EffectBeforeIntent,
    /// The store takes commits of any epoch.
    NoFencing,
    /// Whoever takes the lease over keeps the epoch.
    EpochIsNotRaised,
    /// A holder judges its lease by its wall clock.
    LeaseByWallClock,
    /// A holder counts its lease from the answer, not from the asking.
    LeaseFromAnswer,
    /// A standby judges the end of a lease by its own wall clock.
    ExpiryByOwnClock,
    /// The lease is not looked at again right before a call.
    NoRecheckBeforeCall,
    /// The lease is not looked at again right before something is torn down.
    NoRecheckBeforeClearing,
    /// A commit whose answer is lost is sent again as a new one.
    CommitIsSentAgainAsNew,
    /// A commit whose answer is lost counts as made.
    LostAnswerIsDone,
    /// A commit that was refused counts as made.
    RefusedIsDone,
    /// A holder that is told of another one goes on.
    FencedGoesOn,
    /// An ask is answered before the commit that does it.
    AnswerBeforeCommit,
    /// The answer to an ask is committed on its own, before what it says.
    AnswerCommittedFirst,
    /// Old launches are taken for never sent after a restart.
    AdoptByAge,
    /// A run that is taken over is not told so: what was in flight is not known to be unknown.
    TakenOverInSilence,
    /// A fresh engine does not count what the runs it takes over hold.
    SlotsFromMemory,
    /// Obligations are not part of what is stored.
    DutiesAreNotStored,
    /// Only the state of a task is stored, not its attempts.
    HandleIsNotStored,
    /// A tick counts as decided only in the commit after its run, and no rule of the store forbids a second run.
    TickIsDecidedLater,
    /// Nobody looks whether an idempotency key was used.
    KeyIsNotLookedUp,
    /// Work that is not visible yet is said to be lost.
    UnseenIsLost,
    /// What arrives while the store refuses is forgotten.
    NewsIsForgotten,
    /// A fresh engine reads a copy of the store that lags behind.
    StaleCopyIsRead,
    /// What was to be done for an attempt is done although the attempt has ended.
    HandOutlivesAttempt,
    /// What is live goes over to a file that was read again.
    ReloadReachesLiveRuns,
    /// That a run took a later definition is not part of what is stored.
    VersionIsNotStored,
    /// Nobody looks whether the latest definition is the one that was seen.
    SeenIsNotCompared,
    /// That a night of a backfill is begun is committed before its run.
    NightIsBegunFirst,
    /// That a night of a backfill is begun is committed after its run.
    NightIsBegunLater,
    /// A night goes on whose run the store refused, and takes what an earlier round came to for its own end.
    RefusedNightGoesOn,
    /// A fresh engine does not take up the backfills that are under way.
    BackfillsAreNotLoaded,
    /// A message is sent before it is written that it is.
    WordIsSentBeforeItIsWritten,
    /// What is to be told is committed after what it is about.
    WordIsWrittenLater,
    /// A fresh engine takes what was being sent for sent.
    SendingIsTakenForSent,
    /// A sending that was not answered counts as taken.
    WordIsTakenForSent,
    /// A fresh engine does not take up what is to be told.
    WordsAreNotLoaded,
}

impl Wrong {
    /// Every one.
    pub const ALL: [Self; 37] = [
        Self::EffectBeforeIntent,
        Self::NoFencing,
        Self::EpochIsNotRaised,
        Self::LeaseByWallClock,
        Self::LeaseFromAnswer,
        Self::ExpiryByOwnClock,
        Self::NoRecheckBeforeCall,
        Self::NoRecheckBeforeClearing,
        Self::CommitIsSentAgainAsNew,
        Self::LostAnswerIsDone,
        Self::RefusedIsDone,
        Self::FencedGoesOn,
        Self::AnswerBeforeCommit,
        Self::AnswerCommittedFirst,
        Self::AdoptByAge,
        Self::TakenOverInSilence,
        Self::SlotsFromMemory,
        Self::DutiesAreNotStored,
        Self::HandleIsNotStored,
        Self::TickIsDecidedLater,
        Self::KeyIsNotLookedUp,
        Self::UnseenIsLost,
        Self::NewsIsForgotten,
        Self::StaleCopyIsRead,
        Self::HandOutlivesAttempt,
        Self::ReloadReachesLiveRuns,
        Self::VersionIsNotStored,
        Self::SeenIsNotCompared,
        Self::NightIsBegunFirst,
        Self::NightIsBegunLater,
        Self::RefusedNightGoesOn,
        Self::BackfillsAreNotLoaded,
        Self::WordIsSentBeforeItIsWritten,
        Self::WordIsWrittenLater,
        Self::SendingIsTakenForSent,
        Self::WordIsTakenForSent,
        Self::WordsAreNotLoaded,
    ];
}

/// One known mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mistake {
    /// In the core.
    Core(planted::Bug),
    /// In the loop or the store.
    Loop(Wrong),
}

impl Mistake {
    /// Every one that there is.
    pub fn all() -> impl Iterator<Item = Self> {
        let core = planted::Bug::ALL.into_iter().map(Self::Core);
        core.chain(Wrong::ALL.into_iter().map(Self::Loop))
    }

    /// In which histories it can be found.
    #[must_use]
    pub fn kind(self) -> Kind {
        use planted::Bug as B;
        match self {
            Self::Core(
                B::PauseIsMissed
                | B::TicksAreDecidedAhead
                | B::CatchupKeepsTheFirst
                | B::FoldFiresTwice
                | B::GapNeverFires,
            ) => Kind::Schedules,
            Self::Core(
                B::TasksAreMatchedByPlace
                | B::LaterBeginsAllAnew
                | B::GoneLosesAttempts
                | B::LeavingIsNotChecked
                | B::GoneIsNotKept
                | B::LaterIsNotRecorded
                | B::NightsTooMany
                | B::PausedNightsGoOn
                | B::CausesAreNotGathered,
            )
            | Self::Loop(
                Wrong::ReloadReachesLiveRuns
                | Wrong::VersionIsNotStored
                | Wrong::SeenIsNotCompared
                | Wrong::NightIsBegunFirst
                | Wrong::NightIsBegunLater
                | Wrong::RefusedNightGoesOn
                | Wrong::BackfillsAreNotLoaded
                | Wrong::WordIsSentBeforeItIsWritten
                | Wrong::WordIsWrittenLater
                | Wrong::SendingIsTakenForSent
                | Wrong::WordIsTakenForSent
                | Wrong::WordsAreNotLoaded,
            ) => Kind::Changes,
            _ => Kind::Work,
        }
    }

    pub(crate) fn core(self) -> Option<planted::Bug> {
        match self {
            Self::Core(bug) => Some(bug),
            Self::Loop(_) => None,
        }
    }

    pub(crate) fn wrong(self) -> Option<Wrong> {
        match self {
            Self::Loop(wrong) => Some(wrong),
            Self::Core(_) => None,
        }
    }
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Core(bug) => write!(f, "{bug:?}"),
            Self::Loop(wrong) => write!(f, "{wrong:?}"),
        }
    }
}
