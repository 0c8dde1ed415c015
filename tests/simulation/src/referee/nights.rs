//! Backfills: every night has exactly one run or round of its own, or a reason why it has none, whatever is killed.

use std::collections::{BTreeMap, BTreeSet};

use noctule_core::backfill::{Backfill, Errand, Night, NightState, Phase as Standing};
use noctule_core::name::{BackfillId, RunId};
use noctule_core::run::{Fact, Phase, Record};

use super::Referee;
use crate::store::Store;

/// What it remembers for them.
#[derive(Default)]
pub(crate) struct Nights {
    /// Runs of which the store refused a write.
    refused: BTreeSet<RunId>,
    /// How many rounds of a run were opened for a backfill.
    rounds: BTreeMap<(RunId, BackfillId), u32>,
    pub(crate) ended: u64,
}

impl Referee {
    pub(crate) fn refused(&mut self, run: &RunId) {
        self.nights.refused.insert(run.clone());
    }

    pub(super) fn note_rounds(&mut self, run: &RunId, records: &[Record]) {
        for record in records {
            let Fact::RunRetried {
                backfill: Some(backfill),
                ..
            } = &record.fact
            else {
                continue;
            };
            let place = (run.clone(), backfill.clone());
            let rounds = self.nights.rounds.entry(place).or_default();
            *rounds += 1;
            if *rounds > 1 {
                self.say(format!("{run} got two rounds for backfill {backfill}"));
            }
        }
    }

    /// One backfill before and after a commit.
    pub(crate) fn backfilled(
        &mut self,
        before: Option<&(Backfill, Vec<Night>)>,
        store: &Store,
        id: &BackfillId,
    ) {
        let Some((head, nights)) = store.backfills.get(id) else {
            return self.say(format!("backfill {id} is not there"));
        };
        let running = |night: &&Night| matches!(night.state, NightState::Running { .. });
        let under_way = nights.iter().filter(running).count();
        if under_way > head.max_parallel as usize {
            self.say(format!("{under_way} nights of backfill {id} at once"));
        }
        let held = |phase: &Standing| !matches!(phase, Standing::Running);
        let stays_held = held(&head.phase) && before.is_some_and(|(before, _)| held(&before.phase));
        for (place, night) in nights.iter().enumerate() {
            let was = before.and_then(|(_, nights)| nights.get(place));
            let state = was.map(|night| &night.state);
            if state == Some(&night.state) {
                continue;
            }
            if stays_held && matches!(night.state, NightState::Running { .. }) {
                let word = head.phase.word();
                self.say(format!("a night of backfill {id} begins, which is {word}"));
            }
            self.night(store, head, night, state);
        }
    }

    fn night(&mut self, store: &Store, head: &Backfill, night: &Night, was: Option<&NightState>) {
        let (id, tick) = (&head.id, night.tick);
        let say = |what: &str| format!("backfill {id}, the night of {tick}: {what}");
        match (&night.state, was) {
            (_, Some(NightState::Ended { .. } | NightState::LeftAlone { .. })) => {
                self.say(say("it was over, and changes"));
            }
            (NightState::Running { run, .. }, _) => {
                let refused = self.nights.refused.contains(run);
                if !refused && !self.is_for(store, id, night, run) {
                    self.say(say(&format!("it is begun, and {run} is not for it")));
                }
            }
            (NightState::Ended { run, ending, .. }, _) => {
                self.nights.ended += 1;
                let of = store.runs.get(run).map(|stored| &stored.run);
                let (round, phase) = (of.map(|run| run.round), of.map(|run| &run.phase));
                let begun = match was {
                    Some(NightState::Running { round, .. }) => *round,
                    _ => None,
                };
                let later = begun.is_some_and(|begun| round.is_some_and(|round| round > begun));
                let so = matches!(phase, Some(Phase::Ended { ending: its, .. }) if its == ending);
                if !self.is_for(store, id, night, run) || !(so || later) {
                    self.say(say(&format!("it is over, and {run} is not as it says")));
                }
            }
            (NightState::LeftAlone { .. }, _) => {
                if let Some(what) = self.left_wrongly(store, head, night) {
                    self.say(say(&what));
                }
            }
            (NightState::Waiting, _) => {}
        }
    }

    /// Whether a run was made for a night, or got a round for it.
    fn is_for(&self, store: &Store, id: &BackfillId, night: &Night, run: &RunId) -> bool {
        let Some(stored) = store.runs.get(run) else {
            return false;
        };
        let trigger = &stored.run.facts.trigger;
        let place = (run.clone(), id.clone());
        trigger.tick() == Some(night.tick)
            && match &night.errand {
                Errand::Make => trigger.backfill() == Some(id),
                Errand::Retry { .. } | Errand::Again { .. } => {
                    self.nights.rounds.get(&place) == Some(&1)
                }
            }
    }

    /// Why it is wrong to leave a night alone: it has a run of its own, or nothing keeps it from having one.
    fn left_wrongly(&self, store: &Store, head: &Backfill, night: &Night) -> Option<String> {
        let of_tick = |run: &&RunId| {
            let facts = store.runs.get(*run).map(|stored| &stored.run.facts);
            facts.is_some_and(|facts| {
                facts.dag == head.dag && facts.trigger.tick() == Some(night.tick)
            })
        };
        let mut runs = store.runs.keys().filter(of_tick);
        if let Some(own) = runs
            .clone()
            .find(|run| self.is_for(store, &head.id, night, run))
        {
            return Some(format!("it is left alone, and {own} is for it"));
        }
        let excused = match &night.errand {
            Errand::Make => runs.next().is_some() || !self.nights.refused.is_empty(),
            Errand::Retry { .. } | Errand::Again { .. } => true,
        };
        (!excused).then(|| "it is left alone without a reason".to_owned())
    }

    /// A run that was made for a backfill is what one of its nights speaks of.
    pub(crate) fn is_on_record(&mut self, store: &Store, run: &RunId) {
        let trigger = store.runs.get(run).map(|stored| &stored.run.facts.trigger);
        let Some(id) = trigger.and_then(|trigger| trigger.backfill()) else {
            return;
        };
        let nights = store.backfills.get(id).map(|(_, nights)| nights);
        let spoken_of = nights.is_some_and(|nights| {
            let mut states = nights.iter().map(|night| &night.state);
            states.any(|state| state.run() == Some(run))
        });
        if !spoken_of {
            self.say(format!(
                "{run} was made for backfill {id}, which knows nothing of it"
            ));
        }
    }

    /// In the end every night is over, and the counts are those of the nights.
    pub(crate) fn backfills_are_over(&mut self, store: &Store) {
        for (id, (head, nights)) in &store.backfills {
            let counted = noctule_core::backfill::Work::stored(head.clone(), nights.clone());
            if counted.head().tally != head.tally {
                self.say(format!("backfill {id} is counted wrongly"));
            }
            let open = |night: &&Night| {
                matches!(
                    night.state,
                    NightState::Waiting | NightState::Running { .. }
                )
            };
            if matches!(head.phase, Standing::Ended { .. }) && nights.iter().any(|n| open(&n)) {
                self.say(format!("backfill {id} is over, and a night of it is not"));
            }
        }
    }
}
