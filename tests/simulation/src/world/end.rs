//! The end of a history: nothing is open, no tick waits, and every tick became what its policy says.

use noctule_core::backfill::{Backfill, Phase};
use noctule_core::run::Instant;
use noctule_core::word::{Message, Standing};

use super::World;
use crate::clock::{MINUTE, SECOND};
use crate::cron;

impl World {
    /// After everything has ended there is nothing more to see.
    pub(super) fn look_for_the_end(&mut self) {
        let out = &self.out;
        let since = out.now - out.mix.safety;
        if since >= 30 * SECOND && !self.punctual {
            self.punctual = true;
            self.is_punctual();
        }
        let quiet = if self.out.mix.cron {
            45 * MINUTE
        } else {
            45 * SECOND
        };
        if since < quiet || !self.what_is_open().is_empty() {
            return;
        }
        self.over = true;
        self.judge_ticks();
        let out = &mut self.out;
        out.referee.fold_all(&out.store);
        out.referee.backfills_are_over(&out.store);
        out.referee.words_have_arrived(&out.store);
    }

    pub(super) fn what_is_open(&self) -> String {
        let store = &self.out.store;
        let runs = store.runs.values().filter(|stored| !stored.run.is_over());
        let runs = runs.map(|stored| {
            let states = stored.run.tasks.iter().map(|task| task.state.word());
            format!("{} {:?}", stored.run.facts.id, states.collect::<Vec<_>>())
        });
        let asks = store.asks.iter().filter(|ask| ask.answer.is_none());
        let asks = asks.map(|ask| format!("{:?}", ask.wish));
        // Who paused one may leave it so; what was begun of it comes to its end all the same.
        let goes_on = |head: &Backfill| match head.phase {
            Phase::Paused { .. } => head.tally.running > 0,
            _ => !head.is_over(),
        };
        let backfills = store.backfills.values().filter(|(head, _)| goes_on(head));
        let backfills = backfills.map(|(head, _)| format!("{} {:?}", head.id, head.tally));
        // A receiver that did not take a message is asked again later; nothing is overdue.
        let slowest = self.engines.iter().map(|engine| engine.offset).min();
        let now = self.out.wall(slowest.unwrap_or(0));
        let overdue = |message: &&Message| match message.standing {
            Standing::Gathering { until, .. } => until < now,
            Standing::Waiting { not_before } => not_before < now,
            Standing::Sending => true,
            Standing::Sent { .. } | Standing::GivenUp { .. } | Standing::Kept => false,
        };
        let words = store.messages.values().filter(overdue);
        let words = words.map(|message| format!("{} {}", message.id, message.standing.word()));
        runs.chain(asks)
            .chain(backfills)
            .chain(words)
            .take(3)
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// Half a minute after everything is well, no tick waits.
    fn is_punctual(&mut self) {
        if !self.out.mix.cron {
            return;
        }
        let healed = self.out.wall(-30 * SECOND);
        for dag in self.out.dags.clone() {
            let definition = dag.definition();
            let (Some(rule), Some(began)) = (&definition.schedule, self.began.get(&definition.id))
            else {
                continue;
            };
            let considered = self.out.store.dags[&definition.id].considered;
            let last = cron::ticks(rule, *began, healed).last().copied();
            if last > considered {
                let what = format!("{}: {last:?} is still to be decided", definition.id);
                self.out.referee.say(what);
            }
        }
    }

    fn judge_ticks(&mut self) {
        let sessions: Vec<(Instant, Instant)> = self.sessions.values().copied().collect();
        for dag in self.out.dags.clone() {
            let Some(began) = self.began.get(&dag.definition().id) else {
                continue;
            };
            let pauses = self.pauses.get(&dag.definition().id);
            let known = cron::Known {
                began: *began,
                jumped: self.jumped,
                sessions: &sessions,
                pauses: pauses.map_or(&[], Vec::as_slice),
            };
            match cron::judge(&self.out.store, &dag, &known) {
                Ok(ticks) => self.ticks_judged += ticks,
                Err(what) => self.out.referee.say(what),
            }
        }
    }
}
