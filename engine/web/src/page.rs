//! Lists in pages: bounded, and complete while others are written.
//!
//! A cursor names the last element of a page, so what is added meanwhile moves nothing. It is opaque to callers.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use noctule_core::name::RunId;
use noctule_core::view::{BackfillView, EventView, RunHead};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::{Code, Problem};

/// Elements of a page where nobody says how many.
pub(crate) const PAGE: u32 = 50;
/// The most elements of a page.
pub(crate) const LARGEST: u32 = 200;

/// The mark of our cursors over runs.
const MARK: &str = "r1:";

/// A list that has one page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub struct List<T> {
    /// The elements.
    pub items: Vec<T>,
}

/// Runs, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunList {
    /// The runs.
    pub items: Vec<RunHead>,
    /// `cursor` of the next page; none: this was the last.
    pub next: Option<String>,
}

/// Backfills, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackfillList {
    /// The backfills.
    pub items: Vec<BackfillView>,
    /// `cursor` of the next page; none: this was the last.
    pub next: Option<String>,
}

/// Entries of a journal, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventList {
    /// The entries.
    pub items: Vec<EventView>,
    /// `after` of the next page; none: nothing more is there now.
    pub next: Option<u64>,
}

/// How many elements a page has.
pub(crate) fn size(asked: Option<u32>) -> Result<u32, Problem> {
    match asked {
        None => Ok(PAGE),
        Some(limit @ 1..=LARGEST) => Ok(limit),
        Some(limit) => Err(Problem::new(
            Code::InvalidParameter,
            format!("limit: {limit} is not between 1 and {LARGEST}"),
        )),
    }
}

/// The cursor after a run.
pub(crate) fn cursor_after(run: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{MARK}{run}"))
}

/// The run that a cursor stands after.
pub(crate) fn read_cursor(text: &str) -> Result<RunId, Problem> {
    let inside = URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    inside
        .as_deref()
        .and_then(|inside| inside.strip_prefix(MARK))
        .and_then(|run| run.parse().ok())
        .ok_or_else(|| Problem::new(Code::InvalidParameter, "cursor: this is none of ours"))
}
