//! Values and tables with their templates filled in, and judgements.
//!
//! Guarantees: a value is rendered once, so data that looks like a template stays data; a reference to a secret stands
//! in the file itself and is neither read nor made; what is rendered is bounded in size. A text without `{{` is passed
//! on as it stands. Keys are not templates.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::error::{Fault, TemplateError, kind};
use super::evaluate::Evaluator;
use super::limits::{Budget, MAX_LIST, MAX_TABLE, MAX_VALUE, json_size};
use super::mention::references;
use super::piece::{Piece, is_template, parse, parse_alone, pieces};
use super::scope::Scope;

/// A table with its templates filled in; entries that give none are left out, at any depth.
///
/// # Errors
/// A template cannot be read or rendered, makes a reference to a secret, or goes beyond a limit.
pub fn render_table(
    table: &Map<String, Value>,
    scope: &Scope<'_>,
) -> Result<Map<String, Value>, TemplateError> {
    Renderer::new(scope).table(table)
}

/// The same, but at and below the dotted path `polled` a text that names `answer` is left as it stands: its executor
/// fills it in with [`Scope::of_answer`] for every answer.
///
/// # Errors
/// As [`render_table`].
pub fn render_table_except(
    table: &Map<String, Value>,
    scope: &Scope<'_>,
    polled: &str,
) -> Result<Map<String, Value>, TemplateError> {
    Renderer {
        polled: Some(polled),
        ..Renderer::new(scope)
    }
    .table(table)
}

/// A value with its templates filled in; `None` if it is one expression that gives none.
///
/// # Errors
/// As [`render_table`].
pub fn render_value(value: &Value, scope: &Scope<'_>) -> Result<Option<Value>, TemplateError> {
    Renderer::new(scope).value(value)
}

/// The list of a fan-out, which may be as large as [`MAX_LIST`]: ten thousand items have more to say than one table.
///
/// # Errors
/// As [`render_table`].
pub fn render_list(value: &Value, scope: &Scope<'_>) -> Result<Option<Value>, TemplateError> {
    Renderer {
        whole: MAX_LIST,
        left: MAX_LIST,
        ..Renderer::new(scope)
    }
    .value(value)
}

/// A text with its templates filled in, as a text; `None` if it is one expression that gives none.
///
/// # Errors
/// As [`render_table`].
pub fn render_text(text: &str, scope: &Scope<'_>) -> Result<Option<String>, TemplateError> {
    let rendered = Renderer::new(scope).text(text)?;
    Ok(rendered.and_then(|value| noctule_executor::Text::of(&value).map(|text| text.0)))
}

/// Whether the expression of `when`, `success`, `skip_when`, `until` or `fail_if` holds. A missing field of data is none.
///
/// # Errors
/// The expression cannot be read or evaluated, or gives something else than true or false.
pub fn holds(expression: &str, scope: &Scope<'_>) -> Result<bool, TemplateError> {
    let expr = parse_alone(expression)?;
    let mut budget = Budget::new();
    let value = Evaluator::of_judgement(scope, &mut budget).value_of(&expr, 0)?;
    value
        .as_bool()
        .ok_or_else(|| Fault::NotBoolean(kind(&value)).at(0..expression.len()))
}

struct Renderer<'a> {
    scope: &'a Scope<'a>,
    /// Where the executor fills in what names `answer`.
    polled: Option<&'a str>,
    /// The dotted path of the value that is rendered.
    path: String,
    /// The most bytes of a value that is one expression.
    whole: usize,
    /// How many bytes may still be rendered.
    left: usize,
}

impl<'a> Renderer<'a> {
    fn new(scope: &'a Scope<'a>) -> Self {
        Self {
            scope,
            polled: None,
            path: String::new(),
            whole: MAX_VALUE,
            left: MAX_TABLE,
        }
    }

    fn value(&mut self, value: &Value) -> Result<Option<Value>, TemplateError> {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(list) => self.list(list).map(Some),
            Value::Object(table) => self.table(table).map(|table| Some(Value::Object(table))),
            plain => Ok(Some(plain.clone())),
        }
    }

    fn below(&mut self, key: &str, value: &Value) -> Result<Option<Value>, TemplateError> {
        let outer = self.path.len();
        if outer > 0 {
            self.path.push('.');
        }
        self.path.push_str(key);
        let rendered = self.value(value).map_err(|error| error.below(key));
        self.path.truncate(outer);
        rendered
    }

    fn list(&mut self, list: &[Value]) -> Result<Value, TemplateError> {
        let mut rendered = Vec::with_capacity(list.len());
        for (index, value) in list.iter().enumerate() {
            rendered.extend(self.below(&index.to_string(), value)?);
        }
        Ok(Value::Array(rendered))
    }

    fn table(&mut self, table: &Map<String, Value>) -> Result<Map<String, Value>, TemplateError> {
        let mut rendered = Map::new();
        for (key, value) in table {
            let value = self.below(key, value)?;
            rendered.extend(value.map(|value| (key.clone(), value)));
        }
        if is_reference(&rendered) && &rendered != table {
            return Err(Fault::Secret.at(0..0));
        }
        Ok(rendered)
    }

    fn text(&mut self, text: &str) -> Result<Option<Value>, TemplateError> {
        if !is_template(text) || (self.is_polled() && references(text)?.answer) {
            return Ok(Some(Value::from(text)));
        }
        let rendered = match pieces(text)?.as_slice() {
            [Piece::Expression(source, offset)] => self.whole(source, *offset)?,
            pieces => self.joined(pieces)?,
        };
        self.pay(&rendered, text)?;
        Ok((!rendered.is_null()).then_some(rendered))
    }

    /// Whether the value stands at or below a path that the executor fills in for every answer.
    fn is_polled(&self) -> bool {
        self.polled.is_some_and(|polled| {
            let below = self.path.strip_prefix(polled);
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// An expression that is a whole value keeps its type.
    fn whole(&self, source: &str, offset: usize) -> Result<Value, TemplateError> {
        let range = offset..offset + source.len();
        let expr = parse(source, offset)?;
        let mut budget = Budget::new();
        let value = Evaluator::of_template(self.scope, &mut budget).value_of(&expr, offset)?;
        if makes_reference(&value) {
            return Err(Fault::Secret.at(range));
        }
        if json_size(&value, self.whole).is_none() {
            let large = if self.whole == MAX_VALUE {
                "the value is larger than 1 MiB"
            } else {
                "the list is larger than 8 MiB"
            };
            return Err(Fault::Limit(large).at(range));
        }
        Ok(value.into_owned())
    }

    fn joined(&self, pieces: &[Piece<'_>]) -> Result<Value, TemplateError> {
        let mut budget = Budget::new();
        let mut text = String::new();
        for piece in pieces {
            let part = self.part(*piece, &mut budget)?;
            if text.len() + part.len() > MAX_VALUE {
                return Err(Fault::Limit("the text is larger than 1 MiB").at(0..0));
            }
            text.push_str(&part);
        }
        // Control characters take six times their place once they are written.
        let text = Value::String(text);
        if json_size(&text, MAX_VALUE).is_none() {
            return Err(Fault::Limit("the text is larger than 1 MiB as JSON").at(0..0));
        }
        Ok(text)
    }

    fn part<'p>(
        &self,
        piece: Piece<'p>,
        budget: &mut Budget,
    ) -> Result<Cow<'p, str>, TemplateError> {
        match piece {
            Piece::Text(part) => Ok(Cow::Borrowed(part)),
            Piece::Expression(source, offset) => {
                let expr = parse(source, offset)?;
                Evaluator::of_template(self.scope, budget)
                    .text_of(&expr, offset)
                    .map(Cow::Owned)
            }
        }
    }

    /// Counts what was rendered against the limit of the table.
    fn pay(&mut self, value: &Value, text: &str) -> Result<(), TemplateError> {
        const LARGE: Fault = Fault::Limit("the rendered table is larger than 4 MiB");
        let spent = json_size(value, self.left).ok_or_else(|| LARGE.at(0..text.len()))?;
        self.left -= spent;
        Ok(())
    }
}

/// Whether a table is a reference to a secret.
fn is_reference(table: &Map<String, Value>) -> bool {
    table.len() == 1 && table.contains_key("secret")
}

/// Whether a reference to a secret stands anywhere in a value.
fn makes_reference(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(makes_reference),
        Value::Object(table) => is_reference(table) || table.values().any(makes_reference),
        _ => false,
    }
}
