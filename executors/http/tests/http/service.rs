//! A service that does jobs: it accepts them with 202 and says where to ask.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{any, get, post};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// What the service knows.
#[derive(Default)]
pub(crate) struct Jobs {
    /// Job by job: its key and its order.
    jobs: Mutex<BTreeMap<u32, (String, Value)>>,
    count: AtomicU32,
    failing: AtomicBool,
}

impl Jobs {
    /// How many jobs were made under a key.
    pub(crate) fn made(&self, key: &str) -> usize {
        let jobs = self.jobs.lock().expect("no panic");
        jobs.values().filter(|(made, _)| made == key).count()
    }

    pub(crate) fn fail_next_question(&self) {
        self.failing.store(true, Ordering::SeqCst);
    }
}

/// The running service.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) jobs: Arc<Jobs>,
    serving: JoinHandle<()>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Service {
    pub(crate) async fn start() -> Self {
        let jobs = Arc::new(Jobs::default());
        let router = Router::new()
            .route("/jobs", post(accept))
            .route("/jobs/{id}", get(tell))
            .route("/echo", any(echo))
            .route("/status/{code}", any(status))
            .with_state(Arc::clone(&jobs));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let serving = tokio::spawn(async move {
            drop(axum::serve(listener, router).await);
        });
        Self {
            address,
            jobs,
            serving,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn accept(
    State(jobs): State<Arc<Jobs>>,
    headers: HeaderMap,
    Json(order): Json<Value>,
) -> (StatusCode, Json<Value>) {
    if order["ends"] == "refused" {
        let refusal = json!({ "status": "validation_failed", "error": "file not found" });
        return (StatusCode::OK, Json(refusal));
    }
    let key = headers
        .get("idempotency-key")
        .and_then(|key| key.to_str().ok());
    let id = jobs.count.fetch_add(1, Ordering::SeqCst);
    let made = (key.unwrap_or_default().to_owned(), order);
    jobs.jobs.lock().expect("no panic").insert(id, made);
    let accepted = json!({ "status": "accepted", "status_url": format!("/jobs/{id}") });
    (StatusCode::ACCEPTED, Json(accepted))
}

async fn tell(
    State(jobs): State<Arc<Jobs>>,
    Path(id): Path<u32>,
    headers: HeaderMap,
) -> (StatusCode, Json<Value>) {
    if jobs.failing.swap(false, Ordering::SeqCst) {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({})));
    }
    let jobs = jobs.jobs.lock().expect("no panic");
    match jobs.get(&id) {
        None => (StatusCode::NOT_FOUND, Json(json!({}))),
        Some((_, order)) => {
            let seen = headers
                .get("authorization")
                .and_then(|value| value.to_str().ok());
            let told = json!({ "state": order["ends"], "rows": 3, "seen": seen });
            (StatusCode::OK, Json(told))
        }
    }
}

/// Sends back what it was sent, the credentials too.
async fn echo(headers: HeaderMap, body: String) -> Json<Value> {
    let headers: BTreeMap<String, String> = headers
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    Json(json!({ "headers": headers, "body": body }))
}

async fn status(Path(code): Path<u16>) -> (StatusCode, HeaderMap, Json<Value>) {
    let mut headers = HeaderMap::new();
    if let Ok(wait) = "7".parse() {
        headers.insert("retry-after", wait);
    }
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::IM_A_TEAPOT);
    (status, headers, Json(json!({ "error": "file not found" })))
}
