//! What lets a task start: the trigger rules, judged on how the tasks it depends on have ended.
//!
//! A rule is decided as soon as nothing that is still to end can change it.

use crate::dag::TriggerRule;
use crate::planted::{self, Bug};

use super::state::Verdict;

/// How the tasks that a task depends on stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Upstream {
    /// Succeeded.
    pub good: usize,
    /// Failed, timed out, upstream failed or cancelled.
    pub bad: usize,
    /// Skipped.
    pub skipped: usize,
    /// Not ended.
    pub pending: usize,
}

impl Upstream {
    /// Counts; `None` has not ended.
    pub fn count(verdicts: impl Iterator<Item = Option<Verdict>>) -> Self {
        let mut counted = Self::default();
        for verdict in verdicts {
            match verdict {
                None => counted.pending += 1,
                Some(Verdict::Succeeded) => counted.good += 1,
                Some(Verdict::Skipped) => counted.skipped += 1,
                Some(_) => counted.bad += 1,
            }
        }
        counted
    }

    fn all(&self) -> usize {
        self.good + self.bad + self.skipped + self.pending
    }
}

/// What a trigger rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Not decided.
    Wait,
    /// It may start.
    Open,
    /// It can never start, for a task before it ended bad.
    UpstreamFailed,
    /// It is not meant to start.
    Skip,
}

/// Judges a rule. A task without dependencies may always start.
#[must_use]
pub fn judge(rule: TriggerRule, upstream: Upstream) -> Gate {
    use TriggerRule as R;
    let Upstream {
        good,
        bad,
        skipped,
        pending,
    } = upstream;
    if upstream.all() == 0 {
        return Gate::Open;
    }
    let waits = pending > 0 && !planted::is(Bug::GateDoesNotWait);
    match rule {
        R::AllSuccess | R::NoneFailed | R::NoneFailedMinOneSuccess if bad > 0 => {
            Gate::UpstreamFailed
        }
        R::OneSuccess if good > 0 => Gate::Open,
        R::OneFailed if bad > 0 => Gate::Open,
        R::AllFailed if good + skipped > 0 => Gate::Skip,
        _ if waits => Gate::Wait,
        R::AllSuccess if skipped > 0 => Gate::Skip,
        R::NoneFailedMinOneSuccess if good == 0 => Gate::Skip,
        R::OneSuccess if bad > 0 => Gate::UpstreamFailed,
        R::OneSuccess | R::OneFailed => Gate::Skip,
        R::AllSuccess | R::NoneFailed | R::NoneFailedMinOneSuccess | R::AllDone | R::AllFailed => {
            Gate::Open
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: TriggerRule, verdicts: &str, expected: Gate) {
        let upstream = Upstream::count(verdicts.chars().map(|c| match c {
            'g' => Some(Verdict::Succeeded),
            'b' => Some(Verdict::Failed),
            's' => Some(Verdict::Skipped),
            _ => None,
        }));
        assert_eq!(
            judge(rule, upstream),
            expected,
            "{rule:?} over {verdicts:?}"
        );
    }

    #[test]
    fn each_rule_decides_as_the_table_of_the_format_says() {
        use Gate::{Open, Skip, UpstreamFailed, Wait};
        use TriggerRule as R;
        for (rule, table) in [
            (
                R::AllSuccess,
                [
                    ("gg", Open),
                    ("gb", UpstreamFailed),
                    ("gs", Skip),
                    ("ss", Skip),
                    ("sb", UpstreamFailed),
                ],
            ),
            (
                R::NoneFailed,
                [
                    ("gg", Open),
                    ("gb", UpstreamFailed),
                    ("gs", Open),
                    ("ss", Open),
                    ("sb", UpstreamFailed),
                ],
            ),
            (
                R::NoneFailedMinOneSuccess,
                [
                    ("gg", Open),
                    ("gb", UpstreamFailed),
                    ("gs", Open),
                    ("ss", Skip),
                    ("sb", UpstreamFailed),
                ],
            ),
            (
                R::AllDone,
                [
                    ("gg", Open),
                    ("gb", Open),
                    ("gs", Open),
                    ("ss", Open),
                    ("sb", Open),
                ],
            ),
            (
                R::OneSuccess,
                [
                    ("gg", Open),
                    ("gb", Open),
                    ("gs", Open),
                    ("ss", Skip),
                    ("sb", UpstreamFailed),
                ],
            ),
            (
                R::OneFailed,
                [
                    ("gg", Skip),
                    ("gb", Open),
                    ("gs", Skip),
                    ("ss", Skip),
                    ("sb", Open),
                ],
            ),
            (
                R::AllFailed,
                [
                    ("gg", Skip),
                    ("gb", Skip),
                    ("bb", Open),
                    ("ss", Skip),
                    ("sb", Skip),
                ],
            ),
        ] {
            for (verdicts, expected) in table {
                check(rule, verdicts, expected);
            }
            check(rule, "", Open);
        }
        check(R::AllDone, "gb?", Wait);
        check(R::NoneFailed, "gs?", Wait);
    }

    #[test]
    fn a_rule_is_decided_as_soon_as_nothing_can_change_it() {
        check(TriggerRule::OneSuccess, "g?", Gate::Open);
        check(TriggerRule::OneFailed, "b?", Gate::Open);
        check(TriggerRule::AllSuccess, "b?", Gate::UpstreamFailed);
        check(TriggerRule::AllFailed, "g?", Gate::Skip);
        check(TriggerRule::OneSuccess, "b?", Gate::Wait);
        check(TriggerRule::AllSuccess, "s?", Gate::Wait);
    }
}
