//! The request of a `postgres_step`: the one statement or the one call that launches the work, and how it is watched.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use noctule_executor::{Attempt, AttemptKey, Entry, Problem, Request, Span, Text};

use crate::statement::{column, quoted};

use super::config::{CallConfig, Insert, PostgresStepConfig, Update};
use super::watch::{Watch, keyed, with_key};

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The canonical document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Document {
    pub(crate) launch: Launch,
    pub(crate) watch: Watch,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cancel: Option<Statement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<Span>,
}

/// What starts the work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Launch {
    Statement(Statement),
    Call(CallDocument),
}

/// A statement and its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Statement {
    pub(crate) text: String,
    pub(crate) params: Vec<Value>,
    /// More rows than one would be touched by mistake.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) one_row: bool,
}

/// A call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CallDocument {
    pub(crate) method: String,
    pub(crate) url: Entry,
    pub(crate) headers: BTreeMap<String, Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) json: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expect: Option<Vec<u16>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<Span>,
}

impl Document {
    pub(crate) fn of(attempt: &Attempt<PostgresStepConfig>) -> Result<Self, Problem> {
        let (config, key) = (&attempt.config, &attempt.key);
        let cancel = config.cancel.as_ref().map(|text| Statement {
            text: text.clone(),
            params: with_key(&config.cancel_params, key),
            one_row: false,
        });
        Ok(Self {
            launch: launch(config, key)?,
            watch: Watch::of(config, key),
            cancel,
            channel: config.channel.clone(),
            timeout: config.timeout,
        })
    }

    pub(crate) fn request(&self) -> Result<Request, Problem> {
        serde_json::to_value(self)
            .map(Request)
            .map_err(|error| Problem::at([], error.to_string()))
    }

    /// Reads a stored document.
    pub(crate) fn read(request: &Request) -> Result<Self, String> {
        serde_json::from_value(request.0.clone())
            .map_err(|error| format!("the stored request cannot be read: {error}"))
    }
}

fn launch(config: &PostgresStepConfig, key: &AttemptKey) -> Result<Launch, Problem> {
    let key_column = config.key_column();
    if let Some(row) = &config.insert {
        return Ok(Launch::Statement(insert(row, key_column, key)));
    }
    if let Some(row) = &config.update {
        return Ok(Launch::Statement(update(row, key_column, key)));
    }
    if let Some(text) = &config.statement {
        return Ok(Launch::Statement(Statement {
            text: text.clone(),
            params: with_key(&config.params, key),
            one_row: false,
        }));
    }
    let nothing = || Problem::at([], "nothing launches the work");
    let call = config.call.as_ref().ok_or_else(nothing)?;
    document_of(call, key).map(Launch::Call)
}

/// The columns with their values, the key's among them.
fn columns(values: &Map<String, Value>, key_column: &str, key: &AttemptKey) -> Map<String, Value> {
    let mut columns: Map<String, Value> = values
        .iter()
        .map(|(name, value)| (name.clone(), keyed(value, key)))
        .collect();
    columns.insert(key_column.to_owned(), json!(key));
    columns
}

fn insert(row: &Insert, key_column: &str, key: &AttemptKey) -> Statement {
    let columns = columns(&row.values, key_column, key);
    let names: Vec<String> = columns.keys().map(|name| column(name)).collect();
    let places: Vec<String> = (1..=names.len()).map(|n| format!("${n}")).collect();
    let unique: Vec<String> = match &row.key[..] {
        [] => vec![column(key_column)],
        key => key.iter().map(|name| column(name)).collect(),
    };
    Statement {
        text: format!(
            "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO NOTHING",
            quoted(&row.table),
            names.join(", "),
            places.join(", "),
            unique.join(", ")
        ),
        params: columns.into_values().collect(),
        one_row: true,
    }
}

/// Claims the row once: sent again, it leaves alone what has become of it.
fn update(row: &Update, key_column: &str, key: &AttemptKey) -> Statement {
    let mut params = Vec::new();
    let mut place = |value: Value| {
        params.push(value);
        format!("${}", params.len())
    };
    let sets: Vec<String> = columns(&row.values, key_column, key)
        .into_iter()
        .map(|(name, value)| format!("{} = {}", column(&name), place(value)))
        .collect();
    let mut conditions: Vec<String> = row
        .which
        .iter()
        .map(|(name, value)| match value {
            Value::Null => format!("{} IS NULL", column(name)),
            value => format!("{} = {}", column(name), place(keyed(value, key))),
        })
        .collect();
    conditions.push(format!(
        "{} IS DISTINCT FROM {}",
        column(key_column),
        place(json!(key))
    ));
    Statement {
        text: format!(
            "UPDATE {} SET {} WHERE {}",
            quoted(&row.table),
            sets.join(", "),
            conditions.join(" AND ")
        ),
        params,
        one_row: true,
    }
}

fn document_of(call: &CallConfig, key: &AttemptKey) -> Result<CallDocument, Problem> {
    let mut headers = call.headers.clone();
    headers.retain(|name, _| !name.eq_ignore_ascii_case(IDEMPOTENCY_KEY));
    let value = Entry::Plain(Text(key.as_str().to_owned()));
    headers.insert(IDEMPOTENCY_KEY.to_owned(), value);
    let mut json = call.json.clone();
    if let Some(field) = &call.key_field {
        let body = json.as_mut().and_then(Value::as_object_mut);
        let body = body.ok_or_else(|| {
            Problem::at(
                ["call", "key_field"],
                "`key_field` needs a `json` body that is a table",
            )
        })?;
        body.insert(field.clone(), json!(key));
    }
    Ok(CallDocument {
        method: call.method.clone().unwrap_or_else(|| "POST".to_owned()),
        url: call.url.clone(),
        headers,
        json,
        expect: call.expect.clone(),
        timeout: call.timeout,
    })
}
