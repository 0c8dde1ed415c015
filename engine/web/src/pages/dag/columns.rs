//! The states of the tasks of runs, as columns of a grid; kept while a run does not change.
//!
//! Guarantees: a column is of the moment at which the number of the run's last record was what it is now, or of a later
//! one; never of an earlier.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use noctule_core::dag::Dag;
use noctule_core::name::RunId;
use noctule_core::run::TaskRunIx;
use noctule_store::RunSummary;

use super::cells::Cell;
use crate::problem::Problem;
use crate::web::Web;

/// Columns kept in memory: of 500 tasks each, one megabyte.
const KEPT: usize = 2_000;

/// The states of one run.
#[derive(Debug)]
pub(crate) struct Column {
    /// The last record it was read after.
    last: u64,
    /// The version of its DAG.
    pub(crate) dag: Arc<Dag>,
    /// By the place of the task among those outside of groups.
    pub(crate) cells: Vec<Cell>,
}

/// Columns that were read before.
#[derive(Default)]
pub(crate) struct Columns(Mutex<HashMap<RunId, Arc<Column>>>);

impl Columns {
    fn get(&self, run: &RunId, last: u64) -> Option<Arc<Column>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(run).filter(|known| known.last == last).cloned()
    }

    fn keep(&self, run: RunId, column: &Arc<Column>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(run, Arc::clone(column));
    }
}

impl Web {
    /// A column for each of these runs, in their order.
    pub(crate) async fn columns(&self, runs: &[RunSummary]) -> Result<Vec<Arc<Column>>, Problem> {
        let ids: Vec<RunId> = runs.iter().map(|run| run.facts.id.clone()).collect();
        // The numbers first: what changes in between is newer in the column than its number says, and read again.
        let numbers: HashMap<RunId, u64> =
            self.store().last_records(&ids).await?.into_iter().collect();
        let mut ready: HashMap<RunId, Arc<Column>> = HashMap::new();
        let mut fresh: HashMap<RunId, Column> = HashMap::new();
        let mut fresh_moved: HashMap<RunId, Column> = HashMap::new();
        for run in runs {
            let id = &run.facts.id;
            let last = numbers.get(id).copied().unwrap_or(0);
            if let Some(known) = self.known_columns().get(id, last) {
                ready.insert(id.clone(), known);
                continue;
            }
            let dag = self.dag(&run.facts.version).await?;
            let cells = vec![Cell::None; dag.outer().len()];
            let column = Column { last, dag, cells };
            match run.line.iter().map(|ix| ix.0).max() {
                None => drop(fresh.insert(id.clone(), column)),
                // It took another definition: its outer task runs stand elsewhere, and there are few such runs.
                Some(furthest) => {
                    let mut alone = HashMap::from([(id.clone(), column)]);
                    self.fill(&mut alone, &run.line, furthest + 1).await?;
                    fresh_moved.extend(alone);
                }
            }
        }
        let widest = fresh.values().map(|column| column.cells.len()).max();
        let widest = u32::try_from(widest.unwrap_or(0)).unwrap_or(u32::MAX);
        self.fill(&mut fresh, &[], widest).await?;
        fresh.extend(fresh_moved);
        for (id, column) in fresh {
            let column = Arc::new(column);
            self.known_columns().keep(id.clone(), &column);
            ready.insert(id, column);
        }
        Ok(ids.iter().filter_map(|id| ready.remove(id)).collect())
    }

    /// Reads how the tasks of these runs stand: of those below, the ones of this line, or if it is empty, all.
    async fn fill(
        &self,
        fresh: &mut HashMap<RunId, Column>,
        line: &[TaskRunIx],
        below: u32,
    ) -> Result<(), Problem> {
        if fresh.is_empty() {
            return Ok(());
        }
        let missing: Vec<RunId> = fresh.keys().cloned().collect();
        let moved: HashMap<TaskRunIx, usize> = line.iter().copied().zip(0..).collect();
        for standing in self.store().standings(&missing, below).await? {
            let row = match line {
                [] => Some(standing.ix.index()),
                _ => moved.get(&standing.ix).copied(),
            };
            let place = fresh
                .get_mut(&standing.run)
                .and_then(|column| column.cells.get_mut(row?));
            if let Some(place) = place {
                *place = Cell::of(standing.state.word());
            }
        }
        Ok(())
    }
}
