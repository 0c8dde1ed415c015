//! JSON on stdout: one document, or one a line.

use serde::Serialize;

use crate::args::Format;
use crate::console::emit;
use crate::error::CliError;

/// Prints one document.
pub(crate) fn document<T: Serialize>(format: Format, value: &T) -> Result<(), CliError> {
    let text = match format {
        Format::Jsonl => serde_json::to_string(value),
        Format::Json | Format::Table => serde_json::to_string_pretty(value),
    };
    emit(&(written(text)? + "\n"))
}

/// Prints a list: as one array, or one document a line.
pub(crate) fn documents<T: Serialize>(format: Format, values: &[T]) -> Result<(), CliError> {
    if format != Format::Jsonl {
        return document(format, &values);
    }
    let mut lines = String::new();
    for value in values {
        lines.push_str(&written(serde_json::to_string(value))?);
        lines.push('\n');
    }
    emit(&lines)
}

fn written(text: Result<String, serde_json::Error>) -> Result<String, CliError> {
    text.map_err(|error| CliError::Output(error.into()))
}
