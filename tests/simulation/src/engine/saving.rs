//! Everything decided since the last commit becomes one commit; only what is durable is performed.
//!
//! A commit that was surely refused is made again with all that came since. One whose answer is lost is sent again as it
//! was, under its number, until an answer comes: the store makes it once.

use std::collections::{BTreeMap, BTreeSet};

use noctule_core::backfill::{Backfill, Night};
use noctule_core::name::{BackfillId, DagId, RunId};
use noctule_core::run::{Board, Step, TaskRunIx};
use noctule_core::scheduling::Dropped;
use noctule_core::word::{Message, MessageId};

use super::nights::begins;
use super::{Engine, look};
use crate::agenda::Happening;
use crate::asks::Answer;
use crate::bugs::Wrong;
use crate::clock::{Ms, SECOND};
use crate::outside::Outside;
use crate::store::{Commit, Reply, Write, Written};

/// What has been decided since the last commit.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) steps: BTreeMap<RunId, Step>,
    pub(super) births: BTreeMap<RunId, Option<String>>,
    pub(super) dags: BTreeSet<DagId>,
    pub(super) dropped: Vec<(DagId, Dropped)>,
    pub(super) backfills: BTreeMap<BackfillId, (Backfill, Vec<(u32, Night)>)>,
    pub(super) messages: BTreeMap<MessageId, Message>,
    pub(super) answers: Vec<(usize, Answer)>,
    pub(super) untended: BTreeSet<(RunId, TaskRunIx)>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.steps.is_empty()
            && self.dags.is_empty()
            && self.dropped.is_empty()
            && self.backfills.is_empty()
            && self.messages.is_empty()
            && self.answers.is_empty()
    }

    /// Whether it has the beginning of a backfill's night by this run.
    pub(super) fn begins_night(&self, run: &RunId) -> bool {
        let mut all = self.backfills.values();
        all.any(|(_, nights)| begins(nights, run))
    }
}

/// A commit that is under way.
pub(super) struct Committing {
    commit: Commit,
    /// For each write the run whose step it is.
    order: Vec<Option<RunId>>,
    /// Only a part of the batch is in it: a mistake.
    part: Option<Part>,
    /// An answer to it was lost: a refusal now says nothing about the time before.
    doubtful: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Answers,
    AllButDags,
    Backfills,
    AllButBackfills,
    AllButMessages,
}

impl Engine {
    pub(super) fn save(&mut self, out: &mut Outside) {
        if self.work.batch.is_empty() {
            self.tend_all(out, BTreeSet::new());
            return self.send_messages(out);
        }
        let Some(epoch) = self.lease.as_ref().map(|hold| hold.epoch) else {
            return;
        };
        if out.is(Wrong::EffectBeforeIntent) {
            let touched = self.touched();
            self.tend_all(out, touched);
        }
        let (writes, order, part) = self.writes(out);
        self.work.serial += 1;
        let commit = Commit {
            epoch,
            serial: self.work.serial,
            turn: self.wall(out),
            writes,
        };
        self.send(out, &commit, 0);
        self.work.committing = Some(Committing {
            commit,
            order,
            part,
            doubtful: false,
        });
    }

    fn send(&mut self, out: &mut Outside, commit: &Commit, pause: Ms) {
        let mut delay = pause + out.latency();
        if out.strikes(out.mix.late_commit, "late commit") {
            delay += out.chance.between(1, 40) * SECOND;
        }
        let commit = Box::new(commit.clone());
        let life = self.life;
        out.after(delay, Happening::Commit { life, commit });
    }

    fn touched(&self) -> BTreeSet<(RunId, TaskRunIx)> {
        let steps = self.work.batch.steps.iter();
        steps
            .flat_map(|(id, step)| step.touched.iter().map(move |ix| (id.clone(), *ix)))
            .collect()
    }

    fn writes(&self, out: &Outside) -> (Vec<Write>, Vec<Option<RunId>>, Option<Part>) {
        let batch = &self.work.batch;
        let answers = batch.answers.iter().map(|(ask, answer)| Write::Answer {
            ask: *ask,
            answer: answer.clone(),
        });
        if out.is(Wrong::AnswerCommittedFirst) && !batch.answers.is_empty() {
            let writes: Vec<Write> = answers.collect();
            let order = vec![None; writes.len()];
            return (writes, order, Some(Part::Answers));
        }
        let backfills = batch
            .backfills
            .values()
            .map(|(head, nights)| Write::Backfill {
                head: Box::new(head.clone()),
                nights: nights.clone(),
            });
        if out.is(Wrong::NightIsBegunFirst) && !batch.backfills.is_empty() {
            let writes: Vec<Write> = backfills.collect();
            let order = vec![None; writes.len()];
            return (writes, order, Some(Part::Backfills));
        }
        let part = if out.is(Wrong::WordIsWrittenLater) && !batch.steps.is_empty() {
            (!batch.messages.is_empty()).then_some(Part::AllButMessages)
        } else if batch.births.is_empty() {
            None
        } else if out.is(Wrong::TickIsDecidedLater) {
            Some(Part::AllButDags)
        } else {
            let later = out.is(Wrong::NightIsBegunLater) && !batch.backfills.is_empty();
            later.then_some(Part::AllButBackfills)
        };
        let mut writes: Vec<Write> = Vec::new();
        writes.extend(backfills.filter(|_| part != Some(Part::AllButBackfills)));
        let dags = batch.dags.iter().filter(|_| part != Some(Part::AllButDags));
        writes.extend(dags.filter_map(|id| {
            let record = self.work.dags.get(id)?.record.clone();
            Some(Write::Dag {
                dag: id.clone(),
                record,
            })
        }));
        writes.extend(batch.dropped.iter().map(|(dag, dropped)| Write::Dropped {
            dag: dag.clone(),
            dropped: dropped.clone(),
        }));
        let messages = batch.messages.values().cloned().map(Box::new);
        let messages = messages.filter(|_| part != Some(Part::AllButMessages));
        writes.extend(messages.map(Write::Message));
        let mut order = vec![None; writes.len()];
        for (id, step) in &batch.steps {
            let Some(live) = self.work.live.get(id) else {
                continue;
            };
            writes.push(match batch.births.get(id) {
                Some(key) => Write::Create {
                    run: Box::new(live.run.clone()),
                    dag: std::rc::Rc::clone(&live.dag),
                    records: step.records.clone(),
                    key: key.clone(),
                },
                None => Write::of_step(&live.dag, &live.run, step, out.wrong),
            });
            order.push(Some(id.clone()));
        }
        writes.extend(answers);
        order.resize(writes.len(), None);
        (writes, order, part)
    }

    pub(crate) fn committed(&mut self, out: &mut Outside, serial: u64, reply: Reply) {
        let Some(mut committing) = self.work.committing.take() else {
            return;
        };
        if committing.commit.serial != serial {
            self.work.committing = Some(committing);
            return;
        }
        let all_done = vec![Written::Done; committing.order.len()];
        let reply = match reply {
            Reply::Refused if out.is(Wrong::RefusedIsDone) => Reply::Done(all_done),
            Reply::Fenced if out.is(Wrong::FencedGoesOn) => Reply::Done(all_done),
            Reply::Silence if out.is(Wrong::LostAnswerIsDone) => Reply::Done(all_done),
            Reply::Silence if out.is(Wrong::CommitIsSentAgainAsNew) => Reply::Refused,
            Reply::Refused if committing.doubtful => Reply::Silence,
            reply => reply,
        };
        match reply {
            Reply::Done(written) => {
                self.saved(out, committing, written);
                self.turn(out);
            }
            Reply::Refused => {
                let failures = self.work.ailing.map_or(0, |(_, failures)| failures) + 1;
                let pause = (500 << failures.min(5)).min(15 * SECOND);
                self.work.ailing = Some((out.now + pause, failures));
                self.expect(out);
            }
            Reply::Silence if self.trusts(out) => {
                self.send(out, &committing.commit, SECOND);
                committing.doubtful = true;
                self.work.committing = Some(committing);
            }
            Reply::Silence | Reply::Fenced => self.step_down(out),
        }
    }

    fn saved(&mut self, out: &mut Outside, committing: Committing, written: Vec<Written>) {
        self.work.ailing = None;
        let mut touched = self.touched();
        let mut batch = std::mem::take(&mut self.work.batch);
        if committing.part == Some(Part::Answers) {
            batch.answers.clear();
            self.work.batch = batch;
            return;
        }
        match committing.part {
            Some(Part::Backfills) => {
                batch.backfills.clear();
                self.work.batch = batch;
                return;
            }
            Some(Part::AllButDags) => self.work.batch.dags = std::mem::take(&mut batch.dags),
            Some(Part::AllButBackfills) => {
                self.work.batch.backfills = std::mem::take(&mut batch.backfills);
            }
            Some(Part::AllButMessages) => {
                self.work.batch.messages = std::mem::take(&mut batch.messages);
            }
            Some(Part::Answers) | None => {}
        }
        for (run, written) in committing.order.iter().zip(written) {
            let Some(run) = run else { continue };
            match written {
                Written::Done => {}
                Written::Existing => {
                    self.leave(run);
                    self.night_is_left(out, run, "it has got a run meanwhile");
                }
                Written::Failed => {
                    if batch.begins_night(run) {
                        self.night_is_left(out, run, "the store refused it");
                    }
                    self.read_back(out, run);
                }
            }
        }
        self.compare(out, &batch);
        touched.append(&mut batch.untended);
        self.tend_all(out, touched);
        self.send_messages(out);
        for (ask, answer) in batch.answers {
            out.referee.replied(&out.store, ask, &answer);
        }
        let is_over = |id: &&RunId| {
            self.work
                .live
                .get(*id)
                .is_some_and(|live| live.run.is_over())
        };
        let over: Vec<RunId> = batch.steps.keys().filter(is_over).cloned().collect();
        over.iter().for_each(|id| self.leave(id));
    }

    /// A run's write was refused while the others went through: its state in memory is not the store's.
    fn read_back(&mut self, out: &mut Outside, id: &RunId) {
        self.leave(id);
        let stored = out
            .store
            .runs
            .get(id)
            .filter(|stored| !stored.run.is_over());
        if let Some(stored) = stored.cloned() {
            self.adopt(out, id, stored.dag, stored.run);
        }
    }

    /// What is in memory now is what is durable, and the index of it is what it would be if it were made anew.
    fn compare(&self, out: &mut Outside, batch: &Batch) {
        if self.lease.as_ref().map(|hold| hold.epoch) == Some(out.store.epoch) {
            for id in batch.steps.keys() {
                let kept = out.store.runs.get(id).map(|stored| &stored.run);
                if let Some(live) = self.work.live.get(id)
                    && kept != Some(&live.run)
                {
                    let what = format!("what is durable of {id} is not what is performed");
                    out.referee.say(what);
                }
            }
        }
        let mut anew = Board::default();
        for live in self.work.live.values() {
            look(&mut anew, live);
        }
        if anew != self.work.board {
            out.referee
                .say("the board is not what it would be made anew".to_owned());
        }
    }
}
