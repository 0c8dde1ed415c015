//! Faults to order: what goes wrong with the next requests of a kind.
//!
//! Each order says whether the request is acted on before its answer is lost. Orders are taken in
//! the order they were given; one request meets at most one. Requests are recorded all the same.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{RecordedRequest, shared::lock, wire::Wire};

type Matcher = Arc<dyn Fn(&RecordedRequest) -> bool + Send + Sync>;

/// Which requests an order is for.
#[derive(Clone)]
pub struct RequestPattern(Matcher);

impl RequestPattern {
    /// Every request.
    pub fn any() -> Self {
        RequestPattern::matching(|_| true)
    }

    /// Requests with this method (`*` for all) and a path of this form (`*` stands for any letters).
    pub fn new(method: &str, path: &str) -> Self {
        let (method, path) = (method.to_owned(), path.to_owned());
        RequestPattern::matching(move |request| {
            (method == "*" || request.method == method) && fits(&path, &request.path)
        })
    }

    /// Requests that `fits` says yes to.
    pub fn matching(fits: impl Fn(&RecordedRequest) -> bool + Send + Sync + 'static) -> Self {
        RequestPattern(Arc::new(fits))
    }

    /// `jobs.run`.
    pub fn runs() -> Self {
        RequestPattern::new("POST", "*:run")
    }

    /// `executions.cancel`.
    pub fn cancels() -> Self {
        RequestPattern::new("POST", "*:cancel")
    }

    /// `executions.get`.
    pub fn execution_reads() -> Self {
        RequestPattern::matching(|request| {
            request.method == "GET"
                && fits("*/executions/*", &request.path)
                && !request.path.contains("/tasks")
        })
    }

    /// `executions.list`.
    pub fn execution_lists() -> Self {
        RequestPattern::new("GET", "*/executions")
    }

    /// `entries.list` of Cloud Logging.
    pub fn log_reads() -> Self {
        RequestPattern::new("POST", "*/entries:list")
    }
}

fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|tail| {
            rest.is_empty()
                || (0..=tail.len()).any(|at| tail.is_char_boundary(at) && fits(rest, &tail[at..]))
        }),
    }
}

/// An answer put in place of the ordinary one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    /// Google's error body with this code and canonical status.
    pub fn error(code: u16, status: &str, message: &str) -> Self {
        let body = json!({"error": {"code": code, "message": message, "status": status}});
        Answer::json(code, &body)
    }

    /// Any JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Answer {
            status,
            headers: Vec::new(),
            body: body.to_string(),
        }
        .header("content-type", "application/json; charset=UTF-8")
    }

    /// A page of a front end.
    pub fn html(status: u16, body: &str) -> Self {
        Answer {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
        }
        .header("content-type", "text/html; charset=UTF-8")
    }

    /// 429 with `Retry-After`.
    pub fn throttled(retry_after: u64) -> Self {
        Answer::error(
            429,
            "RESOURCE_EXHAUSTED",
            "Quota exceeded for quota metric 'Job run requests'.",
        )
        .header("retry-after", &retry_after.to_string())
    }

    /// 503.
    pub fn unavailable() -> Self {
        Answer::error(503, "UNAVAILABLE", "The service is currently unavailable.")
    }

    /// The HTML 502 of a front end.
    pub fn bad_gateway() -> Self {
        Answer::html(
            502,
            "<!DOCTYPE html>\n<html lang=en>\n  <title>Error 502 (Server Error)!!1</title>\n",
        )
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn response(&self) -> Response {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) =
                (name.parse::<HeaderName>(), HeaderValue::from_str(value))
            {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Not acted on; this is answered.
    Answer(Answer),
    /// Acted on; then this is answered in place of the truth.
    ActThenAnswer(Answer),
    /// Not acted on; the connection ends without a byte.
    DropRequest,
    /// Acted on; the connection ends without a byte.
    LoseAnswer,
    /// Acted on; the connection is reset.
    Reset,
    /// Acted on; the answer's head and so many bytes of its body arrive, then the connection ends.
    Truncate {
        /// Bytes of the body.
        body_bytes: usize,
    },
    /// Held until released, then acted on and answered; never acted on if the client leaves first.
    Hang,
    /// Acted on at once, the answer held until released.
    HangAnswer,
    /// Acted on after this time.
    Delay(Duration),
}

/// An order, as the one who gave it holds it. Dropping it changes nothing.
#[derive(Clone)]
pub struct Fault(Arc<Order>);

impl Fault {
    /// Lets held requests go, and those still to come.
    pub fn release(&self) {
        self.0.released.send_replace(true);
    }

    /// How many more requests it is for.
    pub fn remaining(&self) -> usize {
        *lock(&self.0.left)
    }

    /// Withdraws what is left of it.
    pub fn withdraw(&self) {
        *lock(&self.0.left) = 0;
        self.release();
    }
}

pub(crate) struct Order {
    pattern: RequestPattern,
    effect: Effect,
    left: Mutex<usize>,
    released: watch::Sender<bool>,
}

impl Order {
    fn takes(&self, request: &RecordedRequest) -> bool {
        let mut left = lock(&self.left);
        if *left == 0 || !(self.pattern.0)(request) {
            return false;
        }
        *left = left.saturating_sub(usize::from(*left != usize::MAX));
        true
    }

    async fn wait(&self) {
        let mut released = self.released.subscribe();
        // The sender is ours, so it cannot be gone.
        drop(released.wait_for(|released| *released).await);
    }
}

/// The orders there are.
#[derive(Default)]
pub(crate) struct FaultList(Mutex<Vec<Arc<Order>>>);

impl FaultList {
    pub(crate) fn add(&self, pattern: RequestPattern, times: usize, effect: Effect) -> Fault {
        let order = Order {
            pattern,
            effect,
            left: Mutex::new(times),
            released: watch::Sender::new(false),
        };
        let order = Arc::new(order);
        lock(&self.0).push(Arc::clone(&order));
        Fault(order)
    }

    pub(crate) fn take(&self, request: &RecordedRequest) -> Option<Arc<Order>> {
        lock(&self.0)
            .iter()
            .find(|order| order.takes(request))
            .cloned()
    }

    pub(crate) fn release_all(&self) {
        for order in lock(&self.0).iter() {
            order.released.send_replace(true);
        }
    }
}

/// Answers one request as ordered; `ordinary` is what would happen without the order.
pub(crate) async fn carry_out(
    order: &Order,
    wire: &Wire,
    ordinary: impl Future<Output = Response>,
) -> Response {
    match &order.effect {
        Effect::Answer(answer) => answer.response(),
        Effect::ActThenAnswer(answer) => {
            drop(ordinary.await);
            answer.response()
        }
        Effect::DropRequest => {
            wire.cut(0, false);
            closing(Response::new(Body::empty()))
        }
        Effect::LoseAnswer => cut(wire, ordinary, false).await,
        Effect::Reset => cut(wire, ordinary, true).await,
        Effect::Truncate { body_bytes } => {
            let response = ordinary.await;
            wire.cut_body(*body_bytes);
            closing(response)
        }
        Effect::Hang => {
            order.wait().await;
            ordinary.await
        }
        Effect::HangAnswer => {
            let response = ordinary.await;
            order.wait().await;
            response
        }
        Effect::Delay(time) => {
            tokio::time::sleep(*time).await;
            ordinary.await
        }
    }
}

async fn cut(wire: &Wire, ordinary: impl Future<Output = Response>, reset: bool) -> Response {
    let response = ordinary.await;
    wire.cut(0, reset);
    closing(response)
}

fn closing(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_letters() {
        assert!(fits("*:run", "/v2/projects/p/jobs/etl:run"));
        assert!(fits("*/jobs/*/executions", "/v2/jobs/etl/executions"));
        assert!(!fits("*/executions", "/v2/jobs/etl/executions/e"));
        assert!(!fits("/v2", "/v2/x"));
        assert!(fits("*", ""));
    }
}
