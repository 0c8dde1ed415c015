//! Work that others use: its address, its place behind a load balancer, and when it is ready.
//!
//! Guarantees: a target is registered only by a poll whose handle names it, so whatever is registered can be cleared away
//! by anybody. Ready means healthy, or running where there is no target group; what is not ready in time has failed, and
//! the message says what the load balancer says.
//! Facts: registering twice is harmless; targets of Fargate are addresses; a target that nobody registered is `unused`.

use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types::TargetDescription;
use chrono::{DateTime, TimeDelta, Utc};
use noctule_executor::{ErrorClass, ExecutorError, Finished, Outcome, Status};
use serde_json::json;

use crate::failure::{CallError, Op};
use crate::handle::{Door, Handle};
use crate::record::Record;
use crate::session::Session;
use crate::verdict;

/// What a load balancer says about a target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Health {
    pub(crate) state: String,
    pub(crate) reason: String,
    pub(crate) description: String,
}

impl Health {
    fn unregistered() -> Self {
        Self {
            state: "unused".to_owned(),
            reason: "Target.NotRegistered".to_owned(),
            description: String::new(),
        }
    }

    /// Whether no new request goes there: it was never registered, or is on its way out.
    pub(crate) fn is_out(&self) -> bool {
        matches!(self.state.as_str(), "draining" | "unhealthy.draining")
            || (self.state == "unused" && self.reason == "Target.NotRegistered")
    }

    fn said(&self) -> String {
        let Self {
            state,
            reason,
            description,
        } = self;
        let text = format!("{state} {reason} {description}");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn target(address: &str, port: u16) -> TargetDescription {
    TargetDescription::builder()
        .id(address)
        .port(i32::from(port))
        .build()
}

impl Session<'_> {
    /// How a target is doing; one that is not there is `unused`.
    pub(crate) async fn health(&self, door: &Door, address: &str) -> Result<Health, CallError> {
        let op = Op::new(
            "elasticloadbalancing:DescribeTargetHealth",
            format!("target group `{}`", door.group),
        );
        let asked = self.call(op, |clients| {
            let call = clients.elb.describe_target_health();
            let call = call.target_group_arn(&door.group);
            call.targets(target(address, door.port)).send()
        });
        let said = match asked.await {
            Ok(said) => said,
            Err(error) if is_no_target(&error) => return Ok(Health::unregistered()),
            Err(error) => return Err(error),
        };
        let described = said.target_health_descriptions().iter();
        let mut ours = described.filter(|described| {
            described.target().and_then(TargetDescription::id) == Some(address)
        });
        let health = ours.next().and_then(|described| described.target_health());
        Ok(health.map_or_else(Health::unregistered, |health| Health {
            state: health.state().map_or("", |state| state.as_str()).to_owned(),
            reason: health
                .reason()
                .map_or("", |reason| reason.as_str())
                .to_owned(),
            description: health.description().unwrap_or_default().to_owned(),
        }))
    }

    async fn register(&self, door: &Door, address: &str) -> Result<(), CallError> {
        let op = Op::new(
            "elasticloadbalancing:RegisterTargets",
            format!("target group `{}`", door.group),
        );
        let asked = self.call(op, |clients| {
            let call = clients.elb.register_targets();
            let call = call.target_group_arn(&door.group);
            call.targets(target(address, door.port)).send()
        });
        asked.await.map(drop)
    }

    /// Takes a target out; one that is not there is out.
    pub(crate) async fn deregister(&self, door: &Door, address: &str) -> Result<(), CallError> {
        let op = Op::new(
            "elasticloadbalancing:DeregisterTargets",
            format!("target group `{}`", door.group),
        );
        let asked = self.call(op, |clients| {
            let call = clients.elb.deregister_targets();
            let call = call.target_group_arn(&door.group);
            call.targets(target(address, door.port)).send()
        });
        match asked.await {
            Err(error) if !is_no_target(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// How running work that others use stands.
    pub(crate) async fn readiness(
        &self,
        handle: &Handle,
        record: &Record,
    ) -> Result<Status, ExecutorError> {
        let running = Status::Running {
            started_at: record.started_at,
            poll_after: None,
        };
        if !handle.hold && handle.door.as_ref().is_some_and(|door| door.healthy) {
            return Ok(running);
        }
        let stands = match &record.address {
            None => Stands::NotYet("it has no private address".to_owned()),
            Some(address) => match self.stands(handle, address).await {
                // A right that is missing will still be missing: it must not run for ever unready.
                Err(ExecutorError::Unavailable {
                    message,
                    alarm: true,
                }) if is_late(handle, record) => Stands::NotYet(message),
                stands => stands?,
            },
        };
        match stands {
            Stands::Ready(address) => Ok(ready(handle, record, &address)),
            Stands::Advanced(handle) => advanced(&handle),
            Stands::NotYet(why) if is_late(handle, record) => {
                Ok(self.too_late(handle, record, &why).await)
            }
            Stands::NotYet(_) => Ok(running),
        }
    }

    async fn stands(&self, handle: &Handle, address: &str) -> Result<Stands, ExecutorError> {
        let Some(door) = &handle.door else {
            return Ok(Stands::Ready(address.to_owned()));
        };
        let Some(registered) = &door.address else {
            return Ok(Stands::Advanced(with_door(handle, door, address, false)));
        };
        let place = format!("{registered}:{}", door.port);
        let asked = match self.health(door, registered).await {
            Ok(health) if health.is_out() => {
                let asked = self.register(door, registered).await;
                asked.map(|()| Stands::NotYet(format!("target {place} was just registered")))
            }
            Ok(health) if health.state == "healthy" && handle.hold => {
                Ok(Stands::Ready(registered.clone()))
            }
            Ok(health) if health.state == "healthy" => {
                Ok(Stands::Advanced(with_door(handle, door, registered, true)))
            }
            Ok(health) => Ok(Stands::NotYet(format!(
                "target {place} is {}",
                health.said()
            ))),
            Err(error) => Err(error),
        };
        asked.map_err(|error| error.of_read())
    }

    async fn too_late(&self, handle: &Handle, record: &Record, why: &str) -> Status {
        let within = Duration::from_millis(handle.ready_within_ms);
        let message = format!(
            "task `{}` was not ready {}s after it began to run: {why}",
            handle.id(),
            within.as_secs()
        );
        let output = verdict::output(record, None);
        let outcome = Outcome::failed(ErrorClass::NeverStarted, message, Some(output));
        Status::Finished(Finished {
            outcome: self.with_log_tail(handle, record, outcome).await,
            started_at: record.started_at,
            ended_at: None,
        })
    }
}

/// How far work has come.
enum Stands {
    NotYet(String),
    Advanced(Box<Handle>),
    /// With its address.
    Ready(String),
}

fn with_door(handle: &Handle, door: &Door, address: &str, healthy: bool) -> Box<Handle> {
    let door = Door {
        address: Some(address.to_owned()),
        since: door.since.or_else(|| Some(Utc::now())),
        healthy,
        ..door.clone()
    };
    Box::new(Handle {
        door: Some(door),
        ..handle.clone()
    })
}

fn advanced(handle: &Handle) -> Result<Status, ExecutorError> {
    let handle = serde_json::to_value(handle);
    let handle = handle.map_err(|error| ExecutorError::alarm(format!("the handle: {error}")))?;
    Ok(Status::Advanced { handle })
}

fn ready(handle: &Handle, record: &Record, address: &str) -> Status {
    let port = handle.port;
    Status::Ready {
        output: json!({
            "address": address,
            "port": port,
            "url": port.map(|port| format!("http://{address}:{port}")),
            "task_arn": record.arn,
            "key": handle.key,
        }),
    }
}

fn is_late(handle: &Handle, record: &Record) -> bool {
    is_late_at(handle, record, Utc::now())
}

/// The time runs from when the target could be registered: an engine that was away until then has not seen it fail.
fn is_late_at(handle: &Handle, record: &Record, now: DateTime<Utc>) -> bool {
    let began = record.started_at.unwrap_or(handle.launched_at);
    let since = handle.door.as_ref().and_then(|door| door.since);
    let began = since.map_or(began, |since| since.max(began));
    let within = i64::try_from(handle.ready_within_ms).unwrap_or(i64::MAX);
    let within = TimeDelta::try_milliseconds(within).unwrap_or(TimeDelta::MAX);
    now - began > within
}

/// The group is gone, or the target is none of its VPC any more: nothing is registered there.
fn is_no_target(error: &CallError) -> bool {
    error.refusal().is_some_and(|refusal| {
        matches!(
            refusal.code.as_str(),
            "InvalidTarget" | "InvalidTargetException"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(time: &str) -> DateTime<Utc> {
        let text = format!("2026-01-13T{time}Z");
        text.parse().expect("an instant")
    }

    /// A session that has five minutes to be ready, and runs since 14:00.
    fn late(since: Option<&str>, now: &str) -> bool {
        let mut door = Door::of("group".to_owned(), 8080);
        door.since = since.map(instant);
        let handle = json!({
            "endpoint": "http://127.0.0.1", "region": "r", "cluster": "c", "task_arn": "a", "key": "n1-00000000-k",
            "launched_at": "2026-01-13T13:00:00Z", "ready_within_ms": 300_000, "door": door,
        });
        let record = Record {
            started_at: Some(instant("14:00:00")),
            ..Record::default()
        };
        let handle = serde_json::from_value(handle).expect("a handle");
        is_late_at(&handle, &record, instant(now))
    }

    #[test]
    fn the_time_to_be_ready_runs_from_when_a_target_could_be_registered() {
        assert!(!late(None, "14:05:00"));
        assert!(late(None, "14:05:01"));
        assert!(!late(Some("13:59:00"), "14:05:00"));
        assert!(late(Some("13:59:00"), "14:05:01"));
        // The engine was away for an hour.
        assert!(!late(Some("15:00:00"), "15:05:00"));
        assert!(late(Some("15:00:00"), "15:05:01"));
    }
}
