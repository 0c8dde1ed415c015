//! Every effective value and where it came from: what `noctule config` prints.
//!
//! Never: shows a secret; a password inside a URL is masked.

use std::fmt;

use serde_json::Value;

use super::super::report::{Report, SourceKind};
use super::super::tree::{Item, Node, Table};
use super::{EngineSettings, NewDags};
use crate::ticks::format_duration;

/// One effective value.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The path: `engine.slots`.
    pub path: String,
    /// The value; secrets are references, passwords in URLs are masked.
    pub value: Value,
    /// Where it came from.
    pub origin: Origin,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The project file.
    File {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// A profile of the project file.
    Profile {
        /// The profile.
        name: String,
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment {
        /// The variable.
        name: String,
    },
    /// A command-line flag.
    Flag {
        /// The flag.
        name: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Profile { name, file, line } => write!(f, "profile {name} ({file}:{line})"),
            Self::Environment { name } => write!(f, "environment {name}"),
            Self::Flag { name } => write!(f, "flag {name}"),
        }
    }
}

/// The leaves of the effective tree, and the defaults of what it leaves out, in the order of their paths.
pub(in super::super) fn settings(
    report: &Report<'_>,
    tree: &Table<'_>,
    store_url: &str,
    engine: &EngineSettings,
) -> Vec<Setting> {
    let mut all = Vec::new();
    collect(report, tree, "", &mut all);
    for (path, value) in defaults(store_url, engine) {
        if !all.iter().any(|setting| setting.path == path) {
            all.push(Setting {
                path: path.to_owned(),
                value,
                origin: Origin::Default,
            });
        }
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

fn collect(report: &Report<'_>, table: &Table<'_>, prefix: &str, all: &mut Vec<Setting>) {
    for entry in &table.entries {
        let path = if prefix.is_empty() {
            entry.key.to_string()
        } else {
            format!("{prefix}.{}", entry.key)
        };
        match &entry.item.node {
            Node::Table(table) if !is_reference(table) => collect(report, table, &path, all),
            node => {
                let value = masked(node.to_json());
                all.push(Setting {
                    path,
                    value,
                    origin: origin(report, &entry.item),
                });
            }
        }
    }
}

/// `{ secret = "NAME" }`.
fn is_reference(table: &Table<'_>) -> bool {
    table.entries.len() == 1 && table.get("secret").is_some()
}

fn origin(report: &Report<'_>, item: &Item<'_>) -> Origin {
    let (file, line) = report.locate_line(item.place);
    let file = file.to_string();
    match report.kind(item.place) {
        SourceKind::File => Origin::File { file, line },
        SourceKind::Profile(name) => Origin::Profile { name, file, line },
        SourceKind::Environment => Origin::Environment { name: file },
        SourceKind::Flag => Origin::Flag { name: file },
        SourceKind::Default => Origin::Default,
    }
}

/// A URL without its password, wherever in it that stands.
fn masked(value: Value) -> Value {
    let Value::String(text) = &value else {
        return value;
    };
    let Some((scheme, rest)) = text.split_once("://") else {
        return value;
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let named = authority.rsplit_once('@');
    let authority = match named.map(|(user, host)| (user.split_once(':'), host)) {
        Some((Some((user, _)), host)) => format!("{user}:***@{host}"),
        _ => authority.to_owned(),
    };
    let path = match path.split_once('?') {
        Some((path, query)) => format!("{path}?{}", masked_query(query)),
        None => path.to_owned(),
    };
    Value::String(format!("{scheme}://{authority}{path}"))
}

fn masked_query(query: &str) -> String {
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("password") => format!("{name}=***"),
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn defaults(store_url: &str, engine: &EngineSettings) -> Vec<(&'static str, Value)> {
    let retention = &engine.retention;
    let new_dags = match engine.new_dags {
        NewDags::Active => "active",
        NewDags::Paused => "paused",
    };
    vec![
        ("store.url", masked(store_url.into())),
        ("engine.dags", engine.dags.clone().into()),
        ("engine.watch", engine.watch.into()),
        ("engine.new_dags", new_dags.into()),
        ("engine.slots", engine.slots.into()),
        (
            "engine.host_lost_after",
            format_duration(engine.host_lost_after).into(),
        ),
        ("engine.listen", engine.listen.clone().into()),
        ("engine.public_url", engine.public_url.clone().into()),
        ("engine.trust_loopback", engine.trust_loopback.into()),
        (
            "engine.display_timezone",
            engine
                .display_timezone
                .clone()
                .unwrap_or_else(|| "UTC".to_owned())
                .into(),
        ),
        (
            "engine.retention.runs",
            format_duration(retention.runs).into(),
        ),
        (
            "engine.retention.failed",
            format_duration(retention.failed).into(),
        ),
        (
            "engine.retention.logs",
            format_duration(retention.logs).into(),
        ),
        ("engine.retention.keep_last", retention.keep_last.into()),
    ]
}
