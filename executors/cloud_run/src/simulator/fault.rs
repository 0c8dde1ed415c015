//! The requests and the answers that orders of faults are about, in Google's words.

use std::sync::Arc;

use axum::response::Response;
use noctule_simulated::fits;
use serde_json::{Value, json};

use super::RecordedRequest;

/// What goes wrong.
pub type Effect = noctule_simulated::Effect<Answer>;

pub(crate) type FaultList = noctule_simulated::FaultList<Effect>;

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

    pub(crate) fn matcher(self) -> impl Fn(&RecordedRequest) -> bool + Send + Sync + 'static {
        move |request| (self.0)(request)
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

/// An answer put in place of the ordinary one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer(noctule_simulated::Answer);

impl Answer {
    /// Google's error body with this code and canonical status.
    pub fn error(code: u16, status: &str, message: &str) -> Self {
        let body = json!({"error": {"code": code, "message": message, "status": status}});
        Answer::json(code, &body)
    }

    /// Any JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Answer::text(status, "application/json; charset=UTF-8", body.to_string())
    }

    /// A page of a front end.
    pub fn html(status: u16, body: &str) -> Self {
        Answer::text(status, "text/html; charset=UTF-8", body.to_owned())
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
    pub fn header(self, name: &str, value: &str) -> Self {
        Answer(self.0.header(name, value))
    }

    fn text(status: u16, kind: &str, body: String) -> Self {
        Answer(noctule_simulated::Answer::text(status, kind, body))
    }
}

impl From<Answer> for Response {
    fn from(answer: Answer) -> Response {
        answer.0.into()
    }
}
