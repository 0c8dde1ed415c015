//! One reading of a task, as far as Noctule looks at it.
//!
//! Guarantees: pure data; a field that is absent stays absent, nothing is made up. An exit code that is not there is not 0.

use aws_sdk_ecs::types::Task;
use aws_smithy_types::DateTime as AwsTime;
use chrono::{DateTime, Utc};

use crate::rules;

/// A container of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ContainerRecord {
    pub(crate) name: String,
    pub(crate) exit_code: Option<i32>,
    pub(crate) reason: Option<String>,
}

/// A task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) arn: String,
    pub(crate) definition: Option<String>,
    pub(crate) last_status: String,
    pub(crate) stop_code: Option<String>,
    pub(crate) stopped_reason: Option<String>,
    pub(crate) created_at: Option<DateTime<Utc>>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) stopped_at: Option<DateTime<Utc>>,
    pub(crate) started_by: Option<String>,
    /// The attempt key of the tag, where tags were asked for.
    pub(crate) tagged: Option<String>,
    pub(crate) capacity_provider: Option<String>,
    pub(crate) containers: Vec<ContainerRecord>,
    /// The private address in the VPC.
    pub(crate) address: Option<String>,
}

impl Record {
    /// Reads a task; `None` for one without an ARN.
    pub(crate) fn read(task: &Task) -> Option<Self> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Some(Self {
            arn: task.task_arn()?.to_owned(),
            definition: owned(task.task_definition_arn()),
            last_status: task.last_status().unwrap_or_default().to_owned(),
            stop_code: task.stop_code().map(|code| code.as_str().to_owned()),
            stopped_reason: owned(task.stopped_reason()),
            created_at: task.created_at().and_then(time),
            started_at: task.started_at().and_then(time),
            stopped_at: task.stopped_at().and_then(time),
            started_by: owned(task.started_by()),
            tagged: tag(task),
            capacity_provider: owned(task.capacity_provider_name()),
            containers: containers(task),
            address: address(task),
        })
    }

    /// Whether it carries an attempt key.
    pub(crate) fn carries(&self, key: &str) -> bool {
        self.started_by.as_deref() == Some(key)
    }

    /// Whether nothing of it runs any more.
    pub(crate) fn has_stopped(&self) -> bool {
        matches!(self.last_status.as_str(), "STOPPED" | "DELETED")
    }

    /// The last part of its ARN.
    pub(crate) fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or(&self.arn)
    }
}

fn time(time: &AwsTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.secs(), time.subsec_nanos())
}

fn tag(task: &Task) -> Option<String> {
    let tags = task.tags().iter();
    let mut ours = tags.filter(|tag| tag.key() == Some(rules::KEY_TAG));
    ours.next()?.value().map(str::to_owned)
}

fn containers(task: &Task) -> Vec<ContainerRecord> {
    let read = |container: &aws_sdk_ecs::types::Container| {
        Some(ContainerRecord {
            name: container.name()?.to_owned(),
            exit_code: container.exit_code(),
            reason: container.reason().map(str::to_owned),
        })
    };
    task.containers().iter().filter_map(read).collect()
}

/// In the network attachment, else at a container.
fn address(task: &Task) -> Option<String> {
    let details = task.attachments().iter().flat_map(|a| a.details());
    let attached = details
        .filter(|detail| detail.name() == Some("privateIPv4Address"))
        .find_map(|detail| detail.value());
    let interfaces = task
        .containers()
        .iter()
        .flat_map(|c| c.network_interfaces());
    let of_container = interfaces.filter_map(|interface| interface.private_ipv4_address());
    let found = attached.into_iter().chain(of_container).next();
    found.filter(|text| !text.is_empty()).map(str::to_owned)
}
