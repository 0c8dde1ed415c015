//! What a backfill has to do with the waiting of a run: it lets all others pass, and begins its nights one after another.

use super::{Gate, Reason, Teller};
use crate::backfill::{Around, Backfill, Night, NightState, hold};
use crate::run::{Instant, Phase, Run, TaskState};

impl Teller<'_> {
    /// A run of a backfill whose tasks wait is told whom they let pass.
    pub(super) fn yielding(&self) -> Option<Reason> {
        let backfill = self.run.backfill.as_ref()?;
        let since = |state: &TaskState| match state {
            TaskState::Ready { since } => Some(*since),
            _ => None,
        };
        let waits = match &self.run.phase {
            Phase::Queued { since } => Some(*since),
            Phase::Running { .. } => self
                .run
                .tasks
                .iter()
                .filter_map(|it| since(&it.state))
                .min(),
            Phase::Ended { .. } => None,
        }?;
        let text = format!(
            "the run is for backfill {backfill}, which yields: places, slots and pools go to all other runs first"
        );
        let next = format!(
            "`noctule backfill show {backfill}` says how far it is; a retry by hand yields no more"
        );
        Some(Reason::new(Gate::Backfill, text).since(waits).next(next))
    }
}

/// Explains a run that a backfill is to begin anew, while its turn has not come.
#[must_use]
pub fn explain_backfill(
    run: &Run,
    head: &Backfill,
    nights: &[Night],
    around: Around,
    say: &dyn Fn(Instant) -> String,
) -> Option<Reason> {
    let waits = |night: &&Night| night.state == NightState::Waiting;
    let ours = |night: &Night| night.errand.run() == Some(&run.facts.id);
    let before = nights.iter().filter(waits).position(ours)?;
    let held = match hold(head, around) {
        Some(held) => held.words(say),
        None => "it is begun at the next turn of the engine".to_owned(),
    };
    let place = match before {
        0 => "it is the next of its nights".to_owned(),
        1 => "1 of its nights comes before it".to_owned(),
        more => format!("{more} of its nights come before it"),
    };
    let id = &head.id;
    let text = format!("backfill {id} is to begin this run anew: {place}; {held}");
    let next = format!("`noctule backfill show {id}` says how far it is");
    Some(
        Reason::new(Gate::Backfill, text)
            .since(head.created_at)
            .next(next),
    )
}
