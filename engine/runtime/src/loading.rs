//! How an engine begins: it takes up every live run of the store, and everything else that stands there.
//!
//! Guarantees: nothing is performed here. What was in flight is unknown to a fresh engine, and each live run is told so.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use noctule_core::dag::Dag;
use noctule_core::name::RunId;
use noctule_core::run::{Board, Event, Run, TaskRunIx};
use noctule_core::word::Outbox;
use noctule_store::{Lease, Store};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::{Notify, watch};

use crate::batch::Batch;
use crate::catalog::Catalog;
use crate::changed::Teller;
use crate::control::Control;
use crate::engine::{Engine, EngineOptions, Live};
use crate::error::RuntimeError;
use crate::polling::Poller;
use crate::spanning::Again;
use crate::surroundings::Surroundings;
use crate::telling::Telling;
use crate::triggering::Watchers;
use crate::unborn::Waiting;
use crate::unwritten::Unwritten;

impl Engine {
    /// Loads all live runs of the store and makes a loop that can be [`run`](Self::run).
    ///
    /// # Errors
    /// The store cannot be read, or a live run cannot be understood.
    pub async fn load(
        store: Store,
        lease: Lease,
        surroundings: Surroundings,
        options: EngineOptions,
    ) -> Result<(Self, Control), RuntimeError> {
        let (tell, told) = unbounded_channel();
        let (ended, seen) = watch::channel(0);
        let since = options.clock.now();
        let shown = Teller::new(surroundings.clone());
        let messages = store.live_messages().await?;
        let telling = Telling::of(Outbox::of(store.id().clone(), messages, since));
        let mut engine = Self {
            store,
            lease,
            options,
            surroundings,
            catalog: Catalog::default(),
            live: HashMap::new(),
            board: Board::default(),
            batch: Batch::default(),
            poller: Poller::start(Arc::clone(shown.meters())),
            watchers: Watchers::default(),
            tell,
            told,
            ended,
            shown,
            reloads: Arc::new(Notify::new()),
            ticks: BTreeSet::new(),
            backfills: Vec::new(),
            since,
            published: false,
            draining: false,
            telling,
            unwritten: Unwritten::default(),
            unborn: Waiting::default(),
            ailing: None,
            again: None,
        };
        engine.batch.inherited = engine.inherited().await?;
        let live = engine.store.live_runs().await?;
        if engine.surroundings.spans.is_some() {
            engine.again = Some(Again::of(&engine.store, &live, since).await?);
        }
        for run in live {
            if engine
                .options
                .only
                .as_ref()
                .is_some_and(|only| *only != run.facts.dag)
            {
                engine.look_from_afar(&run).await?;
                continue;
            }
            engine.adopt_run(run).await?;
        }
        engine.load_backfills().await?;
        let (control, commands) = Control::new(seen, Arc::clone(&engine.reloads), &engine.shown);
        engine.batch.commands = Some(commands);
        Ok((engine, control))
    }

    /// A run that this engine does not act on still holds its pools: its remote work goes on.
    async fn look_from_afar(&mut self, run: &Run) -> Result<(), RuntimeError> {
        if run.tasks.iter().any(|task| task.live().is_some()) {
            let (id, version) = (run.facts.id.as_str(), &run.facts.version);
            let dag = self.catalog.version(&self.store, id, version).await?;
            self.board.look_from_afar(&dag, run);
        }
        Ok(())
    }

    /// Takes a run of the store in, as a fresh engine: what was in flight is unknown.
    pub(crate) async fn adopt_run(&mut self, run: Run) -> Result<(), RuntimeError> {
        let dag = self
            .catalog
            .version(&self.store, run.facts.id.as_str(), &run.facts.version)
            .await?;
        let id = run.facts.id.clone();
        self.take_in(dag, run);
        self.tell_how_it_was_left(&id);
        self.happen(&id, Event::Resumed);
        self.happen(&id, Event::Due);
        self.touch_all(&id);
        Ok(())
    }

    /// Puts a run on the board.
    pub(crate) fn take_in(&mut self, dag: Arc<Dag>, run: Run) {
        let id = run.facts.id.clone();
        self.live.insert(
            id.clone(),
            Live {
                dag,
                run,
                hands: HashMap::new(),
                clearings: HashMap::new(),
                entries: None,
            },
        );
        self.look_at_all(&id);
        self.expect_end(&id);
    }

    pub(crate) fn look_at_all(&mut self, id: &RunId) {
        let Some(live) = self.live.get(id) else {
            return;
        };
        self.board.look_run(&live.run);
        for ix in (0..u32::try_from(live.run.tasks.len()).unwrap_or(u32::MAX)).map(TaskRunIx) {
            self.board.look(&live.dag, &live.run, ix);
        }
    }
}
