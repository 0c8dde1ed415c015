//! `[secrets.*]`: where a secret's value stands, and which DAGs may use it.
//!
//! Never: reads a value.

use std::collections::BTreeMap;
use std::fmt;

use noctule_executor::{Connection, Registry};

use super::super::diagnostic::shown;
use super::super::fields::{Fields, Words};
use super::super::report::{Note, Place, Report};
use super::super::suggest;
use crate::name::is_identifier;

/// One secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Where its value stands.
    pub from: SecretOrigin,
    /// The connection whose identity reads it, where it stands in a vault; absent: the only one of its kind.
    pub connection: Option<String>,
    /// This binary can read it.
    pub readable: bool,
    /// The DAGs that may use it, as patterns with `*`; empty: all.
    pub dags: Vec<String>,
}

/// Where a secret's value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretOrigin {
    /// `env:NAME`.
    Environment(String),
    /// `file:PATH`.
    File(String),
    /// `gcp:projects/…/secrets/…`: Google Secret Manager.
    Gcp(String),
    /// `aws:arn:…` or `aws:NAME`: AWS Secrets Manager.
    Aws(String),
}

impl SecretOrigin {
    /// The kind of the vault it stands in, and its name there.
    #[must_use]
    pub fn vault(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Gcp(name) => Some(("gcp", name)),
            Self::Aws(name) => Some(("aws", name)),
            Self::Environment(_) | Self::File(_) => None,
        }
    }

    /// Whether the backend of an executor reads a secret of this origin by itself: it gets the place and not the value.
    /// Overrides of Cloud Run take a reference to Secret Manager; those of an ECS task take plain values alone.
    #[must_use]
    pub fn is_read_by(&self, executor: &str) -> bool {
        executor == "cloud_run" && matches!(self, Self::Gcp(_))
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        if rest.is_empty() {
            return None;
        }
        let rest = rest.to_owned();
        match kind {
            "env" => Some(Self::Environment(rest)),
            "file" => Some(Self::File(rest)),
            "gcp" => Some(Self::Gcp(rest)),
            "aws" => Some(Self::Aws(rest)),
            _ => None,
        }
    }
}

impl fmt::Display for SecretOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
            Self::Gcp(name) => write!(f, "gcp:{name}"),
            Self::Aws(arn) => write!(f, "aws:{arn}"),
        }
    }
}

impl Secret {
    /// Whether a DAG may use it.
    #[must_use]
    pub fn allows(&self, dag: &str) -> bool {
        self.dags.is_empty() || self.dags.iter().any(|pattern| allows(pattern, dag))
    }
}

/// Whether a name fits a pattern in which `*` stands for any text. Linear in both but for one factor each.
fn allows(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(byte) if name.get(n) == Some(byte) => (p, n) = (p + 1, n + 1),
            _ => {
                let Some((at, taken)) = star else {
                    return false;
                };
                star = Some((at, taken + 1));
                (p, n) = (at + 1, taken + 1);
            }
        }
    }
    pattern
        .get(p..)
        .is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

/// The secrets of a project, and where each says who reads it.
pub(super) struct Read {
    pub(super) secrets: BTreeMap<String, Secret>,
    places: BTreeMap<String, Place>,
}

pub(super) fn read(top: &Fields<'_, '_>, registry: &Registry) -> Read {
    let mut read = Read {
        secrets: BTreeMap::new(),
        places: BTreeMap::new(),
    };
    let Some(table) = top.table("secrets") else {
        return read;
    };
    for entry in &table.table.entries {
        super::read::check_name(table.report, entry, "secret", is_identifier(&entry.key));
        let Some(fields) = Fields::of_entry(table.report, entry) else {
            continue;
        };
        if let Some((secret, place)) = read_one(&fields, registry) {
            read.secrets.insert(entry.key.to_string(), secret);
            read.places.insert(entry.key.to_string(), place);
        }
        fields.finish("a secret");
    }
    read
}

fn read_one(fields: &Fields<'_, '_>, registry: &Registry) -> Option<(Secret, Place)> {
    let dags = fields.texts("dags");
    if dags.as_ref().is_some_and(Vec::is_empty) {
        fields.bad_value("dags", "`dags` is empty: no DAG could use this secret");
    }
    let connection = fields.words("connection");
    fields.required("from", "a secret")?;
    let words = fields.words("from")?;
    let Some(from) = SecretOrigin::parse(words.text) else {
        // Perhaps it is the secret itself.
        let note =
            Note::error("bad_value", words.place, "this is no origin of a secret").sensitive();
        fields.report.say(note.help(
            "write `env:NAME`, `file:PATH`, `gcp:projects/…/secrets/…` or `aws:…`; the value itself never stands in this file",
        ));
        return None;
    };
    if from.vault().is_none() && connection.is_some() {
        let what =
            "`connection` is for secrets of `gcp:` and `aws:`: this one stands on this machine";
        fields.bad_value("connection", what);
    }
    let place = connection.as_ref().map_or(words.place, |named| named.place);
    let secret = Secret {
        readable: is_readable(fields, &words, &from, registry),
        connection: connection.map(|named| named.text.to_owned()),
        from,
        dags: dags.unwrap_or_default(),
    };
    Some((secret, place))
}

fn is_readable(
    fields: &Fields<'_, '_>,
    words: &Words<'_>,
    from: &SecretOrigin,
    registry: &Registry,
) -> bool {
    let Some((kind, name)) = from.vault() else {
        return true;
    };
    let Some(vault) = registry.vault(kind) else {
        let what = "secrets of this origin are not read yet: runs that use it are refused";
        let note = Note::remark("not_yet", words.place, what);
        fields.report.say(note);
        return false;
    };
    if let Err(what) = vault.check(name) {
        // Perhaps it is the secret itself.
        let note = Note::error("bad_value", words.place, what).sensitive();
        fields.report.say(note);
    }
    true
}

/// Every secret of a vault has an identity that reads it.
pub(super) fn check_connections(
    report: &Report<'_>,
    read: &Read,
    connections: &BTreeMap<String, Connection>,
    registry: &Registry,
) {
    for (name, secret) in &read.secrets {
        let vault = secret
            .from
            .vault()
            .and_then(|(kind, _)| registry.vault(kind));
        let (Some(vault), Some(place)) = (vault, read.places.get(name)) else {
            continue;
        };
        let kind = vault.connection_kind();
        let of_kind: Vec<&str> = connections
            .values()
            .filter(|connection| connection.kind == kind)
            .map(|connection| connection.name.as_str())
            .collect();
        let message = match &secret.connection {
            Some(named) if of_kind.contains(&named.as_str()) => continue,
            Some(named) => format!("there is no connection `{}` of kind `{kind}`", shown(named)),
            None => match of_kind.len() {
                1 => continue,
                0 if !vault.needs_connection() => continue,
                0 => format!(
                    "secret `{name}` needs a connection of kind `{kind}`, and the project has none"
                ),
                count => format!(
                    "by which connection of kind `{kind}` is secret `{name}` read? the project has {count}"
                ),
            },
        };
        let help = suggest::known(
            "name one as `connection` in its table",
            of_kind.iter().copied(),
        );
        let how = || format!("add it to the project file: [connections.NAME] kind = \"{kind}\"");
        let note = Note::error("connection", *place, message);
        report.say(note.help(help.unwrap_or_else(how)));
    }
}
