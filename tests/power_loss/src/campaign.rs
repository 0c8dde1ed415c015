//! A campaign: workloads are recorded, the power fails at each of their syncs, and every image is opened and compared.
//!
//! An image must open as an engine opens it, be sound to `PRAGMA integrity_check`, and say exactly what the store said
//! after the last acknowledged operation, or after the one that was under way: nothing lost, nothing half. Then it must
//! hand out a higher epoch than any before, by a commit of its own.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use noctule_store::Store;
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use crate::chance::Chance;
use crate::disk::Disk;
use crate::error::PowerError;
use crate::image::{Image, Shape};
use crate::log::{Event, Plant};
use crate::sample;
use crate::snapshot::Snapshot;
use crate::workload::{self, History, Moment};

/// What a campaign does.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The first seed; the workloads take the following ones.
    pub seed: u64,
    /// Ends as soon as so many images were opened.
    pub images: u64,
    /// Operations of a workload.
    pub operations: usize,
    /// The power fails at one of so many syncs, by chance.
    pub every: usize,
    /// Images at each instant at which the power fails.
    pub at_each: usize,
    /// A defect that is built in on purpose.
    pub plant: Plant,
}

/// What a campaign did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    /// Workloads recorded.
    pub workloads: u64,
    /// Operations that the store acknowledged.
    pub acknowledged: u64,
    /// Syncs before which the power failed.
    pub syncs: u64,
    /// Other instants at which the power failed.
    pub between: u64,
    /// Images opened and compared.
    pub images: u64,
    /// Images in which at least one change that was not synced was at stake.
    pub at_stake: u64,
    /// Images of an instant before the store was made.
    pub unborn: u64,
    /// Images in which the operation under way turned out to be kept.
    pub ahead: u64,
    /// Times that the database file was written back from the log.
    pub checkpoints: u64,
}

/// A campaign under way.
pub struct Campaign {
    plan: Plan,
    figures: Figures,
    room: TempDir,
}

impl Campaign {
    /// Does all of it; the first image that fails ends it.
    ///
    /// # Errors
    /// An image does not hold what was acknowledged, or the test itself fails.
    pub async fn run(plan: Plan) -> Result<Figures, PowerError> {
        let place = Path::new("/dev/shm");
        let place = if place.is_dir() {
            place.to_owned()
        } else {
            std::env::temp_dir()
        };
        let room =
            tempfile::tempdir_in(&place).map_err(PowerError::file("make a folder in", place))?;
        let figures = Figures::default();
        let mut campaign = Self {
            plan,
            figures,
            room,
        };
        let mut seed = plan.seed;
        while !campaign.is_done() {
            campaign.workload(seed).await?;
            seed += 1;
        }
        Ok(campaign.figures)
    }

    fn is_done(&self) -> bool {
        self.figures.images >= self.plan.images
    }

    async fn workload(&mut self, seed: u64) -> Result<(), PowerError> {
        let folder = self.folder("work")?;
        let history =
            workload::record(&folder, seed, self.plan.operations, self.plan.plant).await?;
        self.figures.workloads += 1;
        self.figures.acknowledged += history.moments.len() as u64;
        let mut chance = Chance::new(seed ^ 0x0050_4f57_4552);
        let mut disk = Disk::default();
        for (position, event) in history.events.iter().enumerate() {
            let sync = is_barrier(event);
            // Between syncs, a few: a process that is killed there leaves the same files.
            let every = if sync {
                self.plan.every
            } else {
                self.plan.every * 24
            };
            if chance.below(every) == 0 {
                self.figures.syncs += u64::from(sync);
                self.figures.between += u64::from(!sync);
                for number in 0..self.plan.at_each {
                    let mut try_one = Try {
                        history: &history,
                        disk: &disk,
                        seed,
                        position,
                    };
                    self.image(&mut try_one, Shape::of(number), &mut chance)
                        .await?;
                }
            }
            disk.apply(event);
            self.figures.checkpoints += u64::from(is_written_back(&history.events, position));
            if matches!(event, Event::Rename { .. }) {
                self.image_of_rename(&history, &mut disk, (seed, position + 1), &mut chance)
                    .await?;
            }
            if self.is_done() {
                break;
            }
        }
        drop(std::fs::remove_dir_all(&folder));
        Ok(())
    }

    /// The power fails between the rename that makes a store and the sync of its folder.
    async fn image_of_rename(
        &mut self,
        history: &History,
        disk: &mut Disk,
        (seed, position): (u64, usize),
        chance: &mut Chance,
    ) -> Result<(), PowerError> {
        for number in 0..self.plan.at_each {
            let mut try_one = Try {
                history,
                disk,
                seed,
                position,
            };
            self.image(&mut try_one, Shape::of(number), chance).await?;
        }
        disk.sync_folder();
        Ok(())
    }

    async fn image(
        &mut self,
        try_one: &mut Try<'_>,
        shape: Shape,
        chance: &mut Chance,
    ) -> Result<(), PowerError> {
        let folder = self.folder("image")?;
        Image::of(try_one.disk, shape, chance).lay(&folder)?;
        let figures = &mut self.figures;
        figures.images += 1;
        let at_stake = try_one.disk.open_changes() + try_one.disk.open_names();
        figures.at_stake += u64::from(at_stake > 0);
        let stands = try_one.stands(&folder).await;
        let stands = stands.map_err(|what| PowerError::Lost {
            seed: try_one.seed,
            event: try_one.position,
            image: figures.images,
            shape: format!("{shape:?}"),
            what,
        })?;
        figures.unborn += u64::from(stands == Stands::Unborn);
        figures.ahead += u64::from(stands == Stands::Ahead);
        // Connections close in threads of their own; what they still leave goes with the room.
        drop(std::fs::remove_dir_all(&folder));
        Ok(())
    }

    fn folder(&self, what: &str) -> Result<PathBuf, PowerError> {
        let figures = &self.figures;
        let folder = self
            .room
            .path()
            .join(format!("{what}-{}-{}", figures.workloads, figures.images));
        std::fs::create_dir(&folder).map_err(PowerError::file("make", &folder))?;
        Ok(folder)
    }
}

fn is_barrier(event: &Event) -> bool {
    matches!(
        event,
        Event::Sync { .. } | Event::Delete { .. } | Event::Rename { .. }
    )
}

/// Whether a checkpoint ends here: the file itself was synced.
fn is_written_back(events: &[Event], position: usize) -> bool {
    matches!(&events[position], Event::Sync { name } if name == "state.db")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// As before the store was made.
    Unborn,
    /// As acknowledged.
    Exactly,
    /// With the operation that was under way.
    Ahead,
}

/// One instant at which the power fails.
struct Try<'a> {
    history: &'a History,
    disk: &'a Disk,
    seed: u64,
    position: usize,
}

impl Try<'_> {
    /// The last moment that was acknowledged by then, and the next.
    fn expected(&self) -> (Option<&Moment>, Option<&Moment>) {
        let moments = &self.history.moments;
        let acknowledged = moments.partition_point(|moment| moment.position <= self.position);
        let last = acknowledged.checked_sub(1).and_then(|ix| moments.get(ix));
        (last, moments.get(acknowledged))
    }

    async fn stands(&mut self, folder: &Path) -> Result<Stands, String> {
        let (last, next) = self.expected();
        let options = sample::options(folder, last.is_none()).map_err(|error| error.to_string())?;
        let opened = Store::open("sqlite://state.db", options).await;
        let store = opened.map_err(|error| format!("it does not open: {error}"))?;
        let sound = soundness(&folder.join("state.db"))
            .await
            .map_err(|error| format!("it cannot be checked: {error}"))?;
        if sound != ["ok"] {
            return Err(format!("integrity_check: {sound:?}"));
        }
        let snapshot = Snapshot::of(&store, &self.history.known).await;
        let snapshot = snapshot.map_err(|error| format!("it cannot be read: {error}"))?;
        let stands = self.compare(&snapshot)?;
        let lease = store.acquire(&sample::owner()).await;
        let epoch = lease
            .map_err(|error| format!("it cannot be acquired: {error}"))?
            .epoch();
        let before = last.map_or(0, |moment| moment.epoch);
        let under_way = next.map_or(before, |moment| moment.epoch);
        if epoch != before + 1 && epoch != under_way + 1 {
            return Err(format!("epoch {epoch} comes after {before}"));
        }
        Ok(stands)
    }

    fn compare(&self, snapshot: &Snapshot) -> Result<Stands, String> {
        let born = &self.history.moments[0].snapshot;
        let (last, next) = self.expected();
        let is = |moment: Option<&Moment>| {
            moment.is_some_and(|moment| self.padded(&moment.snapshot) == *snapshot)
        };
        let unborn = last.is_none() && self.padded(born) == *snapshot;
        match (unborn, is(last), is(next)) {
            (true, ..) => Ok(Stands::Unborn),
            (_, true, _) => Ok(Stands::Exactly),
            (_, _, true) => Ok(Stands::Ahead),
            _ => {
                let last = self.padded(last.map_or(born, |moment| &moment.snapshot));
                Err(format!(
                    "it differs in {}",
                    snapshot.differences(&last).join(", ")
                ))
            }
        }
    }

    /// Runs that came later were not looked for then: they were not there.
    fn padded(&self, snapshot: &Snapshot) -> Snapshot {
        snapshot.without(&self.history.known.runs)
    }
}

async fn soundness(path: &Path) -> Result<Vec<String>, sqlx::Error> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut connection = options.disable_statement_logging().connect().await?;
    let found = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_all(&mut connection)
        .await;
    connection.close().await?;
    found
}

impl Figures {
    /// A campaign that met too little of what it is about has proved nothing.
    ///
    /// # Errors
    /// Too few images, or hardly any with something at stake, or no checkpoint.
    pub fn enough(&self, images: u64) -> Result<(), PowerError> {
        let enough = self.images >= images
            && self.at_stake * 2 >= images
            && self.unborn > 0
            && self.ahead > 0
            && self.checkpoints > 0;
        if enough {
            return Ok(());
        }
        Err(PowerError::Recording(format!(
            "too little was met: {self:?}"
        )))
    }

    /// One line for people.
    #[must_use]
    pub fn line(&self, took: Duration) -> String {
        let Self {
            workloads,
            acknowledged,
            syncs,
            between,
            images,
            at_stake,
            unborn,
            ahead,
            checkpoints,
        } = self;
        let rate = *images as f64 / took.as_secs_f64().max(0.001);
        format!(
            "{images} images ({at_stake} with unsynced changes at stake, {unborn} before the store was made, {ahead} with \
             the operation under way kept) at {syncs} syncs and {between} other instants of {workloads} workloads \
             ({acknowledged} acknowledged operations, {checkpoints} checkpoints) in {:.1} s, {rate:.0} images/s",
            took.as_secs_f64(),
        )
    }
}

/// Runs a campaign and says how long it took.
///
/// # Errors
/// As [`Campaign::run`].
pub async fn timed(plan: Plan) -> Result<(Figures, Duration), PowerError> {
    let began = Instant::now();
    let figures = Campaign::run(plan).await?;
    Ok((figures, began.elapsed()))
}
