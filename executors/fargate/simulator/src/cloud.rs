//! Everything that exists: definitions, tasks, tokens, targets, logs and the record of requests.
//!
//! Its methods change this state and never wait, so each is atomic under the one lock around it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::Ipv4Addr,
    sync::Arc,
};

use chrono::{DateTime, TimeDelta, Utc};
use noctule_simulated::RecordedRequest;
use secrecy::SecretString;
use serde_json::Value;

use super::{
    arn::Place, definition::Definition, log_book::LogBook, refusal::Refusal, settings::Settings,
    start::Start, status::Status, target::TargetGroups, task::Task,
};

#[derive(Debug, Default)]
pub(crate) struct Cloud {
    pub(crate) definitions: Vec<Arc<Definition>>,
    pub(crate) tasks: BTreeMap<u64, Task>,
    numbers: HashMap<String, u64>,
    /// By cluster ARN and client token.
    pub(crate) tokens: HashMap<(String, String), Spent>,
    pub(crate) targets: TargetGroups,
    pub(crate) logs: LogBook,
    /// By name.
    pub(crate) secrets: BTreeMap<String, SecretString>,
    pub(crate) record: Vec<Arc<RecordedRequest>>,
    /// Every start there ever was.
    pub(crate) starts: Vec<Start>,
    next: u64,
    addresses: Addresses,
}

/// A client token that was used.
#[derive(Clone, Debug)]
pub(crate) struct Spent {
    pub(crate) request: Value,
    pub(crate) answer: Value,
    pub(crate) tasks: Vec<String>,
    pub(crate) at: DateTime<Utc>,
}

/// Addresses of this machine that no other simulator gives away.
#[derive(Debug, Default)]
struct Addresses {
    first: u32,
    given: u32,
}

/// How many addresses each port has to itself.
const ADDRESSES: u32 = 512;

impl Cloud {
    pub(crate) fn new(settings: &Settings, port: u16) -> Self {
        Cloud {
            definitions: settings.definitions.iter().cloned().map(Arc::new).collect(),
            addresses: Addresses {
                first: u32::from(port) * ADDRESSES,
                given: 0,
            },
            ..Cloud::default()
        }
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// An address that no living task has.
    pub(crate) fn address(&mut self) -> Ipv4Addr {
        let taken: BTreeSet<Ipv4Addr> = self
            .tasks
            .values()
            .filter(|task| task.status != Status::Stopped)
            .map(|task| task.address)
            .collect();
        loop {
            let number = self.addresses.first + self.addresses.given % (1 << 23);
            self.addresses.given += 1;
            // 127.0.0.x stays with the machine, and the last addresses of a net are nobody's.
            let host = 256 + number % ((1 << 24) - 512);
            let address = Ipv4Addr::from(0x7f00_0000 + host);
            if !taken.contains(&address) && !matches!(address.octets()[3], 0 | 255) {
                return address;
            }
        }
    }

    pub(crate) fn add(&mut self, task: Task) -> String {
        let arn = task.arn.clone();
        self.numbers.insert(arn.clone(), task.sequence);
        self.tasks.insert(task.sequence, task);
        arn
    }

    pub(crate) fn task(&self, arn: &str) -> Option<&Task> {
        self.tasks.get(self.numbers.get(arn)?)
    }

    pub(crate) fn task_mut(&mut self, arn: &str) -> Option<&mut Task> {
        self.tasks.get_mut(self.numbers.get(arn)?)
    }

    /// The task a person means, by its ARN or its id.
    pub(crate) fn named(&self, name: &str) -> Option<&Task> {
        let named = |task: &&Task| task.arn == name || task.id == name;
        self.tasks.values().find(named)
    }

    /// Whether reads show the task: not too young, not stopped too long ago.
    pub(crate) fn is_shown(task: &Task, settings: &Settings, now: DateTime<Utc>) -> bool {
        let after = |time: DateTime<Utc>, span: std::time::Duration| {
            TimeDelta::from_std(span).is_ok_and(|span| now - time >= span)
        };
        let stopped = task.times.stopped;
        after(task.times.created, settings.visible_after)
            && !stopped.is_some_and(|stopped| after(stopped, settings.keep_stopped))
    }

    /// The revision meant by a name; inactive ones only if named.
    pub(crate) fn definition(&self, place: &Place, given: &str) -> Option<Arc<Definition>> {
        let (family, revision) = place.definition_name(given)?;
        let of_family = self.definitions.iter().filter(|one| one.family == family);
        match revision {
            Some(revision) => of_family
                .clone()
                .find(|one| one.revision == revision)
                .cloned(),
            None => of_family
                .filter(|one| one.active)
                .max_by_key(|one| one.revision)
                .cloned(),
        }
    }
}

/// The name of a cluster that exists.
pub(crate) fn cluster(
    settings: &Settings,
    place: &Place,
    given: Option<&str>,
) -> Result<String, Refusal> {
    let name = place.cluster_name(given)?;
    match &settings.clusters {
        Some(known) if !known.contains(&name) => Err(Refusal::no_cluster()),
        _ => Ok(name),
    }
}
