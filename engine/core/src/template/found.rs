//! What an expression found: a value, or a field that the data does not have.
//!
//! Values are borrowed from the scope as long as they are only looked at.

use std::borrow::Cow;

use minijinja::machinery::ast::Expr;
use serde_json::Value;

/// What an expression found.
pub(super) enum Found<'a> {
    /// A value.
    Value(Cow<'a, Value>),
    /// A field that the data does not have, and the expression that names it.
    Missing(&'a Expr<'a>),
}

impl<'a> Found<'a> {
    /// A value that stands in the scope.
    pub(super) fn borrowed(value: &'a Value) -> Self {
        Self::Value(Cow::Borrowed(value))
    }

    /// A value that was made.
    pub(super) fn made(value: impl Into<Value>) -> Self {
        Self::Value(Cow::Owned(value.into()))
    }

    /// A text, or none.
    pub(super) fn text(text: Option<&str>) -> Self {
        Self::made(text.map_or(Value::Null, Value::from))
    }

    /// Whether it counts as none.
    pub(super) fn is_none(&self) -> bool {
        match self {
            Self::Value(value) => value.is_null(),
            Self::Missing(_) => true,
        }
    }
}

/// A key of an object, or an index of a list or text.
pub(super) enum Key<'a> {
    /// A name.
    Name(Cow<'a, str>),
    /// An index, from the end if negative.
    Index(i64),
}

/// The field of a value, if it has it.
pub(super) fn child<'a>(value: Cow<'a, Value>, key: &Key<'_>) -> Option<Cow<'a, Value>> {
    match (value, key) {
        (Cow::Borrowed(Value::Object(map)), Key::Name(name)) => {
            map.get(name.as_ref()).map(Cow::Borrowed)
        }
        (Cow::Owned(Value::Object(mut map)), Key::Name(name)) => {
            map.remove(name.as_ref()).map(Cow::Owned)
        }
        (Cow::Borrowed(Value::Array(list)), Key::Index(index)) => {
            list.get(position(*index, list.len())?).map(Cow::Borrowed)
        }
        (Cow::Owned(Value::Array(mut list)), Key::Index(index)) => {
            let at = position(*index, list.len())?;
            (at < list.len()).then(|| Cow::Owned(list.swap_remove(at)))
        }
        (value, Key::Index(index)) => letter(value.as_str()?, *index),
        _ => None,
    }
}

fn letter<'a>(text: &str, index: i64) -> Option<Cow<'a, Value>> {
    let at = position(index, text.chars().count())?;
    let letter = text.chars().nth(at)?;
    Some(Cow::Owned(Value::String(letter.to_string())))
}

fn position(index: i64, length: usize) -> Option<usize> {
    if index >= 0 {
        return usize::try_from(index).ok();
    }
    length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
}

/// Whether a value counts as true: all but false, none, zero and what is empty.
pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(held) => *held,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// An expression as it would be written, for messages.
pub(super) fn written(expr: &Expr<'_>) -> String {
    match expr {
        Expr::Var(var) => var.id.to_owned(),
        Expr::GetAttr(attr) => format!("{}.{}", written(&attr.expr), attr.name),
        Expr::GetItem(item) => {
            format!("{}[{}]", written(&item.expr), written(&item.subscript_expr))
        }
        Expr::Const(constant) => match constant.value.as_str() {
            Some(text) => format!("'{text}'"),
            None => constant.value.to_string(),
        },
        Expr::Filter(filter) => match &filter.expr {
            Some(input) => format!("{} | {}", written(input), filter.name),
            None => filter.name.to_owned(),
        },
        Expr::Slice(slice) => format!("{}[…]", written(&slice.expr)),
        _ => "…".to_owned(),
    }
}
