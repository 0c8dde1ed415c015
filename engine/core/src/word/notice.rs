//! One thing that happened and somebody is to know, with its cause.
//!
//! Guarantees: bounded in size, whatever a backend said; the same thing has the same id.

use noctule_executor::ErrorClass;
use serde::{Deserialize, Serialize};

use super::rule::Occasion;
use crate::name::{DagHash, DagId, RunId};
use crate::run::Instant;

/// The longest text of a backend that is kept.
const LONGEST: usize = 600;
/// The longest name of a task with its item.
const LONGEST_NAME: usize = 200;
/// The longest fingerprint.
const LONGEST_PRINT: usize = 160;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The same for the same thing.
    pub id: String,
    /// What kind of thing.
    pub occasion: Occasion,
    /// When.
    pub at: Instant,
    /// Of which DAG.
    pub dag: DagId,
    /// Of which run; none: a tick that got none.
    pub run: Option<RunId>,
    /// The ingestion id of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingestion_id: Option<String>,
    /// The task that it is about, or that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskNotice>,
    /// The class of the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<ErrorClass>,
    /// The connection of the work, or else its executor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
    /// One line for people, as the backend or the engine said it.
    pub what: String,
}

/// A task run within a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskNotice {
    /// Its name, with its item.
    pub name: String,
    /// Its place in the run.
    pub ix: u32,
    /// The attempt that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// It is the task that is told about; otherwise it is the cause of the run's end.
    pub subject: bool,
}

/// What notices have in common that are told together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cause(pub String);

impl Notice {
    /// The id of a thing, from all that tells it from others.
    #[must_use]
    pub fn id_of(parts: &[&str]) -> String {
        let text = parts.join("\u{1f}");
        format!("evt_{}", &DagHash::of(text.as_bytes()).as_str()[..32])
    }

    /// What it has in common with others: the class of the error, where it was met, and what it says without its numbers.
    #[must_use]
    pub fn cause(&self) -> Cause {
        let through = self.through.as_deref().unwrap_or("-");
        match self.occasion {
            Occasion::Failed | Occasion::TimedOut => {
                let class = self.class.map_or("-", ErrorClass::as_str);
                let print = fingerprint(&self.what);
                Cause(format!("failed|{class}|{through}|{print}"))
            }
            Occasion::NeverStarted => Cause(format!("never_started|{}", fingerprint(&self.what))),
            other => Cause(other.word().to_owned()),
        }
    }

    /// What is troubled: a DAG, a task of it, or one late run. A success closes it.
    #[must_use]
    pub fn subject(&self) -> String {
        match (self.occasion, &self.task, &self.run) {
            (Occasion::Late | Occasion::NeverStarted, _, Some(run)) => {
                format!("{}@{run}", self.dag)
            }
            (_, Some(task), _) if task.subject => format!("{}/{}", self.dag, task.name),
            _ => self.dag.to_string(),
        }
    }

    /// Whether its cause lies beside the DAG: then other DAGs that meet it are no news within the hour.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(
            self.class,
            Some(
                ErrorClass::Infrastructure
                    | ErrorClass::Throttled
                    | ErrorClass::Permission
                    | ErrorClass::NeverStarted
                    | ErrorClass::Lost
                    | ErrorClass::Unknown
            )
        )
    }
}

/// A line of a stranger: one line, without control characters, not long.
pub(super) fn line(text: &str) -> String {
    cut(text, LONGEST)
}

pub(super) fn name(text: &str) -> String {
    cut(text, LONGEST_NAME)
}

fn cut(text: &str, most: usize) -> String {
    let visible = |c: char| if is_hidden(c) { ' ' } else { c };
    let mut line: String = text.trim().chars().take(most).map(visible).collect();
    if text.trim().chars().nth(most).is_some() {
        line.push('…');
    }
    line
}

/// Whether a character could end a line or a header, or turn text around.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text without what differs from one time to the next: numbers, ids, hashes.
fn fingerprint(text: &str) -> String {
    let mut print = String::new();
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        if word.is_empty() {
            continue;
        }
        let hex = word.len() >= 8 && word.chars().all(|c| c.is_ascii_hexdigit());
        if !print.is_empty() {
            print.push(' ');
        }
        if hex {
            print.push('#');
        } else {
            push_without_digits(&mut print, word);
        }
        if print.len() >= LONGEST_PRINT {
            break;
        }
    }
    print
}

fn push_without_digits(print: &mut String, word: &str) {
    for c in word.chars() {
        match c {
            c if c.is_numeric() && print.ends_with('#') => {}
            c if c.is_numeric() => print.push('#'),
            c => print.extend(c.to_lowercase()),
        }
    }
}
