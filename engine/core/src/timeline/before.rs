//! Which task of a run let another begin: the last to end of those it depends on.

use std::collections::HashMap;

use crate::dag::{Dag, TaskIx};
use crate::run::Instant;
use crate::view::{RunView, TaskView};

/// The tasks of a run by their places in the DAG, built once.
pub(super) struct Before<'a> {
    dag: &'a Dag,
    run: &'a RunView,
    place: Vec<Option<TaskIx>>,
    items: HashMap<TaskIx, Vec<usize>>,
    by_key: HashMap<(TaskIx, &'a str), usize>,
}

impl<'a> Before<'a> {
    pub(super) fn of(dag: &'a Dag, run: &'a RunView) -> Self {
        let place: Vec<Option<TaskIx>> =
            run.tasks.iter().map(|task| dag.find(&task.task)).collect();
        let mut items: HashMap<TaskIx, Vec<usize>> = HashMap::new();
        let mut by_key = HashMap::new();
        for (at, task) in run.tasks.iter().enumerate() {
            let Some(ix) = place[at] else { continue };
            items.entry(ix).or_default().push(at);
            if let Some(key) = &task.map_key {
                by_key.insert((ix, key.as_str()), at);
            }
        }
        // By their ends, so that the last before a moment is found by halving.
        for list in items.values_mut() {
            list.sort_by_key(|at| {
                (
                    run.tasks[*at].ended_at.is_none(),
                    run.tasks[*at].ended_at,
                    *at,
                )
            });
        }
        Self {
            dag,
            run,
            place,
            items,
            by_key,
        }
    }

    /// The task that let this one begin at a moment: of those it depends on, the last that had ended by then.
    pub(super) fn last(&self, at: usize, moment: Instant) -> Option<usize> {
        let ix = self.place[at]?;
        let task = &self.run.tasks[at];
        let group = self.dag.group_of(ix);
        let within: Vec<usize> = match (&group, &task.map_key) {
            (Some(_), Some(key)) => {
                let up = self.dag.upstream(ix).iter();
                up.filter_map(|up| self.by_key.get(&(*up, key.as_str())))
                    .copied()
                    .filter(|up| ended_by(&self.run.tasks[*up], moment))
                    .collect()
            }
            _ => Vec::new(),
        };
        let begins = group.is_some() && self.dag.upstream(ix).is_empty();
        let outer = match group {
            Some(group) if begins => self.dag.upstream(group),
            Some(_) => &[],
            None => self.dag.upstream(ix),
        };
        let outer = outer.iter().flat_map(|up| self.dag.walk(*up));
        let outer = outer.filter_map(|up| self.last_item(up, moment));
        let all = within.into_iter().chain(outer);
        all.max_by_key(|at| (self.run.tasks[*at].ended_at, std::cmp::Reverse(*at)))
    }

    fn last_item(&self, task: TaskIx, moment: Instant) -> Option<usize> {
        let items = self.items.get(&task)?;
        let count = items.partition_point(|at| ended_by(&self.run.tasks[*at], moment));
        items[..count].last().copied()
    }
}

fn ended_by(task: &TaskView, moment: Instant) -> bool {
    task.ended_at.is_some_and(|ended| ended <= moment)
}
