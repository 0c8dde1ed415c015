//! Reads a request body against the schema, as strictly as Google: proto3 JSON, every fault named.
//!
//! What comes out is canonical: lowerCamelCase names, enums as strings, integers as numbers, fields
//! with zero values left out unless absence means something else. It never lets an unknown name by.

use serde_json::{Map, Value, json};

use super::{
    duration,
    refusal::Refusal,
    schema::{Field, Kind, Schema, Shape, schema},
};

/// A message in canonical form.
pub(crate) type Message = Map<String, Value>;

/// Reads the bytes of a body as `message`; `root` is the field of the request that the body is.
pub(crate) fn read(message: &str, root: &str, body: &[u8]) -> Result<Message, Refusal> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Message::new());
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| not_json(body, &error))?;
    let Value::Object(object) = value else {
        let sentence =
            "Invalid JSON payload received. Unknown name \"\": Root element must be a message.";
        return Err(Refusal::violations(&[(String::new(), sentence.to_owned())]));
    };
    let mut reader = Reader {
        schema: schema(),
        violations: Vec::new(),
    };
    let message = reader.message(message, root, &object);
    match reader.violations.as_slice() {
        [] => Ok(message),
        violations => Err(Refusal::violations(violations)),
    }
}

fn not_json(body: &[u8], error: &serde_json::Error) -> Refusal {
    let what = if error.is_eof() {
        "Unexpected end of string."
    } else {
        "Unexpected token."
    };
    let text = String::from_utf8_lossy(body);
    let near: String = text
        .lines()
        .nth(error.line().saturating_sub(1))
        .unwrap_or_default()
        .chars()
        .take(80)
        .collect();
    Refusal::invalid(format!("Invalid JSON payload received. {what}\n{near}\n^"))
}

struct Reader {
    schema: &'static Schema,
    violations: Vec<(String, String)>,
}

impl Reader {
    fn message(&mut self, message: &str, path: &str, object: &Message) -> Message {
        let mut canonical = Message::new();
        for (name, value) in object {
            let found = self
                .schema
                .fields(message)
                .iter()
                .find(|field| field.goes_by(name));
            match found {
                None => self.unknown(name, path),
                Some(field) if field.read_only || value.is_null() => {}
                Some(field) => {
                    let read = self.field(field, &join(path, &snake(&field.name)), value);
                    if let Some(read) = read.filter(|read| field.keeps_zero || !is_zero(read)) {
                        canonical.insert(field.name.clone(), read);
                    }
                }
            }
        }
        canonical
    }

    fn field(&mut self, field: &Field, path: &str, value: &Value) -> Option<Value> {
        match (field.shape, value) {
            (Shape::Single, value) => self.single(&field.kind, path, value),
            (Shape::List, Value::Array(items)) => {
                let one =
                    |(index, item)| self.single(&field.kind, &format!("{path}[{index}]"), item);
                Some(Value::Array(
                    items.iter().enumerate().filter_map(one).collect(),
                ))
            }
            (Shape::Map, Value::Object(entries)) => {
                let one = |(key, item): (&String, _)| {
                    Some((
                        key.clone(),
                        self.single(&field.kind, &format!("{path}[\"{key}\"].value"), item)?,
                    ))
                };
                Some(Value::Object(entries.iter().filter_map(one).collect()))
            }
            // The protocol reads a lone value as a list of one.
            (Shape::List, single) if !single.is_object() => {
                Some(json!([self.single(&field.kind, path, single)?]))
            }
            (_, other) => self.wrong(path, &type_name(&field.kind), &other.to_string()),
        }
    }

    fn single(&mut self, kind: &Kind, path: &str, value: &Value) -> Option<Value> {
        match (kind, value) {
            (Kind::Text, Value::String(_)) | (Kind::Bool, Value::Bool(_)) => Some(value.clone()),
            (Kind::Int32 | Kind::Int64, _) => self.integer(kind, path, value),
            (Kind::Duration, _) => self.duration(path, value),
            (Kind::Enum(name), _) => self.enumeration(name, path, value),
            (Kind::Message(name), Value::Object(object)) => {
                Some(Value::Object(self.message(name, path, object)))
            }
            _ => self.wrong(path, &type_name(kind), &value.to_string()),
        }
    }

    fn integer(&mut self, kind: &Kind, path: &str, value: &Value) -> Option<Value> {
        let number = match value {
            Value::String(text) => text.parse::<i64>().ok(),
            Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            _ => None,
        };
        match (number, kind) {
            (Some(number), Kind::Int32) if i32::try_from(number).is_ok() => Some(json!(number)),
            (Some(0), Kind::Int64) => Some(json!(0)),
            (Some(number), Kind::Int64) => Some(json!(number.to_string())),
            _ => self.wrong(path, &type_name(kind), &value.to_string()),
        }
    }

    fn duration(&mut self, path: &str, value: &Value) -> Option<Value> {
        let last = path.rsplit('.').next().unwrap_or(path);
        let fault = match value {
            Value::String(text) => match duration::from_proto(text) {
                Ok(duration) => return Some(json!(duration::to_proto(duration))),
                Err(fault) => format!("Field '{last}', {fault}"),
            },
            other => other.to_string(),
        };
        self.wrong(path, &type_name(&Kind::Duration), &fault)
    }

    fn enumeration(&mut self, name: &str, path: &str, value: &Value) -> Option<Value> {
        let values = self.schema.values(name);
        let found = match value {
            Value::String(text) => values.iter().find(|(known, _)| known == text),
            other => values
                .iter()
                .find(|(_, number)| other.as_i64() == Some(*number)),
        };
        match found {
            Some((_, 0)) => None,
            Some((known, _)) => Some(json!(known)),
            None => self.wrong(
                path,
                &format!("type.googleapis.com/{name}"),
                &value.to_string(),
            ),
        }
    }

    fn unknown(&mut self, name: &str, path: &str) {
        let at = if path.is_empty() {
            String::new()
        } else {
            format!(" at '{path}'")
        };
        let sentence = format!(
            "Invalid JSON payload received. Unknown name \"{name}\"{at}: Cannot find field."
        );
        self.violations.push((path.to_owned(), sentence));
    }

    fn wrong(&mut self, path: &str, kind: &str, value: &str) -> Option<Value> {
        let sentence = format!("Invalid value at '{path}' ({kind}), {value}");
        self.violations.push((path.to_owned(), sentence));
        None
    }
}

impl Field {
    /// The protocol reads lowerCamelCase and the original name.
    fn goes_by(&self, name: &str) -> bool {
        self.name == name || snake(&self.name) == name
    }
}

fn type_name(kind: &Kind) -> String {
    match kind {
        Kind::Text => "TYPE_STRING".to_owned(),
        Kind::Bool => "TYPE_BOOL".to_owned(),
        Kind::Int32 => "TYPE_INT32".to_owned(),
        Kind::Int64 => "TYPE_INT64".to_owned(),
        Kind::Duration => "type.googleapis.com/google.protobuf.Duration".to_owned(),
        Kind::Enum(name) => format!("type.googleapis.com/{name}"),
        Kind::Message(name) => format!("type.googleapis.com/google.cloud.run.v2.{name}"),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "only whole numbers within i32 are let through"
)]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= f64::from(i32::MAX)).then_some(number as i64)
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(_) => false,
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(message: &str, root: &str, body: &Value) -> String {
        read(message, root, body.to_string().as_bytes())
            .unwrap_err()
            .message()
            .to_owned()
    }

    #[test]
    fn an_unknown_name_is_refused_where_it_stands() {
        assert_eq!(
            fault("RunJobRequest", "", &json!({"overrides": {"x": 1}})),
            "Invalid JSON payload received. Unknown name \"x\" at 'overrides': Cannot find field."
        );
        assert_eq!(
            fault("RunJobRequest", "", &json!({"x": 1})),
            "Invalid JSON payload received. Unknown name \"x\": Cannot find field."
        );
        let deep = json!({"overrides": {"containerOverrides": [{"env": [{"key": "A"}]}]}});
        assert!(
            fault("RunJobRequest", "", &deep)
                .contains("at 'overrides.container_overrides[0].env[0]'")
        );
    }

    #[test]
    fn a_number_as_an_env_value_is_refused() {
        let body =
            json!({"overrides": {"containerOverrides": [{"env": [{"name": "A", "value": 5}]}]}});
        let said = fault("RunJobRequest", "", &body);
        assert_eq!(
            said,
            "Invalid value at 'overrides.container_overrides[0].env[0].value' (TYPE_STRING), 5"
        );
    }

    #[test]
    fn a_timeout_is_text_with_an_s() {
        for wrong in [json!(60), json!("60"), json!("1m"), json!({})] {
            let said = fault(
                "RunJobRequest",
                "",
                &json!({"overrides": {"timeout": wrong}}),
            );
            assert!(said.starts_with("Invalid value at 'overrides.timeout' (type.googleapis.com/google.protobuf.Duration), "));
        }
    }

    #[test]
    fn every_fault_is_reported() {
        let said = fault(
            "RunJobRequest",
            "",
            &json!({"a": 1, "overrides": {"taskCount": "x", "b": 2}}),
        );
        assert_eq!(said.lines().count(), 3, "{said}");
    }

    #[test]
    fn zero_values_are_left_out_unless_they_mean_something() {
        let body = json!({"launchStage": 4, "template": {"taskCount": 0, "template": {"maxRetries": 0,
            "containers": [{"image": "i", "env": [{"name": "A", "value": ""}]}]}}, "labels": {"a": "b"}});
        let read = read("Job", "job", body.to_string().as_bytes()).unwrap();
        let expected = json!({"launchStage": "GA", "template": {"template": {"maxRetries": 0,
            "containers": [{"image": "i", "env": [{"name": "A", "value": ""}]}]}}, "labels": {"a": "b"}});
        assert_eq!(Value::Object(read), expected);
    }

    #[test]
    fn the_original_names_and_numbers_as_text_are_read() {
        let read = read(
            "RunJobRequest",
            "",
            br#"{"overrides": {"task_count": "3", "timeout": "1.5s"}}"#,
        )
        .unwrap();
        assert_eq!(
            Value::Object(read),
            json!({"overrides": {"taskCount": 3, "timeout": "1.500s"}})
        );
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        assert!(
            read("RunJobRequest", "", b"{")
                .unwrap_err()
                .message()
                .starts_with("Invalid JSON payload received.")
        );
        assert!(
            read("RunJobRequest", "", b"[]")
                .unwrap_err()
                .message()
                .contains("Root element must be a message.")
        );
        assert!(read("RunJobRequest", "", b"").unwrap().is_empty());
    }
}
