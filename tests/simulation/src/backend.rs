//! Backends of every nature, as far as an engine can tell them apart, and a ledger of what was really launched.
//!
//! - `keyed`: a second launch of a key gives the same work, and who asks after a launch sees it. - `listed`: it does not; a list that lags behind shows the work.
//! - `silent`: nothing finds it. - `call`: the launch lasts as long as the work. - `sensor`: a question.
//! - `held`: ready work that goes on, made in two steps, torn down later.

use std::collections::BTreeMap;

use noctule_executor::{
    AttemptKey, Clearing, ErrorClass, ExecutorError, Finished, Outcome, Status,
};
use serde_json::{Value, json};

use crate::bugs::Wrong;
use crate::chance::Chance;
use crate::clock::{Ms, SECOND};
use crate::faults::{Mix, Struck};

/// What is known of the work of one attempt.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) kind: &'static str,
    started: Ms,
    /// When a list shows it.
    visible: Ms,
    /// When it ends by itself.
    ends: Option<Ms>,
    pub(crate) outcome: Outcome,
    cancelled: bool,
    /// When the backend forgets it.
    vanishes: Option<Ms>,
    /// Of held work: its second step was taken.
    place: bool,
    pub(crate) torn_down: bool,
    pub(crate) place_left: bool,
    stubborn: u64,
}

impl Work {
    pub(crate) fn is_over(&self, now: Ms) -> bool {
        self.torn_down || self.is_gone(now) || self.ends.is_some_and(|end| end <= now)
    }

    pub(crate) fn is_gone(&self, now: Ms) -> bool {
        self.vanishes.is_some_and(|at| at <= now)
    }

    pub(crate) fn has_succeeded(&self, now: Ms) -> bool {
        let over = self.ends.is_some_and(|end| end <= now);
        over && matches!(self.outcome, Outcome::Succeeded { .. })
    }

    /// Whether others can use it, or could.
    pub(crate) fn is_ready(&self) -> bool {
        self.kind == "held" && self.place
    }
}

/// What happens to one send.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    /// A definite word, and nothing arrives.
    Says(ExecutorError),
    /// It arrives, and the answer comes back.
    Arrives,
    /// It arrives, and the answer is lost.
    AnswerLost,
    /// It never arrives, and nobody can tell.
    RequestLost,
}

/// All backends.
#[derive(Debug, Default)]
pub(crate) struct Backends {
    pub(crate) works: BTreeMap<AttemptKey, Work>,
    /// How often a key really started work.
    pub(crate) launches: BTreeMap<AttemptKey, u32>,
    /// Sends of which the engine cannot know that they started nothing.
    pub(crate) uncertain: BTreeMap<AttemptKey, u32>,
    pub(crate) storm: bool,
    pub(crate) calm: bool,
}

fn handle(key: &AttemptKey, stage: u64) -> Value {
    json!({"key": key.as_str(), "stage": stage})
}

pub(crate) fn key_of(handle: &Value) -> AttemptKey {
    AttemptKey::from_text(handle["key"].as_str().unwrap_or_default())
}

impl Backends {
    fn chance(&self, chance: &mut Chance, per_thousand: u64) -> bool {
        let more = if self.storm { 400 } else { 0 };
        !self.calm && chance.hits(per_thousand + more)
    }

    /// What becomes of a request.
    pub(crate) fn fate(&self, chance: &mut Chance, mix: &Mix, struck: &mut Struck) -> Fate {
        if self.chance(chance, mix.throttled) {
            struck.count("throttled");
            let retry_after = Some(std::time::Duration::from_secs(1 + chance.below(10)));
            let message = "slow down".to_owned();
            return Fate::Says(match chance.below(2) {
                0 => ExecutorError::Throttled {
                    retry_after,
                    message,
                },
                _ => ExecutorError::unavailable("connection refused"),
            });
        }
        if !self.calm && chance.hits(mix.refused) {
            struck.count("refused");
            let class = chance.pick(&[ErrorClass::Permission, ErrorClass::Infrastructure]);
            return Fate::Says(ExecutorError::rejected(class, "refused"));
        }
        if self.chance(chance, mix.lost_answer) {
            struck.count("answer lost");
            return Fate::AnswerLost;
        }
        if self.chance(chance, mix.lost_request) {
            struck.count("request lost");
            return Fate::RequestLost;
        }
        Fate::Arrives
    }

    /// A request arrives; tells whether it started anything.
    pub(crate) fn launch(
        &mut self,
        key: &AttemptKey,
        kind: &'static str,
        lasts: Ms,
        now: Ms,
        chance: &mut Chance,
        mix: &Mix,
    ) -> bool {
        if kind == "keyed" && self.works.contains_key(key) {
            return false;
        }
        if kind != "sensor" {
            *self.launches.entry(key.clone()).or_default() += 1;
        }
        let fails = !self.calm && chance.hits(mix.work_fails);
        let hangs = !self.calm && chance.hits(mix.work_hangs);
        let vanishes = !self.calm && chance.hits(mix.work_vanishes) && kind != "sensor";
        let outcome = match chance.below(4) {
            0 if fails => Outcome::failed(ErrorClass::Infrastructure, "the host is gone", None),
            1 if fails => Outcome::Cancelled {
                by: Some("somebody".to_owned()),
                output: None,
            },
            _ if fails => Outcome::failed(ErrorClass::User, "exit code 1", Some(json!({"n": 1}))),
            draw => Outcome::Succeeded {
                output: json!({"n": draw}),
            },
        };
        let gone = now + chance.between(0, 40) * SECOND;
        let work = Work {
            kind,
            started: now,
            visible: now + chance.below(mix.stale.unsigned_abs() + 1) as Ms,
            ends: (!hangs && kind != "held").then_some(now + lasts),
            outcome,
            cancelled: false,
            vanishes: vanishes.then_some(gone),
            place: false,
            torn_down: false,
            place_left: false,
            stubborn: chance.below(3),
        };
        self.works.insert(key.clone(), work);
        true
    }

    /// Faults stop: what hangs comes to its end.
    pub(crate) fn settle(&mut self, now: Ms) {
        (self.storm, self.calm) = (false, true);
        for work in self.works.values_mut().filter(|work| work.kind != "held") {
            work.ends.get_or_insert(now + 5 * SECOND);
        }
    }

    /// When a call whose launch lasts as long as the work is answered.
    pub(crate) fn call_ends(&self, key: &AttemptKey) -> Option<Ms> {
        self.works.get(key)?.ends
    }

    pub(crate) fn known_as(key: &AttemptKey) -> Value {
        handle(key, 0)
    }

    /// What a list shows.
    pub(crate) fn find(&self, key: &AttemptKey, now: Ms) -> Option<Value> {
        let work = self.works.get(key)?;
        let shown = (work.visible <= now || work.kind == "keyed")
            && !matches!(work.kind, "silent" | "call");
        shown.then(|| handle(key, 0))
    }

    /// What a poll sees.
    pub(crate) fn status(&mut self, handle_now: &Value, now: Ms, wrong: Option<Wrong>) -> Status {
        let key = key_of(handle_now);
        let lost = |reason: &str| Status::Lost {
            reason: reason.to_owned(),
        };
        let Some(work) = self.works.get_mut(&key) else {
            return lost("there is no such work");
        };
        if wrong == Some(Wrong::UnseenIsLost) && work.visible > now {
            return lost("not found");
        }
        if work.is_gone(now) {
            return lost("it is gone");
        }
        let began = now >= work.started + SECOND / 2;
        match work.ends {
            Some(end) if end <= now => Status::Finished(Finished::now(work.outcome.clone())),
            _ if work.kind == "held" && began => {
                // The second step is taken only under the handle that names it.
                if handle_now["stage"] == json!(0) {
                    return Status::Advanced {
                        handle: handle(&key, 1),
                    };
                }
                work.place = true;
                work.place_left = true;
                Status::Ready {
                    output: json!({"address": "10.0.0.1"}),
                }
            }
            _ if began => Status::Running {
                started_at: None,
                poll_after: None,
            },
            _ => Status::Launching,
        }
    }

    /// Asks work to stop.
    pub(crate) fn cancel(&mut self, handle: &Value, now: Ms, chance: &mut Chance) {
        let Some(work) = self.works.get_mut(&key_of(handle)) else {
            return;
        };
        if work.ends.is_some_and(|end| end <= now) || work.cancelled {
            return;
        }
        work.cancelled = true;
        work.ends = Some(now + chance.between(0, 8) * SECOND);
        work.outcome = Outcome::Cancelled {
            by: None,
            output: None,
        };
    }

    /// Clears away what a handle names.
    pub(crate) fn tear_down(&mut self, handle: &Value, now: Ms) -> Clearing {
        let Some(work) = self.works.get_mut(&key_of(handle)) else {
            return Clearing::Done;
        };
        if work.stubborn > 0 && !self.calm {
            work.stubborn -= 1;
            return Clearing::Pending {
                again_after: std::time::Duration::from_secs(3),
            };
        }
        if handle["stage"] == json!(1) {
            work.place_left = false;
        }
        work.torn_down = true;
        if work.ends.is_none_or(|end| end > now) {
            work.ends = Some(now);
        }
        Clearing::Done
    }
}
