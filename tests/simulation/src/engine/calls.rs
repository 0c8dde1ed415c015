//! The calls that hands make, and what becomes of them on the way.

use noctule_core::name::RunId;
use noctule_core::run::{Activity, Cleared, Event, Handle, News, TaskRunIx};
use noctule_executor::{ExecutorError, Status};
use serde_json::Value;

use super::Engine;
use super::hands::LOOK_AGAIN;
use crate::agenda::Happening;
use crate::backend::{Backends, Fate};
use crate::bugs::Wrong;
use crate::clock::{Ms, SECOND, until};
use crate::dags::KINDS;
use crate::faults::Fault;
use crate::outside::{Outside, Sender};
use crate::referee::Sending;

pub(crate) fn handle(raw: Value) -> Handle {
    Handle {
        advances: 0,
        public: raw["key"].clone(),
        raw,
    }
}

impl Engine {
    /// A hand makes its next call.
    pub(crate) fn act(&mut self, out: &mut Outside, run: &RunId, ix: TaskRunIx, number: u64) {
        let hand = self
            .work
            .live
            .get(run)
            .and_then(|live| live.hands.get(&ix))
            .filter(|hand| hand.number == number);
        let Some((activity, to)) = hand.map(|hand| hand.activity).zip(self.sender(run, ix)) else {
            return;
        };
        // The answer to a poll may start the next thing, too; a look changes nothing.
        let calls = !matches!(activity, Activity::Look { .. });
        if calls && !self.trusts(out) && !out.is(Wrong::NoRecheckBeforeCall) {
            return self.step_down(out);
        }
        match activity {
            Activity::Launch { .. } => self.launch(out, &to),
            Activity::Look { .. } => self.look(out, &to),
            Activity::Watch { .. } => self.watch(out, &to, number),
            Activity::Cancel { .. } => self.cancel(out, &to, number),
        }
    }

    pub(super) fn sending(&self) -> Sending {
        Sending {
            engine: self.life.engine,
            epoch: self.lease.as_ref().map(|hold| hold.epoch),
            awaits_commit: self.is_committing(),
        }
    }

    fn sender(&self, run: &RunId, ix: TaskRunIx) -> Option<Sender> {
        let live = self.work.live.get(run)?;
        let task_run = &live.run.tasks[ix.index()];
        let task = task_run.definition(&live.dag);
        let kind = KINDS.into_iter().find(|kind| *kind == task.executor)?;
        Some(Sender {
            run: run.clone(),
            task: ix,
            attempt: live.hands.get(&ix)?.attempt,
            kind,
            lasts: task.with.get("lasts").and_then(Value::as_i64).unwrap_or(0),
        })
    }

    fn launch(&mut self, out: &mut Outside, to: &Sender) {
        let Some(key) = self.key_of(to) else {
            return;
        };
        out.referee.sent(&out.store, out.now, &self.sending(), &key);
        out.senders.insert(key.clone(), to.clone());
        let fate = out
            .backends
            .fate(&mut out.chance, &out.mix, &mut out.struck);
        if !matches!(fate, Fate::Says(_)) {
            let sent = out.backends.uncertain.entry(key.clone()).or_default();
            *sent += 1;
            let times = *sent;
            out.referee.sent_blindly(to.kind, &key, times);
        }
        let life = self.life;
        let answer = out.latency();
        // Where a request may be sent again at once, whoever asks after it sees it.
        let delay = if to.kind == "keyed" { 0 } else { answer };
        let late = out.chance.between(1, 30) * SECOND;
        let arrive = |answered| Happening::Arrive {
            key: key.clone(),
            life,
            answered,
        };
        let unknown = News::LaunchFailed {
            error: ExecutorError::unknown("the answer is lost"),
        };
        let arrives = matches!(fate, Fate::Arrives | Fate::AnswerLost);
        match fate {
            Fate::Says(error) => out.tell_news(life, to, News::LaunchFailed { error }, answer),
            Fate::Arrives => out.after(delay, arrive(true)),
            Fate::AnswerLost => {
                out.after(delay, arrive(false));
                out.tell_news(life, to, unknown, late);
            }
            Fate::RequestLost => out.tell_news(life, to, unknown, late),
        }
        if to.kind == "keyed" && arrives && out.strikes(out.mix.duplicate, "duplicated request") {
            let later = delay + out.chance.between(1, 5_000);
            out.after(later, arrive(false));
        }
        if out.strikes(out.mix.worst_moment, "crash after an effect") {
            let engine = self.life.engine;
            let soon = out.chance.between(0, 2 * answer);
            out.after(
                soon,
                Happening::Strike {
                    engine,
                    fault: Fault::Crash,
                },
            );
        }
    }

    fn look(&mut self, out: &mut Outside, to: &Sender) {
        let Some(key) = self.key_of(to) else {
            return;
        };
        let most = if out.backends.storm {
            700
        } else {
            out.mix.poll_fails
        };
        let news = if out.strikes(most, "search failed") {
            let error = ExecutorError::unavailable("no answer");
            News::LookFailed { error }
        } else {
            let found = out.backends.find(&key, out.now);
            if found.is_none() && out.backends.works.contains_key(&key) {
                out.struck.count("stale list");
            }
            News::Looked {
                found: found.map(handle),
            }
        };
        let delay = out.latency();
        out.tell_news(self.life, to, news, delay);
    }

    fn key_of(&self, to: &Sender) -> Option<noctule_executor::AttemptKey> {
        let live = self.work.live.get(&to.run)?;
        Some(live.hands.get(&to.task)?.key.clone())
    }

    fn raw_handle(&self, to: &Sender) -> Option<Value> {
        let live = self.work.live.get(&to.run)?;
        live.hands.get(&to.task)?.raw.clone()
    }

    fn watch(&mut self, out: &mut Outside, to: &Sender, number: u64) {
        let Some(raw) = self.raw_handle(to) else {
            return;
        };
        let delay = out.latency();
        let Some(hand) = self
            .work
            .live
            .get_mut(&to.run)
            .and_then(|live| live.hands.get_mut(&to.task))
        else {
            return;
        };
        let mut rest = hand.pause.0;
        hand.pause.0 = (hand.pause.0 * 2).min(hand.pause.1);
        let news = if out.strikes(out.mix.poll_fails, "poll failed") {
            hand.failures += 1;
            rest = (SECOND << hand.failures.min(5)).min(60 * SECOND);
            let error = match out.chance.below(5) {
                0 => ExecutorError::alarm("the right was taken away"),
                _ => ExecutorError::unavailable("no answer"),
            };
            Some(News::PollFailed { error })
        } else {
            let after_failure = std::mem::take(&mut hand.failures) > 0;
            let status = out.backends.status(&raw, out.now, out.wrong);
            match status {
                Status::Advanced { handle: raw } => Some(News::Advanced {
                    handle: handle(raw),
                }),
                Status::Running { .. } | Status::Launching => {
                    let begins = matches!(status, Status::Running { .. })
                        && !std::mem::replace(&mut hand.begun, true);
                    (begins || after_failure).then_some(News::Polled { status })
                }
                status => Some(News::Polled { status }),
            }
        };
        if let Some(news) = news {
            out.tell_news(self.life, to, news, delay);
        }
        self.again(out, to, number, delay + rest);
    }

    fn again(&self, out: &mut Outside, to: &Sender, number: u64, wait: Ms) {
        let act = Happening::Act {
            life: self.life,
            run: to.run.clone(),
            task: to.task,
            hand: number,
        };
        out.after(wait, act);
    }

    fn cancel(&mut self, out: &mut Outside, to: &Sender, number: u64) {
        let Some(raw) = self.raw_handle(to) else {
            return;
        };
        let Some(hand) = self
            .work
            .live
            .get_mut(&to.run)
            .and_then(|live| live.hands.get_mut(&to.task))
        else {
            return;
        };
        if hand
            .asked_to_stop
            .is_none_or(|at| at + 30 * SECOND <= out.now)
        {
            if out.strikes(out.mix.poll_fails, "cancel failed") {
                return self.again(out, to, number, 2 * SECOND);
            }
            hand.asked_to_stop = Some(out.now);
            out.backends.cancel(&raw, out.now, &mut out.chance);
        }
        self.watch(out, to, number);
    }

    /// A try of a clearing.
    pub(crate) fn clear(
        &mut self,
        out: &mut Outside,
        run: &RunId,
        task: TaskRunIx,
        attempt: u32,
        number: u64,
    ) {
        let Some(live) = self.work.live.get(run) else {
            return;
        };
        let under_way = live.clearings.get(&(task, attempt));
        let obligations = &live.run.tasks[task.index()].obligations;
        let obligation = obligations.iter().find(|o| o.attempt == attempt);
        let (Some(_), Some(obligation)) =
            (under_way.filter(|known| known.number == number), obligation)
        else {
            return;
        };
        let not_before = under_way.and_then(|known| known.of.not_before);
        let left = not_before.map_or(0, |at| until(self.wall(out), at));
        if left > 0 {
            let clear = Happening::Clear {
                life: self.life,
                run: run.clone(),
                task,
                attempt,
                hand: number,
            };
            return out.after(left.min(LOOK_AGAIN), clear);
        }
        let raw = obligation.handle.raw.clone();
        if !self.trusts(out) && !out.is(Wrong::NoRecheckBeforeClearing) {
            return self.step_down(out);
        }
        let cleared = if out.strikes(out.mix.poll_fails, "clearing failed") {
            let message = "no answer".to_owned();
            Cleared::Failed { message }
        } else {
            let place = (run, task, attempt);
            let by = self.sending();
            out.referee.torn_down(&out.store, out.now, &by, place);
            let clearing = out.backends.tear_down(&raw, out.now);
            Cleared::Answered { clearing }
        };
        let delay = out.latency();
        let event = Event::Cleared {
            task,
            attempt,
            cleared,
        };
        out.tell(self.life, run, event, delay);
    }

    /// The answer to a launch that has arrived.
    pub(crate) fn answer_of(
        out: &mut Outside,
        to: &Sender,
        key: &noctule_executor::AttemptKey,
    ) -> (News, Ms) {
        let ends = (to.kind == "call")
            .then(|| out.backends.call_ends(key))
            .flatten();
        let wait = ends.map_or(0, |end| (end - out.now).max(0));
        let raw = Backends::known_as(key);
        (
            News::Launched {
                handle: handle(raw),
            },
            wait,
        )
    }
}
