//! `[engine.otel]`: where spans of runs and attempts go.
//!
//! Never: holds a secret. A header that is one stands here by the name of its secret.

use std::collections::BTreeMap;

use super::super::fields::{Fields, words};
use super::super::tree::{Entry, Node};
use super::notify::secret_at;
use super::{Given, Secret};

/// `[engine.otel]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Otel {
    /// The address of an OTLP receiver over HTTP.
    pub endpoint: String,
    /// What is sent with each request.
    pub headers: BTreeMap<String, Given>,
}

pub(super) fn read_otel(
    engine: &Fields<'_, '_>,
    secrets: &BTreeMap<String, Secret>,
) -> Option<Otel> {
    let fields = engine.table("otel")?;
    fields.required("endpoint", "[engine.otel]");
    let endpoint = fields.text("endpoint");
    let is_address = |text: &String| text.starts_with("http://") || text.starts_with("https://");
    if endpoint.as_ref().is_some_and(|text| !is_address(text)) {
        fields.bad_value("endpoint", "`endpoint` must begin with https:// or http://");
    }
    let headers = read_headers(&fields, secrets);
    fields.finish("[engine.otel]");
    Some(Otel {
        endpoint: endpoint.filter(is_address)?,
        headers,
    })
}

fn read_headers(
    otel: &Fields<'_, '_>,
    secrets: &BTreeMap<String, Secret>,
) -> BTreeMap<String, Given> {
    let Some(headers) = otel.table("headers") else {
        return BTreeMap::new();
    };
    let entries = headers.table.entries.iter();
    let given =
        entries.filter_map(|entry| Some((entry.key.to_string(), value(&headers, entry, secrets)?)));
    given.collect()
}

fn value<'t, 'a>(
    headers: &Fields<'t, 'a>,
    entry: &'t Entry<'a>,
    secrets: &BTreeMap<String, Secret>,
) -> Option<Given> {
    if matches!(entry.item.node, Node::Table(_)) {
        return secret_at(headers, entry, secrets).map(Given::Secret);
    }
    let text = words(headers.report, &entry.key, &entry.item)?;
    Some(Given::Plain(text.text.to_owned()))
}
