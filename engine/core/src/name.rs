//! Names and ids. Each is checked where it enters, so that code inside never sees a path separator, a control
//! character or an unbounded text where a name is meant.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use noctule_executor::AttemptKey;

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not a valid {what}: {rule}")]
pub struct NameError {
    text: String,
    what: &'static str,
    rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $accept:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text of the name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let accept: fn(&str) -> bool = $accept;
                if accept(text) {
                    return Ok(Self(text.into()));
                }
                let shown = text.chars().filter(|c| !c.is_control()).take(80).collect();
                Err(NameError { text: shown, what: $what, rule: $rule })
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The id of a DAG: `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`.
    DagId,
    "DAG id",
    "letters, digits, `_`, `.` and `-`, the first no `.` or `-`, at most 128",
    is_file_name
);
name!(
    /// The name of a task, param, var or group: `[A-Za-z_][A-Za-z0-9_]*`, at most 128 characters; `group.task` for a task
    /// that stands in a group.
    TaskName,
    "name",
    "letters, digits and `_`, the first no digit, at most 128 (`group.task` inside a group)",
    is_task_name
);
name!(
    /// The id of a run.
    RunId,
    "run id",
    "letters, digits, `_`, `.` and `-`, the first no `.` or `-`, at most 128",
    is_file_name
);
name!(
    /// The id of a backfill.
    BackfillId,
    "backfill id",
    "letters, digits, `_`, `.` and `-`, the first no `.` or `-`, at most 128",
    is_file_name
);
name!(
    /// The name of a profile.
    ProfileName,
    "profile name",
    "letters, digits, `_`, `.` and `-`, the first no `.` or `-`, at most 128",
    is_file_name
);
name!(
    /// The id of a store: 8 lower-case hex digits.
    StoreId,
    "store id",
    "8 lower-case hex digits",
    |text| text.len() == 8 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
);
name!(
    /// The content hash of a DAG definition: 64 hex digits of SHA-256.
    DagHash,
    "content hash",
    "64 lower-case hex digits",
    |text| text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
);

/// Whether a text may name a DAG, a run or a file of ours.
#[must_use]
pub fn is_file_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    first
        && text.len() <= 128
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Whether a text may name a task, param, var or group.
#[must_use]
pub fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    first && text.len() <= 128 && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_task_name(text: &str) -> bool {
    match text.split_once('.') {
        Some((group, task)) => is_identifier(group) && is_identifier(task),
        None => is_identifier(text),
    }
}

impl TaskName {
    /// The full name of a task that stands in a group.
    #[must_use]
    pub fn within(group: &Self, task: &Self) -> Self {
        Self(format!("{group}.{task}").into())
    }

    /// The name without its group.
    #[must_use]
    pub fn local(&self) -> &str {
        self.0.split_once('.').map_or(&self.0, |(_, task)| task)
    }
}

/// A task, or one item of a mapped one: `task`, `task[KEY]` or `group.task[KEY]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskTarget {
    /// The task.
    pub task: TaskName,
    /// The item.
    pub key: Option<String>,
}

impl FromStr for TaskTarget {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let item = text.strip_suffix(']').and_then(|text| text.split_once('['));
        Ok(match item {
            Some((task, key)) => Self {
                task: task.parse()?,
                key: Some(key.to_owned()),
            },
            None => Self {
                task: text.parse()?,
                key: None,
            },
        })
    }
}

impl TryFrom<String> for TaskTarget {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<TaskTarget> for String {
    fn from(target: TaskTarget) -> Self {
        target.to_string()
    }
}

impl fmt::Display for TaskTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{}[{key}]", self.task),
            None => self.task.fmt(f),
        }
    }
}

impl DagHash {
    /// The hash of canonical bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex(&Sha256::digest(bytes)).into())
    }

    /// The first 12 digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

/// The key of one attempt: `n1-<store id>-<40 hex of SHA-256 over run, task, map key, attempt>`.
///
/// Parts are separated by a byte that no name can hold, so different parts never make the same text.
#[must_use]
pub fn attempt_key(
    store: &StoreId,
    run: &RunId,
    task: &str,
    map_key: Option<&str>,
    number: u32,
) -> AttemptKey {
    let mut hash = Sha256::new();
    hash.update(run.as_str());
    hash.update([0]);
    hash.update(task);
    hash.update([0]);
    // A present empty key differs from no key.
    hash.update(map_key.map_or_else(String::new, |key| format!("={key}")));
    hash.update([0]);
    hash.update(number.to_string());
    let digest = hex(&hash.finalize());
    AttemptKey::from_text(format!("n1-{store}-{}", &digest[..40]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<T: FromStr>(text: &str) -> Option<T> {
        text.parse().ok()
    }

    #[test]
    fn a_name_never_holds_a_path() {
        for text in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "a\\b",
            "a\0b",
            "-x",
            ".x",
            "a b",
            "a\n",
            &"a".repeat(129),
        ] {
            assert!(parse::<DagId>(text).is_none(), "{text:?}");
            assert!(parse::<RunId>(text).is_none(), "{text:?}");
        }
        assert!(parse::<DagId>("cf526000-20250926-1").is_some());
    }

    #[test]
    fn an_attempt_key_is_stable_fits_64_characters_and_differs_for_each_part() {
        let store: StoreId = "0123abcd".parse().unwrap();
        let run: RunId = "r1".parse().unwrap();
        let other: RunId = "r2".parse().unwrap();
        let keys = [
            attempt_key(&store, &run, "t", None, 1),
            attempt_key(&store, &run, "t", None, 2),
            attempt_key(&store, &run, "t", Some(""), 1),
            attempt_key(&store, &run, "t", Some("k"), 1),
            attempt_key(&store, &run, "u", None, 1),
            attempt_key(&store, &other, "t", None, 1),
        ];
        for (i, key) in keys.iter().enumerate() {
            assert!(key.as_str().len() <= 64 && key.as_str().starts_with("n1-0123abcd-"));
            assert!(keys.iter().skip(i + 1).all(|other| other != key), "{key}");
        }
        assert_eq!(keys[0], attempt_key(&store, &run, "t", None, 1));
    }
}
