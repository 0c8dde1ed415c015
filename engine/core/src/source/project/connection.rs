//! `[connections.*]`: what each kind may say.
//!
//! Guarantees: plain http goes to loopback only; `endpoint = "simulator"` never sends credentials.

mod aws;

use std::collections::BTreeMap;

use noctule_executor::Connection;
use serde_json::{Map, Value};

use super::super::diagnostic::shown;
use super::super::fields::{Fields, Words, duration_of, words, wrong_type};
use super::super::report::{Note, Report};
use super::super::suggest;
use super::super::tree::{Entry, Node, Table};
use super::Secret;
use super::vars;

/// The kinds that stand in the contract; an executor may bring others.
const KINDS: [&str; 4] = ["google", "http", "aws", "postgres"];

/// What connections may name.
pub(super) struct Surroundings<'p> {
    pub(super) vars: &'p Map<String, Value>,
    pub(super) secrets: &'p BTreeMap<String, Secret>,
    pub(super) kinds: &'p [&'static str],
}

/// The simulator of Google takes no credentials: `auth` becomes `anonymous`, from the same source as the endpoint.
pub(super) fn imply_anonymous(tree: &mut Table<'_>) {
    let Some(connections) = tree.get_mut("connections") else {
        return;
    };
    let Node::Table(connections) = &mut connections.item.node else {
        return;
    };
    for entry in &mut connections.entries {
        let Node::Table(connection) = &mut entry.item.node else {
            continue;
        };
        let says =
            |entry: &Entry<'_>, word| matches!(&entry.item.node, Node::Text(text) if text == word);
        // What is sent to AWS is always signed, and `auth` is no key of such a connection.
        if connection.get("kind").is_some_and(|kind| says(kind, "aws")) {
            continue;
        }
        let Some(endpoint) = connection.get("endpoint") else {
            continue;
        };
        if !says(endpoint, "simulator") {
            continue;
        }
        let mut auth = endpoint.clone();
        auth.key = "auth".into();
        auth.item.node = Node::Text("anonymous".into());
        match connection.get_mut("auth") {
            Some(existing) => *existing = auth,
            None => connection.entries.push(auth),
        }
    }
}

pub(super) fn read(
    top: &Fields<'_, '_>,
    around: &Surroundings<'_>,
) -> BTreeMap<String, Connection> {
    let mut connections = BTreeMap::new();
    let Some(table) = top.table("connections") else {
        return connections;
    };
    for entry in &table.table.entries {
        let named = crate::name::is_file_name(&entry.key);
        super::read::check_name(table.report, entry, "connection", named);
        let Some(fields) = Fields::of_entry(table.report, entry) else {
            continue;
        };
        if let Some(kind) = read_kind(&fields, around) {
            let settings = settings(table.report, &fields, around);
            let name = entry.key.to_string();
            connections.insert(
                name.clone(),
                Connection {
                    name,
                    kind,
                    settings,
                },
            );
        }
    }
    connections
}

fn settings(
    report: &Report<'_>,
    fields: &Fields<'_, '_>,
    around: &Surroundings<'_>,
) -> Map<String, Value> {
    let others = fields
        .table
        .entries
        .iter()
        .filter(|entry| entry.key != "kind");
    others
        .map(|entry| {
            check_secrets(report, entry, around.secrets);
            (
                entry.key.to_string(),
                vars::render(report, &entry.item, around.vars, "connections"),
            )
        })
        .collect()
}

/// Checks the keys of a kind, and tells which it is.
fn read_kind(fields: &Fields<'_, '_>, around: &Surroundings<'_>) -> Option<String> {
    fields.required("kind", "a connection")?;
    let kind = fields.words("kind")?;
    let fields = Fields::new(fields.report, fields.table, fields.at);
    fields.has("kind");
    match kind.text {
        "google" => check_google(&fields),
        "http" => check_http(&fields),
        "aws" => {
            if !around.kinds.contains(&"aws") {
                fields.not_yet(
                    "kind",
                    "connections of kind `aws` are not used yet: their executors are not built",
                );
            }
            aws::check(&fields);
        }
        "postgres" => {
            if !around.kinds.contains(&"postgres") {
                fields.not_yet(
                    "kind",
                    "connections of kind `postgres` are not used yet: their executors are not built",
                );
            }
            check_postgres(&fields);
        }
        other if around.kinds.contains(&other) => return Some(other.to_owned()),
        other => {
            let known = KINDS.iter().chain(around.kinds).copied();
            let guess = fields.report.did_you_mean(other, known.clone());
            let note = Note::error(
                "bad_value",
                kind.place,
                format!("there is no kind of connection `{}`{guess}", shown(other)),
            );
            fields
                .report
                .say(note.maybe_help(suggest::known("known are", known)));
            return None;
        }
    }
    fields.finish(&format!("a connection of kind `{}`", kind.text));
    Some(kind.text.to_owned())
}

fn check_google(fields: &Fields<'_, '_>) {
    for key in ["project", "impersonate", "quota_project"] {
        fields.words(key);
    }
    if let Some(words) = fields.words("auth")
        && !matches!(words.text, "adc" | "anonymous")
        && !words.text.contains("{{")
    {
        fields.no_choice("auth", words, ["adc", "anonymous"].into_iter());
    }
    check_address(fields, "endpoint", true);
    check_address(fields, "logging_endpoint", false);
    check_address(fields, "secrets_endpoint", false);
    check_search(fields);
    check_rate(fields);
}

fn check_http(fields: &Fields<'_, '_>) {
    check_address(fields, "base_url", false);
    if let Some(entry) = fields.entry("auth") {
        match &entry.item.node {
            Node::Text(text) if matches!(text.as_ref(), "none" | "google_id_token") => {}
            Node::Text(text) => {
                let words = Words {
                    text,
                    place: entry.item.place,
                };
                fields.no_choice("auth", words, ["none", "google_id_token"].into_iter());
            }
            Node::Table(table) if table.entries.len() == 1 && table.get("bearer").is_some() => {}
            _ => wrong_type(
                fields.report,
                "auth",
                &entry.item,
                "`none`, `google_id_token` or { bearer = { secret = \"…\" } }",
            ),
        }
    }
    check_rate(fields);
}

const SSL_MODES: [&str; 5] = ["disable", "prefer", "require", "verify-ca", "verify-full"];

fn check_postgres(fields: &Fields<'_, '_>) {
    fields.required("url", "a connection of kind `postgres`");
    check_database_url(fields);
    if let Some(words) = fields.words("ssl_mode")
        && !SSL_MODES.contains(&words.text)
        && !words.text.contains("{{")
    {
        fields.no_choice("ssl_mode", words, SSL_MODES.into_iter());
    }
    for key in ["ssl_root_cert", "application_name"] {
        fields.words(key);
    }
    fields.count("max_connections", 1..=1_000);
    fields.flag("notifications");
    fields.duration("statement_timeout");
    check_search(fields);
    check_rate(fields);
}

/// An address of a database, without a password: that belongs into a secret.
fn check_database_url(fields: &Fields<'_, '_>) {
    let Some(entry) = fields.entry("url") else {
        return;
    };
    match &entry.item.node {
        Node::Text(text) if !text.contains("{{") => {
            let rest = ["postgres://", "postgresql://"]
                .iter()
                .find_map(|scheme| text.strip_prefix(scheme));
            let Some(rest) = rest else {
                return fields.bad_value(
                    "url",
                    "`url` is no address of the form postgres://user@host:port/database",
                );
            };
            let authority = rest.split(['/', '?']).next().unwrap_or_default();
            let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
            if user.contains(':') || rest.contains("password=") {
                let message = "`url` holds a password";
                let note = Note::error("bad_value", entry.item.place, message);
                let help = "put the whole address into a secret: url = { secret = \"NAME\" }";
                fields.report.say(note.help(help));
            }
        }
        Node::Table(table) if table.entries.len() == 1 && table.get("secret").is_some() => {}
        Node::Text(_) => {}
        _ => wrong_type(
            fields.report,
            "url",
            &entry.item,
            "an address or { secret = \"NAME\" }",
        ),
    }
}

fn check_search(fields: &Fields<'_, '_>) {
    let Some(entry) = fields.entry("search_after") else {
        return;
    };
    let Node::List(items) = &entry.item.node else {
        return wrong_type(
            fields.report,
            "search_after",
            &entry.item,
            "list of durations",
        );
    };
    let offsets: Vec<_> = items
        .iter()
        .filter_map(|item| duration_of(fields.report, "search_after", item))
        .collect();
    if items.is_empty() || !offsets.is_sorted() {
        fields.bad_value(
            "search_after",
            "`search_after` must hold offsets that grow: each is counted from the launch",
        );
    }
}

fn check_rate(fields: &Fields<'_, '_>) {
    let Some(rate) = fields.table("rate") else {
        return;
    };
    for key in ["launch", "poll"] {
        let Some(words) = rate.words(key) else {
            continue;
        };
        let number = words.text.split_once('/').and_then(|(number, unit)| {
            matches!(unit, "s" | "m" | "h")
                .then(|| number.parse::<u32>().ok())
                .flatten()
        });
        if number.is_none_or(|number| number == 0) {
            let note = Note::error(
                "bad_value",
                words.place,
                format!("`{}` is no rate", shown(words.text)),
            );
            rate.report
                .say(note.help("write calls for each second, minute or hour: \"20/s\""));
        }
    }
    rate.finish("rate");
}

/// An address; plain http for loopback only.
fn check_address(fields: &Fields<'_, '_>, key: &'static str, simulator: bool) {
    let Some(words) = fields.words(key) else {
        return;
    };
    if words.text.contains("{{")
        || (simulator && words.text == "simulator")
        || words.text.starts_with("https://")
    {
        return;
    }
    let Some(rest) = words.text.strip_prefix("http://") else {
        let note = Note::error("bad_value", words.place, format!("`{key}` is no address"));
        let help = if simulator {
            "write https://… or \"simulator\""
        } else {
            "write https://…"
        };
        return fields.report.say(note.help(help));
    };
    if !is_loopback(rest) {
        let note = Note::error(
            "bad_value",
            words.place,
            format!("`{key}`: plain http is for loopback only"),
        );
        fields
            .report
            .say(note.help("credentials and data would be readable on the way: use https"));
    }
}

fn is_loopback(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Every `{ secret = … }` below an entry must name a secret that exists.
fn check_secrets(report: &Report<'_>, entry: &Entry<'_>, secrets: &BTreeMap<String, Secret>) {
    let Node::Table(table) = &entry.item.node else {
        return;
    };
    if let (1, Some(secret)) = (table.entries.len(), table.get("secret")) {
        let Some(name) = words(report, "secret", &secret.item) else {
            return;
        };
        return check_secret(report, name, secrets);
    }
    for entry in &table.entries {
        check_secrets(report, entry, secrets);
    }
}

pub(super) fn check_secret(
    report: &Report<'_>,
    name: Words<'_>,
    secrets: &BTreeMap<String, Secret>,
) {
    if secrets.contains_key(name.text) {
        return;
    }
    let known = secrets.keys().map(String::as_str);
    let guess = report.did_you_mean(name.text, known);
    let note = Note::error(
        "secret",
        name.place,
        format!("there is no secret `{}`{guess}", shown(name.text)),
    );
    report.say(note.help(format!(
        "say where its value stands: [secrets.{}] from = \"env:NAME\"",
        shown(name.text)
    )));
}
