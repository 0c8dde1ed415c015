//! A mapped task or a group: how its items stand, which of them are under way, what the others wait for.

use super::words::count;
use super::{Gate, Reason, Teller};
use crate::run::{Instant, Item, ItemState, TaskRunIx, TaskState};

/// Items that are told one by one; the others are counted.
const TOLD: usize = 5;

impl Teller<'_> {
    /// A task; of a mapped one, its items that are under way, too.
    pub(super) fn whole(&self, ix: TaskRunIx) -> Vec<Reason> {
        let mut reasons = vec![self.task(ix)];
        let (TaskState::Mapped { .. }, Some(expansion)) =
            (&self.task_run(ix).state, &self.task_run(ix).expansion)
        else {
            return reasons;
        };
        let walk = self.dag.walk(self.task_run(ix).task);
        let open = |item: &&Item| self.run.item_state(self.dag, &walk, item) == ItemState::Open;
        let runs = expansion.items.iter().filter(open).flat_map(|item| {
            let runs = self.run.item_runs(&walk, item);
            runs.filter(|ix| self.is_under_way(*ix)).collect::<Vec<_>>()
        });
        reasons.extend(runs.take(TOLD).map(|ix| self.task(ix)));
        reasons
    }

    fn is_under_way(&self, ix: TaskRunIx) -> bool {
        let state = &self.task_run(ix).state;
        !matches!(state, TaskState::Waiting | TaskState::Ended(_))
    }

    pub(super) fn mapped(&self, ix: TaskRunIx, since: Instant) -> Reason {
        let name = self.name(ix);
        let text = format!("`{name}` goes through its items: {}", self.tally(ix));
        Reason::new(Gate::Running, text)
            .since(since)
            .next("it ends in the step in which its last item ends")
    }

    /// `12 of 56 items ended (1 failed, 2 skipped), 5 under way, 39 behind max_parallel = 5`.
    pub(super) fn tally(&self, ix: TaskRunIx) -> String {
        let Some(tally) = self.run.tally(self.dag, self.task_run(ix)) else {
            return "its list is not known".to_owned();
        };
        let ended = tally.succeeded + tally.skipped + tally.bad;
        let mut text = format!("{ended} of {} ended", count(tally.items, "item"));
        let apart: Vec<String> = [(tally.bad, "failed"), (tally.skipped, "skipped")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        if !apart.is_empty() {
            text = format!("{text} ({})", apart.join(", "));
        }
        text = format!("{text}, {} under way", tally.open);
        let most = self
            .definition(ix)
            .map
            .as_ref()
            .and_then(|map| map.max_parallel);
        match most {
            Some(most) if tally.waiting > 0 => {
                format!("{text}, {} behind max_parallel = {most}", tally.waiting)
            }
            _ => text,
        }
    }

    /// An item that has not begun because enough others are on their way.
    pub(super) fn behind_others(&self, ix: TaskRunIx) -> Option<Reason> {
        let head = self.task_run(ix).item?.head;
        if !self.dag.upstream(self.task_run(ix).task).is_empty()
            && self.dag.group_of(self.task_run(ix).task).is_some()
        {
            return None;
        }
        let text = format!(
            "`{}` waits for its turn in `{}`: {}",
            self.name(ix),
            self.name(head),
            self.tally(head)
        );
        Some(Reason::new(Gate::Upstream, text).next("it begins when one of the others ends"))
    }
}
