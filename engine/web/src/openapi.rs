//! The OpenAPI 3.1 document, made from the table of operations and from the types they take and give.

use axum::response::Response;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::access::{Need, Role, Scoped};
use crate::operation::{Call, Endpoint, Nothing, Operation, Verb, found};
use crate::problem::{Problem, ProblemDocument};
use crate::read::LOG_HEADERS;
use crate::table::TABLE;
use crate::web::Web;

/// `GET /api/v1/openapi.json`.
pub(crate) struct ShowOpenApi;

/// Any object.
#[derive(JsonSchema)]
#[schemars(transparent, rename = "OpenApi")]
pub(crate) struct Document(
    #[expect(dead_code, reason = "a schema, and nothing else")] Map<String, Value>,
);

impl Operation for ShowOpenApi {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/openapi.json";
    const NEED: Need = Need::Role(Role::Viewer);
    const SCOPED: Scoped = Scoped::Filtered;
    const NAME: &'static str = "openapi";
    const SUMMARY: &'static str = "This document";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = Document;

    async fn answer(_: Web, _: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        found(&document())
    }
}

/// The document.
pub(crate) fn document() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut generator = settings.clone().into_generator();
    let mut inline = settings
        .with(|settings| settings.inline_subschemas = true)
        .into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in TABLE.iter().filter(|endpoint| !endpoint.is_page()) {
        let method = endpoint.verb.as_str().to_ascii_lowercase();
        let operation = operation(endpoint, &mut generator, &mut inline);
        let path = paths
            .entry(endpoint.path)
            .or_insert_with(|| Value::Object(Map::new()));
        path[method] = operation;
    }
    let problem = generator.subschema_for::<ProblemDocument>();
    let problems = |text: &str| {
        json!({
            "description": text,
            "content": { "application/problem+json": { "schema": problem } },
        })
    };
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Noctule",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Runs DAGs of remote work, and remembers all of it.",
            "license": { "name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "responses": {
                "Refused": problems("not done: the request cannot be fulfilled as it is"),
                "Failed": problems("not done: something failed, or is not there now"),
            },
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation(
    endpoint: &Endpoint,
    generator: &mut SchemaGenerator,
    inline: &mut SchemaGenerator,
) -> Value {
    let mut parameters = path_parameters(endpoint.path);
    parameters.extend(query_parameters(&(endpoint.query)(inline).to_value()));
    if endpoint.media == "text/event-stream" {
        parameters.push(json!({
            "name": "Last-Event-ID", "in": "header", "required": false,
            "description": "The id of the last event that was seen.",
            "schema": { "type": "string", "pattern": "^[0-9a-f-]+$" },
        }));
    }
    let mut operation = json!({
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": responses(endpoint, generator),
    });
    match endpoint.need {
        Need::Public | Need::Anybody => operation["security"] = json!([]),
        Need::Role(role) => {
            // Without a token too: whoever reaches the loopback address needs none.
            operation["security"] = json!([{ "token": [] }, {}]);
            operation["x-noctule-role"] = json!(role.word());
        }
    }
    if endpoint.verb == Verb::Post {
        operation["requestBody"] = json!({
            "required": false,
            "content": { "application/json": { "schema": (endpoint.body)(generator) } },
        });
    }
    operation
}

fn path_parameters(path: &str) -> Vec<Value> {
    let names = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let name_of_file =
        json!({ "type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$" });
    let parameter = |name: &str| {
        let (schema, says) = match name {
            "dag" => (name_of_file.clone(), "The id of a DAG."),
            "run" => (name_of_file.clone(), "The id of a run."),
            "backfill" => (name_of_file.clone(), "The id of a backfill."),
            "hash" => (
                json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }),
                "The content hash of a version.",
            ),
            "token" => (
                json!({ "type": "string", "pattern": "^[0-9a-f]{12}$" }),
                "The short name of a token.",
            ),
            "session" => (
                json!({ "type": "string", "pattern": "^[0-9a-f]{12}$" }),
                "The short name of a session.",
            ),
            "n" => (
                json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX }),
                "The number of an attempt.",
            ),
            _ => (
                json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,1024}$" }),
                "The id of a task run: opaque.",
            ),
        };
        json!({ "name": name, "in": "path", "required": true, "description": says, "schema": schema })
    };
    names.map(parameter).collect()
}

/// Each field of a query is a parameter.
fn query_parameters(schema: &Value) -> Vec<Value> {
    let none = Map::new();
    let fields = schema["properties"].as_object().unwrap_or(&none);
    let parameter = |(name, schema): (&String, &Value)| {
        let mut schema = schema.clone();
        let says = schema["description"].take();
        if let Some(fields) = schema.as_object_mut() {
            fields.remove("description");
            // A parameter is left out, never null.
            if let Some(Value::Array(kinds)) = fields.get_mut("type") {
                kinds.retain(|kind| kind != "null");
                if let [only] = kinds.as_slice() {
                    let only = only.clone();
                    fields.insert("type".to_owned(), only);
                }
            }
        }
        json!({
            "name": name, "in": "query", "required": false,
            "description": says, "schema": schema,
        })
    };
    fields.iter().map(parameter).collect()
}

fn responses(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Value {
    let schema = match endpoint.media {
        "application/json" => (endpoint.given)(generator).to_value(),
        _ => json!({ "type": "string" }),
    };
    let mut responses = Map::new();
    for (status, says) in endpoint.statuses {
        let mut response = json!({
            "description": says,
            "content": { (endpoint.media): { "schema": schema } },
        });
        if endpoint.name == "attempt_logs" {
            let header = json!({ "schema": { "type": "string" } });
            let headers = LOG_HEADERS.map(|name| (name.to_owned(), header.clone()));
            response["headers"] = Value::Object(headers.into_iter().collect());
        }
        responses.insert(status.to_string(), response);
    }
    let shared = |name: &str| json!({ "$ref": format!("#/components/responses/{name}") });
    responses.insert("4XX".to_owned(), shared("Refused"));
    responses.insert("5XX".to_owned(), shared("Failed"));
    Value::Object(responses)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::table::routes;

    #[test]
    fn every_route_stands_in_the_document_and_nothing_else_does() {
        let document = document();
        let paths = document["paths"].as_object().expect("paths");
        let told: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().expect("methods");
                methods
                    .keys()
                    .map(|method| (path.clone(), method.to_ascii_uppercase()))
            })
            .collect();
        let there: BTreeSet<(String, String)> = routes()
            .filter(|route| !route.page)
            .map(|route| (route.path.to_owned(), route.method.to_owned()))
            .collect();
        assert_eq!(told, there);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut open = vec![&document];
        let mut references = 0;
        while let Some(value) = open.pop() {
            match value {
                Value::Array(items) => open.extend(items),
                Value::Object(fields) => {
                    if let Some(Value::String(to)) = fields.get("$ref") {
                        references += 1;
                        let pointer = to.strip_prefix('#').expect("a place in this document");
                        assert!(document.pointer(pointer).is_some(), "{to}");
                    }
                    open.extend(fields.values());
                }
                _ => {}
            }
        }
        assert!(references > 20);
    }
}
