//! What a simulator starts with.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use noctule_simulated::Clock;

use super::{definition::Definition, fault::Fault, status::Status};

/// What exists, and how things go when nothing is ordered.
#[derive(Clone)]
pub struct Settings {
    /// Where it listens: a free port of this machine.
    pub listen: SocketAddr,
    /// The account that everything belongs to.
    pub account: String,
    /// The task definitions, in every region.
    pub definitions: Vec<Definition>,
    /// The names of the clusters; None: every cluster that is asked for exists.
    pub clusters: Option<Vec<String>>,
    /// The ARNs of the target groups; None: every well-formed one exists.
    pub target_groups: Option<Vec<String>>,
    /// How long the steps of a life take.
    pub pace: Pace,
    /// How targets become healthy.
    pub health: Health,
    /// How long a deregistered target drains, by the clock (300 s).
    pub deregistration_delay: Duration,
    /// How old a task must be, by the clock, to be described and listed (at once).
    pub visible_after: Duration,
    /// How long stopped tasks can be described, by the clock (1 h).
    pub keep_stopped: Duration,
    /// How long a client token is remembered, by the clock (24 h).
    pub token_life: Duration,
    /// The key pair that requests must be signed with; None: any signature of the right form will do.
    pub verify: Option<KeyPair>,
    /// Where timestamps come from.
    pub clock: Clock,
    /// Faults ordered from the start.
    pub faults: Vec<Fault>,
}

/// A key pair to sign with.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// The id of the key, which is no secret.
    pub access_key_id: String,
    /// The secret key.
    pub secret_access_key: String,
}

/// How long a task stays in each state, by the runtime's clock; all zero by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// PROVISIONING.
    pub provisioning: Duration,
    /// PENDING.
    pub pending: Duration,
    /// ACTIVATING.
    pub activating: Duration,
    /// DEACTIVATING.
    pub deactivating: Duration,
    /// DEPROVISIONING.
    pub deprovisioning: Duration,
}

impl Pace {
    /// The same time in each state.
    pub fn even(time: Duration) -> Self {
        Pace {
            provisioning: time,
            pending: time,
            activating: time,
            deactivating: time,
            deprovisioning: time,
        }
    }

    pub(crate) fn of(&self, status: Status) -> Duration {
        match status {
            Status::Provisioning => self.provisioning,
            Status::Pending => self.pending,
            Status::Activating => self.activating,
            Status::Deactivating => self.deactivating,
            Status::Deprovisioning => self.deprovisioning,
            Status::Running | Status::Stopping | Status::Stopped => Duration::ZERO,
        }
    }
}

/// How targets become healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// By asking them over HTTP.
    Probe {
        /// The path that has to answer 200.
        path: String,
        /// From one question to the next.
        interval: Duration,
        /// How long an answer may take.
        timeout: Duration,
        /// So many good answers in a row make a target healthy.
        healthy: u32,
        /// So many bad ones make it unhealthy.
        unhealthy: u32,
    },
    /// By themselves after this time, if a running task has the address.
    After(Duration),
}

impl Default for Health {
    fn default() -> Self {
        Health::Probe {
            path: "/health".to_owned(),
            interval: Duration::from_millis(200),
            timeout: Duration::from_secs(2),
            healthy: 2,
            unhealthy: 3,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            account: "123456789012".to_owned(),
            definitions: Vec::new(),
            clusters: None,
            target_groups: None,
            pace: Pace::default(),
            health: Health::default(),
            deregistration_delay: Duration::from_secs(300),
            visible_after: Duration::ZERO,
            keep_stopped: Duration::from_secs(3600),
            token_life: Duration::from_secs(24 * 3600),
            verify: None,
            clock: Clock::default(),
            faults: Vec::new(),
        }
    }
}

impl Settings {
    /// With one more task definition.
    #[must_use]
    pub fn definition(mut self, definition: Definition) -> Self {
        self.definitions.push(definition);
        self
    }
}
