//! The messages and enums of the API, as far as a request can carry them: `schema.txt`, parsed once.
//!
//! The table says what exists; `schema_read` holds a request against it.

use std::{collections::HashMap, sync::LazyLock};

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::parse(include_str!("schema.txt")));

/// All messages and enums.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    messages: HashMap<String, Vec<Field>>,
    enums: HashMap<String, Vec<(String, i64)>>,
    shown_as: HashMap<String, String>,
}

/// One field of a message.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) shape: Shape,
    /// Written by the server; accepted from a client and ignored.
    pub(crate) read_only: bool,
    /// A zero value differs from an absent one.
    pub(crate) keeps_zero: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Single,
    List,
    Map,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Bool,
    Int32,
    Int64,
    Duration,
    Enum(String),
    Message(String),
}

/// The schema.
pub(crate) fn schema() -> &'static Schema {
    &SCHEMA
}

impl Schema {
    pub(crate) fn fields(&self, message: &str) -> &[Field] {
        self.messages.get(message).map_or(&[], Vec::as_slice)
    }

    /// The values of an enum, by its full name.
    pub(crate) fn values(&self, name: &str) -> &[(String, i64)] {
        self.enums.get(name).map_or(&[], Vec::as_slice)
    }

    /// The number of an enum value that stands under `key` in an answer.
    pub(crate) fn number(&self, key: &str, value: &str) -> Option<i64> {
        let values = self.values(self.shown_as.get(key)?);
        values
            .iter()
            .find(|(name, _)| name == value)
            .map(|(_, number)| *number)
    }

    fn parse(text: &str) -> Self {
        let mut schema = Schema::default();
        let (mut message, mut name) = (None, String::new());
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["message", new] => {
                    message = Some(schema.messages.entry((*new).to_owned()).or_default());
                }
                ["enum", new, key] => {
                    (message, name) = (None, (*new).to_owned());
                    schema.shown_as.insert((*key).to_owned(), name.clone());
                }
                [field, rest @ ..] => match &mut message {
                    Some(fields) => fields.push(Field::parse(field, rest)),
                    None => schema
                        .enums
                        .entry(name.clone())
                        .or_default()
                        .push(value(field, rest)),
                },
                [] => {}
            }
        }
        schema
    }
}

fn value(name: &str, rest: &[&str]) -> (String, i64) {
    (
        name.to_owned(),
        rest.first()
            .and_then(|number| number.parse().ok())
            .unwrap_or_default(),
    )
}

impl Field {
    fn parse(name: &str, rest: &[&str]) -> Self {
        let word = rest.first().copied().unwrap_or_default();
        let (shape, inner) = if let Some(inner) = word.strip_prefix('[') {
            (Shape::List, inner.trim_end_matches(']'))
        } else if let Some(inner) = word.strip_prefix('{') {
            (Shape::Map, inner.trim_end_matches('}'))
        } else {
            (Shape::Single, word)
        };
        let (read_only, keeps_zero) = (rest.contains(&"ro"), rest.contains(&"keep"));
        Field {
            name: name.to_owned(),
            kind: Kind::parse(inner),
            shape,
            read_only,
            keeps_zero,
        }
    }
}

impl Kind {
    fn parse(word: &str) -> Self {
        match word {
            "string" => Kind::Text,
            "bool" => Kind::Bool,
            "int32" => Kind::Int32,
            "int64" => Kind::Int64,
            "duration" => Kind::Duration,
            name if name.contains('.') => Kind::Enum(name.to_owned()),
            name => Kind::Message(name.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_and_enum_a_field_names_exists() {
        let schema = schema();
        assert!(schema.messages.len() > 30);
        for field in schema
            .messages
            .values()
            .flatten()
            .filter(|field| !field.read_only)
        {
            match &field.kind {
                Kind::Message(name) => assert!(schema.messages.contains_key(name), "{name}"),
                Kind::Enum(name) => assert!(!schema.values(name).is_empty(), "{name}"),
                _ => {}
            }
        }
    }

    #[test]
    fn enum_values_have_the_numbers_of_the_protocol() {
        assert_eq!(schema().number("state", "CONDITION_SUCCEEDED"), Some(4));
        assert_eq!(
            schema().number("executionReason", "NON_ZERO_EXIT_CODE"),
            Some(2)
        );
        assert_eq!(schema().number("reason", "VPC_NETWORK_NOT_FOUND"), Some(17));
        assert_eq!(schema().number("launchStage", "GA"), Some(4));
        assert_eq!(schema().number("name", "GA"), None);
    }
}
