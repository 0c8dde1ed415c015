//! Replay: the journal of a run, heard once more by the state machine of this binary.
//!
//! Guarantees: nothing but the journal, the definitions that the run was pinned to and the stored run is looked at: no project, no secret, no
//! clock, no network. What surroundings answered is taken from the record, requests and outputs from the attempts that
//! keep them, by their digests. A run that replays makes the same records in the same order, and stands as it is stored.

mod difference;
mod recorded;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::dag::Dag;
use crate::name::DagHash;
use crate::run::{
    Activity, Event, Fact, Instant, Record, Repin, Run, RunFacts, Step, TaskRunIx, activity,
    advance, birth, newborn,
};

pub use self::difference::Difference;
use self::recorded::Recorded;

/// A record with its number in the journal.
pub type Numbered = (u64, Record);

/// A run on its way from its creation to where its journal ends.
#[derive(Debug, Clone)]
pub struct Replay<'a> {
    /// The definition that the run is pinned to by now.
    dag: &'a Dag,
    /// All that its journal speaks of.
    dags: &'a [Dag],
    run: Run,
    wishes: BTreeMap<Work, Wish>,
}

/// Which work a wish is about: the task run, the number of the attempt, and whether it is to be cleared away.
type Work = (TaskRunIx, u32, bool);

/// What one event led to.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The number of its first record.
    pub seq: u64,
    /// When it was heard.
    pub at: Instant,
    /// The event.
    pub event: Event,
    /// What was decided: the records, but for one that says nothing to people.
    pub records: Vec<Numbered>,
    /// What the engine is to do from now on, where that is new.
    pub wishes: Vec<Wished>,
}

/// What the engine is to do for one attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Wished {
    /// The task run.
    pub task: TaskRunIx,
    /// The number of the attempt.
    pub attempt: u32,
    /// What.
    pub wish: Wish,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Wish {
    /// For the attempt itself.
    Act(Activity),
    /// What it left behind is to be cleared away.
    Clear(Clear),
}

/// One try of clearing away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename = "clear", tag = "activity")]
pub struct Clear {
    /// Tells one try from the next.
    pub tries: u32,
    /// Not before this instant.
    pub not_before: Option<Instant>,
}

/// A journal that replayed.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// The events, in order.
    pub events: Vec<Decided>,
    /// How the run stands.
    pub run: Run,
}

impl Replayed {
    /// How many records were made again.
    #[must_use]
    pub fn decisions(&self) -> usize {
        self.events.iter().map(|event| event.records.len()).sum()
    }
}

/// The versions that a run was pinned to, by its journal, the first one first: those that it is folded with.
#[must_use]
pub fn versions(facts: &RunFacts, journal: &[Numbered]) -> Vec<DagHash> {
    let taken = journal.iter().filter_map(|(_, record)| record.taken());
    let taken: Vec<&Repin> = taken.collect();
    let first = taken.first().map_or(&facts.version, |repin| &repin.from);
    let later = taken.iter().map(|repin| &repin.to);
    std::iter::once(first).chain(later).cloned().collect()
}

/// Folds a whole journal, and compares it with a stored run. `dags` has the [`versions`] of the journal, in any order.
///
/// The run may have been read after the record `settled` and before later ones: those are heard only as far as they lead
/// to it. With the number of the last record, all are heard.
///
/// # Errors
/// The first thing that differs.
pub fn fold(
    dags: &[Dag],
    stored: &Run,
    journal: &[Numbered],
    settled: u64,
) -> Result<Replayed, Difference> {
    let mut events = Vec::new();
    let run = fold_telling(dags, stored, journal, settled, |event| events.push(event))?;
    Ok(Replayed { events, run })
}

/// The same, telling of each event once it has been heard: also of those before a difference.
///
/// # Errors
/// As [`fold`].
pub fn fold_telling(
    dags: &[Dag],
    stored: &Run,
    journal: &[Numbered],
    settled: u64,
    mut tell: impl FnMut(Decided),
) -> Result<Run, Difference> {
    let (mut replay, rest) = Replay::begin(dags, &stored.facts, journal)?;
    difference::of_numbers(journal)?;
    for transition in transitions(rest) {
        let is_later = transition.last().is_some_and(|(seq, _)| *seq > settled);
        if is_later && replay.compare(stored).is_ok() {
            break;
        }
        tell(replay.hear(transition, stored)?);
    }
    replay.compare(stored)?;
    Ok(replay.run)
}

/// The records of a journal, event by event.
pub fn transitions(records: &[Numbered]) -> impl Iterator<Item = &[Numbered]> {
    records.chunk_by(|_, (_, next)| next.heard.is_none())
}

impl<'a> Replay<'a> {
    /// A run as it was created, before it heard anything, from its journal; and what follows in that.
    ///
    /// # Errors
    /// It begins with another creation, or goes on with records that heard nothing: an earlier noctule wrote it.
    pub fn begin<'j>(
        dags: &'a [Dag],
        facts: &RunFacts,
        journal: &'j [Numbered],
    ) -> Result<(Self, &'j [Numbered]), Difference> {
        let [(seq, first), rest @ ..] = journal else {
            return Err(Difference::Earlier);
        };
        difference::of_records(
            *seq,
            &[birth(facts)],
            std::slice::from_ref(&(*seq, first.clone())),
        )?;
        if rest.first().is_some_and(|(_, next)| next.heard.is_none()) {
            return Err(Difference::Earlier);
        }
        let mut facts = facts.clone();
        if let Some(first) = versions(&facts, journal).into_iter().next() {
            facts.version = first;
        }
        let dag = version(dags, *seq, &facts.version)?;
        let replay = Self {
            dag,
            dags,
            run: newborn(dag, facts),
            wishes: BTreeMap::new(),
        };
        Ok((replay, rest))
    }

    /// How the run stands after what was heard so far.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Hears the event of a transition again; `stored` keeps the requests and outputs of its attempts.
    ///
    /// # Errors
    /// What follows is not what was recorded, or the stored run does not keep what the record speaks of.
    pub fn hear(&mut self, transition: &[Numbered], stored: &Run) -> Result<Decided, Difference> {
        let Some((seq, first)) = transition.first() else {
            return Err(Difference::Earlier);
        };
        let (seq, at) = (*seq, first.at);
        let heard = first.heard.as_ref().ok_or(Difference::Earlier)?;
        let missing = |what: String| Difference::Missing { seq, what };
        let event = heard.recall(stored, &first.fact).map_err(missing)?;
        let known = self.run.tasks.len();
        let is_new = |ix: &&TaskRunIx| ix.index() >= known;
        let new = transition
            .first()
            .and_then(|(_, record)| record.taken())
            .map_or(0, |repin| repin.line.iter().filter(is_new).count());
        if let Some(stranger) = event.tasks().find(|ix| ix.index() >= known + new) {
            return Err(missing(format!(
                "it speaks of task run {}, and the run has {known} of them by then",
                stranger.0
            )));
        }
        if let Some(repin) = transition.first().and_then(|(_, record)| record.taken()) {
            self.dag = version(self.dags, seq, &repin.to)?;
        }
        let port = Recorded::new(stored, &heard.answers);
        let step = advance(self.dag, &mut self.run, event.clone(), at, &port);
        port.complaint().map_or(Ok(()), |what| Err(missing(what)))?;
        difference::of_records(seq, &step.records, transition)?;
        Ok(Decided {
            seq,
            at,
            event,
            records: news(transition),
            wishes: self.wish(&step),
        })
    }

    /// Whether the run stands as it is stored.
    ///
    /// # Errors
    /// The first place in which it does not.
    pub fn compare(&self, stored: &Run) -> Result<(), Difference> {
        difference::of_state(self.dag, &self.run, stored)
    }

    /// What is to be done for the task runs that changed, where that is not what it was.
    fn wish(&mut self, step: &Step) -> Vec<Wished> {
        let mut new = Vec::new();
        for ix in &step.touched {
            let wanted = wanted(&self.run, *ix);
            self.wishes
                .retain(|work, _| work.0 != *ix || wanted.contains_key(work));
            for (work, wish) in wanted {
                if self.wishes.insert(work, wish) != Some(wish) {
                    let (task, attempt, _) = work;
                    new.push(Wished {
                        task,
                        attempt,
                        wish,
                    });
                }
            }
        }
        new
    }
}

fn version<'a>(dags: &'a [Dag], seq: u64, wanted: &DagHash) -> Result<&'a Dag, Difference> {
    let known = dags.iter().find(|dag| dag.hash() == wanted);
    known.ok_or_else(|| Difference::Missing {
        seq,
        what: format!("version {} of the DAG is not there", wanted.short()),
    })
}

fn news(transition: &[Numbered]) -> Vec<Numbered> {
    let told = transition
        .iter()
        .filter(|(_, record)| record.fact != Fact::Noted);
    told.cloned().collect()
}

/// What a task run asks for as it stands.
fn wanted(run: &Run, ix: TaskRunIx) -> BTreeMap<Work, Wish> {
    let task = &run.tasks[ix.index()];
    let live = task
        .live()
        .and_then(|attempt| Some(((ix, attempt.number, false), Wish::Act(activity(attempt)?))));
    let clear = task.obligations.iter().filter_map(|obligation| {
        let asked = obligation.asks_for()?;
        let clear = Clear {
            tries: asked.tries,
            not_before: asked.not_before,
        };
        Some(((ix, obligation.attempt, true), Wish::Clear(clear)))
    });
    live.into_iter().chain(clear).collect()
}
