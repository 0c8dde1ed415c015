//! What a scripted world remembers: every send, every piece of work, every effect. Plain data; time is a parameter.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use noctule_executor::{Attempt, AttemptKey, Outcome, Request};

use crate::script::Script;
use crate::steps::{CancelStep, LaunchStep};

/// The moments at which an engine can be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// A launch is about to reach the world.
    Launch,
    /// The work exists; its answer is not on its way yet.
    Started,
    /// A search is about to be made.
    Adopt,
    /// A poll is about to be made.
    Poll,
    /// A cancel is about to reach the world.
    Cancel,
    /// A cancel has taken effect; its answer is not on its way yet.
    Cancelled,
    /// A log is about to be read.
    Logs,
    /// Leftovers are about to be forgotten.
    Release,
}

/// One launch call that reached the world, whether or not it started work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// The attempt key.
    pub key: AttemptKey,
    /// The run's id.
    pub run: String,
    /// The task's name.
    pub task: String,
    /// The map key of a mapped item.
    pub map_key: Option<String>,
    /// The attempt number.
    pub number: u32,
    /// How often the engine says it has sent this key.
    pub sends: u32,
    /// The canonical text of the request.
    pub request: String,
    /// How it was answered.
    pub answer: LaunchStep,
    /// The process that sent it.
    pub pid: u32,
}

/// When and how a piece of work ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// Counted from the world's zero.
    pub at: Duration,
    /// The verdict.
    pub outcome: Outcome,
}

/// One piece of work that was started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// The attempt key.
    pub key: AttemptKey,
    /// The run's id.
    pub run: String,
    /// The task's name.
    pub task: String,
    /// The map key of a mapped item.
    pub map_key: Option<String>,
    /// The attempt number.
    pub number: u32,
    /// The canonical text of the request.
    pub request: String,
    /// How it behaves.
    pub script: Script,
    /// The process whose launch started it.
    pub pid: u32,
    /// Counted from the world's zero.
    pub launched_at: Duration,
    /// Its end, once that is settled.
    pub end: Option<End>,
    /// Cancels that reached it.
    pub cancels: u32,
    /// Releases that reached it.
    pub releases: u32,
    /// The world no longer knows it.
    pub forgotten: bool,
}

impl Work {
    /// The verdict, if it has ended by then.
    #[must_use]
    pub fn outcome(&self, now: Duration) -> Option<&Outcome> {
        self.end
            .as_ref()
            .filter(|end| end.at <= now)
            .map(|end| &end.outcome)
    }

    fn is_called(&self, name: &str) -> bool {
        self.task == name || self.key.as_str() == name
    }

    /// What a cancel does to the work.
    pub(crate) fn apply(&mut self, step: &CancelStep, now: Duration) {
        match step {
            CancelStep::Ok => {
                let stopped = Outcome::Cancelled {
                    by: None,
                    output: self.script.output.clone(),
                };
                let at = now.saturating_add(self.script.cancel_takes.0);
                self.settle(at, stopped);
            }
            CancelStep::AlreadySucceeded => self.settle(now, self.script.success()),
            CancelStep::Ignored => {}
            CancelStep::Outage(_) => return,
        }
        self.cancels += 1;
    }

    /// Settles the end, unless an earlier one is settled already.
    pub(crate) fn settle(&mut self, at: Duration, outcome: Outcome) {
        if self.end.as_ref().is_none_or(|end| end.at > at) {
            self.end = Some(End { at, outcome });
        }
    }
}

/// Where the next engine is to be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gate {
    effect: Option<Effect>,
    skip: u64,
    shut: bool,
}

/// All that a world remembers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Every launch call, in order.
    pub sends: Vec<Sent>,
    /// Every piece of work, in order; two with one key are a double launch.
    pub works: Vec<Work>,
    /// How often each effect was reached.
    pub effects: BTreeMap<Effect, u64>,
    by_key: BTreeMap<String, Vec<usize>>,
    uses: BTreeMap<String, u32>,
    overrides: BTreeMap<String, Value>,
    held: Vec<String>,
    gate: Option<Gate>,
    failing_polls: u32,
}

impl Ledger {
    /// The pieces of work of a key: more than one is a double launch.
    pub fn works_of(&self, key: &AttemptKey) -> impl Iterator<Item = &Work> {
        self.indices(key).iter().filter_map(|&i| self.works.get(i))
    }

    /// The latest piece of work of a task (or of a key).
    #[must_use]
    pub fn latest(&self, task_or_key: &str) -> Option<&Work> {
        self.works.iter().rev().find(|w| w.is_called(task_or_key))
    }

    /// The keys under which more than one piece of work was started.
    #[must_use]
    pub fn double_launches(&self) -> Vec<&str> {
        let doubles = self.by_key.iter().filter(|(_, works)| works.len() > 1);
        doubles.map(|(key, _)| key.as_str()).collect()
    }

    /// How often an effect was reached.
    #[must_use]
    pub fn count(&self, effect: Effect) -> u64 {
        self.effects.get(&effect).copied().unwrap_or_default()
    }

    /// Whether a call stands at the gate.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.gate.is_some_and(|gate| gate.shut)
    }

    pub(crate) fn indices(&self, key: &AttemptKey) -> &[usize] {
        self.by_key.get(key.as_str()).map_or(&[], Vec::as_slice)
    }

    /// How often this was asked before; counts the call.
    pub(crate) fn use_up(&mut self, what: String) -> u32 {
        let count = self.uses.entry(what).or_default();
        *count += 1;
        *count - 1
    }

    pub(crate) fn record(&mut self, sent: Sent) {
        self.sends.push(sent);
    }

    pub(crate) fn start(
        &mut self,
        now: Duration,
        pid: u32,
        attempt: &Attempt<Script>,
        request: &Request,
    ) -> usize {
        let script = self.script_of(&attempt.task, &attempt.config);
        let held = script.hold || self.held.contains(&attempt.task);
        let end = (!held).then(|| End {
            at: now.saturating_add(script.length()),
            outcome: script.outcome(attempt.number),
        });
        self.works.push(Work {
            key: attempt.key.clone(),
            run: attempt.run.id.clone(),
            task: attempt.task.clone(),
            map_key: attempt.map_key.clone(),
            number: attempt.number,
            request: request.canonical(),
            script,
            pid,
            launched_at: now,
            end,
            cancels: 0,
            releases: 0,
            forgotten: false,
        });
        let index = self.works.len() - 1;
        self.by_key
            .entry(attempt.key.as_str().to_owned())
            .or_default()
            .push(index);
        index
    }

    pub(crate) fn script_of(&self, task: &str, given: &Script) -> Script {
        self.overrides
            .get(task)
            .and_then(|script| serde_json::from_value(script.clone()).ok())
            .unwrap_or_else(|| given.clone())
    }

    pub(crate) fn set_script(&mut self, task: &str, script: &Script) {
        let script = serde_json::to_value(script).unwrap_or_default();
        self.overrides.insert(task.to_owned(), script);
    }

    pub(crate) fn hold(&mut self, task: &str) {
        self.held.push(task.to_owned());
        for work in self.works.iter_mut().filter(|w| w.is_called(task)) {
            work.end = None;
        }
    }

    pub(crate) fn finish(&mut self, now: Duration, name: &str, outcome: &Outcome) -> usize {
        self.held.retain(|held| held != name);
        let running = |work: &&mut Work| work.is_called(name) && work.outcome(now).is_none();
        let mut finished = 0;
        for work in self.works.iter_mut().filter(running) {
            work.settle(now, outcome.clone());
            finished += 1;
        }
        finished
    }

    pub(crate) fn forget(&mut self, name: &str) {
        for work in self.works.iter_mut().filter(|w| w.is_called(name)) {
            work.forgotten = true;
        }
    }

    pub(crate) fn fail_polls(&mut self, count: u32) {
        self.failing_polls = count;
    }

    /// Whether this poll is one of those that fail.
    pub(crate) fn is_poll_failing(&mut self) -> bool {
        let fails = self.failing_polls > 0;
        self.failing_polls = self.failing_polls.saturating_sub(1);
        fails
    }

    pub(crate) fn set_gate(&mut self, effect: Option<Effect>, skip: u64) {
        self.gate = Some(Gate {
            effect,
            skip,
            shut: false,
        });
    }

    pub(crate) fn open_gate(&mut self) {
        self.gate = None;
    }

    /// Counts an effect and says whether its caller must stop here. Behind a shut gate nothing passes.
    pub(crate) fn reach(&mut self, effect: Effect) -> bool {
        let Some(gate) = self.gate.as_mut() else {
            *self.effects.entry(effect).or_default() += 1;
            return false;
        };
        if !gate.shut && gate.effect.is_none_or(|wanted| wanted == effect) {
            if gate.skip == 0 {
                gate.shut = true;
            } else {
                gate.skip -= 1;
            }
        }
        if !gate.shut {
            *self.effects.entry(effect).or_default() += 1;
        }
        gate.shut
    }
}
