//! Writing messages as proto3 JSON: zero, false and empty fields are left out.

use serde_json::{Map, Value, json};

use super::{name::ExecutionName, schema::schema, schema_read::Message};

/// A message being written.
#[derive(Default)]
pub(crate) struct Fields(Message);

impl Fields {
    /// Adds a field unless its value is the zero of its type.
    pub(crate) fn put(mut self, name: &str, value: Value) -> Self {
        let zero = match &value {
            Value::Null => true,
            Value::Bool(value) => !value,
            // `optional` and `oneof` numbers are shown even at zero; of these only maxRetries occurs.
            Value::Number(number) => number.as_f64() == Some(0.0) && name != "maxRetries",
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
        };
        if !zero {
            self.0.insert(name.to_owned(), value);
        }
        self
    }

    pub(crate) fn value(self) -> Value {
        Value::Object(self.0)
    }
}

/// The link for people to the logs of an execution.
pub(crate) fn log_uri(name: &ExecutionName) -> String {
    let place = name.place();
    let filter = format!(
        "resource.type%3D%22cloud_run_job%22%0Aresource.labels.job_name%3D%22{}%22%0A\
         labels.%22run.googleapis.com%2Fexecution_name%22%3D%22{}%22",
        name.job.job, name.execution
    );
    format!(
        "https://console.cloud.google.com/logs/viewer?project={}&advancedFilter={filter}",
        place.project
    )
}

/// The same answer with enums as numbers, as `$alt=json;enum-encoding=int` asks for.
pub(crate) fn with_numbers(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(with_numbers).collect(),
        Value::Object(fields) => {
            let one = |(key, value): (String, Value)| {
                let value = numbered(&key, value);
                (key, value)
            };
            Value::Object(fields.into_iter().map(one).collect::<Map<_, _>>())
        }
        other => other,
    }
}

fn numbered(key: &str, value: Value) -> Value {
    match &value {
        // The keys of these are the user's own.
        Value::Object(_) if matches!(key, "labels" | "annotations" | "limits") => value,
        Value::String(text) => schema()
            .number(key, text)
            .map_or(value.clone(), |number| json!(number)),
        _ => with_numbers(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_values_are_left_out() {
        let fields = Fields::default()
            .put("a", json!(0))
            .put("b", json!(""))
            .put("c", json!(false));
        let fields = fields
            .put("d", json!([]))
            .put("e", json!(null))
            .put("f", json!("0"))
            .put("g", json!(1));
        assert_eq!(fields.value(), json!({"f": "0", "g": 1}));
    }

    #[test]
    fn enums_become_numbers_and_labels_do_not() {
        let value = json!({"conditions": [{"type": "Completed", "state": "CONDITION_FAILED"}],
            "labels": {"state": "CONDITION_FAILED"}, "metadata": {"launchStage": "GA"}});
        let expected = json!({"conditions": [{"type": "Completed", "state": 3}],
            "labels": {"state": "CONDITION_FAILED"}, "metadata": {"launchStage": 4}});
        assert_eq!(with_numbers(value), expected);
    }
}
