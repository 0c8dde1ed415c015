//! What the engines of a campaign talk to, and what outlives them all: simulated clouds whose containers are real processes,
//! a real HTTP server, a real Postgres with somebody who works on its rows. All of them write the ledger.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use noctule_cloud_run::simulator as google;
use noctule_ecs_simulator as amazon;
use noctule_test_postgres::{Cluster, Database};
use serde_json::{Value, json};
use sqlx::Row as _;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::error::CampaignError;
use crate::ledger::Deed;

/// The rows that are worked on. The key is unique, as the launch of a step asks for.
const TABLE: &str = "CREATE TABLE work (attempt_key text PRIMARY KEY, run text NOT NULL, task text NOT NULL, \
    attempt int NOT NULL, held boolean NOT NULL DEFAULT false, state text NOT NULL DEFAULT 'new')";
const NEXT: &str = "UPDATE work SET state = CASE WHEN held THEN 'held' ELSE 'busy' END WHERE attempt_key IN \
    (SELECT attempt_key FROM work WHERE state = 'new' LIMIT 8) RETURNING attempt_key, run, task, attempt, held";
const DONE: &str = "UPDATE work SET state = 'done' WHERE attempt_key = $1";
/// How often somebody looks for rows.
const LOOK: Duration = Duration::from_millis(15);

/// The world around the engines.
pub(crate) struct World {
    /// Cloud Run.
    pub(crate) google: google::Simulator,
    /// ECS.
    pub(crate) amazon: amazon::Simulator,
    /// The address of the HTTP server.
    pub(crate) calls: String,
    /// The database of the steps, where there is a Postgres.
    pub(crate) steps: Option<Database>,
    /// Everything here runs on its threads, which therefore end last.
    pub(crate) threads: Runtime,
}

impl World {
    /// Starts all of it. The containers are this program's `work`.
    ///
    /// # Errors
    /// A port or a server could not be had.
    pub(crate) fn start(
        program: &str,
        ledger: &Path,
        cluster: Option<Arc<Cluster>>,
    ) -> Result<Self, CampaignError> {
        let threads = Runtime::new().map_err(CampaignError::io("start threads"))?;
        let text = ledger.to_string_lossy().into_owned();
        let command: Vec<String> = [program, "work", &text].map(str::to_owned).into();
        let google = threads.block_on(cloud_run(&command))?;
        let amazon = threads.block_on(ecs(&command))?;
        let calls = threads.block_on(answer_calls(ledger.to_owned()))?;
        let steps = match cluster {
            Some(cluster) => Some(threads.block_on(work_on_rows(cluster, ledger.to_owned()))?),
            None => None,
        };
        Ok(Self {
            threads,
            google,
            amazon,
            calls,
            steps,
        })
    }

    /// One more call that goes wrong: the answer to the next launch is lost, or the launch itself, or the cloud is ailing.
    pub(crate) fn disturb(&self, which: u64) -> &'static str {
        use amazon::{Action, Fault};
        use google::{Answer, Effect, RequestPattern};
        let runs = |effect| drop(self.google.fault(RequestPattern::runs(), 1, effect));
        let tasks = |fault: fn(Action) -> Fault| drop(self.amazon.order(fault(Action::RunTask)));
        match which % 8 {
            0 => runs(Effect::LoseAnswer),
            1 => runs(Effect::DropRequest),
            2 => runs(Effect::ActThenAnswer(Answer::unavailable())),
            3 => runs(Effect::Answer(Answer::throttled(0))),
            4 => tasks(Fault::lost_answer),
            5 => tasks(Fault::lost_request),
            6 => tasks(Fault::acted_then_server_error),
            _ => tasks(Fault::throttled),
        }
        NAMES[usize::try_from(which % 8).unwrap_or(0)]
    }
}

const NAMES: [&str; 8] = [
    "cloud_run: answer lost",
    "cloud_run: request lost",
    "cloud_run: done, and 503 said",
    "cloud_run: throttled",
    "fargate: answer lost",
    "fargate: request lost",
    "fargate: done, and 500 said",
    "fargate: throttled",
];

async fn cloud_run(command: &[String]) -> Result<google::Simulator, CampaignError> {
    let config = google::JobConfig {
        command: command.to_vec(),
        ..Default::default()
    };
    let job = google::JobScript::command(config);
    let started = google::Simulator::builder().job("work", job).start().await;
    started.map_err(|error| CampaignError::Failed(error.to_string()))
}

async fn ecs(command: &[String]) -> Result<amazon::Simulator, CampaignError> {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let container = amazon::ContainerDefinition::command("work", &words);
    let definition = amazon::Definition::new("work").container(container);
    let settings = amazon::Settings::default().definition(definition);
    let started = amazon::Simulator::start(settings).await;
    started.map_err(|error| CampaignError::Failed(error.to_string()))
}

/// `POST /work` holds the line until the work has ended; `POST /jobs` answers at once, `GET /jobs/KEY` says how it goes. Work
/// that was begun goes on, whoever hangs up; a key that comes twice is worked on twice, so that it shows.
async fn answer_calls(ledger: PathBuf) -> Result<String, CampaignError> {
    let failed = || CampaignError::io("listen for calls");
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed())?;
    let address = listener.local_addr().map_err(failed())?;
    let calls = Calls {
        ledger,
        done: Mutex::default(),
    };
    let routes = Router::new()
        .route("/work", post(work))
        .route("/jobs", post(begin))
        .route("/jobs/{key}", get(look))
        .with_state(Arc::new(calls));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(format!("http://{address}"))
}

type Answer = (StatusCode, axum::Json<Value>);

/// Begins the work of a call; gives what stands in the ledger, and its time.
fn begun(ledger: &Path, headers: &HeaderMap, body: &Value) -> Option<(Deed, Duration)> {
    let key = headers.get("idempotency-key")?.to_str().ok()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let attempt = body
        .get("attempt")
        .map(|number| number.to_string().replace('"', ""));
    let begun = Deed::begins(key, text("run")?, text("task")?, attempt?.parse().ok()?);
    begun.note(ledger).ok()?;
    Some((begun, Duration::from_millis(body.get("takes")?.as_u64()?)))
}

/// The server's own memory.
struct Calls {
    ledger: PathBuf,
    done: Mutex<HashSet<String>>,
}

impl Calls {
    fn done(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn finish(calls: Arc<Calls>, begun: Deed, takes: Duration) -> bool {
    tokio::time::sleep(takes).await;
    let noted = begun.ends(0).note(&calls.ledger).is_ok();
    calls.done().insert(begun.key);
    noted
}

fn wrong() -> Answer {
    (
        StatusCode::BAD_REQUEST,
        json!({ "error": "no such work" }).into(),
    )
}

async fn work(
    State(calls): State<Arc<Calls>>,
    headers: HeaderMap,
    axum::Json(body): axum::Json<Value>,
) -> Answer {
    let Some((begun, takes)) = begun(&calls.ledger, &headers, &body) else {
        return wrong();
    };
    let done = tokio::spawn(finish(calls, begun, takes)).await;
    match done {
        Ok(true) => (StatusCode::OK, json!({ "done": true }).into()),
        _ => wrong(),
    }
}

async fn begin(
    State(calls): State<Arc<Calls>>,
    headers: HeaderMap,
    axum::Json(body): axum::Json<Value>,
) -> Answer {
    let Some((begun, takes)) = begun(&calls.ledger, &headers, &body) else {
        return wrong();
    };
    let url = format!("/jobs/{}", begun.key);
    drop(tokio::spawn(finish(calls, begun, takes)));
    (StatusCode::ACCEPTED, json!({ "status_url": url }).into())
}

async fn look(State(calls): State<Arc<Calls>>, UrlPath(key): UrlPath<String>) -> Answer {
    let state = if calls.done().contains(&key) {
        "done"
    } else {
        "busy"
    };
    (StatusCode::OK, json!({ "state": state }).into())
}

async fn work_on_rows(cluster: Arc<Cluster>, ledger: PathBuf) -> Result<Database, CampaignError> {
    let database = cluster.database().await?;
    let pool = database.pool().await?;
    sqlx::query(TABLE).execute(&pool).await?;
    tokio::spawn(async move {
        loop {
            // A Postgres that is away comes back; the rows are still there.
            if let Ok(rows) = sqlx::query(NEXT).fetch_all(&pool).await {
                for row in rows {
                    drop(tokio::spawn(work_on(row, pool.clone(), ledger.clone())));
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    Ok(database)
}

async fn work_on(row: sqlx::postgres::PgRow, pool: sqlx::PgPool, ledger: PathBuf) -> Option<()> {
    let text = |index: usize| row.try_get::<String, _>(index).ok();
    let number = u32::try_from(row.try_get::<i32, _>(3).ok()?).ok()?;
    let begun = Deed::begins(&text(0)?, &text(1)?, &text(2)?, number);
    begun.note(&ledger).ok()?;
    if row.try_get::<bool, _>(4).ok()? {
        return Some(());
    }
    tokio::time::sleep(LOOK).await;
    begun.ends(0).note(&ledger).ok()?;
    // The work is done; that it is written down may take several tries.
    while sqlx::query(DONE)
        .bind(&begun.key)
        .execute(&pool)
        .await
        .is_err()
    {
        tokio::time::sleep(LOOK).await;
    }
    Some(())
}
