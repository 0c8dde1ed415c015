//! The tests behind `is`.

use serde_json::Value;

use super::arguments::Arguments;
use super::error::Fault;

/// Whether a test of a value holds. `defined` and `undefined` are about names and are answered before.
pub(super) fn test(name: &str, value: &Value, arguments: &Arguments<'_>) -> Result<bool, Fault> {
    Ok(match name {
        "none" => value.is_null(),
        "true" => value == &Value::Bool(true),
        "false" => value == &Value::Bool(false),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "float" => value.is_f64(),
        "string" => value.is_string(),
        "sequence" => value.is_array(),
        "mapping" => value.is_object(),
        "startingwith" => text(value, arguments, |text, part| text.starts_with(part))?,
        "endingwith" => text(value, arguments, |text, part| text.ends_with(part))?,
        _ => return Err(Fault::operand(format!("there is no test `{name}`"))),
    })
}

fn text(
    value: &Value,
    arguments: &Arguments<'_>,
    holds: fn(&str, &str) -> bool,
) -> Result<bool, Fault> {
    let part = arguments.text(0)?.unwrap_or_default();
    Ok(value.as_str().is_some_and(|text| holds(text, part)))
}
