//! The latest events of this process, numbered, and the channel to everybody who listens.
//!
//! A position is the name of this history and a number in it. Another name, or a number that is gone, is said to be gone:
//! nobody is given a part as if it were the whole.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use noctule_core::name::{DagId, RunId};
use tokio::sync::broadcast;

/// Events kept for those who come back.
const KEPT: usize = 16_384;
/// Events a listener may be behind.
const BEHIND: usize = 4_096;

/// One event, written once for all who hear it.
#[derive(Debug)]
pub(crate) struct Told {
    /// Its number in the history.
    pub(crate) number: u64,
    /// The run that it is about.
    pub(crate) run: RunId,
    /// Its DAG.
    pub(crate) dag: DagId,
    /// Its number in the journal of that run.
    pub(crate) seq: u64,
    /// The event in JSON.
    pub(crate) json: String,
    /// The round of the run is over with it.
    pub(crate) ends: bool,
}

/// A place in a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) history: String,
    pub(crate) number: u64,
}

/// What somebody gets who begins to listen.
pub(crate) struct Listening {
    /// Where that is.
    pub(crate) from: Position,
    /// What was told since the place they know; none: that is gone.
    pub(crate) missed: Option<Vec<Arc<Told>>>,
    /// What is told from now on.
    pub(crate) next: broadcast::Receiver<Arc<Told>>,
}

pub(crate) struct History {
    name: String,
    kept: usize,
    latest: Mutex<Latest>,
    tell: broadcast::Sender<Arc<Told>>,
}

#[derive(Default)]
struct Latest {
    /// The number of the last event.
    last: u64,
    events: VecDeque<Arc<Told>>,
}

impl History {
    pub(crate) fn new() -> Self {
        Self::keeping(KEPT, BEHIND)
    }

    fn keeping(kept: usize, behind: usize) -> Self {
        Self {
            name: uuid::Uuid::new_v4().simple().to_string(),
            kept,
            latest: Mutex::default(),
            tell: broadcast::Sender::new(behind),
        }
    }

    /// Tells an event to everybody.
    pub(crate) fn tell(&self, run: &RunId, dag: &DagId, seq: u64, json: String, ends: bool) {
        // Numbered and sent under one lock, so that whoever begins to listen misses nothing between.
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.last += 1;
        let told = Arc::new(Told {
            number: latest.last,
            run: run.clone(),
            dag: dag.clone(),
            seq,
            json,
            ends,
        });
        latest.events.push_back(Arc::clone(&told));
        if latest.events.len() > self.kept {
            latest.events.pop_front();
        }
        // Nobody may listen.
        drop(self.tell.send(told));
    }

    /// Begins to listen after a place, or from now on.
    pub(crate) fn listen(&self, after: Option<&Position>) -> Listening {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let last = latest.last;
        let missed = match after {
            None => Some(Vec::new()),
            Some(place) if place.history != self.name || place.number > last => None,
            Some(place) => {
                let first = latest.events.front().map_or(last + 1, |told| told.number);
                let events = latest.events.iter();
                let missed = events.filter(|told| told.number > place.number).cloned();
                (place.number + 1 >= first).then(|| missed.collect())
            }
        };
        Listening {
            from: Position {
                history: self.name.clone(),
                number: last,
            },
            missed,
            next: self.tell.subscribe(),
        }
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Told>> {
        self.tell.subscribe()
    }
}

impl Position {
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (history, number) = text.rsplit_once('-')?;
        let number = number.parse().ok()?;
        let history = history.to_owned();
        Some(Self { history, number })
    }

    pub(crate) fn at(&self, number: u64) -> String {
        format!("{}-{number}", self.history)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(events: u64) -> History {
        let history = History::keeping(4, 8);
        let run: RunId = "r".parse().unwrap();
        for seq in 1..=events {
            history.tell(&run, &"d".parse().unwrap(), seq, String::new(), false);
        }
        history
    }

    fn missed(history: &History, number: u64) -> Option<Vec<u64>> {
        let place = Position {
            history: history.name.clone(),
            number,
        };
        let missed = history.listen(Some(&place)).missed?;
        Some(missed.iter().map(|told| told.number).collect())
    }

    #[test]
    fn whoever_comes_back_gets_what_came_after_or_hears_that_it_is_gone() {
        let history = history(6);
        assert_eq!(missed(&history, 6), Some(vec![]));
        assert_eq!(missed(&history, 4), Some(vec![5, 6]));
        assert_eq!(missed(&history, 2), Some(vec![3, 4, 5, 6]));
        assert_eq!(missed(&history, 1), None);
        assert_eq!(missed(&history, 7), None);
        let other = Position::read("another-3").unwrap();
        assert!(history.listen(Some(&other)).missed.is_none());
    }

    #[test]
    fn a_fresh_history_misses_nothing() {
        assert_eq!(missed(&history(0), 0), Some(vec![]));
        assert_eq!(history(0).listen(None).from.number, 0);
    }

    #[test]
    fn a_position_is_read_as_it_was_written() {
        let place = history(3).listen(None).from;
        assert_eq!(Position::read(&place.at(3)), Some(place));
        for wrong in ["", "3", "x-", "x-y", "x--1x"] {
            assert_eq!(Position::read(wrong), None, "{wrong}");
        }
    }
}
