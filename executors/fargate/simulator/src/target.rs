//! Target groups and their targets: what is registered, and how healthy it is.

use std::{collections::BTreeMap, net::Ipv4Addr};

use chrono::{DateTime, Utc};

/// Every target group that was ever named.
#[derive(Debug, Default)]
pub(crate) struct TargetGroups(pub(crate) BTreeMap<String, TargetGroup>);

/// The targets of one group, by address and port.
pub(crate) type TargetGroup = BTreeMap<(Ipv4Addr, u16), Target>;

/// One target.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) health: TargetHealth,
    /// Registering again after a deregistration makes another one of it.
    pub(crate) registration: u64,
    pub(crate) draining_since: Option<DateTime<Utc>>,
}

/// The health of a target, as `DescribeTargetHealth` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetHealth {
    /// Registered just now.
    Initial,
    /// Asked, and not yet often enough.
    Checking,
    /// It takes requests.
    Healthy,
    /// It answered with another status.
    WrongAnswer,
    /// It does not answer.
    NoAnswer,
    /// Deregistered, and still finishing.
    Draining,
    /// Not registered.
    Unused,
}

impl TargetHealth {
    /// `State`.
    pub fn state(self) -> &'static str {
        match self {
            TargetHealth::Initial | TargetHealth::Checking => "initial",
            TargetHealth::Healthy => "healthy",
            TargetHealth::WrongAnswer | TargetHealth::NoAnswer => "unhealthy",
            TargetHealth::Draining => "draining",
            TargetHealth::Unused => "unused",
        }
    }

    /// `Reason` and `Description`, which a healthy target has not.
    pub fn reason(self) -> Option<(&'static str, &'static str)> {
        match self {
            TargetHealth::Initial => Some((
                "Elb.RegistrationInProgress",
                "Target registration is in progress",
            )),
            TargetHealth::Checking => Some((
                "Elb.InitialHealthChecking",
                "Initial health checks in progress",
            )),
            TargetHealth::Healthy => None,
            TargetHealth::WrongAnswer => Some((
                "Target.ResponseCodeMismatch",
                "Health checks failed with these codes: [503]",
            )),
            TargetHealth::NoAnswer => Some(("Target.Timeout", "Request timed out")),
            TargetHealth::Draining => Some((
                "Target.DeregistrationInProgress",
                "Target deregistration is in progress",
            )),
            TargetHealth::Unused => Some((
                "Target.NotRegistered",
                "Target is not registered to the target group",
            )),
        }
    }
}

impl Target {
    pub(crate) fn is_drained(&self, delay: std::time::Duration, now: DateTime<Utc>) -> bool {
        let delay = chrono::TimeDelta::from_std(delay).unwrap_or(chrono::TimeDelta::MAX);
        self.draining_since
            .is_some_and(|since| now - since >= delay)
    }
}

impl TargetGroups {
    /// Forgets targets that have drained.
    pub(crate) fn sweep(&mut self, delay: std::time::Duration, now: DateTime<Utc>) {
        for group in self.0.values_mut() {
            group.retain(|_, target| !target.is_drained(delay, now));
        }
    }

    pub(crate) fn target(&mut self, group: &str, at: (Ipv4Addr, u16)) -> Option<&mut Target> {
        self.0.get_mut(group)?.get_mut(&at)
    }
}
