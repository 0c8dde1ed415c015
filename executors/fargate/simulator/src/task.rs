//! One task: its containers, its times and its end. Once stopped, it never changes again.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::sync::watch;

use super::{
    arn::{Place, random_id},
    definition::Definition,
    fault::Fate,
    run_request::RunTask,
    status::{Ending, Status, Stop},
};

#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) place: Place,
    pub(crate) cluster: String,
    /// The place in the order of starts.
    pub(crate) sequence: u64,
    pub(crate) definition: Arc<Definition>,
    pub(crate) request: Arc<RunTask>,
    /// The overrides as they were sent, and are shown again.
    pub(crate) overrides: Value,
    pub(crate) fate: Fate,
    pub(crate) status: Status,
    pub(crate) containers: Vec<ContainerState>,
    pub(crate) times: Times,
    pub(crate) address: Ipv4Addr,
    pub(crate) interface: String,
    pub(crate) attached: bool,
    /// As it was before its last change of status.
    pub(crate) before: Value,
    pub(crate) version: u32,
    stop: watch::Sender<Option<Stop>>,
    go_on: watch::Sender<bool>,
}

/// When things happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times {
    pub(crate) created: DateTime<Utc>,
    pub(crate) pull_started: Option<DateTime<Utc>>,
    pub(crate) pull_stopped: Option<DateTime<Utc>>,
    pub(crate) started: Option<DateTime<Utc>>,
    pub(crate) stopping: Option<DateTime<Utc>>,
    pub(crate) execution_stopped: Option<DateTime<Utc>>,
    pub(crate) stopped: Option<DateTime<Utc>>,
}

/// One container of a task.
#[derive(Debug)]
pub(crate) struct ContainerState {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) status: Status,
    pub(crate) ending: Option<Ending>,
    /// What a test decided.
    pub(crate) told: watch::Sender<Option<Ending>>,
}

/// What is known when a task is made.
pub(crate) struct NewTask {
    pub(crate) place: Place,
    pub(crate) cluster: String,
    pub(crate) sequence: u64,
    pub(crate) definition: Arc<Definition>,
    pub(crate) request: Arc<RunTask>,
    pub(crate) overrides: Value,
    pub(crate) fate: Fate,
    pub(crate) address: Ipv4Addr,
    pub(crate) now: DateTime<Utc>,
}

impl Task {
    pub(crate) fn new(new: NewTask) -> Self {
        let (id, place, cluster) = (random_id(), new.place, new.cluster);
        let containers = new.definition.containers.iter().map(|one| ContainerState {
            name: one.name.clone(),
            arn: place.container(&cluster, &id, &uuid::Uuid::new_v4().to_string()),
            status: Status::Pending,
            ending: None,
            told: watch::Sender::new(None),
        });
        let mut task = Task {
            arn: place.task(&cluster, &id),
            containers: containers.collect(),
            sequence: new.sequence,
            definition: new.definition,
            request: new.request,
            overrides: new.overrides,
            fate: new.fate,
            status: Status::Provisioning,
            times: Times {
                created: new.now,
                ..Times::default()
            },
            address: new.address,
            interface: format!("eni-{}", &random_id()[..17]),
            attached: false,
            before: Value::Null,
            version: 1,
            stop: watch::Sender::new(None),
            go_on: watch::Sender::new(false),
            id,
            place,
            cluster,
        };
        task.before = task.render();
        task
    }

    /// Why it has to end, once it has to.
    pub(crate) fn stop(&self) -> watch::Receiver<Option<Stop>> {
        self.stop.subscribe()
    }

    pub(crate) fn stop_reason(&self) -> Option<Stop> {
        self.stop.borrow().clone()
    }

    /// True once a test lets it go on.
    pub(crate) fn goes_on(&self) -> watch::Receiver<bool> {
        self.go_on.subscribe()
    }

    pub(crate) fn go_on(&self) {
        self.go_on.send_replace(true);
    }

    /// Asks for its end; the first reason is the one that is shown.
    pub(crate) fn ask_stop(&mut self, stop: Stop) {
        if self.status == Status::Stopped || self.stop.borrow().is_some() {
            return;
        }
        self.before = self.render();
        self.version += 1;
        self.stop.send_replace(Some(stop));
    }

    pub(crate) fn has_address(&self) -> bool {
        self.attached && !self.fate.no_address
    }

    /// The next state of its life.
    pub(crate) fn enter(&mut self, status: Status, now: DateTime<Utc>) {
        self.before = self.render();
        self.version += 1;
        self.status = status;
        let times = &mut self.times;
        match status {
            Status::Provisioning => {}
            Status::Pending => {
                self.attached = true;
                times.pull_started = Some(now);
            }
            Status::Activating => times.pull_stopped = Some(now),
            Status::Running => times.started = Some(now),
            Status::Deactivating => times.stopping = times.stopping.or(Some(now)),
            Status::Stopping => {
                times.stopping = times.stopping.or(Some(now));
            }
            Status::Deprovisioning => {
                times.stopping = times.stopping.or(Some(now));
                times.execution_stopped = times.started.map(|_| now);
            }
            Status::Stopped => times.stopped = Some(now),
        }
        if status >= Status::Deprovisioning {
            for container in &mut self.containers {
                container.status = Status::Stopped;
            }
        }
    }

    pub(crate) fn container(&mut self, name: &str) -> Option<&mut ContainerState> {
        self.containers.iter_mut().find(|one| one.name == name)
    }

    /// The environment of a container: the definition's, the request's, and where it is.
    pub(crate) fn env(&self, container: &str) -> BTreeMap<String, String> {
        let known = self
            .definition
            .containers
            .iter()
            .find(|one| one.name == container);
        let mut env = known.map(|one| one.env.clone()).unwrap_or_default();
        env.extend(self.request.overrides.env(container));
        env
    }
}
