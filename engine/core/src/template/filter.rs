//! The filters on texts and lists, and the way to those on times.
//!
//! Guarantees: what a filter makes is paid for before it is made.

use serde_json::Value;

use super::arguments::Arguments;
use super::error::{Fault, kind};
use super::limits::{Budget, CELL};
use super::moment;

/// What a filter makes of a value. `default` takes missing fields too and is answered before.
pub(super) fn filter(
    name: &str,
    input: &Value,
    arguments: &Arguments<'_>,
    budget: &mut Budget,
) -> Result<Value, Fault> {
    budget.spend_on(input)?;
    match name {
        "add" => moment::add(text(name, input)?, arguments),
        "date" => moment::date(text(name, input)?, arguments, budget),
        "join" => join(input, arguments, budget),
        "json" => Ok(Value::String(input.to_string())),
        "length" => length(input),
        "lower" => Ok(Value::String(text(name, input)?.to_lowercase())),
        "replace" => replace(text(name, input)?, arguments, budget),
        "split" => split(text(name, input)?, arguments, budget),
        "start_of" => moment::start_of(text(name, input)?, arguments),
        "upper" => Ok(Value::String(text(name, input)?.to_uppercase())),
        _ => Err(Fault::operand(format!("there is no filter `{name}`"))),
    }
}

fn text<'a>(name: &str, input: &'a Value) -> Result<&'a str, Fault> {
    input
        .as_str()
        .ok_or_else(|| Fault::operand(format!("`{name}` takes text, not {}", kind(input))))
}

fn length(input: &Value) -> Result<Value, Fault> {
    match input {
        Value::String(text) => Ok(Value::from(text.chars().count())),
        Value::Array(list) => Ok(Value::from(list.len())),
        Value::Object(map) => Ok(Value::from(map.len())),
        other => Err(Fault::operand(format!("{} has no length", kind(other)))),
    }
}

fn join(input: &Value, arguments: &Arguments<'_>, budget: &mut Budget) -> Result<Value, Fault> {
    let Value::Array(list) = input else {
        return Err(Fault::operand(format!(
            "`join` takes a list, not {}",
            kind(input)
        )));
    };
    let separator = arguments.text(0)?.unwrap_or_default();
    budget.spend(separator.len().saturating_mul(list.len()))?;
    let texts: Option<Vec<_>> = list.iter().map(noctule_executor::Text::of).collect();
    let texts = texts.ok_or_else(|| Fault::operand("`join` takes a list without none"))?;
    let texts: Vec<&str> = texts.iter().map(noctule_executor::Text::as_str).collect();
    Ok(Value::String(texts.join(separator)))
}

fn replace(text: &str, arguments: &Arguments<'_>, budget: &mut Budget) -> Result<Value, Fault> {
    let from = arguments.text(0)?.unwrap_or_default();
    let to = arguments.text(1)?.unwrap_or_default();
    if from.is_empty() {
        return Err(Fault::operand("`replace` needs a text to replace"));
    }
    budget.spend(text.matches(from).count().saturating_mul(to.len()))?;
    Ok(Value::String(text.replace(from, to)))
}

fn split(text: &str, arguments: &Arguments<'_>, budget: &mut Budget) -> Result<Value, Fault> {
    let parts = |budget: &mut Budget, count: usize| budget.spend(count.saturating_mul(2 * CELL));
    match arguments.text(0)? {
        Some("") => Err(Fault::operand(
            "`split` needs a separator that is not empty",
        )),
        Some(separator) => {
            parts(budget, text.matches(separator).count())?;
            Ok(text.split(separator).map(Value::from).collect())
        }
        None => {
            parts(budget, text.split_whitespace().count())?;
            Ok(text.split_whitespace().map(Value::from).collect())
        }
    }
}
