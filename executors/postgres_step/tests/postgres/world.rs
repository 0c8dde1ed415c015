//! A database, the road to it, and calls of an executor the way an engine makes them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use noctule_executor::secrecy::SecretString;
use noctule_executor::{
    AnyExecutor, Attempt, Connection, Context, ErrorClass, ExecutorError, Finished, Outcome,
    SecretRef, SecretSource, Status, async_trait,
};
use noctule_executor_testing::{attempt, context};
use noctule_postgres::{Databases, Pacing};
use noctule_test_postgres::{Database, Proxy, database};
use serde_json::{Map, Value, json};
use sqlx::{AssertSqlSafe, Executor as _, PgPool};

/// Times for tests: short enough to see, long enough for a loaded machine.
pub(crate) fn pacing() -> Pacing {
    Pacing {
        answer: Duration::from_secs(5),
        question: Duration::from_secs(5),
        look_every: Duration::from_millis(50),
        ping_every: Duration::from_millis(200),
        echo_within: Duration::from_millis(500),
        first_pause: Duration::from_millis(20),
        longest_pause: Duration::from_millis(200),
    }
}

/// Gives the URL that stands in the slot.
struct Slot(Arc<Mutex<String>>);

#[async_trait]
impl SecretSource for Slot {
    async fn resolve(&self, _secret: &SecretRef) -> Result<SecretString, ExecutorError> {
        Ok(SecretString::from(self.0.lock().expect("a slot").as_str()))
    }
}

/// A database of one test.
pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) pool: PgPool,
    pub(crate) road: Proxy,
    pub(crate) databases: Databases,
    url: Arc<Mutex<String>>,
    settings: Map<String, Value>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::of(database().await.expect("a database")).await
    }

    pub(crate) async fn of(database: Database) -> Self {
        let road = Proxy::to(&database).await.expect("a road");
        let settings = json!({ "url": { "secret": "db" } });
        Self {
            pool: database.pool().await.expect("a pool"),
            databases: Databases::with_pacing(pacing()),
            url: Arc::new(Mutex::new(road.url())),
            settings: settings.as_object().cloned().expect("a table"),
            database,
            road,
        }
    }

    /// The same with one more setting of the connection.
    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        self.settings.insert(key.to_owned(), value);
        self
    }

    pub(crate) fn pacing(mut self, pacing: Pacing) -> Self {
        self.databases = Databases::with_pacing(pacing);
        self
    }

    /// The secret that holds the URL becomes another one.
    pub(crate) fn set_url(&self, url: String) {
        *self.url.lock().expect("a slot") = url;
    }

    pub(crate) fn connection(&self) -> Connection {
        Connection {
            name: "adverts".to_owned(),
            kind: "postgres".to_owned(),
            settings: self.settings.clone(),
        }
    }

    pub(crate) fn context(&self) -> Context {
        Context {
            secrets: Arc::new(Slot(Arc::clone(&self.url))),
            ..context(Some(self.connection()))
        }
    }

    /// Runs a statement as somebody else would.
    pub(crate) async fn run(&self, statement: &str) {
        self.pool
            .execute(AssertSqlSafe(statement.to_owned()))
            .await
            .expect("the statement of the test is good");
    }

    pub(crate) async fn number(&self, query: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
            .fetch_one(&self.pool)
            .await
            .expect("the question of the test is good")
    }

    pub(crate) async fn launch(
        &self,
        executor: &dyn AnyExecutor,
        with: Value,
    ) -> Result<Value, ExecutorError> {
        self.launch_as(executor, &attempt("a", with)).await
    }

    pub(crate) async fn launch_as(
        &self,
        executor: &dyn AnyExecutor,
        attempt: &Attempt<Value>,
    ) -> Result<Value, ExecutorError> {
        let connection = self.connection();
        let request = executor
            .request(attempt, Some(&connection))
            .expect("the configuration is good");
        executor.launch(&self.context(), attempt, &request).await
    }

    pub(crate) async fn poll(
        &self,
        executor: &dyn AnyExecutor,
        handle: &Value,
        patience: Duration,
    ) -> Result<Status, ExecutorError> {
        let handles = [handle.clone()];
        let mut answers = executor.poll(&self.context(), &handles, patience).await;
        answers.remove(0)
    }

    /// Asks until the work has ended, as an engine does.
    pub(crate) async fn end(&self, executor: &dyn AnyExecutor, handle: &Value) -> Outcome {
        let started = Instant::now();
        loop {
            assert!(started.elapsed() < Duration::from_secs(90), "no end");
            match self.poll(executor, handle, Duration::from_secs(5)).await {
                Ok(Status::Finished(Finished { outcome, .. })) => return outcome,
                Ok(Status::Lost { reason }) => {
                    return Outcome::failed(ErrorClass::Lost, reason, None);
                }
                Err(ExecutorError::Rejected { class, message }) => {
                    return Outcome::failed(class, message, None);
                }
                Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }
}

/// Waits until a condition holds; a minute is more than any machine needs.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < Duration::from_secs(60), "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn output(outcome: &Outcome) -> Value {
    assert!(matches!(outcome, Outcome::Succeeded { .. }), "{outcome:?}");
    outcome.output().cloned().unwrap_or_default()
}

pub(crate) fn class(error: &ExecutorError) -> Option<ErrorClass> {
    match error {
        ExecutorError::Rejected { class, .. } => Some(*class),
        _ => None,
    }
}
