//! A TOML document as a tree whose every key and value knows where it stands.
//!
//! Guarantees: a file over [`FILE_LIMIT`] or deeper than [`DEPTH_LIMIT`] is refused before anything looks at it, so that
//! all later code may recurse over a tree; entries keep the order of the file.
//!
//! Never: judges what a key means.

use std::borrow::Cow;

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use super::report::{Note, Place, Report};

/// The largest file that is read.
pub(super) const FILE_LIMIT: usize = 4 << 20;

/// The deepest nesting that is read.
pub(super) const DEPTH_LIMIT: usize = 64;

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Item<'a> {
    pub(super) node: Node<'a>,
    pub(super) place: Place,
}

#[derive(Debug, Clone)]
pub(super) enum Node<'a> {
    Text(Cow<'a, str>),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// A date or time, as TOML writes it.
    Date(String),
    List(Vec<Item<'a>>),
    Table(Table<'a>),
}

impl Node<'_> {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "integer",
            Self::Float(_) => "number",
            Self::Boolean(_) => "boolean",
            Self::Date(_) => "date",
            Self::List(_) => "list",
            Self::Table(_) => "table",
        }
    }

    /// The value as JSON. A number that JSON cannot hold was refused when the file was read.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.clone().into_owned()),
            Self::Integer(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::Boolean(flag) => (*flag).into(),
            Self::Date(text) => text.clone().into(),
            Self::List(items) => items.iter().map(|item| item.node.to_json()).collect(),
            Self::Table(table) => Value::Object(table.to_json()),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Entry<'a> {
    pub(super) key: Cow<'a, str>,
    /// Where the key stands: the header of a table, for one.
    pub(super) at: Place,
    pub(super) item: Item<'a>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Table<'a> {
    pub(super) entries: Vec<Entry<'a>>,
}

impl<'a> Table<'a> {
    pub(super) fn get(&self, key: &str) -> Option<&Entry<'a>> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Entry<'a>> {
        self.entries.iter_mut().find(|entry| entry.key == key)
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Entry<'a>> {
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at))
    }

    /// The table below a key, if it is one.
    pub(super) fn table(&self, key: &str) -> Option<&Table<'a>> {
        match &self.get(key)?.item.node {
            Node::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.key.as_ref())
    }

    pub(super) fn to_json(&self) -> Map<String, Value> {
        self.entries
            .iter()
            .map(|entry| (entry.key.clone().into_owned(), entry.item.node.to_json()))
            .collect()
    }
}

/// Reads a document; every problem of its syntax is reported.
pub(super) fn parse<'a>(report: &Report<'a>, source: u32, text: &'a str) -> Option<Table<'a>> {
    if text.len() > FILE_LIMIT {
        let message = format!(
            "the file has {} bytes, at most {FILE_LIMIT} are read",
            text.len()
        );
        report.say(Note::error("too_large", Place::new(source, 0..0), message));
        return None;
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        report_syntax(report, source, text, error);
    }
    if !errors.is_empty() {
        return None;
    }
    let before = report.errors();
    let table = Growth { report, source }.table(table.into_inner(), 0);
    (report.errors() == before).then_some(table)
}

/// A single value, as after `key =`.
pub(super) fn parse_value<'a>(report: &Report<'a>, source: u32, text: &'a str) -> Option<Item<'a>> {
    if text.len() > FILE_LIMIT {
        return None;
    }
    let value = DeValue::parse(text).ok()?;
    Some(Growth { report, source }.item(value, 0))
}

fn report_syntax(report: &Report<'_>, source: u32, text: &str, error: &toml::de::Error) {
    let mut span = error.span().unwrap_or(0..0);
    // The parser reports an unexpected end behind the last byte, where no line is.
    span.start = span.start.min(text.trim_end().len());
    span.end = span.end.max(span.start).min(text.len());
    let message = error.message();
    let (code, message) = if message.contains("duplicate key") {
        ("duplicate", "this key stands here a second time".to_owned())
    } else if message.contains("recurs") {
        (
            "too_deep",
            format!("tables and lists nest deeper than {DEPTH_LIMIT}"),
        )
    } else {
        ("syntax", format!("this is no TOML: {message}"))
    };
    report.say(Note::error(code, Place::new(source, span), message));
}

struct Growth<'r, 'a> {
    report: &'r Report<'a>,
    source: u32,
}

impl<'a> Growth<'_, 'a> {
    fn table(&self, table: DeTable<'a>, depth: usize) -> Table<'a> {
        let entries = table.into_iter().map(|(key, value)| {
            let at = Place::new(self.source, key.span());
            Entry {
                key: key.into_inner(),
                at,
                item: self.item(value, depth + 1),
            }
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by_key(|entry| entry.at.start);
        Table { entries }
    }

    fn item(&self, value: toml::Spanned<DeValue<'a>>, depth: usize) -> Item<'a> {
        let place = Place::new(self.source, value.span());
        let node = if depth > DEPTH_LIMIT {
            let message = format!("tables and lists nest deeper than {DEPTH_LIMIT}");
            self.report.say(Note::error("too_deep", place, message));
            Node::Boolean(false)
        } else {
            self.node(value.into_inner(), place, depth)
        };
        Item { node, place }
    }

    fn node(&self, value: DeValue<'a>, place: Place, depth: usize) -> Node<'a> {
        match value {
            DeValue::String(text) => Node::Text(text),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(
                    |_| self.no_number(place, "an integer must fit 64 bits"),
                    Node::Integer,
                ),
            DeValue::Float(number) => match number.as_str().parse::<f64>() {
                Ok(number) if number.is_finite() => Node::Float(number),
                _ => self.no_number(place, "a number must be finite"),
            },
            DeValue::Boolean(flag) => Node::Boolean(flag),
            DeValue::Datetime(date) => Node::Date(date.to_string()),
            DeValue::Array(items) => Node::List(
                items
                    .into_iter()
                    .map(|item| self.item(item, depth + 1))
                    .collect(),
            ),
            DeValue::Table(table) => Node::Table(self.table(table, depth)),
        }
    }

    fn no_number(&self, place: Place, rule: &str) -> Node<'a> {
        self.report.say(Note::error("bad_value", place, rule));
        Node::Integer(0)
    }
}
