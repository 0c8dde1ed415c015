//! The writes of a commit as columns: each table's rows as arrays, each row once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::SecondsFormat;
use noctule_core::run::{Run, RunFacts};
use noctule_core::word::Message;

use crate::commit::{Write, Written};
use crate::error::StoreError;
use crate::rows::{json, written};
use crate::steps::{Progress, Steps};

/// Columns of equal length.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) versions: (Vec<String>, Vec<String>),
    pub(super) dags: (Vec<String>, Vec<String>),
    pub(super) dropped: (Vec<String>, Vec<String>),
    pub(super) answers: (Vec<i64>, Vec<String>),
    pub(super) backfills: Backfills,
    /// Their nights.
    pub(super) nights: (Vec<String>, Vec<i64>, Vec<String>),
    pub(super) births: Births,
    /// Runs that were there, how they go on, the word for it, and when they ended.
    pub(super) phases: (Vec<String>, Vec<String>, Vec<String>, Vec<Option<String>>),
    /// Of these, the facts and the version where another definition was taken.
    pub(super) taken: (Vec<Option<String>>, Vec<Option<String>>),
    pub(super) tasks: (Vec<String>, Vec<i64>, Vec<String>),
    pub(super) records: (Vec<String>, Vec<i64>, Vec<String>),
    pub(super) messages: Messages,
}

/// What is to be told, each message once.
#[derive(Default)]
pub(super) struct Messages {
    pub(super) ids: Vec<String>,
    pub(super) bodies: Vec<String>,
    pub(super) states: Vec<String>,
    pub(super) live: Vec<bool>,
    pub(super) runs: Vec<Option<String>>,
    pub(super) created: Vec<String>,
    pub(super) failed: Vec<bool>,
}

impl Messages {
    pub(super) fn add(&mut self, message: &Message) -> Result<(), StoreError> {
        self.ids.push(message.id.0.clone());
        self.bodies.push(json(message, "message")?);
        self.states.push(message.standing.word().to_owned());
        self.live.push(message.is_live());
        self.runs
            .push(message.first.run.as_ref().map(ToString::to_string));
        self.created.push(written(message.created_at));
        self.failed.push(message.has_failed());
        Ok(())
    }
}

/// Backfills that changed.
#[derive(Default)]
pub(super) struct Backfills {
    pub(super) ids: Vec<String>,
    pub(super) bodies: Vec<String>,
    pub(super) dags: Vec<String>,
    pub(super) created: Vec<String>,
    pub(super) live: Vec<bool>,
}

/// Runs that are to be made.
#[derive(Default)]
pub(super) struct Births {
    pub(super) ids: Vec<String>,
    pub(super) facts: Vec<String>,
    pub(super) progress: Vec<String>,
    pub(super) keys: Vec<Option<String>>,
    pub(super) dags: Vec<String>,
    pub(super) versions: Vec<String>,
    pub(super) ticks: Vec<Option<String>>,
    pub(super) created: Vec<String>,
    pub(super) ingestions: Vec<String>,
    pub(super) times: Vec<String>,
    pub(super) instants: Vec<String>,
    pub(super) states: Vec<String>,
    pub(super) ends: Vec<Option<String>>,
}

impl Batch {
    pub(super) fn of(writes: &[Write<'_>]) -> Result<Self, StoreError> {
        let (mut batch, mut steps) = (Self::default(), Steps::default());
        let (mut dags, mut answers) = (BTreeMap::new(), BTreeMap::new());
        let (mut heads, mut changed) = (BTreeMap::new(), BTreeMap::new());
        let mut messages = BTreeMap::new();
        for write in writes {
            match *write {
                Write::Pin { version } => {
                    batch.versions.0.push(version.hash.as_str().to_owned());
                    batch.versions.1.push(json(version, "version")?);
                }
                // The last word counts.
                Write::Dag { record } => {
                    dags.insert(record.dag.as_str().to_owned(), json(record, "DAG")?);
                }
                Write::Dropped { dropped } => {
                    batch.dropped.0.push(dropped.dag.as_str().to_owned());
                    batch.dropped.1.push(json(dropped, "dropped ticks")?);
                }
                Write::Backfill { backfill, nights } => {
                    heads.insert(backfill.id.as_str(), backfill);
                    for (ix, night) in nights {
                        changed.insert((backfill.id.as_str(), *ix), night);
                    }
                }
                // The first word counts.
                Write::Answer { ask, answer } => {
                    let answer = json(answer, "answer")?;
                    answers.entry(ask.0).or_insert(answer);
                }
                // The last word counts.
                Write::Message { message } => {
                    messages.insert(&message.id, message);
                }
                Write::Step { run, step } => steps.add(run, step, step.run_changed),
                Write::Create { run, step, .. } => steps.add(run, step, false),
            }
        }
        batch.dags = dags.into_iter().unzip();
        batch.answers = answers.into_iter().unzip();
        for (id, head) in heads {
            batch.backfills.ids.push(id.to_owned());
            batch.backfills.bodies.push(json(head, "backfill")?);
            batch.backfills.dags.push(head.dag.to_string());
            batch.backfills.created.push(written(head.created_at));
            batch.backfills.live.push(!head.is_over());
        }
        for ((id, ix), night) in changed {
            batch.nights.0.push(id.to_owned());
            batch.nights.1.push(i64::from(ix));
            batch.nights.2.push(json(night, "night")?);
        }
        for message in messages.into_values() {
            batch.messages.add(message)?;
        }
        batch.bear(writes, &steps)?;
        batch.go_on(&steps)?;
        Ok(batch)
    }

    /// A run that is made stands at once as the latest step of the commit leaves it.
    fn bear(&mut self, writes: &[Write<'_>], steps: &Steps<'_>) -> Result<(), StoreError> {
        for write in writes {
            if let Write::Create {
                run,
                idempotency_key,
                ..
            } = *write
            {
                let latest = steps.latest(run.facts.id.as_str()).unwrap_or(run);
                self.births.add(latest, idempotency_key)?;
            }
        }
        Ok(())
    }

    fn go_on(&mut self, steps: &Steps<'_>) -> Result<(), StoreError> {
        let born: BTreeSet<&str> = self.births.ids.iter().map(String::as_str).collect();
        let taken: BTreeMap<&str, &RunFacts> = steps.facts().into_iter().collect();
        for (id, progress) in steps.phases() {
            if !born.contains(id) {
                let facts = taken.get(id).copied();
                let document = facts.map(|facts| json(facts, "run")).transpose()?;
                self.taken.0.push(document);
                let version = facts.map(|facts| facts.version.as_str().to_owned());
                self.taken.1.push(version);
                self.phases.0.push(id.to_owned());
                self.phases.1.push(json(&progress, "run")?);
                self.phases.2.push(state(&progress)?);
                self.phases.3.push(progress.ended_at().map(written));
            }
        }
        for (id, ix, task) in steps.tasks() {
            self.tasks.0.push(id.to_owned());
            self.tasks.1.push(i64::from(ix));
            self.tasks.2.push(json(task, "task run")?);
        }
        for (id, ordinal, record) in steps.records() {
            self.records.0.push(id.to_owned());
            self.records
                .1
                .push(i64::try_from(ordinal).unwrap_or(i64::MAX));
            self.records.2.push(json(record, "record")?);
        }
        Ok(())
    }
}

impl Births {
    /// The columns of the one run in it that are never empty, but for its documents.
    pub(super) fn take_one(&mut self) -> Option<[String; 8]> {
        Some([
            self.ids.pop()?,
            self.dags.pop()?,
            self.versions.pop()?,
            self.created.pop()?,
            self.ingestions.pop()?,
            self.times.pop()?,
            self.instants.pop()?,
            self.states.pop()?,
        ])
    }

    pub(super) fn add(&mut self, run: &Run, key: Option<&str>) -> Result<(), StoreError> {
        let (facts, progress) = (&run.facts, Progress::of(run));
        self.ids.push(facts.id.as_str().to_owned());
        self.facts.push(json(facts, "run")?);
        self.progress.push(json(&progress, "run")?);
        self.keys.push(key.map(str::to_owned));
        self.dags.push(facts.dag.as_str().to_owned());
        self.versions.push(facts.version.as_str().to_owned());
        self.ticks.push(facts.trigger.tick().map(written));
        self.created.push(written(facts.created_at));
        self.ingestions.push(facts.ingestion_id.as_str().to_owned());
        self.times.push(written(facts.logical_time));
        let instant = facts
            .logical_time
            .to_rfc3339_opts(SecondsFormat::AutoSi, true);
        self.instants.push(instant);
        self.states.push(state(&progress)?);
        self.ends.push(progress.ended_at().map(written));
        Ok(())
    }
}

/// The word of the contract for how a run stands.
fn state(progress: &Progress<'_>) -> Result<String, StoreError> {
    let progress = serde_json::to_value(progress).map_err(StoreError::document("run"))?;
    let word = |name: &str| progress["phase"][name].as_str().map(str::to_owned);
    word("ending")
        .or_else(|| word("state"))
        .ok_or_else(|| StoreError::Refused(format!("a run that stands nowhere: {progress}")))
}

/// What became of each write of a batch, where these of its runs were made, and for the others what is there instead.
pub(super) fn outcomes(
    writes: &[Write<'_>],
    born: &BTreeSet<String>,
    existing: &BTreeMap<String, noctule_core::name::RunId>,
) -> Vec<Written> {
    let unborn: BTreeSet<&str> = writes
        .iter()
        .filter_map(|write| match write {
            Write::Create { run, .. } => Some(run.facts.id.as_str()),
            _ => None,
        })
        .filter(|id| !born.contains(*id))
        .collect();
    let outcome = |write: &Write<'_>| match write {
        Write::Create { run, .. } if unborn.contains(run.facts.id.as_str()) => {
            match existing.get(run.facts.id.as_str()) {
                Some(existing) => Written::Existing(existing.clone()),
                None => refused(format!("run {} exists already", run.facts.id)),
            }
        }
        Write::Step { run, .. } if unborn.contains(run.facts.id.as_str()) => {
            refused("a step of a run that is not in the store".to_owned())
        }
        _ => Written::Done,
    };
    writes.iter().map(outcome).collect()
}

fn refused(message: String) -> Written {
    Written::Failed(StoreError::Refused(message))
}
