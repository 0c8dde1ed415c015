//! The conformance suite: every rule of the contract, each as a function of its own, run against one executor.
//!
//! A rule that does not apply to an executor (no cancel, a sensor, nothing that can lose an answer) is skipped and the
//! report says why. The suite starts real work of the subject and stops what it left running.

mod cancelling;
mod describing;
mod launching;
mod owning;
mod probe;
mod report;
mod subject;
mod watching;

pub use report::{Judgement, Report};
pub use subject::{Case, Expected, Subject};

use crate::TestingError;
use probe::Probe;

/// Runs every rule, in order, and gives each rule the subject's time limit.
macro_rules! run {
    ($probe:expr, $report:expr, [$($family:ident::$rule:ident),* $(,)?]) => {
        $({
            let judged = Box::pin($probe.limited($family::$rule(&$probe))).await;
            $report.add(stringify!($rule), judged);
        })*
    };
}

/// Runs every rule against an executor and reports all that it breaks.
///
/// # Errors
/// [`TestingError::NotConforming`] with the whole report, when any rule is broken.
pub async fn conformance(subject: &dyn Subject) -> Result<Report, TestingError> {
    let report = judge(subject).await;
    if report.broken().next().is_some() {
        return Err(TestingError::NotConforming(report));
    }
    Ok(report)
}

/// Runs every rule against an executor; the report holds kept, skipped and broken ones.
pub async fn judge(subject: &dyn Subject) -> Report {
    let probe = Probe::new(subject);
    let mut report = Report::default();
    run!(
        probe,
        report,
        [
            describing::unknown_keys_are_refused,
            describing::check_accepts_what_runs,
            describing::request_is_pure,
            describing::request_ignores_the_count_of_sends,
            describing::secrets_are_shown_nowhere,
            launching::launch_twice_is_one_work,
            launching::a_lost_answer_is_unknown,
            launching::lost_work_is_found,
            launching::adopt_finds_running_work,
            launching::adopt_finds_finished_work,
            launching::adopt_starts_nothing,
            launching::a_refused_launch_starts_nothing,
            watching::a_handle_serves_another_process,
            watching::verdicts_are_right,
            watching::an_end_stays_the_same,
            watching::poll_answers_in_input_order,
            watching::poll_returns_when_any_has_finished,
            watching::poll_ends_with_its_patience,
            watching::poll_errors_are_no_verdicts,
            watching::a_dropped_poll_harms_nothing,
            watching::logs_are_complete_after_the_end,
            watching::release_may_be_repeated,
            cancelling::cancel_right_after_launch,
            cancelling::cancel_while_running,
            cancelling::cancel_may_be_repeated,
            cancelling::cancel_after_the_end_changes_nothing,
            owning::owned_lists_live_work_of_this_store_alone,
        ]
    );
    report
}
