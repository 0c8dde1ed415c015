//! Values of the server as JSON: exact, typed, and refused where JSON has no form for them.
//!
//! | Postgres | JSON |
//! |---|---|
//! | boolean; smallint, integer, bigint, oid | `true`; a number |
//! | real, double precision | a number; `"NaN"`, `"Infinity"`, `"-Infinity"` as text |
//! | numeric | text, digit for digit: a JSON number would round |
//! | text, varchar, char, name, enums, uuid | text |
//! | json, jsonb | as it is |
//! | timestamptz; timestamp; date; time | RFC 3339 in UTC; without an offset; `2026-01-13`; `23:00:00` |
//! | bytea | base64 |
//! | arrays of these | lists |

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sqlx::postgres::{PgTypeInfo, PgTypeKind};

use crate::kind::Kind;
use crate::{moments, numeric};

/// The dimensions of an array that are read; Postgres itself allows six.
const MOST_DIMENSIONS: i32 = 6;

/// A value, or nothing where JSON has no form for its type.
pub(crate) fn decode(info: &PgTypeInfo, bytes: &[u8]) -> Option<Value> {
    match info.kind() {
        PgTypeKind::Enum(_) => return text(bytes),
        PgTypeKind::Domain(inner) => return decode(inner, bytes),
        PgTypeKind::Array(element) if matches!(element.kind(), PgTypeKind::Enum(_)) => {
            return array(bytes, &text);
        }
        _ => {}
    }
    let oid = info.oid()?.0;
    if let Some((element, _)) = Kind::element_of(oid) {
        return array(bytes, &|bytes| simple(element, bytes));
    }
    simple(Kind::of(oid)?, bytes)
}

fn simple(kind: Kind, bytes: &[u8]) -> Option<Value> {
    Some(match kind {
        Kind::Bool => json!(*bytes.first()? != 0),
        Kind::Int2 => json!(i16::from_be_bytes(bytes.try_into().ok()?)),
        Kind::Int4 => json!(i32::from_be_bytes(bytes.try_into().ok()?)),
        Kind::Int8 => json!(i64::from_be_bytes(bytes.try_into().ok()?)),
        Kind::Oid => json!(u32::from_be_bytes(bytes.try_into().ok()?)),
        Kind::Float4 => float4(f32::from_be_bytes(bytes.try_into().ok()?))?,
        Kind::Float8 => float8(f64::from_be_bytes(bytes.try_into().ok()?)),
        Kind::Numeric => json!(numeric::decode(bytes)?),
        Kind::Text => text(bytes)?,
        Kind::Json => serde_json::from_slice(bytes).ok()?,
        Kind::Jsonb => serde_json::from_slice(bytes.strip_prefix(&[1])?).ok()?,
        Kind::Uuid => json!(uuid::Uuid::from_slice(bytes).ok()?.to_string()),
        Kind::Bytes => json!(STANDARD.encode(bytes)),
        Kind::Date => json!(moments::date(bytes)?),
        Kind::Time => json!(moments::time(bytes)?),
        Kind::Timestamp => json!(moments::timestamp(bytes)?),
        Kind::Timestamptz => json!(moments::timestamptz(bytes)?),
        Kind::Void => Value::Null,
    })
}

fn text(bytes: &[u8]) -> Option<Value> {
    Some(json!(std::str::from_utf8(bytes).ok()?))
}

/// The shortest number that is this one among those of its own size: 0.1 stays 0.1.
fn float4(number: f32) -> Option<Value> {
    if !number.is_finite() {
        return Some(float8(number.into()));
    }
    Some(json!(number.to_string().parse::<f64>().ok()?))
}

fn float8(number: f64) -> Value {
    if number.is_nan() {
        return json!("NaN");
    }
    if number.is_infinite() {
        let word = if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        };
        return json!(word);
    }
    json!(number)
}

/// How the elements of an array are read.
type Element<'f> = dyn Fn(&[u8]) -> Option<Value> + 'f;

fn array(bytes: &[u8], element: &Element<'_>) -> Option<Value> {
    let mut rest = bytes;
    let dimensions = word(&mut rest)?;
    let (_has_nulls, _type) = (word(&mut rest)?, word(&mut rest)?);
    if !(0..=MOST_DIMENSIONS).contains(&dimensions) {
        return None;
    }
    let mut lengths = Vec::new();
    for _ in 0..dimensions {
        lengths.push(usize::try_from(word(&mut rest)?).ok()?);
        word(&mut rest)?;
    }
    if lengths.is_empty() {
        return Some(json!([]));
    }
    list(&mut rest, &lengths, element)
}

fn list(rest: &mut &[u8], lengths: &[usize], element: &Element<'_>) -> Option<Value> {
    let Some((length, inner)) = lengths.split_first() else {
        let Ok(size) = usize::try_from(word(rest)?) else {
            return Some(Value::Null);
        };
        let (bytes, after) = rest.split_at_checked(size)?;
        *rest = after;
        return element(bytes);
    };
    let items: Option<Vec<Value>> = (0..*length).map(|_| list(rest, inner, element)).collect();
    items.map(Value::Array)
}

fn word(rest: &mut &[u8]) -> Option<i32> {
    let (bytes, after) = rest.split_at_checked(4)?;
    *rest = after;
    Some(i32::from_be_bytes(bytes.try_into().ok()?))
}
