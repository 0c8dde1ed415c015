//! What a worker writes at the end, and the verdict on it.

use noctule_executor::{ErrorClass, Outcome};
use serde::Deserialize;
use serde_json::Value;

/// `KEY.result`: `{"ok": true, "output": …}`, `{"ok": false, "message": "…"}` or `{"ok": false, "cancelled": true}`.
#[derive(Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    cancelled: bool,
    message: Option<String>,
    output: Option<Value>,
}

/// The verdict. A result that cannot be read is an end that nobody can tell, never success.
pub(super) fn outcome(text: &[u8]) -> Outcome {
    let answer: Answer = match serde_json::from_slice(text) {
        Ok(answer) => answer,
        Err(error) => {
            let message = format!("the worker's result cannot be read: {error}");
            return Outcome::failed(ErrorClass::Unknown, message, None);
        }
    };
    let output = answer.output;
    if answer.ok {
        let output = output.unwrap_or_default();
        return Outcome::Succeeded { output };
    }
    if answer.cancelled {
        return Outcome::Cancelled { by: None, output };
    }
    let message = answer
        .message
        .unwrap_or_else(|| "the worker gave no reason".to_owned());
    Outcome::failed(ErrorClass::User, message, output)
}
