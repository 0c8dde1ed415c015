//! How a call proves who it is. Only references stand here; values are looked up at the call and kept nowhere.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use noctule_executor::SecretRef;

/// `auth` of a task or of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Auth {
    /// `"none"`.
    None,
    /// `"google_id_token"`: a token of Google's for the origin of the call.
    GoogleIdToken,
    /// `"bearer env:NAME"`: a variable of the engine's environment.
    BearerEnv(String),
    /// `{ bearer = { secret = "NAME" } }`.
    Bearer(SecretRef),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BearerTable {
    bearer: SecretRef,
}

impl Auth {
    fn of_word(word: &str) -> Option<Self> {
        match word {
            "none" => Some(Self::None),
            "google_id_token" => Some(Self::GoogleIdToken),
            _ => word
                .strip_prefix("bearer env:")
                .filter(|name| !name.is_empty())
                .map(|name| Self::BearerEnv(name.to_owned())),
        }
    }
}

impl Serialize for Auth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::GoogleIdToken => serializer.serialize_str("google_id_token"),
            Self::BearerEnv(name) => serializer.collect_str(&format_args!("bearer env:{name}")),
            Self::Bearer(secret) => json!({ "bearer": secret }).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Auth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wanted = "auth is \"none\", \"google_id_token\", \"bearer env:NAME\" or { bearer = { secret = \"NAME\" } }";
        match Value::deserialize(deserializer)? {
            Value::String(word) => Self::of_word(&word).ok_or_else(|| D::Error::custom(wanted)),
            table => serde_json::from_value::<BearerTable>(table)
                .map(|table| Self::Bearer(table.bearer))
                .map_err(|_| D::Error::custom(wanted)),
        }
    }
}

impl JsonSchema for Auth {
    fn schema_name() -> Cow<'static, str> {
        "Auth".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let secret = generator.subschema_for::<SecretRef>();
        json_schema!({ "anyOf": [
            { "type": "string", "pattern": "^(none|google_id_token|bearer env:.+)$" },
            {
                "type": "object",
                "properties": { "bearer": secret },
                "required": ["bearer"],
                "additionalProperties": false,
            },
        ] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_auth_is_read_and_written_back() {
        let forms = [
            json!("none"),
            json!("google_id_token"),
            json!("bearer env:TOKEN"),
            json!({ "bearer": { "secret": "token" } }),
        ];
        for form in forms {
            let auth: Auth = serde_json::from_value(form.clone()).unwrap();
            assert_eq!(serde_json::to_value(&auth).unwrap(), form);
        }
    }

    #[test]
    fn a_token_in_the_file_is_refused_and_not_repeated() {
        for form in [
            json!("bearer s3cr3t"),
            json!({ "bearer": "s3cr3t" }),
            json!("bearer env:"),
        ] {
            let error = serde_json::from_value::<Auth>(form).unwrap_err();
            assert!(!error.to_string().contains("s3cr3t"), "{error}");
        }
    }
}
