//! A task as the API shows it.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{
    status::{Status, StopCode},
    task::{ContainerState, Task},
};

impl Task {
    /// The whole task but its tags.
    pub(crate) fn render(&self) -> Value {
        let stop = self.stop_reason();
        let desired = if stop.is_some() || self.status == Status::Stopped {
            Status::Stopped
        } else {
            Status::Running
        };
        let (times, request) = (&self.times, &self.request);
        let containers: Vec<Value> = self
            .containers
            .iter()
            .map(|one| self.container_json(one))
            .collect();
        let code = stop.as_ref().map(|stop| StopCode::as_str(stop.code));
        let connected = times.pull_started.is_some();
        let value = json!({
            "attachments": [self.attachment()],
            "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
            "availabilityZone": format!("{}a", self.place.region),
            "capacityProviderName": request.provider(),
            "clusterArn": self.place.cluster(&self.cluster),
            "connectivity": connected.then_some("CONNECTED"),
            "connectivityAt": seconds(times.pull_started),
            "containers": containers,
            "cpu": request.overrides.cpu.as_deref().unwrap_or("256"),
            "createdAt": seconds(Some(times.created)),
            "desiredStatus": desired.as_str(),
            "enableExecuteCommand": request.enable_execute_command.unwrap_or_default(),
            "ephemeralStorage": {"sizeInGiB": 20},
            "executionStoppedAt": seconds(times.execution_stopped),
            "group": request.group.clone().unwrap_or_else(|| format!("family:{}", self.definition.family)),
            "healthStatus": "UNKNOWN",
            "lastStatus": self.status.as_str(),
            "launchType": "FARGATE",
            "memory": request.overrides.memory.as_deref().unwrap_or("512"),
            "overrides": self.shown_overrides(),
            "platformFamily": "Linux",
            "platformVersion": "1.4.0",
            "pullStartedAt": seconds(times.pull_started),
            "pullStoppedAt": seconds(times.pull_stopped),
            "startedAt": seconds(times.started),
            "startedBy": request.started_by,
            "stopCode": code,
            "stoppedAt": seconds(times.stopped),
            "stoppedReason": stop.map(|stop| stop.reason),
            "stoppingAt": seconds(times.stopping),
            "taskArn": self.arn,
            "taskDefinitionArn": self.place.definition(&self.definition.name()),
            "version": self.version,
        });
        without_nulls(value)
    }

    /// With its tags, where they were asked for.
    pub(crate) fn with_tags(&self, mut shown: Value, wanted: bool) -> Value {
        shown["tags"] = if wanted {
            json!(self.request.tags)
        } else {
            json!([])
        };
        shown
    }

    fn attachment(&self) -> Value {
        let detail = |name: &str, value: &str| json!({"name": name, "value": value});
        let mut details = vec![detail("subnetId", self.request.subnet())];
        if self.has_address() {
            let address = self.address.to_string();
            let [_, b, c, d] = self.address.octets();
            details.push(detail("networkInterfaceId", &self.interface));
            details.push(detail(
                "macAddress",
                &format!("0a:00:7f:{b:02x}:{c:02x}:{d:02x}"),
            ));
            let dns = format!("ip-{}.ec2.internal", address.replace('.', "-"));
            details.push(detail("privateDnsName", &dns));
            details.push(detail("privateIPv4Address", &address));
        }
        let status = match self.status {
            Status::Provisioning => "PRECREATED",
            Status::Stopped => "DELETED",
            _ if self.has_address() => "ATTACHED",
            _ => "ATTACHING",
        };
        json!({"id": self.interface, "type": "ElasticNetworkInterface", "status": status, "details": details})
    }

    fn container_json(&self, one: &ContainerState) -> Value {
        let interface = self
            .has_address()
            .then(|| json!([{"attachmentId": self.interface, "privateIpv4Address": self.address.to_string()}]));
        let ending = one.ending.as_ref();
        let value = json!({
            "containerArn": one.arn,
            "taskArn": self.arn,
            "name": one.name,
            "image": "simulator",
            "runtimeId": self.times.started.map(|_| format!("{}-{}", self.id, one.name)),
            "lastStatus": one.status.as_str(),
            "exitCode": ending.and_then(|ending| ending.exit_code),
            "reason": ending.and_then(|ending| ending.reason.clone()),
            "networkBindings": [],
            "networkInterfaces": interface.unwrap_or_else(|| json!([])),
            "healthStatus": "UNKNOWN",
            "cpu": "0",
        });
        without_nulls(value)
    }

    fn shown_overrides(&self) -> Value {
        let mut shown = self.overrides.as_object().cloned().unwrap_or_default();
        let sent = shown
            .get("containerOverrides")
            .and_then(Value::as_array)
            .cloned();
        let sent = sent.unwrap_or_default();
        let each = self.containers.iter().map(|container| {
            let theirs = sent.iter().find(|one| one["name"] == container.name);
            theirs
                .cloned()
                .unwrap_or_else(|| json!({"name": container.name}))
        });
        shown.insert("containerOverrides".to_owned(), each.collect());
        shown
            .entry("inferenceAcceleratorOverrides")
            .or_insert(json!([]));
        Value::Object(shown)
    }
}

/// A moment as the API writes it: seconds with a fraction.
pub(crate) fn seconds(time: Option<DateTime<Utc>>) -> Value {
    let milliseconds = time.and_then(|time| u32_pair(time.timestamp_millis()));
    milliseconds.map_or(Value::Null, |(whole, rest)| {
        json!(f64::from(whole) + f64::from(rest) / 1000.0)
    })
}

/// Seconds and milliseconds; None before 1970 and after 2106.
fn u32_pair(milliseconds: i64) -> Option<(u32, u32)> {
    let whole = u32::try_from(milliseconds.div_euclid(1000)).ok()?;
    let rest = u32::try_from(milliseconds.rem_euclid(1000)).ok()?;
    Some((whole, rest))
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}
