//! A request the API refuses, with Google's error body.

use axum::{
    body::Body,
    http::{StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};

/// An error answer: an HTTP code, a canonical status, a message and its details.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    code: u16,
    status: &'static str,
    message: String,
    details: Vec<Value>,
}

impl Refusal {
    fn new(code: u16, status: &'static str, message: impl Into<String>) -> Self {
        Refusal {
            code,
            status,
            message: message.into(),
            details: Vec::new(),
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Refusal::new(400, "INVALID_ARGUMENT", message)
    }

    /// A 400 that names the fields at fault: (field, sentence).
    pub(crate) fn violations(violations: &[(String, String)]) -> Self {
        let sentences: Vec<&str> = violations
            .iter()
            .map(|(_, sentence)| sentence.as_str())
            .collect();
        let fields: Vec<Value> = violations
            .iter()
            .map(|(field, sentence)| violation(field, sentence))
            .collect();
        let mut refusal = Refusal::invalid(sentences.join("\n"));
        refusal.details.push(json!({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields}));
        refusal
    }

    pub(crate) fn failed_precondition(message: impl Into<String>) -> Self {
        Refusal::new(400, "FAILED_PRECONDITION", message)
    }

    pub(crate) fn unauthenticated(message: impl Into<String>) -> Self {
        Refusal::new(401, "UNAUTHENTICATED", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Refusal::new(404, "NOT_FOUND", message)
    }

    pub(crate) fn already_exists(message: impl Into<String>) -> Self {
        Refusal::new(409, "ALREADY_EXISTS", message)
    }

    pub(crate) fn aborted(message: impl Into<String>) -> Self {
        Refusal::new(409, "ABORTED", message)
    }

    pub(crate) fn response(&self) -> Response {
        let mut error = json!({"code": self.code, "message": self.message, "status": self.status});
        if !self.details.is_empty() {
            error["details"] = Value::Array(self.details.clone());
        }
        let code = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = json_response(code, &json!({"error": error}));
        if code == StatusCode::UNAUTHORIZED {
            let challenge =
                header::HeaderValue::from_static("Bearer realm=\"https://accounts.google.com/\"");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }

    #[cfg(test)]
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

fn violation(field: &str, sentence: &str) -> Value {
    match field {
        "" => json!({"description": sentence}),
        field => json!({"field": field, "description": sentence}),
    }
}

/// A JSON answer, laid out as Google does.
pub(crate) fn json_response(code: StatusCode, value: &Value) -> Response {
    let text = format!("{value:#}\n");
    content(code, "application/json; charset=UTF-8", text)
}

/// The page a front end answers by itself.
pub(crate) fn html_response(code: StatusCode, sentence: &str) -> Response {
    let (number, reason) = (code.as_u16(), code.canonical_reason().unwrap_or("Error"));
    let text = format!(
        "<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n  <title>Error {number} ({reason})!!1</title>\n  \
         <p><b>{number}.</b> <ins>That\u{2019}s an error.</ins>\n  <p>{sentence}  <ins>That\u{2019}s all we know.</ins>\n"
    );
    content(code, "text/html; charset=UTF-8", text)
}

fn content(code: StatusCode, kind: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = code;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}
