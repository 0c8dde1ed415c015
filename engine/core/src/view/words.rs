//! The words of the contract for states and triggers: read back as the same words, and listed in schemas.
//!
//! Guarantees: a view that was read holds no word that this version does not know.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A word of the contract.
pub type Word = &'static str;

/// Run states.
pub const RUN_STATES: [Word; 6] = [
    "queued",
    "running",
    "succeeded",
    "failed",
    "cancelled",
    "timed_out",
];
const ATTEMPT_STATES: [Word; 8] = [
    "launching",
    "running",
    "cancelling",
    "succeeded",
    "failed",
    "skipped",
    "cancelled",
    "timed_out",
];
const TASK_STATES: [Word; 9] = [
    "waiting",
    "ready",
    "running",
    "succeeded",
    "failed",
    "skipped",
    "upstream_failed",
    "cancelled",
    "timed_out",
];
const TRIGGERS: [Word; 5] = ["schedule", "catch_up", "backfill", "manual", "event"];
const STOPS: [Word; 2] = ["cancel", "deadline"];
const DAG_STATES: [Word; 5] = ["active", "paused", "disabled", "withdrawn", "broken"];
const BACKFILL_STATES: [Word; 4] = ["running", "paused", "cancelled", "ended"];
const NIGHT_STATES: [Word; 7] = [
    "waiting",
    "running",
    "succeeded",
    "failed",
    "cancelled",
    "timed_out",
    "left_alone",
];
const ERRANDS: [Word; 3] = ["make", "retry", "again"];
const NEEDS: [Word; 6] = [
    "alarm",
    "unknown",
    "left_standing",
    "broken",
    "trigger",
    "refused_tick",
];

fn known(text: &str) -> Option<Word> {
    let lists: [&[Word]; 10] = [
        &NEEDS,
        &BACKFILL_STATES,
        &NIGHT_STATES,
        &ERRANDS,
        &RUN_STATES,
        &ATTEMPT_STATES,
        &TASK_STATES,
        &TRIGGERS,
        &STOPS,
        &DAG_STATES,
    ];
    let mut all = lists.into_iter().flatten();
    all.find(|word| **word == text).copied()
}

fn unknown<E: de::Error>(text: &str) -> E {
    E::custom(format!("this noctule does not know the word `{text}`"))
}

pub(super) fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Word, D::Error> {
    let text = String::deserialize(from)?;
    known(&text).ok_or_else(|| unknown(&text))
}

pub(super) fn read_optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Word>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| known(&text).ok_or_else(|| unknown(&text)))
        .transpose()
}

fn one_of(words: &[Word]) -> Schema {
    json_schema!({ "type": "string", "enum": words })
}

pub(super) fn run_states(_: &mut SchemaGenerator) -> Schema {
    one_of(&RUN_STATES)
}

pub(super) fn attempt_states(_: &mut SchemaGenerator) -> Schema {
    one_of(&ATTEMPT_STATES)
}

pub(super) fn task_states(_: &mut SchemaGenerator) -> Schema {
    one_of(&TASK_STATES)
}

pub(super) fn triggers(_: &mut SchemaGenerator) -> Schema {
    one_of(&TRIGGERS)
}

pub(super) fn stops(_: &mut SchemaGenerator) -> Schema {
    one_of(&STOPS)
}

pub(super) fn dag_states(_: &mut SchemaGenerator) -> Schema {
    one_of(&DAG_STATES)
}

pub(super) fn backfill_states(_: &mut SchemaGenerator) -> Schema {
    one_of(&BACKFILL_STATES)
}

pub(super) fn night_states(_: &mut SchemaGenerator) -> Schema {
    one_of(&NIGHT_STATES)
}

pub(super) fn errands(_: &mut SchemaGenerator) -> Schema {
    one_of(&ERRANDS)
}

pub(super) fn needs(_: &mut SchemaGenerator) -> Schema {
    one_of(&NEEDS)
}

pub(super) fn classes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": noctule_executor::ErrorClass::ALL })
}
