//! The referee: it sees everything, the truth of the backends too, and says the first rule that is broken.
//!
//! It judges every commit, every call, every piece of work that begins, and every answer, when it happens.

mod limits;
mod nights;
mod transitions;
mod truth;
mod versions;
mod words;

pub(crate) use truth::Truth;

use std::collections::{BTreeMap, BTreeSet};

use noctule_core::name::{RunId, StoreId};
use noctule_core::run::{Attempt, AttemptEnd, AttemptState, Duty, Nature, TaskRunIx};
use noctule_executor::{AttemptKey, ErrorClass};

use crate::asks::{Answer, Wish};
use crate::store::{Store, Stored};

/// An engine that makes a call that changes something.
pub(crate) struct Sending {
    pub(crate) engine: usize,
    /// Under which it believes to hold the lease.
    pub(crate) epoch: Option<u64>,
    /// A commit of it is under way, of which it has not heard.
    pub(crate) awaits_commit: bool,
}

impl Sending {
    fn holds(&self, store: &Store, now: i64) -> bool {
        store.lease.as_ref().is_some_and(|lease| {
            lease.holder == self.engine && Some(lease.epoch) == self.epoch && now < lease.expires
        })
    }
}

/// What it remembers besides the store.
pub(crate) struct Referee {
    pub(crate) store_id: StoreId,
    /// The first rule that was broken.
    pub(crate) broken: Option<String>,
    /// The place of each key that was intended.
    pub(crate) intents: BTreeMap<AttemptKey, (RunId, TaskRunIx, u32)>,
    /// Ends that were recorded, by run, task run and attempt.
    ends: BTreeSet<(RunId, TaskRunIx, u32)>,
    /// Runs of which somebody asked to leave some work alone.
    pub(crate) left: BTreeSet<RunId>,
    /// Runs of which somebody marked a task.
    pub(crate) marked: BTreeSet<RunId>,
    /// The run that each idempotency key was answered with.
    answered: BTreeMap<(String, String), RunId>,
    pub(crate) versions: versions::Versions,
    pub(crate) nights: nights::Nights,
    pub(crate) words: words::Words,
    pub(crate) successes: u64,
    pub(crate) ended_runs: u64,
    pub(crate) attempts: u64,
    pub(crate) commits: u64,
}

impl Referee {
    pub(crate) fn new(store_id: StoreId, journals: bool) -> Self {
        Self {
            store_id,
            broken: None,
            intents: BTreeMap::new(),
            ends: BTreeSet::new(),
            left: BTreeSet::new(),
            marked: BTreeSet::new(),
            answered: BTreeMap::new(),
            versions: versions::Versions::kept(journals),
            nights: nights::Nights::default(),
            words: words::Words::default(),
            successes: 0,
            ended_runs: 0,
            attempts: 0,
            commits: 0,
        }
    }

    pub(crate) fn say(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }

    /// An engine sends a request.
    pub(crate) fn sent(&mut self, store: &Store, now: i64, by: &Sending, key: &AttemptKey) {
        if !self.intents.contains_key(key) {
            return self.say(format!("{key} is sent before its intent is durable"));
        }
        if !by.holds(store, now) {
            self.say(format!(
                "engine {} sends {key} without the lease",
                by.engine
            ));
        }
        let Some(attempt) = self.attempt_of(store, key) else {
            return;
        };
        // Whoever marked a task and said to leave its work alone wants no end of it.
        let place = self.intents.get(key);
        let left = place.is_some_and(|(run, ..)| self.left.contains(run));
        let crosses = by.awaits_commit && (left || may_cross(attempt));
        let number = attempt.number;
        if is_ended(attempt) && !crosses {
            self.say(format!("{key} is sent although attempt {number} is over"));
        }
    }

    /// A request went out of which nobody can tell that it started nothing.
    pub(crate) fn sent_blindly(&mut self, kind: &str, key: &AttemptKey, times: u32) {
        if matches!(kind, "silent" | "call") && times > 1 {
            self.say(format!("{key} of kind {kind} is sent {times} times"));
        }
    }

    fn attempt_of<'s>(&self, store: &'s Store, key: &AttemptKey) -> Option<&'s Attempt> {
        let (run, ix, _) = self.intents.get(key)?;
        let task = store.runs.get(run)?.run.tasks.get(ix.index())?;
        task.attempts.iter().find(|attempt| attempt.key == *key)
    }

    /// Work begins.
    pub(crate) fn started(&mut self, store: &Store, kind: &str, key: &AttemptKey, launches: u32) {
        if launches > 1 {
            self.say(format!("{key} of kind {kind} is launched {launches} times"));
        }
        let Some(attempt) = self.attempt_of(store, key) else {
            return;
        };
        let AttemptState::Ended(ended) = &attempt.state else {
            return;
        };
        let unknown = match &ended.end {
            AttemptEnd::Failed { class, .. } => *class == ErrorClass::Unknown,
            AttemptEnd::TimedOut { .. } => kind == "call",
            _ => false,
        };
        let place = self.intents.get(key);
        let left = place.is_some_and(|(run, ..)| self.left.contains(run));
        if !unknown && !left && !matches!(kind, "call" | "sensor") {
            let end = ended.end.word();
            self.say(format!(
                "{key} of kind {kind} begins after its attempt has {end}"
            ));
        }
    }

    /// Something is torn down.
    pub(crate) fn torn_down(
        &mut self,
        store: &Store,
        now: i64,
        by: &Sending,
        (run, ix, attempt): (&RunId, TaskRunIx, u32),
    ) {
        let Some(Stored { run: kept, dag }) = store.runs.get(run) else {
            return self.say(format!(
                "something of {run} is torn down, which is not there"
            ));
        };
        let task = &kept.tasks[ix.index()];
        let due = task
            .obligations
            .iter()
            .any(|o| o.attempt == attempt && matches!(o.duty, Duty::Due { .. }));
        let live = task.live().is_some_and(|live| live.number == attempt);
        if !due && live {
            self.say(format!(
                "{run} {} is torn down while it is live",
                kept.name_of(dag, ix)
            ));
        }
        if !by.holds(store, now) {
            let engine = by.engine;
            self.say(format!(
                "engine {engine} tears {run} {} down without the lease",
                kept.name_of(dag, ix)
            ));
        }
        self.users_have_ended(dag, kept, ix, attempt);
    }

    /// An answer reaches the person who asked.
    pub(crate) fn replied(&mut self, store: &Store, number: usize, answer: &Answer) {
        let ask = &store.asks[number];
        let Some(kept) = &ask.answer else {
            return self.say(format!("ask {number} is answered before that is durable"));
        };
        let (Answer::Done { run: Some(id) }, Answer::Done { run: Some(told) }) = (kept, answer)
        else {
            return;
        };
        if id != told {
            self.say(format!("ask {number} is told {told}, its answer says {id}"));
        }
        if !store.runs.contains_key(id) {
            self.say(format!(
                "ask {number} is answered with {id}, which is not there"
            ));
        }
        let Wish::Trigger {
            dag,
            key: Some(key),
        } = &ask.wish
        else {
            return;
        };
        let place = (dag.to_string(), key.clone());
        let first = self.answered.entry(place).or_insert_with(|| id.clone());
        if first != id {
            let what = format!("key {key} of {dag} gave {first} and {id}");
            self.say(what);
        }
    }
}

fn is_ended(attempt: &Attempt) -> bool {
    matches!(attempt.state, AttemptState::Ended(_))
}

/// Whether a request and the end of its attempt may cross: the end is durable, and the engine that made it is about to hear
/// so and to let the request be. A question may be asked in vain. Of a call it is recorded that we hung up, which is as true
/// of one that was sent a moment ago. Anything else ends only after the answer, or after a search, and crosses nothing.
fn may_cross(attempt: &Attempt) -> bool {
    let AttemptState::Ended(ended) = &attempt.state else {
        return false;
    };
    match attempt.prepared.nature {
        Nature::Sensor => true,
        Nature::Attached => match &ended.end {
            AttemptEnd::TimedOut { .. } => true,
            AttemptEnd::Failed { class, .. } => *class == ErrorClass::Unknown,
            _ => false,
        },
        Nature::Remote => false,
    }
}
