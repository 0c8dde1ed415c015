//! The life of a task behind the API, from PROVISIONING to STOPPED.
//!
//! Every step is a change of the shared state. Containers are told to end by TERM and, after their
//! stop timeout, by KILL; a life that is aborted kills them at once.

use std::sync::Arc;

use tokio::{sync::watch, task::JoinSet, time::sleep};

use super::{
    container,
    definition::ContainerDefinition,
    shared::Shared,
    status::{Status, Stop, StopCode},
    task::Task,
};

const EXITED: &str = "Essential container in task exited";

/// Lives the life of one task.
pub(crate) async fn live(shared: Arc<Shared>, arn: String) {
    let known = shared.read(|cloud| {
        let task = cloud.task(&arn)?;
        Some((task.stop(), task.goes_on()))
    });
    let Some((stop, go_on)) = known else { return };
    let life = Life {
        shared,
        arn,
        stop,
        go_on,
    };
    if life.rise().await {
        life.work().await;
    }
    life.step(Status::Deprovisioning).await;
    life.change(|task, now| task.enter(Status::Stopped, now));
}

struct Life {
    shared: Arc<Shared>,
    arn: String,
    stop: watch::Receiver<Option<Stop>>,
    go_on: watch::Receiver<bool>,
}

impl Life {
    fn change(&self, change: impl FnOnce(&mut Task, chrono::DateTime<chrono::Utc>)) {
        self.shared.change_task(&self.arn, change);
    }

    fn ask_stop(&self, stop: Stop) {
        self.change(|task, _| task.ask_stop(stop));
    }

    async fn stopped(&self) {
        // The sender lives in the task, which is never taken away.
        drop(self.stop.clone().wait_for(Option::is_some).await);
    }

    /// Enters a state and stays in it for its time.
    async fn step(&self, status: Status) {
        self.change(|task, now| task.enter(status, now));
        self.stay(status).await;
    }

    async fn stay(&self, status: Status) {
        sleep(self.shared.settings.pace.of(status)).await;
        let held = self.task(|task| task.fate.held_at == Some(status));
        if held == Some(true) {
            drop(self.go_on.clone().wait_for(|go_on| *go_on).await);
        }
    }

    fn task<T>(&self, look: impl FnOnce(&Task) -> T) -> Option<T> {
        self.shared.read(|cloud| cloud.task(&self.arn).map(look))
    }

    /// Up to RUNNING; false if the end was asked for on the way.
    async fn rise(&self) -> bool {
        let up = async {
            self.stay(Status::Provisioning).await;
            self.step(Status::Pending).await;
            if let Some(Some(reason)) = self.task(|task| task.fate.fails_to_start.clone()) {
                self.ask_stop(Stop::new(StopCode::TaskFailedToStart, reason));
                return false;
            }
            self.step(Status::Activating).await;
            true
        };
        tokio::select! {
            biased;
            () = self.stopped() => false,
            risen = up => risen,
        }
    }

    /// RUNNING, until the containers are gone.
    async fn work(&self) {
        let (term, told) = watch::channel(false);
        let mut containers = JoinSet::new();
        for definition in self.begin() {
            let (shared, arn, told) = (Arc::clone(&self.shared), self.arn.clone(), told.clone());
            containers.spawn(container::run(shared, arn, definition, told));
        }
        self.stay_up(&mut containers).await;
        self.step(Status::Deactivating).await;
        self.step(Status::Stopping).await;
        term.send_replace(true);
        while let Some(ended) = containers.join_next().await {
            self.note(ended.ok());
        }
    }

    fn begin(&self) -> Vec<ContainerDefinition> {
        self.change(|task, now| {
            task.enter(Status::Running, now);
            for container in &mut task.containers {
                container.status = Status::Running;
            }
        });
        let containers = self.task(|task| task.definition.containers.clone());
        containers.unwrap_or_default()
    }

    /// Returns when the end has been asked for, by somebody or by a container that ended.
    async fn stay_up(&self, containers: &mut JoinSet<container::Ended>) {
        let interrupted = self.task(|task| task.fate.interrupted_after).flatten();
        let interruption = async {
            match interrupted {
                Some(after) => sleep(after).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(interruption);
        loop {
            tokio::select! {
                biased;
                () = self.stopped() => return,
                () = &mut interruption => {
                    let reason = "Your Spot Task was interrupted.";
                    self.ask_stop(Stop::new(StopCode::SpotInterruption, reason));
                }
                ended = containers.join_next() => match ended {
                    Some(ended) => self.note(ended.ok()),
                    None => self.ask_stop(Stop::new(StopCode::EssentialContainerExited, EXITED)),
                },
            }
        }
    }

    fn note(&self, ended: Option<container::Ended>) {
        let Some(ended) = ended else { return };
        self.change(|task, _| {
            if let Some(container) = task.container(&ended.name) {
                container.status = Status::Stopped;
                container.ending = Some(ended.ending.clone());
            }
            if ended.never_started {
                let reason = ended.ending.reason.unwrap_or_default();
                task.ask_stop(Stop::new(StopCode::TaskFailedToStart, reason));
            } else if ended.essential {
                task.ask_stop(Stop::new(StopCode::EssentialContainerExited, EXITED));
            }
        });
    }
}
