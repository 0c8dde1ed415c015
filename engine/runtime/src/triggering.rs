//! Event triggers: which DAGs are watched, and one run for each occasion, ever.
//!
//! A DAG is watched while this engine fires schedules, the DAG is not paused and its newest version has a trigger. The
//! occasion's key is the idempotency key of its run, so an occasion that is seen again, by whichever engine, makes nothing.
//! What keeps occasions from becoming runs stands in the DAG's record, and is logged once.

use std::collections::BTreeMap;
use std::sync::Arc;

use noctule_core::ask::{Answer, Refusal};
use noctule_core::dag::TriggerTable;
use noctule_core::name::DagId;
use noctule_core::run::Trigger;
use noctule_core::source::resolve_params;
use noctule_executor::Occasion;
use noctule_store::Trouble;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

use crate::asking::{done, done_to, refused};
use crate::batch::Given;
use crate::births::Birth;
use crate::engine::Engine;
use crate::error::RuntimeError;
use crate::watching::{Seen, Sighting, Watch, run_key};

/// Sightings taken in one turn; more wait for the next.
const AT_ONCE: usize = 4_096;

/// The watches of an engine. They end with it.
pub(crate) struct Watchers {
    alive: BTreeMap<DagId, Watcher>,
    started: u64,
    tell: UnboundedSender<Sighting>,
    pub(crate) told: UnboundedReceiver<Sighting>,
}

struct Watcher {
    number: u64,
    task: AbortHandle,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Default for Watchers {
    fn default() -> Self {
        let (tell, told) = unbounded_channel();
        Self {
            alive: BTreeMap::new(),
            started: 0,
            tell,
            told,
        }
    }
}

impl Watchers {
    /// Ends every watch. What it has told and was not heard yet is not heard any more.
    pub(crate) fn end(&mut self) {
        self.alive.clear();
    }

    fn hears(&self, sighting: &Sighting) -> bool {
        let watcher = self.alive.get(&sighting.dag);
        watcher.is_some_and(|watcher| watcher.number == sighting.watch)
    }
}

impl Engine {
    /// Replaces every watch: the DAGs or their surroundings have changed.
    pub(crate) fn watch_all(&mut self) {
        self.watchers.end();
        let known: Vec<DagId> = self
            .catalog
            .iter()
            .map(|known| known.dag.definition().id.clone())
            .collect();
        known.iter().for_each(|id| self.watch(id));
    }

    /// Begins or ends the watch of one DAG, as it stands now.
    pub(crate) fn watch(&mut self, id: &DagId) {
        self.watchers.alive.remove(id);
        if !self.options.fires || self.draining {
            return;
        }
        match self.wanted(id) {
            Ok(None) => self.trouble(id, None),
            Err(message) => self.trouble(id, Some(message)),
            Ok(Some(watch)) => {
                let number = watch.number;
                self.watchers.started = number;
                let task = tokio::spawn(watch.watch()).abort_handle();
                let watcher = Watcher { number, task };
                self.watchers.alive.insert(id.clone(), watcher);
            }
        }
    }

    fn wanted(&self, id: &DagId) -> Result<Option<Watch>, String> {
        let Some(known) = self.catalog.get(id) else {
            return Ok(None);
        };
        let definition = known.dag.definition();
        match &definition.trigger {
            Some(trigger) if known.record.pause.is_none() => {
                if let [first, ..] = definition.not_yet.as_slice() {
                    return Err(format!("this DAG cannot run yet: {first}"));
                }
                self.watch_over(id, trigger).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn watch_over(&self, id: &DagId, trigger: &TriggerTable) -> Result<Watch, String> {
        let desk = &self.surroundings.desk;
        let missing = || format!("this noctule has no event source `{}`", trigger.kind);
        let source = desk.registry.source(&trigger.kind).ok_or_else(missing)?;
        let connection =
            desk.connection_of(source.connection_kind(), trigger.connection.as_deref())?;
        let connection = connection.map(|connection| connection.name.as_str());
        Ok(Watch {
            dag: id.clone(),
            number: self.watchers.started + 1,
            source: Arc::clone(source),
            context: self.surroundings.context(id.as_str(), connection),
            table: Value::Object(trigger.table.clone()),
            every: trigger.every,
            store: self.store.clone(),
            tell: self.watchers.tell.clone(),
        })
    }

    /// Hears what the watches have told.
    pub(crate) async fn hear_sightings(
        &mut self,
        first: Option<Sighting>,
    ) -> Result<(), RuntimeError> {
        let mut next = first;
        let mut heard = 0;
        while let Some(sighting) = next {
            if self.watchers.hears(&sighting) {
                self.hear_sighting(sighting).await?;
            }
            heard += 1;
            next = if heard < AT_ONCE {
                self.watchers.told.try_recv().ok()
            } else {
                None
            };
        }
        Ok(())
    }

    async fn hear_sighting(&mut self, sighting: Sighting) -> Result<(), RuntimeError> {
        match sighting.seen {
            Seen::Trouble(trouble) => self.trouble(&sighting.dag, trouble),
            Seen::Occasion { occasion, reply } => {
                let answer = self.run_for(&sighting.dag, occasion).await?;
                let of = done_to(&answer);
                let (to, answer) = (reply, answer);
                self.batch.replies.push(Given { to, answer, of });
            }
        }
        Ok(())
    }

    /// The run of an occasion, made if there is none.
    async fn run_for(&mut self, id: &DagId, occasion: Occasion) -> Result<Answer, RuntimeError> {
        let key = run_key(&occasion.key);
        if let Some(existing) = self.run_of_key(id, &key).await? {
            return Ok(Answer::Done {
                run: Some(existing.run().clone()),
                existing: true,
                notes: Vec::new(),
            });
        }
        let Some((dag, source)) = self.catalog.get(id).and_then(|known| {
            let trigger = known.dag.definition().trigger.as_ref()?;
            Some((Arc::clone(&known.dag), trigger.kind.clone()))
        }) else {
            return Ok(refused(
                Refusal::NotFound,
                "the DAG has no trigger any more",
            ));
        };
        let params = match resolve_params(dag.definition(), &occasion.params) {
            Ok(params) => params,
            Err(problems) => {
                let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
                return Ok(refused(Refusal::Invalid, problems.join("; ")));
            }
        };
        let now = self.options.clock.now();
        let ingestion_id = match dag.ingestion_id(now) {
            Ok(id) => id,
            Err(error) => return Ok(refused(Refusal::Invalid, error.to_string())),
        };
        let birth = Birth {
            trigger: Trigger::Event {
                source,
                key: occasion.key,
            },
            ingestion_id,
            logical_time: now,
            params,
            key: Some(key),
            callback: None,
        };
        Ok(done(Some(self.make(&dag, birth).await?)))
    }

    /// Keeps what is wrong with a trigger where people look, and says it once.
    fn trouble(&mut self, id: &DagId, what: Option<String>) {
        let now = self.options.clock.now();
        let Some(known) = self.catalog.get_mut(id) else {
            return;
        };
        if known.record.trouble.as_ref().map(|trouble| &trouble.what) == what.as_ref() {
            return;
        }
        match &what {
            Some(what) => tracing::error!(dag = %id, "its trigger is in trouble: {what}"),
            None => tracing::info!(dag = %id, "its trigger is well again"),
        }
        known.record.trouble = what.map(|what| Trouble { what, since: now });
        self.batch.dags.insert(id.clone());
    }
}
