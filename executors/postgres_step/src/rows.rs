//! The rows of an answer as typed JSON, within bounds: what does not fit is an error, never cut off.

use serde_json::{Map, Value};
use sqlx::postgres::PgRow;
use sqlx::{Column as _, Row as _, TypeInfo as _, ValueRef as _};

use crate::decode::decode;
use crate::error::PostgresError;

/// The bounds of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            rows: 10_000,
            bytes: 4 * 1024 * 1024,
        }
    }
}

/// The rows of an answer.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) rows: Vec<Map<String, Value>>,
    pub(crate) affected: u64,
    bounds: Bounds,
    bytes: u64,
}

impl Rows {
    pub(crate) fn within(bounds: Bounds) -> Self {
        Self {
            rows: Vec::new(),
            affected: 0,
            bounds,
            bytes: 0,
        }
    }

    /// Takes one more row.
    pub(crate) fn push(&mut self, row: &PgRow) -> Result<(), PostgresError> {
        if self.rows.len() as u64 >= self.bounds.rows {
            return Err(PostgresError::config(format!(
                "the answer has more than {} rows (`max_rows`), and nothing is cut off: everything is rolled back",
                self.bounds.rows
            )));
        }
        let mut table = Map::new();
        for column in row.columns() {
            let name = column.name();
            let raw = row.try_get_raw(column.ordinal()).map_err(broken)?;
            let value = if raw.is_null() {
                Value::Null
            } else {
                let bytes = raw
                    .as_bytes()
                    .map_err(|e| PostgresError::config(e.to_string()))?;
                self.weigh(bytes.len() + name.len())?;
                decode(&raw.type_info(), bytes).ok_or_else(|| formless(name, column.type_info()))?
            };
            if table.insert(name.to_owned(), value).is_some() {
                return Err(PostgresError::config(format!(
                    "the answer has two columns of the name `{name}`: give one another name with AS"
                )));
            }
        }
        self.rows.push(table);
        Ok(())
    }

    fn weigh(&mut self, bytes: usize) -> Result<(), PostgresError> {
        self.bytes += bytes as u64;
        if self.bytes <= self.bounds.bytes {
            return Ok(());
        }
        Err(PostgresError::config(format!(
            "the answer is larger than {} bytes (`max_bytes`), and nothing is cut off: everything is rolled back",
            self.bounds.bytes
        )))
    }

    /// `{rows, row_count, rows_affected, truncated}`.
    pub(crate) fn output(self) -> Value {
        let count = self.rows.len();
        serde_json::json!({
            "rows": self.rows,
            "row_count": count,
            "rows_affected": self.affected,
            "truncated": false,
        })
    }
}

fn broken(error: sqlx::Error) -> PostgresError {
    PostgresError::config(crate::error::cause(&error))
}

fn formless(name: &str, info: &sqlx::postgres::PgTypeInfo) -> PostgresError {
    let of = info.name().to_lowercase();
    PostgresError::config(format!(
        "column `{name}` is of type {of}, for which JSON has no form: write `{name}::text AS {name}`"
    ))
}
