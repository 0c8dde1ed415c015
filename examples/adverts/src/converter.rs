//! A stand-in for the converter: one call for each pair of file and prompt, answered with what became of it.
//!
//! Files whose name begins with `missing` are not found, those with `broken` cannot be converted. It counts who is in
//! it at once, so that a test sees the limit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long one conversion takes.
const DELAY: Duration = Duration::from_millis(5);

/// One conversion that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Conversion {
    /// The tenant.
    pub tenant_code: String,
    /// The base date-time.
    pub bsda: String,
    /// The file.
    pub file_id: String,
    /// How it is converted.
    pub prompt_id: String,
}

/// What the converter has seen.
#[derive(Debug, Default)]
pub struct Converter {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    conversions: Vec<Conversion>,
    now: usize,
    most: usize,
}

impl Converter {
    /// Every conversion that was asked for, in order.
    #[must_use]
    pub fn conversions(&self) -> Vec<Conversion> {
        self.seen().conversions.clone()
    }

    /// The most that were in it at once.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.seen().most
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, conversion: &Conversion) {
        let mut seen = self.seen();
        seen.conversions.push(conversion.clone());
        seen.now += 1;
        seen.most = seen.most.max(seen.now);
    }
}

pub(crate) fn app(converter: Arc<Converter>) -> Router {
    Router::new()
        .route("/api/v1/conversions", post(convert))
        .with_state(converter)
}

async fn convert(
    State(converter): State<Arc<Converter>>,
    Json(conversion): Json<Conversion>,
) -> (StatusCode, Json<Value>) {
    converter.enter(&conversion);
    tokio::time::sleep(DELAY).await;
    converter.seen().now -= 1;
    let file = &conversion.file_id;
    let (status, message) = match file {
        file if file.starts_with("missing") => ("error", format!("file not found: {file}")),
        file if file.starts_with("broken") => ("validation_failed", format!("no table in {file}")),
        file => ("success", format!("{file}_HAI.xlsx")),
    };
    // As the original does: the status of the transport says nothing.
    let body = json!({ "status": status, "message": message });
    (StatusCode::OK, Json(body))
}
