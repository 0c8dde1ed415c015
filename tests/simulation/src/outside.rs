//! Everything that is not an engine: time, chance, the store, the backends, the network between them, and the referee.

use std::collections::BTreeMap;
use std::rc::Rc;

use chrono::{DateTime, Utc};
use noctule_core::dag::Dag;
use noctule_core::name::RunId;
use noctule_core::run::{Event, Instant, News, TaskRunIx};
use noctule_executor::{AttemptKey, Status};

use crate::agenda::{Agenda, Happening, Life};
use crate::backend::Backends;
use crate::bugs::Wrong;
use crate::chance::Chance;
use crate::clock::{Ms, instant};
use crate::desk::Desk;
use crate::faults::{Mix, Struck};
use crate::referee::Referee;
use crate::store::Store;

/// Whom a launch request is for.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    pub(crate) run: RunId,
    pub(crate) task: TaskRunIx,
    pub(crate) attempt: u32,
    pub(crate) kind: &'static str,
    pub(crate) lasts: Ms,
}

/// All of it.
pub(crate) struct Outside {
    pub(crate) now: Ms,
    pub(crate) base: DateTime<Utc>,
    pub(crate) agenda: Agenda,
    pub(crate) chance: Chance,
    pub(crate) mix: Mix,
    pub(crate) wrong: Option<Wrong>,
    pub(crate) store: Store,
    /// A copy of the store that lags behind.
    pub(crate) copy: Option<Store>,
    pub(crate) backends: Backends,
    pub(crate) senders: BTreeMap<AttemptKey, Sender>,
    pub(crate) referee: Referee,
    pub(crate) struck: Struck,
    pub(crate) desk: Desk,
    /// Every DAG as its file stands now.
    pub(crate) dags: Vec<Rc<Dag>>,
    /// Every version that each had, in order.
    pub(crate) versions: Vec<Vec<Rc<Dag>>>,
    pub(crate) pools: BTreeMap<String, u32>,
    pub(crate) store_down: bool,
    pub(crate) store_full: bool,
    /// Engines that cannot reach the store.
    pub(crate) cut: Vec<bool>,
    pub(crate) settled: bool,
    pub(crate) born: u64,
}

impl Outside {
    /// What a clock that is off by so much shows.
    pub(crate) fn wall(&self, offset: Ms) -> Instant {
        instant(self.base, self.now + offset)
    }

    pub(crate) fn is(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }

    /// How long a message is under way.
    pub(crate) fn latency(&mut self) -> Ms {
        1 + self.chance.below(self.mix.latency.unsigned_abs()) as Ms
    }

    pub(crate) fn after(&mut self, delay: Ms, happening: Happening) {
        self.agenda.put(self.now + delay, happening);
    }

    pub(crate) fn reaches_store(&self, engine: usize) -> bool {
        !self.store_down && !self.cut[engine]
    }

    /// A fault of the given chance, unless faults have stopped.
    pub(crate) fn strikes(&mut self, per_thousand: u64, what: &'static str) -> bool {
        let hit = !self.settled && self.chance.hits(per_thousand);
        if hit {
            self.struck.count(what);
        }
        hit
    }

    /// Tells an engine something about a run, after a while, and now and then a second time.
    pub(crate) fn tell(&mut self, life: Life, run: &RunId, event: Event, delay: Ms) {
        let hear = Happening::Hear {
            life,
            run: run.clone(),
            event: Box::new(event),
        };
        let twice = matches!(
            &hear,
            Happening::Hear { event, .. } if matches!(
                **event,
                Event::News { news: News::Polled { status: Status::Finished(_) | Status::Running { .. } } | News::Launched { .. }, .. }
            )
        );
        if twice && self.strikes(self.mix.duplicate, "duplicated or late answer") {
            let later = delay + self.chance.between(1, 30_000);
            self.after(later, hear.clone());
        }
        self.after(delay, hear);
    }

    pub(crate) fn tell_news(&mut self, life: Life, to: &Sender, news: News, delay: Ms) {
        let event = Event::News {
            task: to.task,
            attempt: to.attempt,
            news,
        };
        self.tell(life, &to.run, event, delay);
    }

    pub(crate) fn new_run_id(&mut self) -> Option<RunId> {
        self.born += 1;
        format!("r{:05}", self.born).parse().ok()
    }
}
