//! How long what is over is kept: a rule of ages and of the newest runs of each DAG.
//!
//! Pure: the setting and `now` in, instants out. A run that is not over has no age; an age beyond all time means "for ever".

use chrono::{DateTime, Utc};

use crate::backfill::{self, Backfill};
use crate::run::{Phase, RunEnding};
use crate::source::Retention;

/// What has ended before these instants is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// For runs that ended well.
    pub succeeded_before: DateTime<Utc>,
    /// For runs that did not.
    pub others_before: DateTime<Utc>,
    /// For logs of either.
    pub logs_before: DateTime<Utc>,
    /// So many of the newest runs of each DAG stay, whatever their age.
    pub keep_last: u32,
}

impl Horizon {
    /// The horizon of a setting at an instant.
    #[must_use]
    pub fn of(retention: &Retention, now: DateTime<Utc>) -> Self {
        let before = |age: std::time::Duration| {
            chrono::Duration::from_std(age)
                .ok()
                .and_then(|age| now.checked_sub_signed(age))
                .unwrap_or(DateTime::<Utc>::MIN_UTC)
        };
        Self {
            succeeded_before: before(retention.runs),
            others_before: before(retention.failed),
            logs_before: before(retention.logs),
            keep_last: retention.keep_last,
        }
    }

    /// Whether a run is old enough to be forgotten. It may still be one of the newest of its DAG.
    #[must_use]
    pub fn is_past(&self, phase: &Phase) -> bool {
        match phase {
            Phase::Queued { .. } | Phase::Running { .. } => false,
            Phase::Ended { ending, at, .. } => *at < self.before(*ending),
        }
    }

    /// Whether a backfill is old enough to be forgotten: as a good run where every night of it ended well, else as the others.
    /// Its runs may be there still.
    #[must_use]
    pub fn is_backfill_past(&self, backfill: &Backfill) -> bool {
        let at = match &backfill.phase {
            backfill::Phase::Running | backfill::Phase::Paused { .. } => return false,
            backfill::Phase::Cancelled { at, .. } | backfill::Phase::Ended { at } => *at,
        };
        let well = matches!(backfill.phase, backfill::Phase::Ended { .. })
            && backfill.tally.succeeded == backfill.tally.all();
        let before = if well {
            self.succeeded_before
        } else {
            self.others_before
        };
        backfill.is_over() && at < before
    }

    fn before(&self, ending: RunEnding) -> DateTime<Utc> {
        match ending {
            RunEnding::Succeeded => self.succeeded_before,
            RunEnding::Failed | RunEnding::Cancelled | RunEnding::TimedOut => self.others_before,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn day(day: u32) -> DateTime<Utc> {
        DateTime::from_timestamp(i64::from(day) * 86_400, 0).expect("an instant")
    }

    fn ended(ending: RunEnding, on: u32) -> Phase {
        Phase::Ended {
            ending,
            started_at: None,
            at: day(on),
        }
    }

    #[test]
    fn a_failed_run_is_kept_for_longer_than_a_good_one() {
        let horizon = Horizon::of(&Retention::default(), day(1_000));
        assert!(horizon.is_past(&ended(RunEnding::Succeeded, 909)));
        assert!(!horizon.is_past(&ended(RunEnding::Succeeded, 911)));
        for ending in [RunEnding::Failed, RunEnding::Cancelled, RunEnding::TimedOut] {
            assert!(horizon.is_past(&ended(ending, 634)), "{ending:?}");
            assert!(!horizon.is_past(&ended(ending, 636)), "{ending:?}");
        }
    }

    #[test]
    fn a_run_that_is_not_over_is_never_past() {
        let horizon = Horizon::of(&Retention::default(), day(10_000));
        assert!(!horizon.is_past(&Phase::Queued { since: day(0) }));
        let running = Phase::Running {
            started_at: day(0),
            deadline: None,
            stop: None,
        };
        assert!(!horizon.is_past(&running));
    }

    #[test]
    fn an_age_beyond_all_time_keeps_everything() {
        let forever = Retention {
            runs: Duration::MAX,
            failed: Duration::from_secs(u64::MAX / 1_000),
            logs: Duration::MAX,
            keep_last: 0,
        };
        let horizon = Horizon::of(&forever, day(10_000));
        assert!(!horizon.is_past(&ended(RunEnding::Succeeded, 0)));
        assert!(!horizon.is_past(&ended(RunEnding::Failed, 0)));
    }
}
