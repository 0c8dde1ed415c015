//! The backfills that a commit speaks of, before and after it.

use noctule_core::name::{BackfillId, RunId};

use crate::referee::Referee;
use crate::store::{Nights as Stored, Store, Write};

/// Some backfills as they stood before a commit, and the runs that it makes for any.
pub(super) struct Nights {
    before: Vec<(BackfillId, Option<Stored>)>,
    made: Vec<RunId>,
}

impl Nights {
    pub(super) fn of(writes: &[Write], store: &Store) -> Self {
        let mut nights = Self {
            before: Vec::new(),
            made: Vec::new(),
        };
        for write in writes {
            match write {
                Write::Backfill { head, .. } => {
                    let kept = store.backfills.get(&head.id).cloned();
                    nights.before.push((head.id.clone(), kept));
                }
                Write::Create { run, .. } if run.facts.trigger.backfill().is_some() => {
                    nights.made.push(run.facts.id.clone());
                }
                _ => {}
            }
        }
        nights
    }

    pub(super) fn judge(&self, referee: &mut Referee, store: &Store) {
        for (id, before) in &self.before {
            referee.backfilled(before.as_ref(), store, id);
        }
        for run in &self.made {
            referee.is_on_record(store, run);
        }
    }
}
