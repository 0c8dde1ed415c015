//! Runs that are over, for as long as something is done to them.

use noctule_core::name::RunId;
use noctule_core::run::Phase;

use crate::engine::Engine;
use crate::error::RuntimeError;

impl Engine {
    /// Takes a run that is over into memory again, so that it can be acted on.
    pub(crate) async fn revive(&mut self, run: &RunId) -> Result<bool, RuntimeError> {
        if self.live.contains_key(run) {
            return Ok(true);
        }
        let Some(stored) = self.store.run(run).await? else {
            return Ok(false);
        };
        let dag = self
            .catalog
            .version(&self.store, run.as_str(), &stored.facts.version)
            .await?;
        self.take_in(dag, stored);
        Ok(true)
    }

    /// An ended run that nothing was done to leaves memory again.
    pub(crate) fn give_back(&mut self, run: &RunId) {
        let ended = self
            .live
            .get(run)
            .is_some_and(|live| matches!(live.run.phase, Phase::Ended { .. }));
        if ended && !self.batch.steps.contains_key(run) {
            self.leave(run);
        }
    }
}
