//! The loop that acts: it hears what happened, has the core decide, commits, and only then performs what is asked for.
//!
//! One step of a run is in flight at a time; events that arrive during a commit fold into the next one, so one durable
//! write carries a whole hop and the load groups its own commits. A commit that surely left nothing (disk full, lock) is
//! tried again with all that came since, and nothing is performed before it is durable; any other failure ends the engine.
//! There is no recovery code: what an attempt needs is a pure function of its state, compared with what is being done for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use noctule_core::backfill::Work;
use noctule_core::dag::Dag;
use noctule_core::name::{DagId, ProfileName, RunId};
use noctule_core::run::{Board, Event, Limits, Run, Step, TaskRunIx, advance};
use noctule_store::{Lease, Store, StoreError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::{Notify, watch};

use crate::batch::Batch;
use crate::catalog::Catalog;
use crate::changed::Teller;
use crate::clearing::Clearance;
use crate::clock::Clock;
use crate::control::Command;
use crate::error::RuntimeError;
use crate::hands::Hand;
use crate::polling::Poller;
use crate::spanning::Again;
use crate::surroundings::Surroundings;
use crate::telling::Telling;
use crate::triggering::Watchers;
use crate::unborn::Waiting;
use crate::unwritten::Unwritten;
use crate::work::Told;

/// The longest sleep of the loop: a jump of the wall clock is seen after this.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How often the inbox of asks is looked at.
const INBOX: Duration = Duration::from_millis(100);
/// Events taken in one turn; more wait for the next, so that a flood cannot delay its own commit for long.
const AT_ONCE: usize = 4_096;

/// What an engine is started with.
pub struct EngineOptions {
    /// The profile of the store and of every run.
    pub profile: ProfileName,
    /// Attempts that may hold a slot.
    pub slots: usize,
    /// The clock.
    pub clock: Clock,
    /// Schedules fire.
    pub fires: bool,
    /// Only the live runs of this DAG are taken up; none: of every DAG.
    pub only: Option<DagId>,
    /// DAGs seen for the first time are paused.
    pub new_dags_paused: bool,
    /// The machine, by the name under which executors know it.
    pub host: String,
}

/// A run that is under way, and what is being done for its attempts.
pub(crate) struct Live {
    pub(crate) dag: Arc<Dag>,
    pub(crate) run: Run,
    pub(crate) hands: HashMap<TaskRunIx, Hand>,
    pub(crate) clearings: HashMap<(TaskRunIx, u32), Clearance>,
    /// How many entries its journal has, where that is known.
    pub(crate) entries: Option<u64>,
}

/// The loop and all that it holds.
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) lease: Lease,
    pub(crate) options: EngineOptions,
    pub(crate) surroundings: Surroundings,
    pub(crate) catalog: Catalog,
    pub(crate) live: HashMap<RunId, Live>,
    pub(crate) board: Board,
    pub(crate) batch: Batch,
    pub(crate) poller: Poller,
    pub(crate) watchers: Watchers,
    pub(crate) tell: UnboundedSender<Told>,
    pub(crate) told: UnboundedReceiver<Told>,
    /// Counts the commits in which a run ended.
    pub(crate) ended: watch::Sender<u64>,
    /// What others may see.
    pub(crate) shown: Arc<Teller>,
    /// Somebody asked for the DAG files to be read again.
    pub(crate) reloads: Arc<Notify>,
    /// The next tick of each DAG.
    pub(crate) ticks: BTreeSet<(DateTime<Utc>, DagId)>,
    /// The backfills that are not over, oldest first.
    pub(crate) backfills: Vec<Work>,
    pub(crate) since: DateTime<Utc>,
    /// The DAG files are known: before that, nobody is told that there is no such DAG.
    pub(crate) published: bool,
    /// Nothing new starts; launches that are under way are awaited.
    pub(crate) draining: bool,
    /// What is to be told.
    pub(crate) telling: Telling,
    /// What the store refused, to be written again.
    pub(crate) unwritten: Unwritten,
    /// Ticks whose runs the store refused.
    pub(crate) unborn: Waiting,
    /// Commits fail for now.
    pub(crate) ailing: Option<Ailing>,
    /// Spans that an engine before this one may not have exported.
    pub(crate) again: Option<Again>,
}

/// The store refuses commits for now: what is decided waits in the batch, and nothing is performed.
pub(crate) struct Ailing {
    pub(crate) until: tokio::time::Instant,
    pub(crate) failures: u32,
}

impl Engine {
    /// Runs until it is told to end, or the lease is lost; gives the lease back where it ends well.
    ///
    /// # Errors
    /// Another engine holds the store, or the store cannot be read.
    pub async fn run(self) -> Result<(), RuntimeError> {
        let lease = self.lease.clone();
        // Dropped, the loop performs nothing more, whatever it was about to do.
        tokio::select! {
            biased;
            ended = self.go_on() => ended?,
            () = lease.lost() => return Err(StoreError::LeaseLost(lease.epoch()).into()),
        }
        if let Err(error) = lease.release().await {
            tracing::warn!(%error, "the lease was not given back; it expires by itself");
        }
        Ok(())
    }

    async fn go_on(mut self) -> Result<(), RuntimeError> {
        let mut inbox = tokio::time::interval(INBOX);
        inbox.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let Some(mut commands) = self.batch.commands.take() else {
            return Err(RuntimeError::Ended);
        };
        let _again = self.offer_again();
        self.turn().await?;
        loop {
            let wake = self.next_wake();
            tokio::select! {
                told = self.told.recv() => self.hear_all(told),
                command = commands.recv() => match command {
                    Some(command) => self.obey(command).await?,
                    None => self.draining = true,
                },
                seen = self.watchers.told.recv(), if !self.draining && self.ailing.is_none() => {
                    self.hear_sightings(seen).await?;
                }
                Some(back) = self.telling.under_way.join_next_with_id() => self.hear_back(back),
                _ = inbox.tick(), if self.published && !self.draining => self.answer_asks().await?,
                () = tokio::time::sleep_until(wake) => {}
            }
            self.turn().await?;
            self.beat().await?;
            if self.is_drained() {
                return Ok(());
            }
        }
    }

    fn next_wake(&self) -> tokio::time::Instant {
        let heartbeat = tokio::time::Instant::now() + HEARTBEAT;
        if let Some(ailing) = &self.ailing {
            return ailing.until.min(heartbeat);
        }
        let tick = self
            .ticks
            .first()
            .map(|(at, _)| *at)
            .filter(|_| !self.draining);
        let due = [tick, self.board.next_due(), self.next_word()]
            .into_iter()
            .flatten()
            .min();
        due.map_or(heartbeat, |due| self.options.clock.at(due).min(heartbeat))
    }

    fn hear_all(&mut self, first: Option<Told>) {
        let mut next = first;
        let mut heard = 0;
        while let Some(Told { run, event }) = next {
            self.happen(&run, event);
            heard += 1;
            next = if heard < AT_ONCE {
                self.told.try_recv().ok()
            } else {
                None
            };
        }
    }

    /// One turn: what is due, what may begin, one commit, what follows from it.
    async fn turn(&mut self) -> Result<(), RuntimeError> {
        if self
            .ailing
            .as_ref()
            .is_some_and(|ailing| ailing.until > tokio::time::Instant::now())
        {
            return Ok(());
        }
        let now = self.options.clock.now();
        for run in self.board.due(now) {
            self.happen(&run, Event::Due);
        }
        if self.draining {
            self.watchers.end();
        } else {
            // The older ticks first.
            self.bear_again(now).await?;
            self.fire(now).await?;
            self.begin_runs();
        }
        if self.published {
            // After everything that waits for a place: it yields.
            self.tend_backfills(now).await?;
        }
        if !self.draining {
            self.admit();
        }
        self.turn_outbox(now);
        self.save().await
    }

    /// Applies an event to a live run; the step waits for the next commit.
    pub(crate) fn happen(&mut self, id: &RunId, event: Event) {
        let now = self.options.clock.now();
        let Some(live) = self.live.get_mut(id) else {
            return;
        };
        let step = advance(
            &live.dag,
            &mut live.run,
            event,
            now,
            self.surroundings.desk.as_ref(),
        );
        self.keep(id, step);
    }

    /// Keeps a step for the next commit, and the board up to date.
    pub(crate) fn keep(&mut self, id: &RunId, step: Step) {
        if step.is_empty() {
            return;
        }
        self.tell_of(id, &step.records);
        let Some(live) = self.live.get(id) else {
            return;
        };
        if step.run_changed {
            // Whether a ready task may be admitted depends on the run's phase, too.
            self.look_at_all(id);
        } else {
            for ix in &step.touched {
                self.board.look(&live.dag, &live.run, *ix);
            }
        }
        self.batch.steps.entry(id.clone()).or_default().fold(step);
    }

    fn begin_runs(&mut self) {
        let queued: Vec<DagId> = self.board.dags_with_queued().cloned().collect();
        for dag in queued {
            while let Some(run) = self.beginnable(&dag) {
                self.happen(&run, Event::Begin);
            }
        }
    }

    fn beginnable(&self, dag: &DagId) -> Option<RunId> {
        let current = self
            .catalog
            .get(dag)
            .map(|known| known.dag.definition().max_active_runs);
        let pinned = || {
            let first = self.board.queued(dag).next()?;
            self.live
                .get(first)
                .map(|live| live.dag.definition().max_active_runs)
        };
        self.board.beginnable(dag, current.or_else(pinned)?)
    }

    /// Hands out the free slots. An attempt that cannot be prepared ends at once and frees its slot again.
    fn admit(&mut self) {
        loop {
            let admissible = self.board.admissible(Limits {
                slots: self.options.slots,
                pools: &self.surroundings.pools,
            });
            if admissible.is_empty() {
                return;
            }
            let mut by_run: BTreeMap<RunId, Vec<TaskRunIx>> = BTreeMap::new();
            for (run, task) in admissible {
                by_run.entry(run).or_default().push(task);
            }
            for (run, tasks) in by_run {
                self.happen(&run, Event::Admit { tasks });
            }
        }
    }

    async fn obey(&mut self, command: Command) -> Result<(), RuntimeError> {
        match command {
            Command::Ask { ask, answer } => self.answer_directly(*ask, answer).await?,
            Command::Publish {
                publication,
                surroundings,
            } => {
                if let Some(surroundings) = surroundings {
                    self.surroundings = surroundings.after(&self.surroundings);
                    self.shown.show(&self.surroundings);
                }
                self.publish(publication).await?;
                self.published = true;
            }
            Command::Await { written } => self.batch.awaiting.push(written),
            Command::Measure { asked, done } => {
                self.measure(asked.elapsed());
                // Whoever asked may have gone.
                done.send(()).ok();
            }
            Command::Drain => self.draining = true,
        }
        Ok(())
    }

    fn is_drained(&self) -> bool {
        self.draining
            && self.unwritten.is_over()
            && self.groups().is_empty()
            && self.telling.under_way.is_empty()
            && !self.live.values().any(|live| live.is_launching())
    }

    /// A run that is over leaves memory; the store keeps it.
    pub(crate) fn leave(&mut self, id: &RunId) {
        if let Some(live) = self.live.remove(id) {
            self.board.forget(&live.run);
            self.expect_no_end(id);
        }
    }
}
