//! `[secrets.*]`: where a secret's value stands, and which DAGs may use it.
//!
//! Never: reads a value.

use std::collections::BTreeMap;
use std::fmt;

use super::super::fields::Fields;
use super::super::report::Note;
use crate::name::is_identifier;

/// One secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Where its value stands.
    pub from: SecretOrigin,
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
    /// `gcp:projects/…/secrets/…`; not built yet.
    Gcp(String),
    /// `aws:arn:…`; not built yet.
    Aws(String),
}

impl SecretOrigin {
    /// Whether this origin can be read by this version.
    #[must_use]
    pub fn is_built(&self) -> bool {
        matches!(self, Self::Environment(_) | Self::File(_))
    }

    fn parse(text: &str) -> Option<Self> {
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

pub(super) fn read(top: &Fields<'_, '_>) -> BTreeMap<String, Secret> {
    let mut secrets = BTreeMap::new();
    let Some(table) = top.table("secrets") else {
        return secrets;
    };
    for entry in &table.table.entries {
        super::read::check_name(table.report, entry, "secret", is_identifier(&entry.key));
        let Some(fields) = Fields::of_entry(table.report, entry) else {
            continue;
        };
        if let Some(secret) = read_one(&fields) {
            secrets.insert(entry.key.to_string(), secret);
        }
        fields.finish("a secret");
    }
    secrets
}

fn read_one(fields: &Fields<'_, '_>) -> Option<Secret> {
    let dags = fields.texts("dags");
    if dags.as_ref().is_some_and(Vec::is_empty) {
        fields.bad_value("dags", "`dags` is empty: no DAG could use this secret");
    }
    fields.required("from", "a secret")?;
    let words = fields.words("from")?;
    let Some(from) = SecretOrigin::parse(words.text) else {
        // Perhaps it is the secret itself.
        let note =
            Note::error("bad_value", words.place, "this is no origin of a secret").sensitive();
        fields.report.say(
            note.help(
                "write `env:NAME` or `file:PATH`; the value itself never stands in this file",
            ),
        );
        return None;
    };
    if !from.is_built() {
        let what = "secrets of this origin are not read yet: runs that use it are refused";
        fields
            .report
            .say(Note::remark("not_yet", words.place, what));
    }
    Some(Secret {
        from,
        dags: dags.unwrap_or_default(),
    })
}
