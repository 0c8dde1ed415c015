//! Reading a JSON body as a request: no unknown field, no wrong type.
//!
//! Stricter than AWS in one thing: AWS lets unknown fields by, and so hides a misspelt one.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::refusal::Refusal;

/// The body, and the same as a request.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<(T, Value), Refusal> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Refusal::serialization(format!("not JSON: {error}")))?;
    if !value.is_object() {
        return Err(Refusal::serialization("the body is not an object"));
    }
    let request = T::deserialize(&value).map_err(|error| {
        let text = error.to_string();
        if text.starts_with("missing field") {
            Refusal::invalid_parameter(format!("a required parameter is not given: {text}"))
        } else {
            Refusal::serialization(text)
        }
    })?;
    Ok((request, value))
}

/// Refuses a number outside of these bounds.
pub(crate) fn within(name: &str, value: i64, least: i64, most: i64) -> Result<usize, Refusal> {
    let fits = (least..=most).contains(&value);
    let fitting = usize::try_from(value).ok().filter(|_| fits);
    fitting.ok_or_else(|| {
        Refusal::invalid_parameter(format!(
            "{name} must be between {least} and {most}, not {value}."
        ))
    })
}
