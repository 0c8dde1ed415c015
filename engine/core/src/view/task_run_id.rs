//! The id under which a task run is addressed from outside: opaque, safe in a path, whatever its map key holds.
//!
//! Guarantees: the same task run has the same id in every round; a text that is no id of ours is refused, so one task run
//! has one id.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::name::{RunId, TaskName, TaskTarget};

/// Longer than any id of ours.
const LONGEST: usize = 1_024;

/// A task run of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRunId {
    /// The run.
    pub run: RunId,
    /// The task, and the item of a mapped one.
    pub target: TaskTarget,
}

/// A text that is no id of a task run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no id of a task run")]
pub struct NoTaskRunId;

impl fmt::Display for TaskRunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No name and no map key holds a NUL.
        let mut text = format!("{}\0{}", self.run, self.target.task);
        if let Some(key) = &self.target.key {
            text.push('\0');
            text.push_str(key);
        }
        f.write_str(&URL_SAFE_NO_PAD.encode(text))
    }
}

impl FromStr for TaskRunId {
    type Err = NoTaskRunId;

    fn from_str(text: &str) -> Result<Self, NoTaskRunId> {
        if text.len() > LONGEST {
            return Err(NoTaskRunId);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NoTaskRunId)?;
        let inside = String::from_utf8(bytes).map_err(|_| NoTaskRunId)?;
        let mut parts = inside.splitn(3, '\0');
        let run: RunId = part(parts.next())?;
        let task: TaskName = part(parts.next())?;
        let key = parts.next().map(str::to_owned);
        if key.as_ref().is_some_and(|key| key.contains('\0')) {
            return Err(NoTaskRunId);
        }
        Ok(Self {
            run,
            target: TaskTarget { task, key },
        })
    }
}

fn part<T: FromStr>(text: Option<&str>) -> Result<T, NoTaskRunId> {
    text.and_then(|text| text.parse().ok()).ok_or(NoTaskRunId)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_names_its_task_run_whatever_the_key_holds(key in proptest::option::of("[^\0]{0,200}")) {
            let id = TaskRunId {
                run: "0198-ab".parse().unwrap(),
                target: TaskTarget { task: "g.t".parse().unwrap(), key },
            };
            let text = id.to_string();
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')));
            prop_assert_eq!(text.parse::<TaskRunId>().unwrap(), id);
        }

        #[test]
        fn a_text_that_is_read_is_the_one_that_would_be_written(text in ".{0,80}") {
            if let Ok(id) = text.parse::<TaskRunId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn a_text_that_is_no_id_is_refused() {
        for inside in [
            "",
            "r",
            "r\0",
            "../r\0t",
            "r\0a/b",
            "r\0t\0k\0more",
            "r\0\0",
        ] {
            let text = URL_SAFE_NO_PAD.encode(inside);
            assert!(text.parse::<TaskRunId>().is_err(), "{inside:?}");
        }
        for text in ["..", "%2e", "cg==", "a\0", &"A".repeat(2_000)] {
            assert!(text.parse::<TaskRunId>().is_err(), "{text:?}");
        }
    }
}
