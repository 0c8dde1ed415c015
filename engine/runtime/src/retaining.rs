//! Forgetting what is over for long: logs first, then whole runs, in small batches beside the engine's own commits.
//!
//! Only what the core's horizon says is past goes, and never the newest runs of a DAG. Files on this machine go before the
//! rows that name them, so a kill in between leaves nothing behind that nobody knows. While the wall clock disagrees with
//! the monotonic one nothing is forgotten: a clock that jumps ahead by a year must not cost a year of history.

use std::time::Duration;

use chrono::{DateTime, Utc};
use noctule_core::name::{BackfillId, RunId};
use noctule_core::retention::Horizon;
use noctule_core::source::Retention;
use noctule_executor::{AttemptKey, Keepsake};
use noctule_store::{BackfillFilter, Lease, OldRun, Store, StoreError};

use crate::clock::Clock;
use crate::surroundings::Surroundings;

/// The first pass comes this long after the start: what is urgent then is something else.
const FIRST: Duration = Duration::from_secs(10 * 60);
/// From the end of a pass to the next.
const EVERY: Duration = Duration::from_secs(60 * 60);
/// Between two batches, in which the engine's commits have the store to themselves.
const REST: Duration = Duration::from_millis(100);
/// The most rows of a batch, unless one run alone has more.
const ROWS: u32 = 2_000;
/// Backfills that are looked at together.
const BACKFILLS: u32 = 200;
/// Logs that were due this long ago went with an earlier pass, or go with their run.
const LOOK_BACK: chrono::Duration = chrono::Duration::days(7);
/// How far the clocks may drift apart since the start.
const DRIFT: chrono::Duration = chrono::Duration::hours(1);

/// What a pass has forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Runs whose logs went.
    pub logs: u64,
    /// Runs that went.
    pub runs: u64,
    /// Backfills that went, each after the last of its runs.
    pub backfills: u64,
}

/// The retention of one engine, as long as it holds the store.
pub struct Retaining {
    store: Store,
    lease: Lease,
    surroundings: Surroundings,
    retention: Retention,
    clock: Clock,
    started: (DateTime<Utc>, tokio::time::Instant),
}

impl Retaining {
    /// Retention under the lease of an engine.
    #[must_use]
    pub fn new(
        store: Store,
        lease: Lease,
        surroundings: Surroundings,
        retention: Retention,
        clock: Clock,
    ) -> Self {
        Self {
            store,
            lease,
            surroundings,
            retention,
            clock,
            started: (clock.now(), tokio::time::Instant::now()),
        }
    }

    /// Passes again and again, until it is dropped.
    pub async fn go_on(self) {
        tokio::time::sleep(FIRST).await;
        loop {
            match self.pass().await {
                Ok(Forgotten {
                    logs: 0,
                    runs: 0,
                    backfills: 0,
                }) => {}
                Ok(Forgotten {
                    logs,
                    runs,
                    backfills,
                }) => {
                    tracing::info!(logs, runs, backfills, "forgot what was past its retention");
                }
                Err(error) => {
                    tracing::warn!(%error, "failed to forget old runs; tried again later");
                }
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Forgets all that is past now.
    ///
    /// # Errors
    /// The store cannot be read or written, or the lease is past. What went until then is gone; the rest stays.
    pub async fn pass(&self) -> Result<Forgotten, StoreError> {
        let now = self.clock.now();
        let (wall, monotonic) = self.started;
        if drifts(wall, monotonic.elapsed(), now) {
            tracing::warn!(%now, "the wall clock has jumped since this engine started: nothing is forgotten");
            return Ok(Forgotten::default());
        }
        let horizon = Horizon::of(&self.retention, now);
        // First, so that nothing that cannot be read keeps them from going.
        self.store.forget_loose_ends(&self.lease, &horizon).await?;
        Ok(Forgotten {
            logs: self.forget_logs(&horizon).await?,
            runs: self.forget_runs(&horizon).await?,
            backfills: self.forget_backfills(&horizon).await?,
        })
    }

    async fn forget_logs(&self, horizon: &Horizon) -> Result<u64, StoreError> {
        let before = horizon.logs_before;
        let mut after = (before.checked_sub_signed(LOOK_BACK).unwrap_or(before), None);
        let mut count = 0;
        loop {
            let old = self.store.ended_between(&after, before, ROWS).await?;
            let Some(last) = old.last() else {
                return Ok(count);
            };
            after = (last.ended_at, Some(last.run.clone()));
            count += old.len() as u64;
            self.clear(&old, Keepsake::Log).await;
            tokio::time::sleep(REST).await;
        }
    }

    async fn forget_runs(&self, horizon: &Horizon) -> Result<u64, StoreError> {
        let mut count = 0;
        loop {
            let old = self.store.forgettable(horizon, ROWS).await?;
            if old.is_empty() {
                return Ok(count);
            }
            self.clear(&old, Keepsake::All).await;
            let runs: Vec<RunId> = old.into_iter().map(|old| old.run).collect();
            self.store.forget(&self.lease, horizon, &runs).await?;
            count += runs.len() as u64;
            tokio::time::sleep(REST).await;
        }
    }

    /// Backfills that are past and have no run any more: while one is there, its backfill says why it is.
    async fn forget_backfills(&self, horizon: &Horizon) -> Result<u64, StoreError> {
        let mut past = Vec::new();
        let mut filter = BackfillFilter {
            limit: BACKFILLS,
            ..BackfillFilter::default()
        };
        loop {
            let page = self.store.find_backfills(&filter).await?;
            let Some(last) = page.last() else { break };
            filter.before = Some(last.id.clone());
            let ids = page.iter().filter(|head| horizon.is_backfill_past(head));
            past.extend(ids.map(|head| head.id.clone()));
        }
        let mut count = 0;
        for id in past {
            if !self.has_a_run(&id).await? {
                self.store.forget_backfill(&self.lease, &id).await?;
                count += 1;
                tokio::time::sleep(REST).await;
            }
        }
        Ok(count)
    }

    async fn has_a_run(&self, id: &BackfillId) -> Result<bool, StoreError> {
        // The newest are the last to go.
        for night in self.store.nights(id).await?.iter().rev() {
            if let Some(run) = night.state.run()
                && self.store.summary(run).await?.is_some()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What executors keep here of these runs. What cannot go now is no reason to keep the rows.
    async fn clear(&self, old: &[OldRun], what: Keepsake) {
        let keys: Vec<AttemptKey> = old.iter().flat_map(|old| old.keys.clone()).collect();
        let context = self.surroundings.context("", None);
        for executor in self.surroundings.desk.registry.iter() {
            if let Err(error) = executor.forget(&context, &keys, what).await {
                let kind = executor.kind();
                tracing::warn!(%error, kind, "failed to remove old files of attempts");
            }
        }
    }
}

/// Whether the wall clock has gone another way than the monotonic one since the start.
fn drifts(wall: DateTime<Utc>, passed: Duration, now: DateTime<Utc>) -> bool {
    let passed = chrono::Duration::from_std(passed).unwrap_or(chrono::Duration::MAX);
    (now - wall)
        .checked_sub(&passed)
        .is_none_or(|apart| apart.abs() > DRIFT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_jumps_is_seen_and_one_that_drifts_a_little_is_not() {
        let wall = DateTime::UNIX_EPOCH;
        let day = Duration::from_secs(86_400);
        let after = |seconds: i64| wall + chrono::Duration::seconds(seconds);
        assert!(!drifts(wall, day, after(86_400 + 60)));
        assert!(!drifts(wall, day, after(86_400 - 60)));
        assert!(drifts(wall, day, after(365 * 86_400)));
        assert!(drifts(wall, day, after(-365 * 86_400)));
        assert!(drifts(wall, Duration::MAX, after(0)));
    }
}
