//! The ways in which an executor can be wrong, each with the rule that has to catch it.

/// One way to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    LooseConfig,
    CheckComplains,
    RandomRequest,
    RequestCountsSends,
    ShowsSecret,
    DoubleLaunch,
    LostAnswerIsUnavailable,
    ForgetsLostWork,
    AdoptMissesRunning,
    AdoptMissesFinished,
    AdoptStarts,
    RefusalStarts,
    HandleInMemory,
    DoneIsSuccess,
    EndWavers,
    OutOfOrder,
    WaitsForAll,
    OutlastsPatience,
    PollErrorIsLost,
    DroppedPollForgets,
    LogsGoAtTheEnd,
    ReleaseOnce,
    CancelIgnored,
    CancelOnlyBeforeBegin,
    CancelOnce,
    CancelRewritesEnd,
    OwnedMissesLive,
    OwnedListsEnded,
    OwnedListsStrangers,
    OwnedLeadsAstray,
}

impl Fault {
    /// Every fault with the rule that catches it.
    pub(crate) const ALL: [(Self, &'static str); 30] = [
        (Self::LooseConfig, "unknown_keys_are_refused"),
        (Self::CheckComplains, "check_accepts_what_runs"),
        (Self::RandomRequest, "request_is_pure"),
        (
            Self::RequestCountsSends,
            "request_ignores_the_count_of_sends",
        ),
        (Self::ShowsSecret, "secrets_are_shown_nowhere"),
        (Self::DoubleLaunch, "launch_twice_is_one_work"),
        (Self::LostAnswerIsUnavailable, "a_lost_answer_is_unknown"),
        (Self::ForgetsLostWork, "lost_work_is_found"),
        (Self::AdoptMissesRunning, "adopt_finds_running_work"),
        (Self::AdoptMissesFinished, "adopt_finds_finished_work"),
        (Self::AdoptStarts, "adopt_starts_nothing"),
        (Self::RefusalStarts, "a_refused_launch_starts_nothing"),
        (Self::HandleInMemory, "a_handle_serves_another_process"),
        (Self::DoneIsSuccess, "verdicts_are_right"),
        (Self::EndWavers, "an_end_stays_the_same"),
        (Self::OutOfOrder, "poll_answers_in_input_order"),
        (Self::WaitsForAll, "poll_returns_when_any_has_finished"),
        (Self::OutlastsPatience, "poll_ends_with_its_patience"),
        (Self::PollErrorIsLost, "poll_errors_are_no_verdicts"),
        (Self::DroppedPollForgets, "a_dropped_poll_harms_nothing"),
        (Self::LogsGoAtTheEnd, "logs_are_complete_after_the_end"),
        (Self::ReleaseOnce, "release_may_be_repeated"),
        (Self::CancelIgnored, "cancel_right_after_launch"),
        (Self::CancelOnlyBeforeBegin, "cancel_while_running"),
        (Self::CancelOnce, "cancel_may_be_repeated"),
        (
            Self::CancelRewritesEnd,
            "cancel_after_the_end_changes_nothing",
        ),
        (
            Self::OwnedMissesLive,
            "owned_lists_live_work_of_this_store_alone",
        ),
        (
            Self::OwnedListsEnded,
            "owned_lists_live_work_of_this_store_alone",
        ),
        (
            Self::OwnedListsStrangers,
            "owned_lists_live_work_of_this_store_alone",
        ),
        (
            Self::OwnedLeadsAstray,
            "owned_lists_live_work_of_this_store_alone",
        ),
    ];

    /// Whether only a searching executor shows it.
    pub(crate) fn concerns_search(self) -> bool {
        matches!(
            self,
            Self::ForgetsLostWork | Self::AdoptMissesRunning | Self::AdoptMissesFinished
        )
    }
}
