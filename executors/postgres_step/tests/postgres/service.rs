//! A service that works in a table: it stamps the row with the attempt key, works, and sets done or failed. It is told how
//! to behave, and never remembers a key, so that whoever calls twice is found out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use sqlx::PgPool;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// What the service does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Stamps the row, answers 202, and works on.
    Accepts,
    /// Stamps the row and answers when the work is done.
    HoldsTheLine,
    /// Stamps the row and hangs up.
    HangsUp,
    /// Hangs up before anything.
    HangsUpAtOnce,
    /// Answers with a status and does nothing.
    Answers(u16),
    /// Stamps the row and answers with a status.
    StampsAndAnswers(u16),
}

pub(crate) struct Service {
    pub(crate) url: String,
    manner: watch::Sender<Manner>,
    inner: Arc<Inner>,
    serving: JoinHandle<()>,
}

struct Inner {
    pool: PgPool,
    manner: watch::Receiver<Manner>,
    calls: AtomicUsize,
    headers: AtomicUsize,
    /// Lets held work end.
    end: Notify,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Service {
    pub(crate) async fn start(pool: PgPool, first: Manner) -> Self {
        let (manner, told) = watch::channel(first);
        let inner = Arc::new(Inner {
            pool,
            manner: told,
            calls: AtomicUsize::new(0),
            headers: AtomicUsize::new(0),
            end: Notify::new(),
        });
        let app = axum::Router::new()
            .route("/work", post(work))
            .with_state(Arc::clone(&inner));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}/work", listener.local_addr().expect("an address"));
        let serving = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("it serves");
        });
        Self {
            url,
            manner,
            inner,
            serving,
        }
    }

    pub(crate) fn behave(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }

    /// Calls that arrived.
    pub(crate) fn calls(&self) -> usize {
        self.inner.calls.load(Ordering::SeqCst)
    }

    /// Calls that carried the same key in the header and in the body.
    pub(crate) fn keyed(&self) -> usize {
        self.inner.headers.load(Ordering::SeqCst)
    }

    pub(crate) fn end_held(&self) {
        self.inner.end.notify_one();
    }
}

async fn work(
    State(inner): State<Arc<Inner>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> StatusCode {
    inner.calls.fetch_add(1, Ordering::SeqCst);
    let key = body["attempt"].as_str().unwrap_or_default().to_owned();
    let header = headers
        .get("idempotency-key")
        .and_then(|key| key.to_str().ok());
    if header == Some(key.as_str()) {
        inner.headers.fetch_add(1, Ordering::SeqCst);
    }
    let variant = body["variant"].as_str().unwrap_or_default().to_owned();
    let manner = *inner.manner.borrow();
    if !matches!(manner, Manner::Answers(_) | Manner::HangsUpAtOnce) {
        stamp(&inner.pool, &variant, &key).await;
    }
    match manner {
        Manner::Accepts => StatusCode::ACCEPTED,
        Manner::HoldsTheLine => {
            inner.end.notified().await;
            finish(&inner.pool, &variant, &key).await;
            StatusCode::OK
        }
        // A handler that is gone answers nothing.
        Manner::HangsUp | Manner::HangsUpAtOnce => panic!("hanging up"),
        Manner::Answers(status) | Manner::StampsAndAnswers(status) => {
            StatusCode::from_u16(status).expect("a status")
        }
    }
}

async fn stamp(pool: &PgPool, variant: &str, key: &str) {
    sqlx::query(
        "UPDATE variants SET status = 'running', step = 'planner', attempt_key = $2 WHERE id = $1",
    )
    .bind(variant)
    .bind(key)
    .execute(pool)
    .await
    .expect("a row");
}

/// Sets done, whoever holds the row by now: as careless as real ones.
pub(crate) async fn finish(pool: &PgPool, variant: &str, key: &str) {
    sqlx::query("UPDATE variants SET status = 'done', attempt_key = $2 WHERE id = $1")
        .bind(variant)
        .bind(key)
        .execute(pool)
        .await
        .expect("a row");
}
