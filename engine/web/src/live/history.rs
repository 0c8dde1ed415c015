//! The latest events of this process while it has an engine: numbered, kept for those who come back, bounded in number
//! and in bytes.
//!
//! A position is the name of this history and a number in it. Another name, or a number that is gone, is said to be gone:
//! nobody is given a part as if it were the whole. Each engine begins a history of its own, for what another one did
//! before it is in none. Whoever listens fetches from here at their own pace, and holds nothing but their position.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use noctule_core::name::DagId;
use tokio::sync::watch;

use super::told::{About, Lost, Position, Told, reset};

/// Events kept.
const KEPT: usize = 16_384;
/// Bytes kept, of all of them.
const KEPT_BYTES: usize = 16 << 20;
/// Events given at a time.
pub(crate) const AT_ONCE: usize = 64;

/// What came after a place.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The next events; nothing: that was all.
    Told(Vec<Arc<Told>>),
    /// Nobody knows any more what came after it; this is now.
    Gone(Position),
    /// Nobody tells anything: there is no engine here.
    Silent,
}

/// How much is kept.
#[derive(Debug, Clone, Copy)]
struct Bound {
    events: usize,
    bytes: usize,
}

pub(crate) struct History {
    bound: Bound,
    latest: Mutex<Latest>,
    bell: watch::Sender<()>,
}

struct Latest {
    /// None: nobody tells anything.
    name: Option<Arc<str>>,
    /// The number of the last event.
    last: u64,
    bytes: usize,
    events: VecDeque<Arc<Told>>,
}

impl History {
    pub(crate) fn new() -> Self {
        Self::keeping(Bound {
            events: KEPT,
            bytes: KEPT_BYTES,
        })
    }

    fn keeping(bound: Bound) -> Self {
        Self {
            bound,
            latest: Mutex::new(Latest::named(None)),
            bell: watch::Sender::new(()),
        }
    }

    /// Begins anew: what was told before is gone.
    pub(crate) fn begin(&self) {
        let name = uuid::Uuid::new_v4().simple().to_string();
        *self.latest() = Latest::named(Some(name.into()));
        self.ring();
    }

    /// Nothing more is told.
    pub(crate) fn end(&self) {
        *self.latest() = Latest::named(None);
        self.ring();
    }

    /// Tells an event to everybody, once the bell is rung. After the end it is told to nobody.
    pub(crate) fn tell(&self, about: About, dag: &DagId, json: &str) {
        // The events of runs have no name, so that a browser hears them as messages.
        let kind = match about {
            About::Backfill => "event: backfill\n",
            About::Run { .. } | About::Lost { .. } => "",
        };
        self.keep(about, Some(dag.clone()), json, |id| {
            format!("id: {id}\n{kind}data: {json}\n\n").into()
        });
    }

    /// Tells everybody that something is missing here: the state is to be looked at anew.
    pub(crate) fn miss(&self, lost: Lost) {
        let known = lost.dag.is_some();
        let json = known.then(|| serde_json::to_string(&lost).ok()).flatten();
        let json = json.unwrap_or_else(|| "{}".to_owned());
        let about = About::Lost { run: lost.run };
        self.keep(about, lost.dag, &json, |id| reset(id, &json));
    }

    fn keep(&self, about: About, dag: Option<DagId>, json: &str, line: impl Fn(&str) -> Bytes) {
        let mut latest = self.latest();
        let Some(name) = latest.name.clone() else {
            return;
        };
        latest.last += 1;
        let number = latest.last;
        let line = line(&format!("{name}-{number}"));
        let end = line.len() - 2;
        let told = Told {
            number,
            about,
            dag,
            json: line.slice(end - json.len()..end),
            line,
        };
        latest.keep(told, self.bound);
    }

    /// Wakes everybody who waits.
    pub(crate) fn ring(&self) {
        self.bell.send_replace(());
    }

    /// What rings when there may be news.
    pub(crate) fn bell(&self) -> watch::Receiver<()> {
        self.bell.subscribe()
    }

    /// The place of now. None: nobody tells anything.
    pub(crate) fn now(&self) -> Option<Position> {
        self.latest().now()
    }

    /// What came after a place.
    pub(crate) fn after(&self, place: &Position) -> Heard {
        let latest = self.latest();
        let Some(now) = latest.now() else {
            return Heard::Silent;
        };
        let first = latest
            .events
            .front()
            .map_or(now.number + 1, |told| told.number);
        let there =
            place.history == now.history && place.number <= now.number && place.number + 1 >= first;
        if !there {
            return Heard::Gone(now);
        }
        let known = usize::try_from(place.number + 1 - first).unwrap_or(usize::MAX);
        let news = latest.events.iter().skip(known).take(AT_ONCE);
        Heard::Told(news.cloned().collect())
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Latest {
    fn named(name: Option<Arc<str>>) -> Self {
        Self {
            name,
            last: 0,
            bytes: 0,
            events: VecDeque::new(),
        }
    }

    fn now(&self) -> Option<Position> {
        let history = Arc::clone(self.name.as_ref()?);
        let number = self.last;
        Some(Position { history, number })
    }

    fn keep(&mut self, told: Told, bound: Bound) {
        self.bytes += told.line.len();
        self.events.push_back(Arc::new(told));
        while self.events.len() > bound.events || self.bytes > bound.bytes {
            let Some(oldest) = self.events.pop_front() else {
                return;
            };
            self.bytes -= oldest.line.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use noctule_core::name::RunId;

    use super::*;

    fn history(events: u64, bound: Bound) -> History {
        let history = History::keeping(bound);
        history.begin();
        tell(&history, events);
        history
    }

    fn tell(history: &History, events: u64) {
        for seq in 1..=events {
            let about = About::Run {
                run: "r".parse().unwrap(),
                seq,
                ends: false,
            };
            history.tell(about, &"d".parse().unwrap(), "{}");
        }
    }

    const FOUR: Bound = Bound {
        events: 4,
        bytes: 1 << 20,
    };

    fn missed(history: &History, number: u64) -> Option<Vec<u64>> {
        let place = Position {
            number,
            ..history.now().unwrap()
        };
        match history.after(&place) {
            Heard::Told(told) => Some(told.iter().map(|told| told.number).collect()),
            Heard::Gone(now) => {
                assert_eq!(Some(now), history.now());
                None
            }
            Heard::Silent => panic!("it speaks"),
        }
    }

    #[test]
    fn whoever_comes_back_gets_what_came_after_or_hears_that_it_is_gone() {
        let history = history(6, FOUR);
        assert_eq!(missed(&history, 6), Some(vec![]));
        assert_eq!(missed(&history, 4), Some(vec![5, 6]));
        assert_eq!(missed(&history, 2), Some(vec![3, 4, 5, 6]));
        assert_eq!(missed(&history, 1), None);
        assert_eq!(missed(&history, 7), None);
        for wrong in ["another-3", "", "3", "x-", "x-y", "x--1x"] {
            let heard = history.after(&Position::read(wrong));
            assert!(matches!(heard, Heard::Gone(_)), "{wrong}");
        }
    }

    #[test]
    fn a_history_is_bounded_in_bytes_too() {
        let line = {
            let whole = history(1, FOUR);
            whole.latest().bytes
        };
        let history = history(
            9,
            Bound {
                events: 100,
                bytes: 2 * line,
            },
        );
        assert_eq!(missed(&history, 7), Some(vec![8, 9]));
        assert_eq!(missed(&history, 6), None);
    }

    #[test]
    fn a_part_is_given_at_a_time_and_the_parts_are_the_whole() {
        let all = 3 * AT_ONCE as u64;
        let history = history(
            all,
            Bound {
                events: 1_000,
                bytes: 1 << 20,
            },
        );
        let mut heard = Vec::new();
        while let Some(part) = missed(&history, heard.last().copied().unwrap_or(0))
            && !part.is_empty()
        {
            assert_eq!(part.len(), AT_ONCE);
            heard.extend(part);
        }
        assert_eq!(heard, (1..=all).collect::<Vec<u64>>());
    }

    #[test]
    fn a_history_that_begins_anew_knows_no_place_of_the_one_before() {
        let history = history(3, FOUR);
        let old = history.now().unwrap();
        history.end();
        assert!(matches!(history.after(&old), Heard::Silent));
        assert_eq!(history.now(), None);
        history.begin();
        tell(&history, 3);
        assert!(matches!(history.after(&old), Heard::Gone(_)));
        assert_eq!(missed(&history, 0), Some(vec![1, 2, 3]));
    }

    #[test]
    fn a_position_is_read_as_it_was_written() {
        let place = history(3, FOUR).now().unwrap();
        assert_eq!(Position::read(&place.id()), place);
    }

    #[test]
    fn an_event_is_written_for_the_wire_once() {
        let history = history(0, FOUR);
        let name = history.now().unwrap().history;
        history.tell(About::Backfill, &"d".parse().unwrap(), "{\"a\":1}");
        let place = Position {
            number: 0,
            ..history.now().unwrap()
        };
        let Heard::Told(told) = history.after(&place) else {
            panic!("it speaks");
        };
        assert_eq!(told[0].json, "{\"a\":1}");
        let line = format!("id: {name}-1\nevent: backfill\ndata: {{\"a\":1}}\n\n");
        assert_eq!(told[0].line, line);
    }

    #[test]
    fn what_is_missing_is_told_in_its_place_and_named_only_where_its_dag_is_known() {
        let history = history(1, FOUR);
        let (run, dag): (RunId, DagId) = ("r".parse().unwrap(), "d".parse().unwrap());
        for dag in [Some(dag.clone()), None] {
            let run = Some(run.clone());
            history.miss(Lost { run, dag });
        }
        tell(&history, 1);
        let place = Position {
            number: 0,
            ..history.now().unwrap()
        };
        let Heard::Told(told) = history.after(&place) else {
            panic!("it speaks");
        };
        let name = &place.history;
        let named =
            format!("id: {name}-2\nevent: reset\ndata: {{\"run\":\"r\",\"dag\":\"d\"}}\n\n");
        assert_eq!(
            (&told[1].line[..], &told[1].dag),
            (named.as_bytes(), &Some(dag))
        );
        let nothing = format!("id: {name}-3\nevent: reset\ndata: {{}}\n\n");
        assert_eq!(
            (&told[2].line[..], &told[2].dag),
            (nothing.as_bytes(), &None)
        );
        let misses: Vec<bool> = told.iter().map(|told| told.about.may_miss(&run)).collect();
        assert_eq!(misses, [false, true, true, false]);
        assert_eq!(told[3].number, 4);
    }
}
