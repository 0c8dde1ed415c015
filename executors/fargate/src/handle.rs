//! All that must be remembered of a task to find it, watch it and clear it away from a fresh process.
//!
//! Guarantees: it keeps its endpoint, region and cluster; a connection that points elsewhere meanwhile is an alarm and
//! never a verdict. What was registered with a load balancer stands in it before it is registered, so tear-down needs
//! nothing but the handle.

use chrono::{DateTime, Utc};
use noctule_executor::{AttemptKey, ExecutorError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::connection::Settings;
use crate::endpoint::Endpoint;

/// One task on Fargate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handle {
    pub(crate) endpoint: Endpoint,
    pub(crate) region: String,
    pub(crate) cluster: String,
    pub(crate) task_arn: String,
    pub(crate) key: AttemptKey,
    /// With its revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) task_definition: Option<String>,
    /// The containers whose exit codes are the verdict.
    #[serde(default)]
    pub(crate) judged: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) log: Option<LogPlace>,
    pub(crate) launched_at: DateTime<Utc>,
    /// Others use it: it is to become ready.
    #[serde(default)]
    pub(crate) hold: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) door: Option<Door>,
    /// Milliseconds from running to ready.
    #[serde(default)]
    pub(crate) ready_within_ms: u64,
    /// Left to end by itself when its users failed.
    #[serde(default)]
    pub(crate) leave_after_failure: bool,
}

/// A place behind a load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Door {
    /// The ARN of the target group.
    pub(crate) group: String,
    pub(crate) port: u16,
    /// The address that is, or is about to be, registered; nothing is before it stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
    /// It has been healthy.
    #[serde(default)]
    pub(crate) healthy: bool,
}

/// The log stream of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogPlace {
    pub(crate) group: String,
    pub(crate) stream: String,
    pub(crate) region: String,
}

impl Handle {
    /// The last part of the task's ARN.
    pub(crate) fn id(&self) -> &str {
        self.task_arn.rsplit('/').next().unwrap_or(&self.task_arn)
    }

    /// This connection is the one that the handle belongs to.
    pub(crate) fn check_place(&self, settings: &Settings) -> Result<(), ExecutorError> {
        let now = settings.identity.endpoint_of("ecs");
        if self.endpoint == now && self.region == settings.identity.region {
            return Ok(());
        }
        Err(ExecutorError::alarm(format!(
            "task `{}` runs at {} ({}), the connection now points to {now} ({})",
            self.task_arn, self.endpoint, self.region, settings.identity.region
        )))
    }

    /// What people know it by.
    pub(crate) fn public(&self) -> Value {
        let mut public = json!({
            "task_arn": self.task_arn,
            "cluster": self.cluster,
            "region": self.region,
            "task_definition": self.task_definition,
        });
        if let Some(log) = &self.log {
            public["log_group"] = json!(log.group);
            public["log_stream"] = json!(log.stream);
        }
        public
    }

    /// Whether it is more than a task that ends: it becomes ready, or is reached through a load balancer.
    pub(crate) fn is_session(&self) -> bool {
        self.hold || self.door.is_some()
    }
}
