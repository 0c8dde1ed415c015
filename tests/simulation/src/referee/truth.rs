//! The truth about work, and the words of gates, as a referee knows them without the core.

use noctule_core::dag::TriggerRule;
use noctule_core::run::{Attempt, AttemptEnd, Ended, Instant, Nature, Verdict};
use noctule_executor::{ErrorClass, Wait};

use crate::backend::Backends;
use crate::clock::Ms;

/// The truth that a commit is compared with.
pub(crate) struct Truth<'a> {
    pub(crate) backends: &'a Backends,
    pub(crate) now: Ms,
    /// When the engine decided, by its own clock.
    pub(crate) turn: Instant,
}

/// Whether a rule lets a task begin over these ends, by the words of the format.
pub(super) fn may_begin(rule: TriggerRule, ends: &[Option<Verdict>]) -> bool {
    use TriggerRule as R;
    let count =
        |fits: &dyn Fn(Verdict) -> bool| ends.iter().flatten().filter(|v| fits(**v)).count();
    let good = count(&|verdict| verdict == Verdict::Succeeded);
    let bad = count(&Verdict::is_bad);
    let all = ends.iter().all(Option::is_some);
    match rule {
        _ if ends.is_empty() => true,
        R::AllSuccess => good == ends.len(),
        R::NoneFailed => all && bad == 0,
        R::NoneFailedMinOneSuccess => all && bad == 0 && good > 0,
        R::AllDone => all,
        R::OneSuccess => good > 0,
        R::OneFailed => bad > 0,
        R::AllFailed => bad == ends.len(),
    }
}

/// Why the end of an attempt is not what became of its work.
pub(super) fn untrue(
    attempt: &Attempt,
    ended: &Ended,
    left: bool,
    truth: &Truth<'_>,
) -> Option<&'static str> {
    let work = truth.backends.works.get(&attempt.key);
    let prepared = &attempt.prepared;
    if left || prepared.nature == Nature::Sensor {
        return None;
    }
    let over = work.is_none_or(|work| work.is_over(truth.now));
    match &ended.end {
        AttemptEnd::Succeeded { .. } if prepared.wait == Wait::Detach => {
            work.is_none().then_some("nothing was launched")
        }
        AttemptEnd::Succeeded { .. } => {
            let good = work.is_some_and(|work| work.is_ready() || work.has_succeeded(truth.now));
            (!good).then_some("its work did not")
        }
        AttemptEnd::Failed {
            class: ErrorClass::Unknown,
            ..
        } => None,
        AttemptEnd::Failed {
            class: ErrorClass::Lost,
            ..
        } => {
            let gone = work.is_some_and(|work| work.is_gone(truth.now));
            (!gone).then_some("its work is there")
        }
        // We hang up, and say so.
        AttemptEnd::TimedOut { .. } if prepared.nature == Nature::Attached => None,
        _ => (!over).then_some("its work goes on"),
    }
}
