//! `[simulator.jobs.*]`: what a simulated container does.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::super::fields::{Fields, wrong_type};
use super::super::tree::Node;

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

pub(super) fn read(top: &Fields<'_, '_>) -> BTreeMap<String, SimulatedJob> {
    let mut jobs = BTreeMap::new();
    let Some(simulator) = top.table("simulator") else {
        return jobs;
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
    simulator.finish("[simulator]");
    jobs
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
