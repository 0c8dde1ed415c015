//! Operators on values.
//!
//! Guarantees: numbers neither wrap nor become infinite; what is made is paid for first. Ordering with none is false,
//! so that a judgement on a field that is not there does not hold; ordering values of different kinds is an error.

use std::cmp::Ordering;

use minijinja::machinery::ast::BinOpKind;
use serde_json::{Number, Value};

use super::error::{Fault, kind};
use super::limits::Budget;

/// The result of an operator, both sides evaluated.
pub(super) fn binary(
    op: BinOpKind,
    left: &Value,
    right: &Value,
    budget: &mut Budget,
) -> Result<Value, Fault> {
    budget.spend_on(left)?;
    budget.spend_on(right)?;
    match op {
        BinOpKind::Eq => Ok(Value::Bool(same(left, right))),
        BinOpKind::Ne => Ok(Value::Bool(!same(left, right))),
        BinOpKind::In => contains(right, left).map(Value::Bool),
        BinOpKind::Lt => ordered(left, right, Ordering::is_lt),
        BinOpKind::Lte => ordered(left, right, Ordering::is_le),
        BinOpKind::Gt => ordered(left, right, Ordering::is_gt),
        BinOpKind::Gte => ordered(left, right, Ordering::is_ge),
        BinOpKind::Add => add(left, right),
        BinOpKind::Mul => multiply(left, right, budget),
        other => arithmetic(other, left, right),
    }
}

/// Whether two values are equal; numbers by their value.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            number_order(left, right) == Some(Ordering::Equal)
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        (left, right) => left == right,
    }
}

fn number_order(left: &Number, right: &Number) -> Option<Ordering> {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

fn ordered(left: &Value, right: &Value, accept: fn(Ordering) -> bool) -> Result<Value, Fault> {
    let order = match (left, right) {
        (Value::Null, _) | (_, Value::Null) => return Ok(Value::Bool(false)),
        (Value::Number(left), Value::Number(right)) => number_order(left, right),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => return Err(unfit("compared", left, right)),
    };
    Ok(Value::Bool(order.is_some_and(accept)))
}

fn contains(list: &Value, wanted: &Value) -> Result<bool, Fault> {
    match (list, wanted) {
        (Value::Null, _) => Ok(false),
        (Value::Array(list), wanted) => Ok(list.iter().any(|item| same(item, wanted))),
        (Value::Object(map), Value::String(key)) => Ok(map.contains_key(key)),
        (Value::String(text), Value::String(part)) => Ok(text.contains(part.as_str())),
        (Value::Object(_) | Value::String(_), Value::Null) => Ok(false),
        (other, wanted) => Err(Fault::operand(format!(
            "{} cannot be looked for in {}",
            kind(wanted),
            kind(other)
        ))),
    }
}

fn add(left: &Value, right: &Value) -> Result<Value, Fault> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => {
            Ok(Value::String([left.as_str(), right].concat()))
        }
        (Value::Array(left), Value::Array(right)) => {
            Ok(Value::Array([left.as_slice(), right].concat()))
        }
        _ => arithmetic(BinOpKind::Add, left, right),
    }
}

fn multiply(left: &Value, right: &Value, budget: &mut Budget) -> Result<Value, Fault> {
    let (Value::String(text), times) = (left, right) else {
        return arithmetic(BinOpKind::Mul, left, right);
    };
    let times = usize::try_from(index(times)?).unwrap_or(0);
    budget.spend(text.len().saturating_mul(times))?;
    Ok(Value::String(text.repeat(times)))
}

fn arithmetic(op: BinOpKind, left: &Value, right: &Value) -> Result<Value, Fault> {
    let (Value::Number(first), Value::Number(second)) = (left, right) else {
        return Err(unfit("calculated with", left, right));
    };
    let whole = match (first.as_i128(), second.as_i128()) {
        (Some(first), Some(second)) => whole(op, first, second)?,
        _ => None,
    };
    if let Some(result) = whole {
        return Number::from_i128(result)
            .map(Value::Number)
            .ok_or_else(too_large);
    }
    let (Some(first), Some(second)) = (first.as_f64(), second.as_f64()) else {
        return Err(too_large());
    };
    real(real_result(op, first, second)?)
}

/// The whole result of whole numbers; `None` where it is not whole.
fn whole(op: BinOpKind, left: i128, right: i128) -> Result<Option<i128>, Fault> {
    let result = match op {
        BinOpKind::Add => left.checked_add(right),
        BinOpKind::Sub => left.checked_sub(right),
        BinOpKind::Mul => left.checked_mul(right),
        BinOpKind::FloorDiv | BinOpKind::Rem if right == 0 => return Err(by_zero()),
        BinOpKind::FloorDiv => floor_division(left, right).map(|(quotient, _)| quotient),
        BinOpKind::Rem => floor_division(left, right).map(|(_, rest)| rest),
        BinOpKind::Pow if right >= 0 => u32::try_from(right)
            .ok()
            .and_then(|right| left.checked_pow(right)),
        _ => return Ok(None),
    };
    result.map(Some).ok_or_else(too_large)
}

/// Quotient and rest, the quotient rounded down.
fn floor_division(left: i128, right: i128) -> Option<(i128, i128)> {
    let (quotient, rest) = (left.checked_div(right)?, left.checked_rem(right)?);
    if rest != 0 && (rest < 0) != (right < 0) {
        return Some((quotient - 1, rest + right));
    }
    Some((quotient, rest))
}

fn real_result(op: BinOpKind, left: f64, right: f64) -> Result<f64, Fault> {
    match op {
        BinOpKind::Add => Ok(left + right),
        BinOpKind::Sub => Ok(left - right),
        BinOpKind::Mul => Ok(left * right),
        BinOpKind::Div | BinOpKind::FloorDiv | BinOpKind::Rem if right == 0.0 => Err(by_zero()),
        BinOpKind::Div => Ok(left / right),
        BinOpKind::FloorDiv => Ok((left / right).floor()),
        BinOpKind::Rem => Ok(left - right * (left / right).floor()),
        BinOpKind::Pow => Ok(left.powf(right)),
        _ => Err(Fault::Refused("templates have no such operator")),
    }
}

fn real(number: f64) -> Result<Value, Fault> {
    Number::from_f64(number)
        .map(Value::Number)
        .ok_or_else(too_large)
}

/// A number with its sign turned.
pub(super) fn negate(value: &Value) -> Result<Value, Fault> {
    let Value::Number(number) = value else {
        let message = format!("{} has no sign to turn", kind(value));
        return Err(Fault::Operand(message));
    };
    match (number.as_i128(), number.as_f64()) {
        (Some(whole), _) => Number::from_i128(-whole)
            .map(Value::Number)
            .ok_or_else(too_large),
        (None, Some(number)) => real(-number),
        (None, None) => Err(too_large()),
    }
}

/// A value as a whole number.
pub(super) fn index(value: &Value) -> Result<i64, Fault> {
    value
        .as_i64()
        .ok_or_else(|| Fault::operand(format!("a whole number is wanted, not {}", kind(value))))
}

fn unfit(done: &str, left: &Value, right: &Value) -> Fault {
    Fault::operand(format!(
        "{} and {} cannot be {done}",
        kind(left),
        kind(right)
    ))
}

fn too_large() -> Fault {
    Fault::operand("a number is too large")
}

fn by_zero() -> Fault {
    Fault::operand("division by zero")
}
