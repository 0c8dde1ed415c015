//! `entries.list` of Cloud Logging.

use serde_json::{Value, json};

use super::{
    filter::Filter, log_entry::LogBook, page::Page, refusal::Refusal, render::Fields,
    schema_read::Message,
};

const MOST: usize = 1000;
const USUAL: usize = 50;

/// The entries a request asks for.
pub(crate) fn list(book: &LogBook, request: &Message) -> Result<Value, Refusal> {
    let text = |key: &str| request.get(key).and_then(Value::as_str).unwrap_or_default();
    let projects = projects(request)?;
    let filter = Filter::parse(text("filter"))?;
    let page = Page::new(
        request.get("pageSize").and_then(Value::as_i64),
        text("pageToken"),
        USUAL,
        MOST,
    )?;
    let wanted = |entry: &Value| {
        let log = entry["logName"].as_str().unwrap_or_default();
        projects
            .iter()
            .any(|project| log.starts_with(&format!("{project}/logs/")))
            && filter.matches(entry)
    };
    let entries = book.entries().filter(|(_, entry)| wanted(entry));
    let (entries, token) = match text("orderBy") {
        "" | "timestamp asc" | "timestamp" => page.cut(false, entries),
        "timestamp desc" => page.cut(true, entries.rev()),
        other => {
            return Err(Refusal::invalid(format!(
                "order_by must be timestamp asc or desc, got: {other}"
            )));
        }
    };
    Ok(Fields::default()
        .put("entries", json!(entries))
        .put("nextPageToken", json!(token))
        .value())
}

fn projects(request: &Message) -> Result<Vec<String>, Refusal> {
    let names = request
        .get("resourceNames")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let names: Vec<String> = names
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let known = |name: &String| {
        name.strip_prefix("projects/")
            .is_some_and(|id| !id.is_empty() && !id.contains('/'))
    };
    match names.iter().find(|name| !known(name)) {
        Some(wrong) => Err(Refusal::invalid(format!(
            "Resource name \"{wrong}\" is not a project the simulator knows."
        ))),
        None if names.is_empty() => {
            Err(Refusal::invalid("At least one resource name is required."))
        }
        None => Ok(names),
    }
}
