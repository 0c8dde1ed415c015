//! What differs: the first record that does not come out again, or the first place in which the run stands otherwise.
//!
//! Two values are the same if the store would keep the same document of them.

use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use super::Numbered;
use crate::dag::Dag;
use crate::run::{Record, Run, TaskRunIx};

/// How much of a value a message shows.
const SHOWN: usize = 200;

/// Why a journal does not replay.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Difference {
    /// The journal says what happened, and not what was heard.
    #[error("it was recorded by an earlier noctule: it cannot be replayed")]
    Earlier,
    /// Something that the record speaks of is not in the store, or is another thing.
    #[error("record {seq}: {what}")]
    Missing {
        /// The record that began the transition.
        seq: u64,
        /// What.
        what: String,
    },
    /// Another record comes out.
    #[error("record {seq}: recorded was {recorded}, and now comes {now}")]
    Record {
        /// Its number.
        seq: u64,
        /// What the journal has.
        recorded: String,
        /// What was decided now.
        now: String,
    },
    /// All records are the same, and the run stands otherwise than they say.
    #[error("{place}: stored is {stored}, and the journal makes {folded}")]
    State {
        /// Where.
        place: String,
        /// What the store has.
        stored: String,
        /// What the journal makes.
        folded: String,
    },
}

/// The records of a journal are numbered from 1, and none is left out.
pub(super) fn of_numbers(journal: &[Numbered]) -> Result<(), Difference> {
    let mut last = 0;
    for (seq, _) in journal {
        if *seq != last + 1 {
            let what = format!("the journal goes from record {last} to {seq}");
            return Err(Difference::Missing { seq: *seq, what });
        }
        last = *seq;
    }
    Ok(())
}

/// Compares what was decided now with what was recorded then.
pub(super) fn of_records(
    seq: u64,
    now: &[Record],
    recorded: &[Numbered],
) -> Result<(), Difference> {
    for place in 0..now.len().max(recorded.len()) {
        let (came, was) = (now.get(place), recorded.get(place));
        let record = was.map(|(_, record)| record);
        if came != record && json(&came) != json(&record) {
            let (recorded, now) = parting(&json(&record), &json(&came));
            return Err(Difference::Record {
                seq: was.map_or(seq + place as u64, |(seq, _)| *seq),
                recorded,
                now,
            });
        }
    }
    Ok(())
}

/// Compares how a run stands with how it is stored.
pub(super) fn of_state(dag: &Dag, folded: &Run, stored: &Run) -> Result<(), Difference> {
    at(|| "the run".to_owned(), Some(stored), Some(folded))?;
    for ix in 0..folded.tasks.len().max(stored.tasks.len()) {
        let name = || {
            let run = if ix < stored.tasks.len() {
                stored
            } else {
                folded
            };
            let ix = TaskRunIx(u32::try_from(ix).unwrap_or(u32::MAX));
            format!("task {}", run.name_of(dag, ix))
        };
        at(name, stored.tasks.get(ix), folded.tasks.get(ix))?;
    }
    Ok(())
}

fn at<T: Serialize + PartialEq>(
    name: impl Fn() -> String,
    stored: Option<&T>,
    folded: Option<&T>,
) -> Result<(), Difference> {
    if stored == folded {
        return Ok(());
    }
    let (stored, folded) = (json(&stored), json(&folded));
    let Some((path, stored, folded)) = first_parting(&stored, &folded) else {
        return Ok(());
    };
    Err(Difference::State {
        place: format!("{}{path}", name()),
        stored: short(stored),
        folded: short(folded),
    })
}

fn json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// The parts of two documents that differ, with their place.
fn parting(recorded: &Value, now: &Value) -> (String, String) {
    match first_parting(recorded, now) {
        // A whole record that is missing is said in full.
        Some((path, recorded, now)) if !path.is_empty() => {
            (format!("{} in `{path}`", short(recorded)), short(now))
        }
        _ => {
            let there = |value: &Value| short(Some(value).filter(|value| !value.is_null()));
            (there(recorded), there(now))
        }
    }
}

type Parting<'a> = (String, Option<&'a Value>, Option<&'a Value>);

/// The first place in which two documents differ.
fn first_parting<'a>(one: &'a Value, other: &'a Value) -> Option<Parting<'a>> {
    if one == other {
        return None;
    }
    let inner = match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let names = one.keys().chain(other.keys());
            names
                .map(|name| (name.clone(), one.get(name), other.get(name)))
                .find(|(_, one, other)| one != other)
        }
        (Value::Array(one), Value::Array(other)) => (0..one.len().max(other.len()))
            .map(|place| (place.to_string(), one.get(place), other.get(place)))
            .find(|(_, one, other)| one != other),
        _ => None,
    };
    let Some((name, one_in, other_in)) = inner else {
        return Some((String::new(), Some(one), Some(other)));
    };
    let (Some(one_in), Some(other_in)) = (one_in, other_in) else {
        return Some((format!("/{name}"), one_in, other_in));
    };
    let (path, one, other) = first_parting(one_in, other_in)?;
    Some((format!("/{name}{path}"), one, other))
}

fn short(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "nothing".to_owned();
    };
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
