//! A workload over a real store: what was done to its files, what was acknowledged when, and what the store then said.

use std::path::Path;
use std::sync::Arc;

use noctule_core::dag::Dag;
use noctule_core::run::{Run, Step};
use noctule_store::{AskId, Lease, Store, Write, Written};
use tokio::sync::Mutex;

use crate::chance::Chance;
use crate::error::PowerError;
use crate::log::{Event, Log, Plant};
use crate::sample;
use crate::shim;
use crate::snapshot::{Known, Snapshot};

const TASKS: usize = 6;

/// How things stood when an operation was acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    /// How much had been done to the files.
    pub(crate) position: usize,
    /// What the store said.
    pub(crate) snapshot: Snapshot,
    /// The latest epoch that was handed out.
    pub(crate) epoch: i64,
}

/// One recorded workload.
pub(crate) struct History {
    pub(crate) events: Vec<Event>,
    /// In order; the first is the store when it was just made.
    pub(crate) moments: Vec<Moment>,
    pub(crate) known: Known,
}

/// Does so many operations, chosen by a seed, in a folder of its own.
pub(crate) async fn record(
    folder: &Path,
    seed: u64,
    operations: usize,
    plant: Plant,
) -> Result<History, PowerError> {
    // The distance of checkpoints is one for the whole process.
    static ALONE: Mutex<()> = Mutex::const_new(());
    let _alone = ALONE.lock().await;
    let mut chance = Chance::new(seed);
    // What SQLite has by default, and small ones, so that a short workload meets many checkpoints.
    shim::checkpoint_after([8, 24, 90, 0][chance.below(4)]);
    let log = Arc::new(Log::new(folder, plant));
    shim::record(&log);
    let done = drive(folder, &log, chance, operations).await;
    shim::forget(&log);
    shim::checkpoint_after(0);
    let (moments, known) = done?;
    let events = log.events();
    if moments.len() != operations + 1 || events.len() < operations {
        let message = format!("{} moments, {} events", moments.len(), events.len());
        return Err(PowerError::Recording(message));
    }
    Ok(History {
        events,
        moments,
        known,
    })
}

async fn drive(
    folder: &Path,
    log: &Arc<Log>,
    chance: Chance,
    operations: usize,
) -> Result<(Vec<Moment>, Known), PowerError> {
    let mut desk = Desk::open(folder, log, chance).await?;
    let mut moments = vec![desk.moment().await?];
    for number in 0..operations {
        desk.operate(number).await?;
        moments.push(desk.moment().await?);
    }
    Ok((moments, desk.known))
}

/// Whoever works with the store.
struct Desk<'a> {
    folder: &'a Path,
    log: &'a Log,
    chance: Chance,
    dag: Dag,
    known: Known,
    runs: Vec<Run>,
    asks: Vec<AskId>,
    store: Store,
    lease: Option<Lease>,
    epoch: i64,
}

impl<'a> Desk<'a> {
    async fn open(folder: &'a Path, log: &'a Log, chance: Chance) -> Result<Self, PowerError> {
        let store = open(folder, true).await?;
        let dag = sample::chain(TASKS)?;
        let known = Known {
            dag: dag.definition().id.clone(),
            version: dag.hash().clone(),
            runs: Vec::new(),
        };
        let (runs, asks) = (Vec::new(), Vec::new());
        let (lease, epoch) = (None, 0);
        Ok(Self {
            folder,
            log,
            chance,
            dag,
            known,
            runs,
            asks,
            store,
            lease,
            epoch,
        })
    }

    /// Reading may do nothing to the files, so the position is that of the acknowledgement.
    async fn moment(&self) -> Result<Moment, PowerError> {
        let position = self.log.position();
        let snapshot = Snapshot::of(&self.store, &self.known).await?;
        Ok(Moment {
            position,
            snapshot,
            epoch: self.epoch,
        })
    }

    /// One operation, acknowledged when this returns.
    async fn operate(&mut self, number: usize) -> Result<(), PowerError> {
        let Some(lease) = self.lease.clone() else {
            return self.acquire().await;
        };
        if number == 1 {
            let version = sample::version(&self.dag);
            return self
                .write(&lease, &[Write::Pin { version: &version }])
                .await;
        }
        match self.chance.below(20) {
            0 => {
                drop(lease);
                self.restart().await
            }
            1 => {
                self.lease = None;
                drop(lease);
                self.acquire().await
            }
            2 | 3 => self.create(&lease, number).await,
            4..=6 => {
                self.asks.push(self.store.ask(&sample::ask(number)?).await?);
                Ok(())
            }
            7 | 8 if !self.asks.is_empty() => {
                let ask = self.asks.remove(0);
                let answer = sample::answer(number);
                let answer = Write::Answer {
                    ask,
                    answer: &answer,
                };
                self.write(&lease, &[answer]).await
            }
            9 => {
                let record = sample::dag_record(&self.dag, number);
                let dropped = sample::dropped(&self.dag, number);
                let dropped = Write::Dropped { dropped: &dropped };
                self.write(&lease, &[Write::Dag { record: &record }, dropped])
                    .await
            }
            _ => self.step(&lease, number).await,
        }
    }

    async fn acquire(&mut self) -> Result<(), PowerError> {
        let lease = self.store.acquire(&sample::owner()).await?;
        self.epoch = lease.epoch();
        self.lease = Some(lease);
        Ok(())
    }

    async fn restart(&mut self) -> Result<(), PowerError> {
        self.lease = None;
        self.store = open(self.folder, false).await?;
        self.acquire().await
    }

    async fn create(&mut self, lease: &Lease, number: usize) -> Result<(), PowerError> {
        let padding = 1 << self.chance.below(14);
        let (mut run, created) = sample::run(&self.dag, number, padding)?;
        let first = run.clone();
        let begun = sample::begin(&mut run);
        let key = format!("key-{number}");
        let create = Write::Create {
            run: &first,
            step: &created,
            idempotency_key: Some(&key),
        };
        let begin = Write::Step {
            run: &run,
            step: &begun,
        };
        self.write(lease, &[create, begin]).await?;
        self.known.runs.push(run.facts.id.clone());
        self.runs.push(run);
        Ok(())
    }

    /// Up to four runs go one task further, in one commit.
    async fn step(&mut self, lease: &Lease, number: usize) -> Result<(), PowerError> {
        let first = self.chance.below(self.runs.len());
        let mut changed: Vec<(Run, Step)> = Vec::new();
        for run in self.runs.iter_mut().skip(first).take(4) {
            let padding = 1 << self.chance.below(13);
            if let Some(step) = sample::hop(run, padding) {
                changed.push((run.clone(), step));
            }
        }
        if changed.is_empty() {
            return self.create(lease, number).await;
        }
        let writes: Vec<Write<'_>> = changed
            .iter()
            .map(|(run, step)| Write::Step { run, step })
            .collect();
        self.write(lease, &writes).await
    }

    async fn write(&self, lease: &Lease, writes: &[Write<'_>]) -> Result<(), PowerError> {
        let written = self.store.commit(lease, writes).await?;
        match written
            .iter()
            .find(|written| !matches!(written, Written::Done))
        {
            None => Ok(()),
            Some(other) => Err(PowerError::Recording(format!(
                "a write was not made: {other:?}"
            ))),
        }
    }
}

async fn open(folder: &Path, create: bool) -> Result<Store, PowerError> {
    Ok(Store::open("sqlite://state.db", sample::options(folder, create)?).await?)
}
