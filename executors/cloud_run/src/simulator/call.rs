//! One HTTP request from arrival to answer: recorded first, then faults to order, then what a front
//! end checks, then the call itself.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{Method, StatusCode, header, request::Parts},
    response::Response,
};

use noctule_simulated::{Wire, carry_out, lock};

use super::{
    RecordedRequest, api,
    path::Route,
    query::Parameters,
    refusal::{Refusal, html_response, json_response},
    render::with_numbers,
    shared::Shared,
};

const LARGEST_BODY: usize = 10 * 1024 * 1024;

/// Answers anything that arrives.
pub(crate) async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return html_response(
            StatusCode::PAYLOAD_TOO_LARGE,
            "Your client issued a request that was too large.",
        );
    };
    let request = record(&shared, &parts, &body);
    tracing::debug!(method = %parts.method, path = parts.uri.path(), "simulator request");
    let ordinary = process(&shared, &parts, &body);
    match shared.faults.take(&request) {
        None => ordinary.await,
        Some(order) => carry_out(&order, &wire, ordinary).await,
    }
}

fn record(shared: &Shared, parts: &Parts, body: &[u8]) -> Arc<RecordedRequest> {
    shared.change(|cloud, now| {
        let mut request = RecordedRequest::new(parts, body, now);
        request.number = cloud.record.len();
        let request = Arc::new(request);
        cloud.record.push(Arc::clone(&request));
        request
    })
}

async fn process(shared: &Arc<Shared>, parts: &Parts, body: &[u8]) -> Response {
    if lacks_length(parts) {
        let sentence = "POST requests require a <code>Content-length</code> header.";
        return html_response(StatusCode::LENGTH_REQUIRED, sentence);
    }
    let Some(route) = Route::find(parts.method.as_str(), parts.uri.path()) else {
        let path = parts.uri.path().replace('&', "&amp;").replace('<', "&lt;");
        let sentence =
            format!("The requested URL <code>{path}</code> was not found on this server.");
        return html_response(StatusCode::NOT_FOUND, &sentence);
    };
    match checked(shared, route, parts, body).await {
        Ok(response) => response,
        Err(refusal) => refusal.response(),
    }
}

async fn checked(
    shared: &Arc<Shared>,
    route: Route,
    parts: &Parts,
    body: &[u8],
) -> Result<Response, Refusal> {
    authenticate(shared, parts)?;
    let query = Parameters::read(&parts.uri, route.parameters())?;
    check_content_type(parts, body)?;
    // Numbers for enums are Cloud Run's; a log entry may hold any word under any key.
    let numbers = query.numbers && route != Route::ListLogEntries;
    let value = api::call(shared, route, &query, body).await?;
    let value = if numbers { with_numbers(value) } else { value };
    Ok(json_response(StatusCode::OK, &value))
}

fn lacks_length(parts: &Parts) -> bool {
    let headers = &parts.headers;
    matches!(parts.method, Method::POST | Method::PATCH)
        && !headers.contains_key(header::CONTENT_LENGTH)
        && !headers.contains_key(header::TRANSFER_ENCODING)
}

fn authenticate(shared: &Shared, parts: &Parts) -> Result<(), Refusal> {
    let Some(token) = lock(&shared.token).clone() else {
        return Ok(());
    };
    let given = parts
        .headers
        .get(header::AUTHORIZATION)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let expected =
        "Expected OAuth 2 access token, login cookie or other valid authentication credential.";
    match given {
        Some(given) if given == format!("Bearer {token}") => Ok(()),
        Some(_) => Err(Refusal::unauthenticated(format!(
            "Request had invalid authentication credentials. {expected}"
        ))),
        None => Err(Refusal::unauthenticated(format!(
            "Request is missing required authentication credential. {expected}"
        ))),
    }
}

/// A body that is not declared as JSON is taken for parameters, which it cannot be.
fn check_content_type(parts: &Parts, body: &[u8]) -> Result<(), Refusal> {
    let Some(kind) = parts.headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let kind = String::from_utf8_lossy(kind.as_bytes()).to_lowercase();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if body.is_empty() || essence == "application/json" {
        return Ok(());
    }
    let start: String = String::from_utf8_lossy(body).chars().take(60).collect();
    Err(Refusal::invalid(format!(
        "Invalid JSON payload received. Unknown name \"{}\": Cannot bind query parameter.",
        start.replace('"', "\\\"")
    )))
}
