//! The store as a value: commits fenced by an epoch, a lease on its own clock, rules that hold one run to a tick or a key.
//!
//! What a commit carries is what the engine says has changed, never a reference to its memory: forgetting to say so loses it.

use std::collections::BTreeMap;
use std::rc::Rc;

use noctule_core::backfill::{Backfill, Night};
use noctule_core::dag::Dag;
use noctule_core::name::{BackfillId, DagHash, DagId, RunId};
use noctule_core::run::{Instant, Phase, Record, Run, Step, TaskRun, TaskRunIx};
use noctule_core::scheduling::Dropped;
use noctule_core::word::{Message, MessageId};

use crate::asks::{Answer, Asked};
use crate::bugs::Wrong;
use crate::clock::Ms;

/// A run with the version it is pinned to.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) dag: Rc<Dag>,
    pub(crate) run: Run,
}

/// What is known of a DAG.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DagRecord {
    pub(crate) considered: Option<Instant>,
    pub(crate) paused: Option<Instant>,
}

/// A backfill with its nights.
pub(crate) type Nights = (Backfill, Vec<Night>);

/// Who may write.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lease {
    pub(crate) holder: usize,
    pub(crate) epoch: u64,
    pub(crate) expires: Ms,
}

/// What a run is besides its task runs, where that changed.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    phase: Phase,
    backfill: Option<BackfillId>,
    line: Vec<TaskRunIx>,
    /// The version that it says, and the one that it goes on with.
    version: DagHash,
    dag: Rc<Dag>,
}

/// One thing to write.
#[derive(Debug, Clone)]
pub(crate) enum Write {
    Create {
        run: Box<Run>,
        dag: Rc<Dag>,
        records: Vec<Record>,
        key: Option<String>,
    },
    Step {
        run: RunId,
        round: u32,
        head: Option<Box<Head>>,
        tasks: Vec<(TaskRunIx, TaskRun)>,
        records: Vec<Record>,
    },
    Dag {
        dag: DagId,
        record: DagRecord,
    },
    Dropped {
        dag: DagId,
        dropped: Dropped,
    },
    Backfill {
        head: Box<Backfill>,
        nights: Vec<(u32, Night)>,
    },
    Message(Box<Message>),
    Answer {
        ask: usize,
        answer: Answer,
    },
}

impl Write {
    /// What a step changed in a run.
    pub(crate) fn of_step(dag: &Rc<Dag>, run: &Run, step: &Step, wrong: Option<Wrong>) -> Self {
        let head = || {
            Box::new(Head {
                phase: run.phase.clone(),
                backfill: run.backfill.clone(),
                line: run.line.clone(),
                version: run.facts.version.clone(),
                dag: Rc::clone(dag),
            })
        };
        let task = |ix: &TaskRunIx| {
            let mut task = run.tasks[ix.index()].clone();
            if wrong == Some(Wrong::DutiesAreNotStored) {
                task.obligations.clear();
            }
            (*ix, task)
        };
        Self::Step {
            run: run.facts.id.clone(),
            round: run.round,
            head: step.run_changed.then(head),
            tasks: step.touched.iter().map(task).collect(),
            records: step.records.clone(),
        }
    }
}

/// Writes that become durable together.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub(crate) epoch: u64,
    /// Its number within the epoch: a second arrival changes nothing.
    pub(crate) serial: u64,
    /// When the engine decided it, by its own clock.
    pub(crate) turn: Instant,
    pub(crate) writes: Vec<Write>,
}

/// What became of one write.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Written {
    Done,
    Existing,
    /// This one write was refused; the others of its commit were made.
    Failed,
}

/// What an engine hears of a commit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Done(Vec<Written>),
    /// Surely nothing was written.
    Refused,
    /// Another epoch began.
    Fenced,
    /// No answer.
    Silence,
}

/// All that is durable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    pub(crate) runs: BTreeMap<RunId, Stored>,
    pub(crate) ticks: BTreeMap<(DagId, Instant), RunId>,
    pub(crate) keys: BTreeMap<(DagId, String), RunId>,
    pub(crate) dags: BTreeMap<DagId, DagRecord>,
    pub(crate) dropped: Vec<(DagId, Dropped)>,
    pub(crate) backfills: BTreeMap<BackfillId, Nights>,
    pub(crate) messages: BTreeMap<MessageId, Message>,
    pub(crate) asks: Vec<Asked>,
    pub(crate) lease: Option<Lease>,
    pub(crate) epoch: u64,
    pub(crate) done: BTreeMap<(u64, u64), Vec<Written>>,
}

impl Store {
    /// Takes, or keeps, the lease; gives the epoch.
    pub(crate) fn acquire(
        &mut self,
        engine: usize,
        held: Option<u64>,
        now: Ms,
        judged_at: Ms,
        ttl: Ms,
        wrong: Option<Wrong>,
    ) -> Option<u64> {
        if let Some(lease) = &mut self.lease {
            if lease.holder == engine && held == Some(lease.epoch) {
                lease.expires = now + ttl;
                return Some(lease.epoch);
            }
            if judged_at < lease.expires {
                return None;
            }
        }
        if wrong != Some(Wrong::EpochIsNotRaised) || self.epoch == 0 {
            self.epoch += 1;
        }
        self.lease = Some(Lease {
            holder: engine,
            epoch: self.epoch,
            expires: now + ttl,
        });
        Some(self.epoch)
    }

    /// The run that is there already for the same tick or key.
    pub(crate) fn twin(&self, run: &Run, key: Option<&String>) -> Option<&RunId> {
        let dag = &run.facts.dag;
        let of_key = key.and_then(|key| self.keys.get(&(dag.clone(), key.clone())));
        let tick = run.facts.trigger.tick();
        of_key.or_else(|| self.ticks.get(&(dag.clone(), tick?)))
    }

    /// Makes one write durable.
    pub(crate) fn write(&mut self, write: Write, wrong: Option<Wrong>) -> Written {
        match write {
            Write::Create { run, dag, key, .. } => {
                let unruled = match wrong {
                    Some(Wrong::TickIsDecidedLater) => run.facts.trigger.tick().is_some(),
                    Some(Wrong::KeyIsNotLookedUp) => key.is_some(),
                    _ => false,
                };
                if self.twin(&run, key.as_ref()).is_some() && !unruled {
                    return Written::Existing;
                }
                let (id, of) = (run.facts.id.clone(), run.facts.dag.clone());
                if let Some(tick) = run.facts.trigger.tick() {
                    self.ticks.insert((of.clone(), tick), id.clone());
                }
                if let Some(key) = key {
                    self.keys.insert((of, key), id.clone());
                }
                self.runs.insert(id, Stored { dag, run: *run });
            }
            Write::Step {
                run,
                round,
                head,
                tasks,
                ..
            } => self.step(&run, round, head, tasks, wrong),
            Write::Dag { dag, record } => {
                self.dags.insert(dag, record);
            }
            Write::Dropped { dag, dropped } => self.dropped.push((dag, dropped)),
            Write::Backfill { head, nights } => self.backfill(*head, nights),
            Write::Message(message) => {
                self.messages.insert(message.id.clone(), *message);
            }
            Write::Answer { ask, answer } => {
                self.asks[ask].answer.get_or_insert(answer);
            }
        }
        Written::Done
    }

    fn backfill(&mut self, head: Backfill, changed: Vec<(u32, Night)>) {
        let id = head.id.clone();
        let kept = self.backfills.entry(id);
        let (stored, nights) = kept.or_insert_with(|| (head.clone(), Vec::new()));
        *stored = head;
        for (ix, night) in changed {
            match nights.get_mut(ix as usize) {
                Some(kept) => *kept = night,
                None => nights.push(night),
            }
        }
    }

    fn step(
        &mut self,
        id: &RunId,
        round: u32,
        head: Option<Box<Head>>,
        tasks: Vec<(TaskRunIx, TaskRun)>,
        wrong: Option<Wrong>,
    ) {
        let Some(stored) = self.runs.get_mut(id) else {
            return;
        };
        stored.run.round = round;
        if let Some(head) = head {
            stored.run.phase = head.phase;
            stored.run.backfill = head.backfill;
            stored.run.line = head.line;
            if wrong != Some(Wrong::VersionIsNotStored) {
                stored.run.facts.version = head.version;
                stored.dag = head.dag;
            }
        }
        for (ix, task) in tasks {
            match stored.run.tasks.get_mut(ix.index()) {
                Some(kept) if wrong == Some(Wrong::HandleIsNotStored) => {
                    let live = kept.live().is_some() && task.live().is_some();
                    if !live || kept.attempts.len() != task.attempts.len() {
                        *kept = task;
                    }
                }
                Some(kept) => *kept = task,
                None => stored.run.tasks.push(task),
            }
        }
    }

    /// Forgets the answers of epochs that are past.
    pub(crate) fn remember(&mut self, epoch: u64, serial: u64, written: Vec<Written>) {
        self.done.retain(|(known, _), _| *known == epoch);
        self.done.insert((epoch, serial), written);
    }
}
