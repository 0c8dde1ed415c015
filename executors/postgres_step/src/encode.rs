//! JSON values as parameters, each in the form of the type that the server gave its `$n`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgTypeKind};
use sqlx::{Encode, Postgres, Type};

use noctule_executor::Text;

use crate::kind::Kind;
use crate::{moments, numeric};

/// One parameter in the form of its type.
pub(crate) struct Bound {
    info: PgTypeInfo,
    bytes: Option<Vec<u8>>,
}

impl Bound {
    /// A value for a parameter, or nothing where the value does not fit or the type has no form.
    pub(crate) fn of(info: &PgTypeInfo, value: &Value) -> Option<Self> {
        let bytes = match value {
            Value::Null => None,
            value => Some(encode(info, value)?),
        };
        let info = info.clone();
        Some(Self { info, bytes })
    }
}

impl Type<Postgres> for Bound {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("text")
    }
}

impl Encode<'_, Postgres> for Bound {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let Some(bytes) = &self.bytes else {
            return Ok(IsNull::Yes);
        };
        buffer.extend_from_slice(bytes);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(self.info.clone())
    }
}

fn encode(info: &PgTypeInfo, value: &Value) -> Option<Vec<u8>> {
    match info.kind() {
        PgTypeKind::Enum(_) => return Some(Text::of(value)?.0.into_bytes()),
        PgTypeKind::Domain(inner) => return encode(inner, value),
        _ => {}
    }
    let oid = info.oid()?.0;
    if let Some((element, element_oid)) = Kind::element_of(oid) {
        return array(element, element_oid, value.as_array()?);
    }
    simple(Kind::of(oid)?, value)
}

fn simple(kind: Kind, value: &Value) -> Option<Vec<u8>> {
    // Templates inside longer text give text: `"5"` is as good a number as `5`.
    let text = || Text::of(value).map(|text| text.0);
    let whole = || text()?.trim().parse::<i64>().ok();
    Some(match kind {
        Kind::Bool => vec![u8::from(text()?.trim().parse::<bool>().ok()?)],
        Kind::Int2 => i16::try_from(whole()?).ok()?.to_be_bytes().to_vec(),
        Kind::Int4 => i32::try_from(whole()?).ok()?.to_be_bytes().to_vec(),
        Kind::Int8 => whole()?.to_be_bytes().to_vec(),
        Kind::Oid => u32::try_from(whole()?).ok()?.to_be_bytes().to_vec(),
        Kind::Float4 => (text()?.trim().parse::<f32>().ok()?).to_be_bytes().to_vec(),
        Kind::Float8 => (text()?.trim().parse::<f64>().ok()?).to_be_bytes().to_vec(),
        Kind::Numeric => numeric::encode(&text()?)?,
        Kind::Text => text()?.into_bytes(),
        Kind::Json => value.to_string().into_bytes(),
        Kind::Jsonb => [&[1], value.to_string().as_bytes()].concat(),
        Kind::Uuid => uuid::Uuid::try_parse(text()?.trim())
            .ok()?
            .into_bytes()
            .to_vec(),
        Kind::Bytes => STANDARD.decode(value.as_str()?).ok()?,
        Kind::Date => moments::encode_date(value.as_str()?)?,
        Kind::Time => moments::encode_time(value.as_str()?)?,
        Kind::Timestamp => moments::encode_timestamp(value.as_str()?)?,
        Kind::Timestamptz => moments::encode_timestamptz(value.as_str()?)?,
        Kind::Void => return None,
    })
}

/// A list of one dimension; the elements of a list of lists have no form.
fn array(element: Kind, element_oid: u32, items: &[Value]) -> Option<Vec<u8>> {
    let has_nulls = i32::from(items.iter().any(Value::is_null));
    let count = i32::try_from(items.len()).ok()?;
    let mut bytes = Vec::new();
    let dimensions = i32::from(count > 0);
    bytes.extend(dimensions.to_be_bytes());
    bytes.extend(has_nulls.to_be_bytes());
    bytes.extend(element_oid.to_be_bytes());
    if count > 0 {
        bytes.extend(count.to_be_bytes());
        bytes.extend(1_i32.to_be_bytes());
    }
    for item in items {
        if item.is_null() {
            bytes.extend((-1_i32).to_be_bytes());
            continue;
        }
        let encoded = simple(element, item)?;
        bytes.extend(i32::try_from(encoded.len()).ok()?.to_be_bytes());
        bytes.extend(encoded);
    }
    Some(bytes)
}
