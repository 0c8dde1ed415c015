//! Finds the executions that carry an attempt's key, and sees to it that one of them is left.
//!
//! Guarantees: matched by the key alone, exactly, among the executions of this job; a stranger's is never touched. A
//! search that was not finished is an error, never "nothing found". Of several, the oldest stays.
//! Facts: executions.list is sorted newest first and filters nothing; env overrides are readable in the execution's
//! template.

use chrono::{DateTime, TimeDelta, Utc};
use noctule_executor::{AttemptKey, ExecutorError};

use crate::execution::Execution;
use crate::executions::Deleted;
use crate::session::Session;
use crate::target::Target;

/// An execution cannot be older than the intent to start it; this much is left for clocks that disagree.
const CLOCKS: TimeDelta = TimeDelta::minutes(5);
/// Cloud Run keeps 1,000 ended executions of a job and runs 1,000: a list that goes on for longer goes in circles.
pub(crate) const MOST_PAGES: usize = 200;

/// What is looked for.
pub(crate) struct Wanted<'a> {
    pub(crate) target: &'a Target,
    pub(crate) key: &'a AttemptKey,
    pub(crate) intended_at: DateTime<Utc>,
}

impl Session<'_> {
    /// The one execution of a key, after any others of it were cancelled.
    ///
    /// `known` is one that the list may not show yet.
    pub(crate) async fn only_one(
        &self,
        wanted: &Wanted<'_>,
        known: Option<Execution>,
    ) -> Result<Option<Execution>, ExecutorError> {
        let mut found = self.search(wanted).await?;
        if let Some(known) = known
            && !found
                .iter()
                .any(|other| other.short_name() == known.short_name())
        {
            found.push(known);
        }
        found.sort_by(|a, b| age(a).cmp(&age(b)));
        let mut found = found.into_iter();
        let Some(oldest) = found.next() else {
            return Ok(None);
        };
        for double in found {
            self.cancel_double(wanted, &oldest, &double).await?;
        }
        Ok(Some(oldest))
    }

    /// Every execution of the job that carries the key.
    async fn search(&self, wanted: &Wanted<'_>) -> Result<Vec<Execution>, ExecutorError> {
        let url = wanted.target.executions_url();
        let not_before = wanted.intended_at - CLOCKS;
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            // Also deleted ones: what somebody deleted was started all the same.
            let page = self
                .page(&url, token.as_deref(), Deleted::Shown)
                .await
                // A 404 too: with a deleted job go its executions, so it is no evidence that nothing was started.
                .map_err(|error| error.of_read())?;
            let last = page.executions.last().and_then(|last| last.created_at);
            found.extend(page.executions.into_iter().filter(|execution| {
                execution.carries(wanted.key.as_str())
                    && wanted.target.short_name(&execution.name).is_some()
            }));
            if last.is_some_and(|created| created < not_before) || page.next.is_none() {
                return Ok(found);
            }
            token = page.next;
        }
        Err(ExecutorError::unavailable(format!(
            "the list of executions at {url} has no end: gave up after {MOST_PAGES} pages"
        )))
    }

    async fn cancel_double(
        &self,
        wanted: &Wanted<'_>,
        oldest: &Execution,
        double: &Execution,
    ) -> Result<(), ExecutorError> {
        if double.completed_at.is_some() || double.deleted_at.is_some() {
            return Ok(());
        }
        let Some(short) = wanted.target.short_name(&double.name) else {
            return Ok(());
        };
        tracing::warn!(
            key = %wanted.key, kept = %oldest.name, cancelled = %double.name,
            "two executions carry one attempt key: the younger is cancelled"
        );
        let Err(error) = self.stop(wanted.target, short).await else {
            return Ok(());
        };
        // A right that is missing stays missing: waiting for it would leave the oldest unwatched as well.
        if error.refusal().is_some_and(|refusal| refusal.status == 403) {
            tracing::error!(key = %wanted.key, double = %double.name, %error, "the double cannot be cancelled");
            return Ok(());
        }
        Err(error.of_read())
    }
}

/// Oldest first; by name where the times are equal. One without a time is the youngest, and a deleted one is kept only
/// where no other is left.
fn age(execution: &Execution) -> (bool, DateTime<Utc>, &str) {
    let created = execution.created_at.unwrap_or(DateTime::<Utc>::MAX_UTC);
    (execution.deleted_at.is_some(), created, &execution.name)
}
