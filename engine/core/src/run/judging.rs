//! Gates as they are judged: when a task may start, what opens with it, and whom its end concerns.

use super::gate::{Gate, Upstream, judge};
use super::state::{Phase, TaskRunIx, TaskState, Verdict};
use super::transition::Turn;
use crate::dag::TaskIx;

impl Turn<'_> {
    pub(super) fn judge(&mut self, ix: TaskRunIx) {
        if !matches!(self.run.phase, Phase::Running { .. }) {
            return;
        }
        match self.state(ix) {
            TaskState::Mapped { .. } => self.progress(ix),
            // The items of a mapped task begin when `max_parallel` allows, not by a gate.
            TaskState::Waiting if self.has_gate(ix) => self.judge_gate(ix),
            _ => {}
        }
    }

    pub(super) fn has_gate(&self, ix: TaskRunIx) -> bool {
        self.run.tasks[ix.index()].item.is_none() || !self.dag.upstream(self.task(ix)).is_empty()
    }

    fn judge_gate(&mut self, ix: TaskRunIx) {
        let task = self.definition(ix);
        let ends = self
            .dag
            .upstream(self.task(ix))
            .iter()
            .map(|up| self.verdict_of(ix, *up));
        match judge(task.trigger_rule, Upstream::count(ends)) {
            Gate::Wait => {}
            Gate::Open if task.map.is_some() => self.open_head(ix),
            Gate::Open => self.open(ix),
            Gate::UpstreamFailed => {
                self.end_task(ix, Verdict::UpstreamFailed, Some(self.culprits(ix)));
            }
            Gate::Skip => self.end_task(
                ix,
                Verdict::Skipped,
                Some(format!("trigger_rule: {}", self.culprits(ix))),
            ),
        }
    }

    fn culprits(&self, ix: TaskRunIx) -> String {
        let name = |up: &TaskIx| {
            let verdict = self.verdict_of(ix, *up)?;
            (verdict != Verdict::Succeeded)
                .then(|| format!("{} {}", self.dag.task(*up).name, verdict.word()))
        };
        let mut named: Vec<String> = self
            .dag
            .upstream(self.task(ix))
            .iter()
            .filter_map(name)
            .take(4)
            .collect();
        if named.len() == 4 {
            named[3] = "…".to_owned();
        }
        named.join(", ")
    }

    /// A mapped task judges `when` for each item; a group, once.
    fn open_head(&mut self, ix: TaskRunIx) {
        if self.definition(ix).is_group() {
            self.open(ix);
        } else {
            self.expand(ix);
        }
    }

    pub(super) fn open(&mut self, ix: TaskRunIx) {
        let when = self.definition(ix).when.clone();
        let open = when.as_deref().map_or(Ok(true), |when| {
            self.port.holds(self.dag, self.run, ix, when, None)
        });
        match open {
            Ok(true) if self.definition(ix).is_group() => self.expand(ix),
            Ok(true) => self.ready(ix),
            Ok(false) => self.end_task(
                ix,
                Verdict::Skipped,
                Some(format!("`when` is false: {}", when.unwrap_or_default())),
            ),
            Err(error) => self.end_task(ix, Verdict::Failed, Some(format!("`when`: {error}"))),
        }
    }

    fn verdict_of(&self, from: TaskRunIx, task: TaskIx) -> Option<Verdict> {
        let ix = self.run.seen_from(self.dag, from, task)?;
        self.run.tasks[ix.index()].end().map(|end| end.verdict)
    }

    pub(super) fn judge_downstream(&mut self, ix: TaskRunIx) {
        let downstream = self.dag.downstream(self.task(ix));
        let of = self.run.tasks[ix.index()].item;
        match of {
            // Inside a group the edges are those of the same item; a mapped task's own are its head's.
            Some(_) if self.dag.group_of(self.task(ix)).is_none() => {}
            _ => {
                let runs = downstream
                    .iter()
                    .filter_map(|task| self.run.seen_from(self.dag, ix, *task));
                self.judged.extend(runs);
            }
        }
        self.judged.extend(of.map(|of| of.head));
    }
}
