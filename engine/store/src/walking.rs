//! All runs that fit something, a page at a time: what is read at once is bounded, however many there are.

use std::ops::ControlFlow;

use noctule_core::backfill::{Existing, Range};
use noctule_core::name::{DagId, RunId};
use noctule_core::run::Instant;

use crate::error::StoreError;
use crate::runs::{RunFilter, RunSummary};
use crate::store::Store;

/// Runs that are read at once.
const PAGE: u32 = 500;

/// Which runs of a DAG are meant: those that fit everything that is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Of this DAG.
    pub dag: DagId,
    /// With a nominal time from one instant to another, both included.
    pub nominal: Option<(Instant, Instant)>,
    /// In this state.
    pub state: Option<String>,
    /// With one of these ingestion ids; empty: with any.
    pub ingestion_ids: Vec<String>,
    /// Among these; empty: among all.
    pub runs: Vec<RunId>,
}

impl Selection {
    fn filter(&self) -> RunFilter {
        RunFilter {
            dag: Some(self.dag.clone()),
            state: self.state.clone(),
            nominal: self.nominal,
            ..RunFilter::default()
        }
    }

    fn holds(&self, run: &RunSummary) -> bool {
        let facts = &run.facts;
        let id = facts.ingestion_id.as_str();
        let millis = |at: Instant| at.timestamp_millis();
        let time = millis(facts.logical_time);
        facts.dag == self.dag
            && (self.state.as_ref()).is_none_or(|state| state == run.phase.word())
            && (self.nominal).is_none_or(|(from, to)| millis(from) <= time && time <= millis(to))
            && (self.ingestion_ids.is_empty() || self.ingestion_ids.iter().any(|one| one == id))
    }
}

impl Store {
    /// Shows every run that fits a filter, newest first, until `see` has seen enough; one may be shown twice where others are
    /// forgotten meanwhile. The filter's own limit and page are not heeded.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn walk_runs(
        &self,
        filter: &RunFilter,
        mut see: impl FnMut(RunSummary) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut filter = RunFilter {
            limit: PAGE,
            ..filter.clone()
        };
        // The runs of the last page: the next one begins after the last of them that is still there.
        let mut last: Vec<RunId> = Vec::new();
        loop {
            filter.before = last.last().cloned();
            let page = self.find_runs(&filter).await?;
            let count = page.len();
            let Some(cursor) = filter.before.as_ref().filter(|_| page.is_empty()) else {
                last = page.iter().map(|run| run.facts.id.clone()).collect();
                let mut runs = page.into_iter();
                if runs.any(|run| see(run).is_break()) || count < PAGE as usize {
                    return Ok(());
                }
                continue;
            };
            // Nothing is older than a run that is there, or than one that was forgotten meanwhile.
            if self.summary(cursor).await?.is_some() {
                return Ok(());
            }
            last.pop();
        }
    }

    /// The runs that the ticks of a range have.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn runs_of_ticks(
        &self,
        dag: &DagId,
        range: Range,
    ) -> Result<Vec<Existing>, StoreError> {
        let filter = RunFilter {
            dag: Some(dag.clone()),
            nominal: Some((range.from, range.to)),
            of_ticks: true,
            ..RunFilter::default()
        };
        let mut found = Vec::new();
        let see = |run: RunSummary| {
            found.extend(Existing::of(&run.facts, &run.phase));
            ControlFlow::Continue(())
        };
        self.walk_runs(&filter, see).await?;
        Ok(found)
    }

    /// The runs of a selection by their nominal times, oldest first; none: there are more than `most`, and no more than that
    /// were read.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn select_runs(
        &self,
        selection: &Selection,
        most: usize,
    ) -> Result<Option<Vec<RunSummary>>, StoreError> {
        let mut found: Vec<RunSummary> = Vec::new();
        if !selection.runs.is_empty() {
            for run in &selection.runs {
                let run = self.summary(run).await?;
                found.extend(run.filter(|run| selection.holds(run)));
            }
        } else {
            for filter in filters(selection) {
                let see = |run: RunSummary| {
                    found.push(run);
                    if found.len() > most {
                        return ControlFlow::Break(());
                    }
                    ControlFlow::Continue(())
                };
                self.walk_runs(&filter, see).await?;
                if found.len() > most {
                    return Ok(None);
                }
            }
        }
        let key = |run: &RunSummary| {
            let facts = &run.facts;
            (facts.logical_time, facts.created_at, facts.id.clone())
        };
        found.sort_by_cached_key(key);
        found.dedup_by(|a, b| a.facts.id == b.facts.id);
        Ok((found.len() <= most).then_some(found))
    }
}

/// What is asked of the store: for each ingestion id by itself, since there are few runs of one.
fn filters(selection: &Selection) -> Vec<RunFilter> {
    if selection.ingestion_ids.is_empty() {
        return vec![selection.filter()];
    }
    let of = |id: &String| RunFilter {
        ingestion_id: Some(id.clone()),
        ..selection.filter()
    };
    selection.ingestion_ids.iter().map(of).collect()
}
