//! How backfills stand, told when that changes.

use std::collections::HashMap;

use noctule_core::backfill::{Around, Backfill, Phase, Tally};
use noctule_core::name::BackfillId;
use noctule_core::view::{BackfillView, ProgressView};
use noctule_store::{Store, StoreError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::history::History;
use super::told::About;

/// Backfills whose last state is remembered; beyond that one may be told twice.
const REMEMBERED: usize = 1_024;

/// How a backfill stands, as it is told live: an event named `backfill`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveBackfill {
    /// The backfill.
    pub backfill: String,
    /// Its DAG.
    pub dag: String,
    /// How it stands.
    pub state: String,
    /// How many of its nights stand how.
    pub progress: ProgressView,
}

/// Reads backfills for everybody.
pub(super) struct Backfills {
    store: Store,
    told: HashMap<BackfillId, (Phase, Tally)>,
}

impl Backfills {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            told: HashMap::new(),
        }
    }

    /// Tells how a backfill stands, if that is news.
    pub(super) async fn catch_up(
        &mut self,
        id: &BackfillId,
        history: &History,
    ) -> Result<(), StoreError> {
        let Some(head) = self.store.backfill(id).await? else {
            return Ok(());
        };
        let stands = (head.phase.clone(), head.tally);
        if self.told.get(id) == Some(&stands) {
            return Ok(());
        }
        if self.told.len() >= REMEMBERED {
            self.told.clear();
        }
        self.told.insert(id.clone(), stands);
        match serde_json::to_string(&live(&head)) {
            Ok(json) => history.tell(About::Backfill, &head.dag, &json),
            Err(error) => tracing::error!(backfill = %id, %error, "an event cannot be written"),
        }
        Ok(())
    }
}

fn live(head: &Backfill) -> LiveBackfill {
    // What it waits for is no part of it: that takes a look at everything else.
    let alone = Around {
        max_active_runs: None,
        running: 0,
        queued: 0,
    };
    let view = BackfillView::of(head, alone, &|at| at.to_rfc3339());
    LiveBackfill {
        backfill: view.id,
        dag: view.dag,
        state: view.state.to_owned(),
        progress: view.progress,
    }
}
