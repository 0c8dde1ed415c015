//! The items of a mapped task or a group: what they are, which task runs walk them, how they stand.
//!
//! The head, the task run of the mapped task or group itself, keeps the list; every count is computed from the task runs.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::state::{Run, TaskRun, TaskRunIx, TaskState, Verdict};
use crate::dag::{Dag, TaskIx};

/// The items of a head, in the order of the list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Expansion {
    /// Item by item.
    pub items: Vec<Item>,
}

/// One item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its name, unique in the list.
    pub key: String,
    /// What templates see as `item`.
    pub value: Value,
    /// Its first task run; the others of its walk follow.
    pub first: TaskRunIx,
}

/// Whose item a task run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemOf {
    /// The task run of the mapped task or group.
    pub head: TaskRunIx,
    /// Its place in the list; none if a later list no longer has it.
    pub index: Option<u32>,
}

/// How an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemState {
    /// It waits for `max_parallel`.
    Waiting,
    /// On its way.
    Open,
    /// Over.
    Ended(Verdict),
}

/// How the items of a head stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// All.
    pub items: usize,
    /// Waiting for `max_parallel`.
    pub waiting: usize,
    /// On their way.
    pub open: usize,
    /// Succeeded.
    pub succeeded: usize,
    /// Skipped.
    pub skipped: usize,
    /// Ended bad.
    pub bad: usize,
}

impl Run {
    /// The task runs of an item, in the order of its walk.
    pub fn item_runs(
        &self,
        walk: &[TaskIx],
        item: &Item,
    ) -> impl Iterator<Item = TaskRunIx> + use<> {
        let first = item.first.0;
        (first..first + u32::try_from(walk.len()).unwrap_or(0)).map(TaskRunIx)
    }

    /// How an item stands. It waits while none of its tasks has begun, whatever is marked in it; bad if one of its tasks that counts ended bad, skipped if all were.
    #[must_use]
    pub fn item_state(&self, dag: &Dag, walk: &[TaskIx], item: &Item) -> ItemState {
        let (mut waiting, mut ended, mut bad, mut skipped) = (0, 0, false, 0);
        let (mut marked, mut to_begin) = (0, walk.len() == 1);
        for (ix, task) in self.item_runs(walk, item).zip(walk) {
            match &self.tasks[ix.index()].state {
                TaskState::Waiting => {
                    waiting += 1;
                    to_begin |= dag.upstream(*task).is_empty();
                }
                TaskState::Ended(end) => {
                    ended += 1;
                    marked += usize::from(end.marked_by.is_some());
                    skipped += usize::from(end.verdict == Verdict::Skipped);
                    bad |= end.verdict.is_bad() && !(walk.len() > 1 && dag.task(*task).may_fail);
                }
                _ => {}
            }
        }
        match walk.len() {
            all if to_begin && waiting > 0 && waiting + marked == all => ItemState::Waiting,
            all if ended < all => ItemState::Open,
            _ if bad => ItemState::Ended(Verdict::Failed),
            all if skipped == all => ItemState::Ended(Verdict::Skipped),
            _ => ItemState::Ended(Verdict::Succeeded),
        }
    }

    /// How the items of a head stand; none while its list is not known, or if it is gone.
    #[must_use]
    pub fn tally(&self, dag: &Dag, head: &TaskRun) -> Option<Tally> {
        if head.gone.is_some() {
            return None;
        }
        let walk = dag.walk(head.task);
        let items = &head.expansion.as_ref()?.items;
        let mut tally = Tally {
            items: items.len(),
            ..Tally::default()
        };
        for item in items {
            match self.item_state(dag, &walk, item) {
                ItemState::Waiting => tally.waiting += 1,
                ItemState::Open => tally.open += 1,
                ItemState::Ended(Verdict::Succeeded) => tally.succeeded += 1,
                ItemState::Ended(Verdict::Skipped) => tally.skipped += 1,
                ItemState::Ended(_) => tally.bad += 1,
            }
        }
        Some(tally)
    }

    /// What `item` is to a task run.
    #[must_use]
    pub fn item_value(&self, ix: TaskRunIx) -> Option<&Value> {
        let of = self.tasks[ix.index()].item?;
        let items = &self.tasks[of.head.index()].expansion.as_ref()?.items;
        Some(&items.get(of.index? as usize)?.value)
    }

    /// The task run of a task as another one sees it: the same item's inside a group, else the one of the whole run.
    #[must_use]
    pub fn seen_from(&self, dag: &Dag, ix: TaskRunIx, task: TaskIx) -> Option<TaskRunIx> {
        let Some(group) = dag.group_of(task) else {
            return Some(self.of_outer(task));
        };
        let of = self.tasks.get(ix.index())?.item?;
        let item = self.tasks[of.head.index()]
            .expansion
            .as_ref()?
            .items
            .get(of.index? as usize)?;
        let place = dag.walk(group).iter().position(|inner| *inner == task)?;
        Some(TaskRunIx(item.first.0 + u32::try_from(place).ok()?))
    }

    /// What dependants see as the output of a task run: of a success only; of a mapped one a list in item order, with
    /// none where an item did not succeed; of a group an object for each item.
    #[must_use]
    pub fn output_of(&self, dag: &Dag, ix: TaskRunIx) -> Option<Cow<'_, Value>> {
        let task = self.tasks.get(ix.index())?;
        let Some(expansion) = &task.expansion else {
            return task.output().map(Cow::Borrowed);
        };
        if task.end()?.verdict == Verdict::Skipped {
            return None;
        }
        let walk = dag.walk(task.task);
        let group = task.definition(dag).is_group();
        let of_item = |item: &Item| {
            let mut outputs = self.item_runs(&walk, item).zip(&walk).map(|(ix, task)| {
                let output = self.tasks[ix.index()].output().cloned();
                (
                    dag.task(*task).name.local().to_owned(),
                    output.unwrap_or_default(),
                )
            });
            if group {
                Value::Object(outputs.collect::<Map<_, _>>())
            } else {
                outputs.next().map(|(_, output)| output).unwrap_or_default()
            }
        };
        Some(Cow::Owned(Value::Array(
            expansion.items.iter().map(of_item).collect(),
        )))
    }

    /// The outputs of a task in a group, as the rest of the run sees it: a list in item order, none where it did not succeed.
    #[must_use]
    pub fn outputs_inside(&self, dag: &Dag, inner: TaskIx) -> Option<Value> {
        let group = dag.group_of(inner)?;
        let head = self.tasks.get(self.of_outer(group).index())?;
        let place = dag.walk(group).iter().position(|task| *task == inner)?;
        let output = |item: &Item| {
            let run = self.tasks.get(item.first.index() + place)?;
            run.output().cloned()
        };
        let items = &head.expansion.as_ref()?.items;
        Some(
            items
                .iter()
                .map(|item| output(item).unwrap_or_default())
                .collect(),
        )
    }

    /// The name of a task run as people write it: `task`, `task[KEY]` or `group.task[KEY]`.
    #[must_use]
    pub fn name_of(&self, dag: &Dag, ix: TaskRunIx) -> String {
        let run = &self.tasks[ix.index()];
        let name = &run.definition(dag).name;
        match &run.map_key {
            Some(key) => format!("{name}[{key}]"),
            None => name.to_string(),
        }
    }

    /// The task run of a task or group that stands in no group.
    #[must_use]
    pub fn of_outer(&self, task: TaskIx) -> TaskRunIx {
        let moved = self.line.get(task.index()).copied();
        moved.unwrap_or(TaskRunIx(task.0))
    }

    /// The task runs of the tasks and groups that stand in no group, in the order of the definition.
    pub fn outer<'a>(&'a self, dag: &Dag) -> impl Iterator<Item = TaskRunIx> + use<'a> {
        dag.outer().map(|task| self.of_outer(task))
    }

    /// The one task run that a name means: an item by its key, a mapped task or group without one as a whole. None where it
    /// means several, the items of a task in a group.
    #[must_use]
    pub fn find_one(&self, dag: &Dag, target: &crate::name::TaskTarget) -> Option<TaskRunIx> {
        self.one_of(&self.find(dag, target))
    }

    /// The same as [`find`](Self::find), or where the definition has no such task, those that had the name before.
    #[must_use]
    pub fn find_ever(&self, dag: &Dag, target: &crate::name::TaskTarget) -> Vec<TaskRunIx> {
        let known = self.find(dag, target);
        if !known.is_empty() {
            return known;
        }
        let fits = |run: &TaskRun| {
            let gone = run.gone.as_ref();
            gone.is_some_and(|gone| gone.name == target.task)
                && (target.key.is_none() || run.map_key == target.key)
        };
        let all = (0u32..).map(TaskRunIx).zip(&self.tasks);
        all.filter(|(_, run)| fits(run)).map(|(ix, _)| ix).collect()
    }

    /// The same as [`find_one`](Self::find_one), or where the definition has no such task, the one that had the name before.
    #[must_use]
    pub fn find_one_ever(&self, dag: &Dag, target: &crate::name::TaskTarget) -> Option<TaskRunIx> {
        self.one_of(&self.find_ever(dag, target))
    }

    fn one_of(&self, found: &[TaskRunIx]) -> Option<TaskRunIx> {
        match found {
            [one] => Some(*one),
            [head, ..] if self.tasks[head.index()].item.is_none() => Some(*head),
            _ => None,
        }
    }

    /// The task runs of a name, or of one item of it.
    #[must_use]
    pub fn find(&self, dag: &Dag, target: &crate::name::TaskTarget) -> Vec<TaskRunIx> {
        let Some(task) = dag.find(target.task.as_str()) else {
            return Vec::new();
        };
        let fits =
            |run: &TaskRun| run.task == task && (target.key.is_none() || run.map_key == target.key);
        (0u32..)
            .map(TaskRunIx)
            .zip(&self.tasks)
            .filter(|(_, run)| fits(run))
            .map(|(ix, _)| ix)
            .collect()
    }
}
