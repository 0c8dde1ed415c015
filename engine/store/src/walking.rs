//! All runs that fit something, a page at a time: what is read at once is bounded, however many there are.

use std::ops::ControlFlow;

use noctule_core::backfill::{Existing, Range};
use noctule_core::name::{DagId, RunId};
use noctule_core::run::Instant;

use crate::error::StoreError;
use crate::runs::{RunFilter, RunSummary};
use crate::store::Store;
use crate::stretch::Stretch;

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

/// One way through the runs of a selection.
enum Walk {
    Stretch(Stretch),
    Runs(RunFilter),
}

impl Selection {
    fn filter(&self) -> RunFilter {
        RunFilter {
            dag: Some(self.dag.clone()),
            state: self.state.clone(),
            ..RunFilter::default()
        }
    }

    /// What is asked of the store: for each ingestion id by itself, since there are few runs of one.
    fn walks(&self) -> Vec<Walk> {
        let of = |id: &String| {
            Walk::Runs(RunFilter {
                ingestion_id: Some(id.clone()),
                ..self.filter()
            })
        };
        match self.nominal {
            _ if !self.ingestion_ids.is_empty() => self.ingestion_ids.iter().map(of).collect(),
            None => vec![Walk::Runs(self.filter())],
            Some(nominal) => vec![Walk::Stretch(Stretch {
                dag: self.dag.clone(),
                nominal,
                state: self.state.clone(),
                of_ticks: false,
                after: None,
                limit: PAGE,
            })],
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
    async fn walk_runs(
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
        let stretch = Stretch {
            dag: dag.clone(),
            nominal: (range.from, range.to),
            state: None,
            of_ticks: true,
            after: None,
            limit: PAGE,
        };
        let mut found = Vec::new();
        let see = |run: RunSummary| {
            found.extend(Existing::of(&run.facts, &run.phase));
            ControlFlow::Continue(())
        };
        self.walk_stretch(stretch, see).await?;
        Ok(found)
    }

    /// Shows every run of a stretch by its nominal time, each once, until `see` has seen enough.
    async fn walk_stretch(
        &self,
        mut stretch: Stretch,
        mut see: impl FnMut(RunSummary) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        loop {
            let (page, last) = self.stretch(&stretch).await?;
            let whole = page.len() < stretch.limit as usize;
            if page.into_iter().any(|run| see(run).is_break()) || whole {
                return Ok(());
            }
            stretch.after = last;
        }
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
            for walk in selection.walks() {
                let see = |run: RunSummary| {
                    found.extend(selection.holds(&run).then_some(run));
                    if found.len() > most {
                        return ControlFlow::Break(());
                    }
                    ControlFlow::Continue(())
                };
                match walk {
                    Walk::Stretch(stretch) => self.walk_stretch(stretch, see).await?,
                    Walk::Runs(filter) => self.walk_runs(&filter, see).await?,
                }
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
