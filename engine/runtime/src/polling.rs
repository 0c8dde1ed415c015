//! Waits that hold no slot: one actor asks about all of them, many handles in one call.
//!
//! Poll times live in memory. A fresh wait is asked soon and then ever more rarely, up to its interval; after a restart the
//! waits are spread over one interval. A poll without news tells nothing, and a failed poll only delays the next one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use noctule_core::name::RunId;
use noctule_core::run::{Event, News, TaskRunIx};
use noctule_executor::{ExecutorError, Status};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use crate::meters::Meters;
use crate::work::{Ear, Told, Work, granted, is_last, pause};

/// The pause between two waits for news of an executor that hears them.
const BREATH: Duration = Duration::from_millis(100);
/// The first poll of a fresh wait; each pause is twice the one before, up to the interval.
const FIRST_POLL: Duration = Duration::from_millis(500);
/// Handles in one call.
const BATCH: usize = 1_000;

type Place = (RunId, TaskRunIx);
/// Waits that may be asked about in one call: same executor, same connection, same batch key.
type Group = (&'static str, Option<String>, String);

/// What the engine tells the actor.
enum Order {
    Add {
        work: Box<Work>,
        interval: Duration,
        resumed: bool,
    },
    Remove(Place),
    Answered {
        group: Group,
        answers: Vec<(Place, u32, Result<Status, ExecutorError>)>,
    },
}

/// A hold on the actor.
#[derive(Debug, Clone)]
pub(crate) struct Poller {
    orders: UnboundedSender<Order>,
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Order")
    }
}

impl Poller {
    /// Starts the actor; it ends when the last hold is dropped.
    #[must_use]
    pub(crate) fn start(meters: Arc<Meters>) -> Self {
        let (orders, inbox) = unbounded_channel();
        let actor = Actor {
            back: orders.downgrade(),
            waits: HashMap::new(),
            due: BTreeSet::new(),
            groups: HashMap::new(),
            meters,
        };
        drop(tokio::spawn(actor.run(inbox)));
        Self { orders }
    }

    /// Asks about this work from now on.
    pub(crate) fn add(&self, work: Work, interval: Duration, resumed: bool) {
        drop(self.orders.send(Order::Add {
            work: Box::new(work),
            interval,
            resumed,
        }));
    }

    /// Asks no more.
    pub(crate) fn remove(&self, run: &RunId, task: TaskRunIx) {
        drop(self.orders.send(Order::Remove((run.clone(), task))));
    }
}

struct Wait {
    work: Work,
    interval: Duration,
    pause: Duration,
    failures: u32,
    begun: bool,
    ear: Ear,
    next: Instant,
    group: Group,
    /// It is being asked about now.
    asked: bool,
}

struct Actor {
    back: tokio::sync::mpsc::WeakUnboundedSender<Order>,
    waits: HashMap<Place, Wait>,
    due: BTreeSet<(Instant, Place)>,
    groups: HashMap<Group, BTreeSet<Place>>,
    meters: Arc<Meters>,
}

impl Actor {
    async fn run(mut self, mut inbox: UnboundedReceiver<Order>) {
        loop {
            let next = self.due.first().map(|(at, _)| *at);
            let timer = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                order = inbox.recv() => match order {
                    Some(order) => self.obey(order),
                    None => return,
                },
                () = timer => self.ask_due(),
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Add {
                work,
                interval,
                resumed,
            } => self.add(*work, interval, resumed),
            Order::Remove(place) => self.remove(&place),
            Order::Answered { group, answers } => {
                for (place, attempt, answer) in answers {
                    self.answered(&group, &place, attempt, answer);
                }
            }
        }
    }

    fn add(&mut self, work: Work, interval: Duration, resumed: bool) {
        let place = (work.run.clone(), work.task);
        self.remove(&place);
        let handle = work.handle.as_ref().map(|handle| &handle.raw);
        let batch = handle.map_or_else(String::new, |raw| work.executor.batch_key(raw));
        let group = (
            work.executor.kind(),
            work.context.connection.as_ref().map(|c| c.name.clone()),
            batch,
        );
        let pause = if resumed {
            interval
        } else {
            FIRST_POLL.min(interval)
        };
        // A question that waits for news is cheap, and what happened while no engine ran is no news any more.
        let first = if resumed && !work.executor.capabilities().hints {
            spread(&place, interval)
        } else {
            FIRST_POLL.min(interval)
        };
        let next = Instant::now() + first;
        self.due.insert((next, place.clone()));
        self.groups
            .entry(group.clone())
            .or_default()
            .insert(place.clone());
        self.waits.insert(
            place,
            Wait {
                work,
                interval,
                pause,
                failures: 0,
                begun: false,
                ear: Ear::default(),
                next,
                group,
                asked: false,
            },
        );
    }

    fn remove(&mut self, place: &Place) {
        let Some(wait) = self.waits.remove(place) else {
            return;
        };
        self.due.remove(&(wait.next, place.clone()));
        if let Some(members) = self.groups.get_mut(&wait.group) {
            members.remove(place);
            if members.is_empty() {
                self.groups.remove(&wait.group);
            }
        }
    }

    /// Asks about every wait that is due, and about those of the same group that soon will be.
    fn ask_due(&mut self) {
        let now = Instant::now();
        let mut groups: BTreeMap<Group, Vec<Place>> = BTreeMap::new();
        let due: Vec<Place> = self
            .due
            .iter()
            .take_while(|(at, _)| *at <= now)
            .map(|(_, place)| place.clone())
            .collect();
        for place in due {
            if let Some(wait) = self.waits.get(&place) {
                groups.entry(wait.group.clone()).or_default();
            }
        }
        for (group, places) in &mut groups {
            let members = self.groups.get(group).into_iter().flatten();
            let soon = |place: &&Place| {
                self.waits
                    .get(*place)
                    .is_some_and(|wait| !wait.asked && wait.next <= now + wait.pause / 4)
            };
            places.extend(members.filter(soon).cloned());
        }
        for (group, places) in groups {
            for batch in places.chunks(BATCH) {
                self.ask(group.clone(), batch);
            }
        }
    }

    fn ask(&mut self, group: Group, places: &[Place]) {
        let mut handles = Vec::new();
        let mut asked = Vec::new();
        let mut through = None;
        let mut patience = Duration::MAX;
        for place in places {
            let Some(wait) = self.waits.get_mut(place) else {
                continue;
            };
            self.due.remove(&(wait.next, place.clone()));
            wait.asked = true;
            patience = patience.min(wait.pause);
            handles.extend(wait.work.handle.as_ref().map(|handle| handle.raw.clone()));
            asked.push((place.clone(), wait.work.attempt.number));
            let work = &wait.work;
            through.get_or_insert_with(|| {
                (
                    work.executor.clone(),
                    work.context.clone(),
                    work.lease.clone(),
                )
            });
        }
        let (Some((executor, context, lease)), Some(back)) = (through, self.back.upgrade()) else {
            return;
        };
        // An answer may start the next thing: whoever holds the store now asks.
        if !lease.is_trusted() {
            return;
        }
        // News ends the wait at once; without any, the interval is the floor.
        let patience = if executor.capabilities().hints {
            patience
        } else {
            Duration::ZERO
        };
        drop(tokio::spawn(async move {
            let mut answers = executor
                .poll(&context, &handles, patience)
                .await
                .into_iter();
            let silent = || {
                Err(ExecutorError::unavailable(
                    "the poll gave no answer for this handle",
                ))
            };
            let answers = asked
                .into_iter()
                .map(|(place, number)| (place, number, answers.next().unwrap_or_else(silent)))
                .collect();
            drop(back.send(Order::Answered { group, answers }));
        }));
    }

    fn answered(
        &mut self,
        group: &Group,
        place: &Place,
        attempt: u32,
        answer: Result<Status, ExecutorError>,
    ) {
        let Some(wait) = self.waits.get_mut(place) else {
            return;
        };
        if wait.work.attempt.number != attempt || wait.group != *group {
            return;
        }
        self.meters.polled(group.0, answer.is_ok());
        wait.asked = false;
        let mut rest = wait.pause;
        wait.pause = (wait.pause * 2).min(wait.interval);
        let news = match answer {
            Ok(Status::Advanced { handle }) => {
                // The engine makes a new wait of it, under the new handle.
                rest = wait.interval;
                let handle = wait.work.known_as(handle);
                Some(News::Advanced { handle })
            }
            Ok(Status::Elsewhere { host }) => wait.ear.unheard(host, wait.work.lost_after),
            Ok(status) if is_last(&status) => {
                // The engine removes the wait; until then there is nothing more to ask.
                rest = wait.interval;
                Some(News::Polled { status })
            }
            Ok(status) => {
                if wait.work.executor.capabilities().hints {
                    // It was waited for news already: what comes from now on is to be heard, too.
                    rest = rest.min(BREATH);
                }
                if let Status::Running {
                    poll_after: Some(asked),
                    ..
                } = &status
                {
                    rest = rest.max(granted(*asked));
                }
                let begins = matches!(status, Status::Running { .. })
                    && !std::mem::replace(&mut wait.begun, true);
                let after_failure = std::mem::take(&mut wait.failures) > 0;
                (begins || after_failure).then_some(News::Polled { status })
            }
            Err(error) => {
                wait.failures += 1;
                rest = rest.max(pause(wait.failures, &error));
                Some(News::PollFailed { error })
            }
        };
        wait.next = Instant::now() + rest;
        self.due.insert((wait.next, place.clone()));
        if let Some(news) = news {
            let event = Event::News {
                task: place.1,
                attempt,
                news,
            };
            drop(wait.work.tell.send(Told {
                run: place.0.clone(),
                event,
            }));
        }
    }
}

/// A place in the interval that is the wait's own, so that a restart does not ask about everything at once.
fn spread(place: &Place, interval: Duration) -> Duration {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    place.hash(&mut hasher);
    let share = hasher.finish() % 1_000;
    interval.mul_f64(share as f64 / 1_000.0)
}
