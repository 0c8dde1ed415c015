//! A backfill with its nights, as an engine keeps it while it is under way.

use std::collections::BTreeSet;

use super::{Backfill, Night, NightState, Phase, Tally};
use crate::name::RunId;
use crate::run::{Actor, Instant, RunEnding};

/// A backfill with its nights.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    head: Backfill,
    nights: Vec<Night>,
    /// No night before this one waits.
    next: usize,
    /// The nights that are under way.
    running: BTreeSet<u32>,
    /// The nights that changed since they were last taken.
    changed: BTreeSet<u32>,
    head_changed: bool,
}

impl Work {
    /// A new one: all of it is to be written.
    #[must_use]
    pub fn new(head: Backfill, nights: Vec<Night>) -> Self {
        let mut work = Self::stored(head, nights);
        work.changed = (0u32..).take(work.nights.len()).collect();
        work.head_changed = true;
        work
    }

    /// One as it stands in a store.
    #[must_use]
    pub fn stored(mut head: Backfill, nights: Vec<Night>) -> Self {
        let mut running = BTreeSet::new();
        head.tally = Tally::default();
        for (ix, night) in (0u32..).zip(&nights) {
            *head.tally.place(&night.state) += 1;
            if matches!(night.state, NightState::Running { .. }) {
                running.insert(ix);
            }
        }
        Self {
            head,
            nights,
            next: 0,
            running,
            changed: BTreeSet::new(),
            head_changed: false,
        }
    }

    /// The backfill.
    #[must_use]
    pub fn head(&self) -> &Backfill {
        &self.head
    }

    /// Its nights, oldest first.
    #[must_use]
    pub fn nights(&self) -> &[Night] {
        &self.nights
    }

    /// The first night that waits, whether or not its time has come.
    pub fn first_waiting(&mut self) -> Option<(u32, &Night)> {
        let waits = |night: &Night| night.state == NightState::Waiting;
        let skipped = self.nights.get(self.next..)?.iter().position(waits)?;
        self.next += skipped;
        let ix = u32::try_from(self.next).ok()?;
        self.nights.get(self.next).map(|night| (ix, night))
    }

    /// The nights that are under way, with their runs and the rounds of these.
    #[must_use]
    pub fn under_way(&self) -> Vec<(u32, RunId, Option<u32>)> {
        let run = |ix: &u32| match &self.nights.get(*ix as usize)?.state {
            NightState::Running { run, round, .. } => Some((*ix, run.clone(), *round)),
            _ => None,
        };
        self.running.iter().filter_map(run).collect()
    }

    /// A round of the run of a night has begun. Whatever is not waiting stays as it is.
    pub fn begin(&mut self, ix: u32, run: RunId, round: u32, now: Instant) {
        if self.is(ix, |state| *state == NightState::Waiting) {
            let round = Some(round);
            let since = now;
            self.put(ix, NightState::Running { run, round, since });
        }
    }

    /// The run of a night is over.
    pub fn end(&mut self, ix: u32, ending: RunEnding, now: Instant) {
        let Some(NightState::Running { run, .. }) = self.state(ix) else {
            return;
        };
        let run = run.clone();
        self.put(
            ix,
            NightState::Ended {
                run,
                ending,
                at: now,
            },
        );
    }

    /// Nothing is done for a night.
    pub fn leave(&mut self, ix: u32, run: Option<RunId>, why: String, now: Instant) {
        if self.is(ix, |state| !matches!(state, NightState::Ended { .. })) {
            self.put(ix, NightState::LeftAlone { run, why, at: now });
        }
    }

    /// A night stands otherwise than it was thought to: what was to be written of it was refused.
    pub fn restate(&mut self, ix: u32, state: NightState) {
        let open = matches!(state, NightState::Waiting | NightState::Running { .. });
        if open && matches!(self.head.phase, Phase::Ended { .. }) {
            self.turn(Phase::Running);
        }
        self.next = self.next.min(ix as usize);
        self.put(ix, state);
    }

    /// No more nights until it is resumed; false: it is not running.
    pub fn pause(&mut self, by: Actor, reason: Option<String>, now: Instant) -> bool {
        if self.head.phase != Phase::Running {
            return false;
        }
        self.turn(Phase::Paused {
            by,
            reason,
            since: now,
        });
        true
    }

    /// Its nights go on; false: it is not paused.
    pub fn resume(&mut self) -> bool {
        if !matches!(self.head.phase, Phase::Paused { .. }) {
            return false;
        }
        self.turn(Phase::Running);
        true
    }

    /// No more nights; false: it is over. What is under way is for the caller to stop.
    pub fn cancel(&mut self, by: Actor, reason: Option<String>, now: Instant) -> bool {
        if matches!(
            self.head.phase,
            Phase::Cancelled { .. } | Phase::Ended { .. }
        ) {
            return false;
        }
        self.turn(Phase::Cancelled {
            by,
            reason,
            at: now,
        });
        true
    }

    /// What has changed since this was last asked, for the store; none: nothing.
    pub fn take_changes(&mut self) -> Option<(Backfill, Vec<(u32, Night)>)> {
        if !self.head_changed && self.changed.is_empty() {
            return None;
        }
        self.head_changed = false;
        let changed = std::mem::take(&mut self.changed);
        let night = |ix: u32| Some((ix, self.nights.get(ix as usize)?.clone()));
        let nights = changed.into_iter().filter_map(night).collect();
        Some((self.head.clone(), nights))
    }

    fn state(&self, ix: u32) -> Option<&NightState> {
        self.nights.get(ix as usize).map(|night| &night.state)
    }

    fn is(&self, ix: u32, holds: impl Fn(&NightState) -> bool) -> bool {
        self.state(ix).is_some_and(holds)
    }

    fn turn(&mut self, phase: Phase) {
        self.head.phase = phase;
        self.head_changed = true;
    }

    fn put(&mut self, ix: u32, state: NightState) {
        let Some(night) = self.nights.get_mut(ix as usize) else {
            return;
        };
        *self.head.tally.place(&night.state) -= 1;
        *self.head.tally.place(&state) += 1;
        if matches!(state, NightState::Running { .. }) {
            self.running.insert(ix);
        } else {
            self.running.remove(&ix);
        }
        let at = match &state {
            NightState::Ended { at, .. } | NightState::LeftAlone { at, .. } => Some(*at),
            NightState::Waiting | NightState::Running { .. } => None,
        };
        night.state = state;
        self.changed.insert(ix);
        let open = self.head.tally.waiting + self.head.tally.running;
        let lives = matches!(self.head.phase, Phase::Running | Phase::Paused { .. });
        if let (0, true, Some(at)) = (open, lives, at) {
            self.turn(Phase::Ended { at });
        }
    }
}
