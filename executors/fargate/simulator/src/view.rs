//! What a test sees of the simulator: tasks and targets, at one moment.

use std::{collections::BTreeMap, net::Ipv4Addr};

use serde::Serialize;

use super::{cloud::Cloud, status::Status, target::TargetHealth, task::Task};

/// Everything a condition can be put on.
#[derive(Clone, Debug, Serialize)]
pub struct State {
    /// Every task that was ever started, in that order.
    pub tasks: Vec<TaskView>,
    /// Every target that is registered or drains.
    pub targets: Vec<TargetView>,
}

/// One task at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct TaskView {
    /// Its ARN.
    pub arn: String,
    /// The last part of the ARN.
    pub id: String,
    /// The name of its cluster.
    pub cluster: String,
    /// `family:revision`.
    pub definition: String,
    /// `lastStatus`.
    pub status: Status,
    /// Its end was asked for, or it has ended.
    pub stop_asked: bool,
    /// `stopCode`.
    pub stop_code: Option<&'static str>,
    /// `stoppedReason`.
    pub stopped_reason: Option<String>,
    /// `startedBy`.
    pub started_by: Option<String>,
    /// `clientToken`.
    pub client_token: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The address it has, whether or not it is shown.
    pub address: Ipv4Addr,
    /// Its containers.
    pub containers: Vec<ContainerView>,
}

/// One container at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct ContainerView {
    /// Its name.
    pub name: String,
    /// `exitCode`.
    pub exit_code: Option<i32>,
    /// `reason`.
    pub reason: Option<String>,
    /// The variables of the definition and of the request.
    pub env: BTreeMap<String, String>,
}

/// One target at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct TargetView {
    /// The ARN of its group.
    pub group: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its port.
    pub port: u16,
    /// Its health.
    pub health: TargetHealth,
}

impl State {
    pub(crate) fn of(cloud: &Cloud) -> Self {
        let groups = cloud.targets.0.iter();
        let targets = groups.flat_map(|(group, targets)| {
            targets.iter().map(|((address, port), target)| TargetView {
                group: group.clone(),
                address: *address,
                port: *port,
                health: target.health,
            })
        });
        State {
            tasks: cloud.tasks.values().map(TaskView::of).collect(),
            targets: targets.collect(),
        }
    }
}

impl TaskView {
    fn of(task: &Task) -> Self {
        let stop = task.stop_reason();
        let containers = task.containers.iter().map(|one| ContainerView {
            name: one.name.clone(),
            exit_code: one.ending.as_ref().and_then(|ending| ending.exit_code),
            reason: one.ending.as_ref().and_then(|ending| ending.reason.clone()),
            env: task.env(&one.name),
        });
        let tags = task.request.tags.iter();
        TaskView {
            arn: task.arn.clone(),
            id: task.id.clone(),
            cluster: task.cluster.clone(),
            definition: task.definition.name(),
            status: task.status,
            stop_asked: stop.is_some(),
            stop_code: stop.as_ref().map(|stop| stop.code.as_str()),
            stopped_reason: stop.map(|stop| stop.reason),
            started_by: task.request.started_by.clone(),
            client_token: task.request.client_token.clone(),
            tags: tags
                .map(|tag| (tag.key.clone(), tag.value.clone()))
                .collect(),
            address: task.address,
            containers: containers.collect(),
        }
    }

    /// Whether it has stopped.
    pub fn has_stopped(&self) -> bool {
        self.status == Status::Stopped
    }
}
