//! Fan-out: a list becomes items, items begin as `max_parallel` allows, and their ends become the end of the whole.
//!
//! The whole is judged again whenever one of its items changes; nothing is counted beside the task runs. An item keeps its
//! task runs, and with them its attempts and their numbers, over every retry and every new list that names its key.

use std::collections::HashMap;

use serde_json::Value;

use super::expansion::{Expansion, Item, ItemOf, ItemState, Tally};
use super::record::Fact;
use super::state::{TaskRun, TaskRunIx, TaskState, Verdict};
use super::transition::Turn;
use crate::dag::TaskIx;
use crate::planted::{self, Bug};

impl Turn<'_> {
    /// The gate is open: the list is rendered, and every item gets its task runs.
    pub(super) fn expand(&mut self, head: TaskRunIx) {
        match self.port.items(self.dag, self.run, head) {
            Ok(items) => self.populate(head, items),
            Err(message) => self.end_task(head, Verdict::Failed, Some(message)),
        }
    }

    fn populate(&mut self, head: TaskRunIx, items: Vec<(String, Value)>) {
        let walk = self.dag.walk(self.task(head));
        let known = self.retire(head, &walk);
        let count = items.len();
        let items = (0u32..).zip(items).map(|(index, (key, value))| {
            let of = ItemOf {
                head,
                index: Some(index),
            };
            let first = match known.get(&key) {
                Some(first) => self.renew(*first, &walk, of),
                None => self.append(&walk, of, &key),
            };
            Item { key, value, first }
        });
        let items = items.collect();
        self.run.tasks[head.index()].expansion = Some(Expansion { items });
        self.set_state(head, TaskState::Mapped { since: self.now });
        self.record(head, Fact::TaskMapped { items: count });
        self.progress(head);
    }

    /// Takes the items of an earlier list off it; where each key has its task runs.
    fn retire(&mut self, head: TaskRunIx, walk: &[TaskIx]) -> HashMap<String, TaskRunIx> {
        let mut known = HashMap::new();
        if self.run.tasks[head.index()].expansion.is_none() {
            return known;
        }
        for ix in self.all() {
            let run = &mut self.run.tasks[ix.index()];
            let Some(of) = run.item.as_mut().filter(|of| of.head == head) else {
                continue;
            };
            if of.index.take().is_some() {
                self.step.touched.insert(ix);
            }
            if Some(&run.task) == walk.first() {
                known.insert(run.map_key.clone().unwrap_or_default(), ix);
            }
        }
        known
    }

    fn renew(&mut self, first: TaskRunIx, walk: &[TaskIx], of: ItemOf) -> TaskRunIx {
        for (ix, _) in (first.0..).map(TaskRunIx).zip(walk) {
            self.run.tasks[ix.index()].item = Some(of);
            self.begin_anew(ix);
        }
        first
    }

    fn append(&mut self, walk: &[TaskIx], of: ItemOf, key: &str) -> TaskRunIx {
        let first = TaskRunIx(u32::try_from(self.run.tasks.len()).unwrap_or(u32::MAX));
        let doubted = self.run.tasks.iter().any(|task| task.doubted);
        for (ix, task) in (first.0..).map(TaskRunIx).zip(walk) {
            self.run.tasks.push(TaskRun {
                map_key: Some(key.to_owned()),
                item: Some(of),
                doubted,
                ..TaskRun::new(*task)
            });
            self.step.touched.insert(ix);
        }
        first
    }

    /// In a new round the items that had begun go on from where they were reset.
    pub(super) fn go_on_with_items(&mut self) {
        for head in self.run.outer(self.dag).collect::<Vec<_>>() {
            if !matches!(self.state(head), TaskState::Mapped { .. }) {
                continue;
            }
            let walk = self.dag.walk(self.task(head));
            let items = self.run.tasks[head.index()].expansion.iter();
            let open = items
                .flat_map(|expansion| &expansion.items)
                .filter(|item| self.run.item_state(self.dag, &walk, item) == ItemState::Open);
            let runs = open.flat_map(|item| self.run.item_runs(&walk, item));
            for ix in runs.collect::<Vec<_>>() {
                match self.state(ix) {
                    TaskState::Waiting if self.has_gate(ix) => self.judged.push_back(ix),
                    TaskState::Waiting => self.open(ix),
                    _ => {}
                }
            }
        }
    }

    /// Begins as many items as may be under way, and ends the whole once all have ended.
    pub(super) fn progress(&mut self, head: TaskRunIx) {
        let run = &self.run.tasks[head.index()];
        let (TaskState::Mapped { .. }, Some(tally)) = (&run.state, self.run.tally(self.dag, run))
        else {
            return;
        };
        let over = tally.succeeded + tally.bad > 0 && planted::is(Bug::MapEndsEarly);
        self.begin_rest(head);
        if tally.waiting > 0 && !over {
            let most = self
                .definition(head)
                .map
                .as_ref()
                .and_then(|map| map.max_parallel)
                .filter(|_| !planted::is(Bug::MaxParallelIsMissed));
            let most = most.map_or(usize::MAX, |most| most as usize);
            return self.open_items(head, most.saturating_sub(tally.open));
        }
        if tally.open == 0 || over {
            let (verdict, why) = self.judge_items(head, tally);
            self.end_task(head, verdict, why);
        }
    }

    /// An item that a mark in its midst has begun goes on with all that it begins with.
    fn begin_rest(&mut self, head: TaskRunIx) {
        let walk = self.dag.walk(self.task(head));
        let items = self.run.tasks[head.index()].expansion.iter();
        let begun = items
            .flat_map(|expansion| &expansion.items)
            .filter(|item| self.run.item_state(self.dag, &walk, item) == ItemState::Open);
        let runs = begun.flat_map(|item| self.run.item_runs(&walk, item).zip(&walk));
        let first = runs.filter(|(_, task)| self.dag.upstream(**task).is_empty());
        for ix in first.map(|(ix, _)| ix).collect::<Vec<_>>() {
            if matches!(self.state(ix), TaskState::Waiting) {
                self.open(ix);
            }
        }
    }

    fn open_items(&mut self, head: TaskRunIx, room: usize) {
        let walk = self.dag.walk(self.task(head));
        let Some(expansion) = &self.run.tasks[head.index()].expansion else {
            return;
        };
        let waits = |item: &&Item| self.run.item_state(self.dag, &walk, item) == ItemState::Waiting;
        let firsts: Vec<TaskRunIx> = expansion
            .items
            .iter()
            .filter(waits)
            .take(room)
            .map(|item| item.first)
            .collect();
        let mut over = false;
        for first in firsts {
            for (ix, task) in (first.0..).map(TaskRunIx).zip(&walk) {
                let first = self.dag.upstream(*task).is_empty() || walk.len() == 1;
                if first && matches!(self.state(ix), TaskState::Waiting) {
                    self.open(ix);
                    over |= self.run.tasks[ix.index()].end().is_some();
                }
            }
        }
        // An item that ended at once (`when` is false) has made room.
        if over {
            self.judged.push_back(head);
        }
    }

    fn judge_items(&self, head: TaskRunIx, tally: Tally) -> (Verdict, Option<String>) {
        let rule = self.definition(head).map.as_ref();
        let needed = rule.map_or(tally.items, |map| {
            map.min_success.needed(tally.items, tally.skipped)
        });
        let Tally {
            items,
            succeeded,
            skipped,
            bad,
            ..
        } = tally;
        if items > 0 && skipped == items {
            return (Verdict::Skipped, Some("every item was skipped".to_owned()));
        }
        let told =
            format!("{succeeded} of {items} items succeeded, {bad} failed, {skipped} skipped");
        if succeeded >= needed {
            return (Verdict::Succeeded, (bad > 0).then_some(told));
        }
        let verdict = if self.run.is_stopping() {
            Verdict::Cancelled
        } else {
            Verdict::Failed
        };
        (verdict, Some(format!("{told}; {needed} had to succeed")))
    }

    /// A head that has ended is judged once more, after a mark on one of its items.
    pub(super) fn judge_again(&mut self, ix: TaskRunIx) {
        let Some(head) = self.run.tasks[ix.index()].item.map(|of| of.head) else {
            return;
        };
        let run = &self.run.tasks[head.index()];
        let Some(end) = run.end().filter(|end| end.marked_by.is_none()) else {
            return;
        };
        let (was, Some(tally)) = (end.verdict, self.run.tally(self.dag, run)) else {
            return;
        };
        let (verdict, why) = self.judge_items(head, tally);
        if tally.open + tally.waiting == 0 && verdict != was {
            self.end_task(head, verdict, why);
        }
    }
}
