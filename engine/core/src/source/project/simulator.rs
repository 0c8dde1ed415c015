//! `[simulator.jobs.*]`: what a simulated container does; `[simulator.secrets]`: what simulated vaults hold.
//!
//! Never: reads a value.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::super::fields::{Fields, words, wrong_type};
use super::super::report::Note;
use super::super::tree::{Entry, Node};
use super::SecretOrigin;

/// What a simulated container does.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SimulatedJob {
    /// The command it runs; absent: nothing.
    pub command: Option<Vec<String>>,
    /// Environment besides that of the request.
    pub env: Map<String, Value>,
    /// How long it takes to begin.
    pub delay: Option<Duration>,
    /// `true`, an exit code or a message: it fails.
    pub fail: Option<Value>,
    /// The name of its container; absent: whatever the simulated service gives it.
    pub container: Option<String>,
    /// The port it listens on, where work has an address.
    pub port: Option<u16>,
}

/// Where the simulated vaults have the values of secrets from, by name.
pub type SimulatedSecrets = BTreeMap<String, SecretOrigin>;

pub(super) fn read(top: &Fields<'_, '_>) -> (BTreeMap<String, SimulatedJob>, SimulatedSecrets) {
    let mut jobs = BTreeMap::new();
    let Some(simulator) = top.table("simulator") else {
        return (jobs, SimulatedSecrets::new());
    };
    if let Some(table) = simulator.table("jobs") {
        for entry in &table.table.entries {
            let Some(fields) = Fields::of_entry(table.report, entry) else {
                continue;
            };
            jobs.insert(entry.key.to_string(), read_one(&fields));
            fields.finish("a simulated job");
        }
    }
    let secrets = read_secrets(&simulator);
    simulator.finish("[simulator]");
    (jobs, secrets)
}

fn read_secrets(simulator: &Fields<'_, '_>) -> SimulatedSecrets {
    let Some(table) = simulator.table("secrets") else {
        return SimulatedSecrets::new();
    };
    let one = |entry: &Entry<'_>| {
        let words = words(table.report, "secrets", &entry.item)?;
        let origin = SecretOrigin::parse(words.text).filter(|from| from.vault().is_none());
        if origin.is_none() {
            // Perhaps it is the secret itself.
            let what = "a simulated secret has its value from this machine";
            let note = Note::error("bad_value", words.place, what).sensitive();
            table
                .report
                .say(note.help("write `env:NAME` or `file:PATH`"));
        }
        Some((entry.key.to_string(), origin?))
    };
    table.table.entries.iter().filter_map(one).collect()
}

fn read_one(fields: &Fields<'_, '_>) -> SimulatedJob {
    let env = fields
        .table("env")
        .map(|env| env.table.to_json())
        .unwrap_or_default();
    let fail = fields
        .entry("fail")
        .and_then(|entry| match &entry.item.node {
            Node::Boolean(_) | Node::Integer(_) | Node::Text(_) => Some(entry.item.node.to_json()),
            _ => {
                wrong_type(
                    fields.report,
                    "fail",
                    &entry.item,
                    "boolean, exit code or message",
                );
                None
            }
        });
    SimulatedJob {
        command: fields.texts("command"),
        env,
        delay: fields.span("delay"),
        fail,
        container: fields.words("container").map(|words| words.text.to_owned()),
        port: fields
            .count("port", 1..=u32::from(u16::MAX))
            .and_then(|port| u16::try_from(port).ok()),
    }
}
