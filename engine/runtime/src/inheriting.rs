//! What live runs are told of how the store was left, before anything else: it was set back, or the engine before ran on
//! another machine. Settled with the first commit, which makes it durable; until then the next engine tells it again.

use noctule_core::name::RunId;
use noctule_core::run::Event;

use crate::engine::Engine;
use crate::error::RuntimeError;

/// What there is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Inherited {
    doubted: bool,
    moved: bool,
    /// The store does not know yet that the engine is here.
    pub(crate) unsettled: bool,
}

impl Engine {
    pub(crate) async fn inherited(&self) -> Result<Inherited, RuntimeError> {
        let left = self.store.inheritance().await?;
        let here = left.host.as_deref() == Some(self.options.host.as_str());
        Ok(Inherited {
            doubted: left.doubted,
            moved: left.host.is_some() && !here,
            unsettled: left.doubted || !here,
        })
    }

    pub(crate) fn tell_how_it_was_left(&mut self, id: &RunId) {
        let Inherited { doubted, moved, .. } = self.batch.inherited;
        if doubted {
            self.happen(id, Event::Doubted);
        }
        if moved {
            self.happen(id, Event::Moved);
        }
    }

    /// An engine for one DAG alone has not told the others.
    pub(crate) async fn settle(&self) {
        if self.options.only.is_some() {
            return;
        }
        if let Err(error) = self.store.settle(&self.lease, &self.options.host).await {
            tracing::warn!(%error, "failed to note that this engine has taken the store over; the next one notes it");
        }
    }
}
