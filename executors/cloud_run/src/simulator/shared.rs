//! The state behind its lock, the clock beside it, and the news of each change.
//!
//! Nothing waits while the lock is held; every change is announced after it is released.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, Utc};
use noctule_simulated::{Clock, lock};
use tokio::{sync::watch, task::JoinSet};

use super::{attempt, cloud::Cloud, execution::Execution, fault::FaultList, name::ExecutionName};

pub(crate) struct Shared {
    cloud: Mutex<Cloud>,
    changed: watch::Sender<u64>,
    containers: Mutex<JoinSet<()>>,
    pub(crate) token: Mutex<Option<String>>,
    pub(crate) faults: FaultList,
    pub(crate) clock: Clock,
    pub(crate) grace: Duration,
}

impl Shared {
    pub(crate) fn new(cloud: Cloud, clock: Clock, grace: Duration, token: Option<String>) -> Self {
        Shared {
            cloud: Mutex::new(cloud),
            changed: watch::Sender::new(0),
            containers: Mutex::new(JoinSet::new()),
            token: Mutex::new(token),
            faults: FaultList::default(),
            clock,
            grace,
        }
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&Cloud) -> T) -> T {
        look(&lock(&self.cloud))
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Cloud, DateTime<Utc>) -> T) -> T {
        let result = change(&mut lock(&self.cloud), self.clock.now());
        self.changed.send_modify(|version| *version += 1);
        result
    }

    /// Changes one execution; nothing happens if it is gone.
    pub(crate) fn change_execution(
        &self,
        name: &ExecutionName,
        change: impl FnOnce(&mut Execution, DateTime<Utc>),
    ) {
        self.change(|cloud, now| {
            if let Ok(execution) = cloud.execution_mut(name) {
                change(execution, now);
            }
        });
    }

    /// News of changes from now on.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Sets the containers of a new execution going.
    pub(crate) fn start(self: &Arc<Self>, name: ExecutionName) {
        let script = self.read(|cloud| cloud.script(&name.job.job));
        let mut containers = lock(&self.containers);
        while containers.try_join_next().is_some() {}
        containers.spawn(attempt::drive(Arc::clone(self), name, script));
    }

    /// Ends every container and lets every held request go.
    pub(crate) fn stop(&self) {
        lock(&self.containers).abort_all();
        self.faults.release_all();
    }
}
