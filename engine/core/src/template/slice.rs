//! Parts of texts and lists: `[start:stop:step]`, counted in characters and items, as in Python.

use serde_json::Value;

use super::error::{Fault, kind};

/// The part of a value; none has the empty list.
pub(super) fn slice(value: &Value, bounds: [Option<i64>; 3]) -> Result<Value, Fault> {
    if bounds[2] == Some(0) {
        return Err(Fault::operand("the step of a slice is not 0"));
    }
    match value {
        Value::Null => Ok(Value::Array(Vec::new())),
        Value::String(text) => Ok(Value::String(letters(text, bounds))),
        Value::Array(list) => {
            let chosen = positions(list.len(), bounds);
            Ok(Value::Array(chosen.map(|at| list[at].clone()).collect()))
        }
        other => Err(Fault::operand(format!("{} has no parts", kind(other)))),
    }
}

fn letters(text: &str, bounds: [Option<i64>; 3]) -> String {
    if text.is_ascii() {
        let chosen = positions(text.len(), bounds);
        return chosen.map(|at| char::from(text.as_bytes()[at])).collect();
    }
    let letters: Vec<char> = text.chars().collect();
    positions(letters.len(), bounds)
        .map(|at| letters[at])
        .collect()
}

/// The positions of a slice, all below `length`.
fn positions(length: usize, [start, stop, step]: [Option<i64>; 3]) -> impl Iterator<Item = usize> {
    let step = step.unwrap_or(1);
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    // Backwards, a bound may lie before the first position.
    let (low, high) = if step > 0 {
        (0, length)
    } else {
        (-1, length - 1)
    };
    let bound = |given: i64| {
        let from_start = if given < 0 {
            given.saturating_add(length)
        } else {
            given
        };
        from_start.clamp(low, high)
    };
    let (first, last) = if step > 0 { (low, high) } else { (high, low) };
    let stop = stop.map_or(last, bound);
    let start = start.map_or(first, bound);
    std::iter::successors(Some(start), move |at| at.checked_add(step))
        .take_while(move |at| if step > 0 { *at < stop } else { *at > stop })
        .filter_map(|at| usize::try_from(at).ok())
}
