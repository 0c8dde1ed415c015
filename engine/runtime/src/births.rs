//! Runs that are asked for: by somebody, by an occasion. Each exists with the next commit, once for its idempotency key.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use noctule_core::ask::{Answer, Refusal, TriggerWish};
use noctule_core::dag::Dag;
use noctule_core::name::{DagId, RunId};
use noctule_core::run::{Actor, NewRun, Trigger};
use noctule_core::source::resolve_params;
use noctule_core::ticks::IngestionId;

use crate::asking::{done, refused};
use crate::engine::Engine;
use crate::error::RuntimeError;
use crate::of_key::OfKey;

/// What is known of a run that is to be made.
pub(crate) struct Birth {
    pub(crate) trigger: Trigger,
    pub(crate) ingestion_id: IngestionId,
    pub(crate) logical_time: DateTime<Utc>,
    pub(crate) params: serde_json::Map<String, serde_json::Value>,
    /// A DAG makes one run of it, ever.
    pub(crate) key: Option<String>,
    /// Whom its end is told, besides the receivers of its DAG.
    pub(crate) callback: Option<String>,
}

impl Engine {
    pub(crate) async fn trigger(
        &mut self,
        wish: TriggerWish,
        by: Actor,
    ) -> Result<Answer, RuntimeError> {
        let Some(known) = self.catalog.get(&wish.dag) else {
            return Ok(refused(
                Refusal::NotFound,
                format!("there is no DAG `{}`", wish.dag),
            ));
        };
        let dag = Arc::clone(&known.dag);
        if let Err(why) = self.check_callback(&wish) {
            return Ok(refused(Refusal::Invalid, format!("callback_url: {why}")));
        }
        if let Some(version) = wish
            .version
            .as_ref()
            .filter(|version| *version != dag.hash())
        {
            let (ours, theirs) = (dag.hash().short(), version.short());
            let message = format!(
                "the engine has version {ours} of `{}`, you have {theirs}: reload it first",
                wish.dag
            );
            return Ok(refused(Refusal::Conflict, message));
        }
        if let [first, ..] = dag.definition().not_yet.as_slice() {
            return Ok(refused(
                Refusal::Invalid,
                format!("`{}` cannot run yet: {first}", wish.dag),
            ));
        }
        let params = match resolve_params(dag.definition(), &wish.params) {
            Ok(params) => params,
            Err(problems) => {
                let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
                return Ok(refused(Refusal::Invalid, problems.join("; ")));
            }
        };
        if let Some(key) = &wish.idempotency_key
            && let Some(existing) = self.run_of_key(&wish.dag, key).await?
        {
            return Ok(existing.answer(&params, key));
        }
        let ingestion_id = match &wish.ingestion_id {
            Some(given) => IngestionId::given(given),
            None => dag.ingestion_id(wish.logical_time),
        };
        let ingestion_id = match ingestion_id {
            Ok(id) => id,
            Err(error) => return Ok(refused(Refusal::Invalid, error.to_string())),
        };
        let birth = Birth {
            trigger: Trigger::Manual { by },
            ingestion_id,
            logical_time: wish.logical_time,
            params,
            key: wish.idempotency_key,
            callback: wish.callback_url,
        };
        Ok(done(Some(self.make(&dag, birth).await?)))
    }

    /// Whether a run may call back where its asker wants it.
    fn check_callback(&self, wish: &TriggerWish) -> Result<(), String> {
        match (&wish.callback_url, &self.surroundings.courier) {
            (None, _) => Ok(()),
            (Some(url), Some(courier)) => courier.takes_callback(url),
            (Some(_), None) => Err("this engine sends no messages".to_owned()),
        }
    }

    /// Makes a run that was asked for: it exists with the next commit.
    pub(crate) async fn make(
        &mut self,
        dag: &Arc<Dag>,
        birth: Birth,
    ) -> Result<RunId, RuntimeError> {
        let id = &dag.definition().id;
        let new = NewRun {
            id: self.new_run_id(),
            profile: self.options.profile.clone(),
            trigger: birth.trigger,
            ingestion_id: birth.ingestion_id,
            logical_time: birth.logical_time,
            params: birth.params,
            vars: self.surroundings.vars.as_ref().clone(),
            previous: self.store.previous_times(id, birth.logical_time).await?,
            callback: birth.callback,
        };
        let id = new.id.clone();
        self.bear(dag, new, birth.key, self.options.clock.now());
        Ok(id)
    }

    pub(crate) async fn run_of_key(
        &self,
        dag: &DagId,
        key: &str,
    ) -> Result<Option<OfKey>, RuntimeError> {
        let births = self.batch.births.iter();
        let mut unborn = births
            .filter(|(_, given)| given.as_deref() == Some(key))
            .filter_map(|(id, _)| self.live.get(id));
        if let Some(live) = unborn.find(|live| live.run.facts.dag == *dag) {
            return Ok(Some(OfKey::Known(Box::new(live.run.facts.clone()))));
        }
        let Some(id) = self.store.run_by_key(dag, key).await? else {
            return Ok(None);
        };
        Ok(Some(match self.store.summary(&id).await? {
            Some(run) => OfKey::Known(Box::new(run.facts)),
            None => OfKey::Forgotten(id),
        }))
    }
}
