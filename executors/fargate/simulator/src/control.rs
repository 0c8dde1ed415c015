//! The simulator's own routes, for people and scripts: faults to order, the state, the clock.
//!
//! They need no signature and are not recorded.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, Method, StatusCode, header},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    action::Action, fault_config::FaultConfig, shared::Shared, start::ledger, status::Ending,
    view::State,
};

pub(crate) const PREFIX: &str = "/_simulator/";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Finish {
    task: String,
    exit_code: i32,
}

/// Answers a request to one of them.
pub(crate) fn answer(shared: &Arc<Shared>, method: &Method, path: &str, body: &[u8]) -> Response {
    let done = match (method, &path[PREFIX.len()..]) {
        (&Method::GET, "state") => Ok(state(shared)),
        (&Method::POST, "faults") => parsed(body).map(|fault: FaultConfig| {
            shared.order(fault.fault());
            json!({})
        }),
        (&Method::POST, "advance") => parsed(body).map(|ahead: Advance| {
            shared.advance(Duration::from_secs(ahead.seconds.into()));
            json!({})
        }),
        (&Method::POST, "finish") => parsed(body).and_then(|finish: Finish| {
            let ending = Ending::exit(finish.exit_code);
            let finished = shared.finish(&finish.task, None, &ending);
            finished
                .map(|()| json!({}))
                .map_err(|error| error.to_string())
        }),
        _ => Err(format!(
            "{method} {path} is none of GET {PREFIX}state, POST {PREFIX}faults, advance, finish"
        )),
    };
    match done {
        Ok(value) => respond(StatusCode::OK, &value),
        Err(error) => respond(StatusCode::BAD_REQUEST, &json!({"error": error})),
    }
}

fn parsed<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn state(shared: &Shared) -> Value {
    shared.read(|cloud| {
        let calls: serde_json::Map<String, Value> = Action::ALL
            .iter()
            .map(|action| (action.name().to_owned(), json!(cloud.calls(*action))))
            .collect();
        let state = State::of(cloud);
        json!({"tasks": state.tasks, "targets": state.targets, "calls": calls,
            "starts": cloud.starts, "ledger": ledger(&cloud.starts)})
    })
}

fn respond(status: StatusCode, value: &Value) -> Response {
    let mut response = Response::new(Body::from(format!("{value:#}\n")));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
