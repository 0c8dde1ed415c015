//! How much a template may cost.
//!
//! Guarantees: the depth of a syntax tree, the memory of an evaluation and the size of what is rendered are bounded
//! before they are spent, so that no template and no data can exhaust the stack or the memory.

use std::io;

use serde_json::Value;

use super::error::Fault;

/// Bytes of one rendered value, as JSON.
pub const MAX_VALUE: usize = 1 << 20;
/// Bytes of the list of a fan-out, as JSON.
pub const MAX_LIST: usize = 8 << 20;
/// Bytes of one rendered table, as JSON.
pub const MAX_TABLE: usize = 4 << 20;
/// Bytes of a text that holds templates.
pub(super) const MAX_TEXT: usize = 1 << 20;
/// Expressions in one text.
pub(super) const MAX_EXPRESSIONS: usize = 4096;
/// Tokens of one expression.
pub(super) const MAX_TOKENS: usize = 4096;
/// Tokens of one expression that make its syntax tree deeper: operators, opening brackets, dots, filters.
pub(super) const MAX_DEPTH: usize = 192;
/// Bytes that the expressions of one text may look through and make on the way.
const MAX_WORK: usize = 16 << 20;

/// What is left to spend.
pub(super) struct Budget(usize);

impl Budget {
    /// The budget of one text.
    pub(super) fn new() -> Self {
        Self(MAX_WORK)
    }

    /// Pays for bytes before they are made.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), Fault> {
        self.0 = self.0.checked_sub(bytes).ok_or(Fault::Limit(
            "the template works through more than 16 MiB of data",
        ))?;
        Ok(())
    }

    /// Pays for looking through a value, or for a copy of it.
    pub(super) fn spend_on(&mut self, value: &Value) -> Result<(), Fault> {
        let size = match value {
            Value::String(text) => text.len(),
            Value::Array(list) => list.len().saturating_mul(CELL),
            Value::Object(map) => map.keys().map(|key| key.len() + 2 * CELL).sum(),
            _ => 0,
        };
        self.spend(CELL.saturating_add(size))?;
        match value {
            Value::Array(list) => list.iter().try_for_each(|item| self.spend_on(item)),
            Value::Object(map) => map.values().try_for_each(|item| self.spend_on(item)),
            _ => Ok(()),
        }
    }
}

/// About what a value costs beside its text.
pub(super) const CELL: usize = 32;

/// The bytes of a value as compact JSON; `None` beyond a limit.
pub(super) fn json_size(value: &Value, limit: usize) -> Option<usize> {
    let mut meter = Meter { left: limit };
    serde_json::to_writer(&mut meter, value).ok()?;
    Some(limit - meter.left)
}

/// Counts bytes and refuses those beyond its limit.
struct Meter {
    left: usize,
}

impl io::Write for Meter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self
            .left
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
