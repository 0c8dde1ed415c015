//! Why a template could not be rendered or an expression not judged.
//!
//! Every error names what it is about. None shows more than a few characters of data: messages are stored and shown.

use std::fmt;
use std::ops::Range;

use serde_json::Value;
use thiserror::Error;

/// A template that could not be rendered, or an expression that could not be judged. It fails the task as `config`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}{fault}", Place(path))]
pub struct TemplateError {
    /// The key path below the rendered table; empty for a text that stands alone.
    pub path: Vec<String>,
    /// The bytes of the text that are meant.
    pub range: Range<usize>,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// It cannot be read.
    #[error("{0}")]
    Syntax(String),
    /// A name that means nothing in this place.
    #[error("`{0}` is not known here")]
    Unknown(String),
    /// A root stands where one of its fields is meant.
    #[error("`{0}` is no value: name one of its fields")]
    Whole(String),
    /// A field of a root that is computed.
    #[error("fields of `{0}` are named, they cannot be computed")]
    Dynamic(String),
    /// A field that the data does not have.
    #[error("`{0}` is missing")]
    Missing(String),
    /// None stands where a text is wanted.
    #[error("`{0}` is none, and none cannot stand inside a text")]
    Nothing(String),
    /// The expression of a judgement gave something else.
    #[error("the expression gives {0}, not true or false")]
    NotBoolean(&'static str),
    /// Values that an operator, filter or test cannot take.
    #[error("{0}")]
    Operand(String),
    /// A call, a loop or another thing that templates do not have.
    #[error("{0}")]
    Refused(&'static str),
    /// A table `{ secret = … }` that does not stand in the file itself.
    #[error("a reference to a secret stands in the file itself: a template cannot make one")]
    Secret,
    /// A limit was reached.
    #[error("{0}")]
    Limit(&'static str),
}

impl Fault {
    /// The fault at some bytes of a text.
    pub(super) fn at(self, range: Range<usize>) -> TemplateError {
        TemplateError {
            path: Vec::new(),
            range,
            fault: self,
        }
    }

    /// Values that something cannot take.
    pub(super) fn operand(message: impl Into<String>) -> Self {
        Self::Operand(message.into())
    }
}

impl TemplateError {
    /// The same error, one key further out.
    pub(super) fn below(mut self, key: &str) -> Self {
        self.path.insert(0, key.to_owned());
        self
    }
}

/// The way to a value, before a message.
struct Place<'a>(&'a [String]);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, "`{}`: ", self.0.join("."))
    }
}

/// The kind of a value, in the words of the messages.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "none",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The start of a text of data, fit for a message.
pub(super) fn excerpt(text: &str) -> String {
    let mut shown: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
