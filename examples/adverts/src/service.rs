//! The service over HTTP: each endpoint takes its JSON, claims the row under the key of the call, and answers at once; the
//! end of the work stands in the row.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::claim::{Call, Claimed};
use crate::converter::{self, Converter};
use crate::database::Database;
use crate::error::AdvertError;
use crate::fault::Fault;
use crate::step::{STEPS, Step};
use crate::wire::{Wire, WireListener};
use crate::work;

/// The header with the key of an attempt.
const KEY: &str = "idempotency-key";
const RECORD: &str = "INSERT INTO calls (attempt_key, step, job_id, job_variants_id, body, answer) VALUES ($1, $2, $3, $4, $5::jsonb, $6)";

/// How the service works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens.
    pub listen: String,
    /// How long a piece of work takes.
    pub delay: Duration,
    /// How long a claim is live at most.
    pub lease: Duration,
}

/// A running service. It ends when it is dropped; work that was begun goes on.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    converter: Arc<Converter>,
    serving: JoinHandle<()>,
}

struct Shared {
    pool: PgPool,
    settings: Settings,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Service {
    /// Starts it over a database that has its tables.
    ///
    /// # Errors
    /// The address is not to be had.
    pub async fn start(database: &Database, settings: Settings) -> Result<Self, AdvertError> {
        let address = settings.listen.clone();
        let failed = |source| AdvertError::Listen { address, source };
        let listener = TcpListener::bind(&settings.listen).await;
        let (listener, address) = listener
            .and_then(|listener| listener.local_addr().map(|address| (listener, address)))
            .map_err(failed)?;
        let converter = Arc::new(Converter::default());
        let shared = Arc::new(Shared {
            pool: database.pool().clone(),
            settings,
        });
        let app = app(shared).merge(converter::app(Arc::clone(&converter)));
        let app = app.into_make_service_with_connect_info::<Wire>();
        let serving = tokio::spawn(async move {
            // Ends with the service itself.
            drop(axum::serve(WireListener(listener), app).await);
        });
        Ok(Self {
            address,
            converter,
            serving,
        })
    }

    /// Where it is reached.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The stand-in for the converter.
    #[must_use]
    pub fn converter(&self) -> &Converter {
        &self.converter
    }

    /// Serves until it fails or is dropped.
    pub async fn serve(mut self) {
        drop((&mut self.serving).await);
    }
}

fn app(shared: Arc<Shared>) -> Router {
    let mut app = Router::new();
    for step in STEPS {
        let handle = move |State(shared): State<Arc<Shared>>,
                           ConnectInfo(wire): ConnectInfo<Wire>,
                           headers: HeaderMap,
                           Json(body): Json<Map<String, Value>>| async move {
            shared.answer(step, &wire, &headers, body).await
        };
        app = app.route(step.path, post(handle));
    }
    app.with_state(shared)
}

type Answer = (StatusCode, Json<Value>);

fn refuse(status: StatusCode, why: impl Into<String>) -> Answer {
    (status, Json(json!({ "error": why.into() })))
}

impl Shared {
    async fn answer(
        &self,
        step: Step,
        wire: &Wire,
        headers: &HeaderMap,
        body: Map<String, Value>,
    ) -> Answer {
        let key = headers.get(KEY).and_then(|key| key.to_str().ok());
        let answer = match read(step, key, &body) {
            Ok(call) => self.begin(call, wire).await,
            Err(why) => refuse(StatusCode::UNPROCESSABLE_ENTITY, why),
        };
        let id = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let recorded = sqlx::query(RECORD)
            .bind(key)
            .bind(step.name)
            .bind(id("job_id"))
            .bind(id("job_variants_id"))
            .bind(Value::from(body.clone()).to_string())
            .bind(i32::from(answer.0.as_u16()))
            .execute(&self.pool)
            .await;
        match recorded {
            Ok(_) => answer,
            Err(error) => refuse(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        }
    }

    async fn begin(&self, call: Call, wire: &Wire) -> Answer {
        let accepted = |call: &Call| {
            let (key, step) = (&call.key, call.step.name);
            let answer = json!({ "attempt_key": key, "current_step": step, "status": "running" });
            (StatusCode::ACCEPTED, Json(answer))
        };
        match call.claim(&self.pool, self.settings.lease).await {
            Ok(Claimed::Begun(fault)) => {
                if fault == Some(Fault::Lose) {
                    wire.cut();
                }
                let answer = accepted(&call);
                let (pool, delay) = (self.pool.clone(), self.settings.delay);
                drop(tokio::spawn(work::perform(pool, call, delay, fault)));
                answer
            }
            Ok(Claimed::Known) => accepted(&call),
            Ok(Claimed::Busy(holder)) => refuse(
                StatusCode::CONFLICT,
                format!("attempt {holder} is at work on this row"),
            ),
            Ok(Claimed::NoSuchRow) => refuse(StatusCode::NOT_FOUND, "there is no such row"),
            Ok(Claimed::NotNow) => refuse(StatusCode::SERVICE_UNAVAILABLE, "ordered to refuse"),
            Err(error) => refuse(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        }
    }
}

/// The call that a body is, or what is missing in it.
fn read(step: Step, key: Option<&str>, body: &Map<String, Value>) -> Result<Call, String> {
    let text = |name: &str| {
        let text = body.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
            .map(str::to_owned)
            .ok_or_else(|| format!("`{name}` is missing"))
    };
    text("tenant_id")?;
    if let Some(needed) = step.needs {
        text(needed)?;
    }
    let variant = if step.of_job {
        None
    } else {
        Some(text("job_variants_id")?)
    };
    Ok(Call {
        key: key
            .ok_or_else(|| format!("the header `{KEY}` is missing"))?
            .to_owned(),
        step,
        job: text("job_id")?,
        variant,
    })
}
