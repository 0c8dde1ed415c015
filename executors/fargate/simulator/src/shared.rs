//! The state behind its lock, the clock beside it, and the news of each change.
//!
//! Nothing waits while the lock is held; every change is announced after it is released.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use noctule_simulated::{Effect, FaultList, lock};
use tokio::{sync::watch, task::JoinSet};

use super::{cloud::Cloud, fault::Twist, life, settings::Settings, task::Task};

pub(crate) struct Shared {
    pub(crate) settings: Settings,
    cloud: Mutex<Cloud>,
    changed: watch::Sender<u64>,
    running: Mutex<JoinSet<()>>,
    ahead: Mutex<TimeDelta>,
    pub(crate) on_the_wire: FaultList<Effect>,
    pub(crate) twists: FaultList<Twist>,
}

impl Shared {
    pub(crate) fn new(settings: Settings, cloud: Cloud) -> Self {
        Shared {
            settings,
            cloud: Mutex::new(cloud),
            changed: watch::Sender::new(0),
            running: Mutex::new(JoinSet::new()),
            ahead: Mutex::new(TimeDelta::zero()),
            on_the_wire: FaultList::default(),
            twists: FaultList::default(),
        }
    }

    /// The time by the simulator's clock.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.settings.clock.now() + *lock(&self.ahead)
    }

    /// Sets the clock ahead.
    pub(crate) fn advance(&self, time: Duration) {
        if let Ok(time) = TimeDelta::from_std(time) {
            *lock(&self.ahead) += time;
        }
        self.changed.send_modify(|version| *version += 1);
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&Cloud) -> T) -> T {
        look(&lock(&self.cloud))
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Cloud, DateTime<Utc>) -> T) -> T {
        let now = self.now();
        let result = change(&mut lock(&self.cloud), now);
        self.changed.send_modify(|version| *version += 1);
        result
    }

    /// Changes one task; nothing happens if there is none.
    pub(crate) fn change_task(&self, arn: &str, change: impl FnOnce(&mut Task, DateTime<Utc>)) {
        self.change(|cloud, now| {
            if let Some(task) = cloud.task_mut(arn) {
                change(task, now);
            }
        });
    }

    /// News of changes from now on.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Begins the life of a new task.
    pub(crate) fn begin(self: &Arc<Self>, arn: String) {
        self.spawn(life::live(Arc::clone(self), arn));
    }

    /// Runs beside the requests until the simulator stops.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut running = lock(&self.running);
        while running.try_join_next().is_some() {}
        running.spawn(work);
    }

    /// Lets every held request go; the answer is what still runs.
    pub(crate) fn end(&self) -> JoinSet<()> {
        self.on_the_wire.release_all();
        let mut running = std::mem::take(&mut *lock(&self.running));
        running.abort_all();
        running
    }
}
