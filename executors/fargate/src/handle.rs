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
    /// When the address was found: it can be registered from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<DateTime<Utc>>,
    /// It has been healthy.
    #[serde(default)]
    pub(crate) healthy: bool,
}

impl Door {
    /// One at which nothing is registered.
    pub(crate) fn of(group: String, port: u16) -> Self {
        Self {
            group,
            port,
            address: None,
            since: None,
            healthy: false,
        }
    }
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

    /// Its page in AWS's console; none for a simulator, and none if a name is not what it should be.
    pub(crate) fn console(&self) -> Option<String> {
        let cluster = self.cluster.rsplit('/').next()?;
        let plain = |text: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            !text.is_empty() && text.chars().all(fits)
        };
        let checked = [cluster, self.id(), &self.region].into_iter().all(plain);
        if self.endpoint.is_local() || !checked {
            return None;
        }
        let console = match self.region.split('-').collect::<Vec<_>>()[..] {
            ["cn", ..] => "console.amazonaws.cn",
            ["us", "gov", ..] => "console.amazonaws-us-gov.com",
            _ => "console.aws.amazon.com",
        };
        Some(format!(
            "https://{console}/ecs/v2/clusters/{cluster}/tasks/{}?region={}",
            self.id(),
            self.region
        ))
    }

    /// Whether it is more than a task that ends: it becomes ready, or is reached through a load balancer.
    pub(crate) fn is_session(&self) -> bool {
        self.hold || self.door.is_some()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn handle(endpoint: &str, region: &str, cluster: &str, task: &str) -> Handle {
        let handle = json!({
            "endpoint": endpoint, "region": region, "cluster": cluster, "task_arn": task,
            "key": "n1-00000000-k", "launched_at": "2026-01-13T14:00:00Z",
        });
        serde_json::from_value(handle).unwrap()
    }

    #[test]
    fn its_page_in_the_console_is_made_of_checked_names() {
        let at = "https://ecs.eu-west-1.amazonaws.com";
        let task = "arn:aws:ecs:eu-west-1:123456789012:task/nightly/0123abcd";
        let page = "https://console.aws.amazon.com/ecs/v2/clusters/nightly/tasks/0123abcd?region=eu-west-1";
        for cluster in [
            "nightly",
            "arn:aws:ecs:eu-west-1:123456789012:cluster/nightly",
        ] {
            let shown = handle(at, "eu-west-1", cluster, task).console();
            assert_eq!(shown.as_deref(), Some(page));
        }
        let china = handle(at, "cn-north-1", "nightly", task).console().unwrap();
        assert!(
            china.starts_with("https://console.amazonaws.cn/"),
            "{china}"
        );
        for (at, region, cluster, task) in [
            ("http://127.0.0.1:1", "eu-west-1", "nightly", task),
            (at, "eu-west-1&x=", "nightly", task),
            (at, "eu-west-1", "a?b", task),
            (at, "eu-west-1", "nightly", "arn/x\"y"),
        ] {
            assert_eq!(handle(at, region, cluster, task).console(), None);
        }
    }
}
