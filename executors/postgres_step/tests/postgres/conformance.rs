//! The executors keep the contract of executors.

use std::sync::Arc;
use std::time::Duration;

use noctule_executor::{AnyExecutor, AttemptKey, Context, ErrorClass, async_trait};
use noctule_executor_testing::{
    CANARY, Case, Expected, Report, Subject, TestingError, conformance,
};
use noctule_postgres::{Databases, PostgresStep, Sql, SqlSensor};
use serde_json::{Value, json};

use crate::step::{insert, with_tables};
use crate::world::{World, pacing};

/// Whoever connects has the canary for a password.
async fn with_canary() -> World {
    let world = with_tables(World::new().await)
        .await
        .with("search_after", json!(["0s", "10ms"]));
    let role = world.database.role_with_password("worker", CANARY).await;
    role.expect("a role");
    world.run("ALTER ROLE worker SUPERUSER").await;
    world.set_url(world.road.url_of(&format!("worker:{CANARY}")));
    world
}

/// A worker that does at once what the name of a job says, and a list of all that was ever started.
const WORKER: &str = "
CREATE TABLE started (key text);
CREATE FUNCTION work() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.status := NEW.job;
    RETURN NEW;
END $$;
CREATE TRIGGER work BEFORE INSERT ON requests FOR EACH ROW EXECUTE FUNCTION work();
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO started VALUES (NEW.attempt_key);
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT ON requests FOR EACH ROW EXECUTE FUNCTION note();
DROP INDEX requests_job;
ALTER TABLE requests ALTER attempt_key SET NOT NULL";

fn kept(report: &Report, rules: &[&str]) {
    for rule in rules {
        assert!(report.skipped().all(|skipped| skipped != *rule), "{report}");
    }
}

struct Steps(World);

#[async_trait]
impl Subject for Steps {
    /// Steps are rows of somebody's table: what they mean to others, a sweep cannot know.
    fn lists_owned(&self) -> bool {
        false
    }

    fn executor(&self) -> Arc<dyn AnyExecutor> {
        Arc::new(PostgresStep::new(&Databases::with_pacing(pacing())))
    }

    fn context(&self) -> Context {
        self.0.context()
    }

    fn succeeds(&self) -> Value {
        insert("done")
    }

    fn runs_long(&self) -> Option<Value> {
        Some(insert("running"))
    }

    fn verdicts(&self) -> Vec<Case> {
        let mut missing = insert("done");
        missing["insert"]["table"] = json!("missing");
        let mut broken = insert("done");
        broken["done_when"] = json!("nothing");
        vec![
            Case::new(
                "failed",
                insert("failed"),
                Expected::Failed(ErrorClass::User),
            ),
            Case::new("cancelled", insert("cancelled"), Expected::Cancelled),
            Case::new(
                "no table",
                missing,
                Expected::Rejected(ErrorClass::NotFound),
            ),
            Case::new("no column", broken, Expected::Rejected(ErrorClass::Config)),
        ]
    }

    fn keeps_secret(&self) -> Option<Value> {
        Some(self.succeeds())
    }

    async fn lose_next_answer(&self) -> bool {
        self.0.road.lose_answer("COMMIT");
        true
    }

    async fn fail_next_poll(&self) -> bool {
        self.0.road.lose_request("noctule_done");
        true
    }

    async fn works_of(&self, key: &AttemptKey) -> Option<usize> {
        let query = format!("SELECT count(*) FROM started WHERE key = '{key}'");
        usize::try_from(self.0.number(&query).await).ok()
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(60)
    }
}

#[tokio::test]
async fn postgres_step_keeps_the_contract() -> Result<(), TestingError> {
    let world = with_canary().await;
    world.run(WORKER).await;
    let report = conformance(&Steps(world)).await?;
    kept(
        &report,
        &[
            "a_lost_answer_is_unknown",
            "lost_work_is_found",
            "adopt_finds_finished_work",
            "a_refused_launch_starts_nothing",
            "poll_errors_are_no_verdicts",
            "secrets_are_shown_nowhere",
            "cancel_while_running",
        ],
    );
    Ok(())
}

struct Statements(World);

#[async_trait]
impl Subject for Statements {
    fn executor(&self) -> Arc<dyn AnyExecutor> {
        Arc::new(Sql::new(&Databases::with_pacing(pacing())))
    }

    fn context(&self) -> Context {
        self.0.context()
    }

    fn succeeds(&self) -> Value {
        json!({ "query": "SELECT $1::int AS n", "params": [1] })
    }

    fn verdicts(&self) -> Vec<Case> {
        let refused = |name, query: &str, class| {
            Case::new(
                name,
                json!({ "query": query, "timeout": "200ms" }),
                Expected::Rejected(class),
            )
        };
        vec![
            refused("syntax", "SELEC", ErrorClass::Config),
            refused("no table", "SELECT * FROM missing", ErrorClass::NotFound),
            refused(
                "a constraint",
                "INSERT INTO requests (status) VALUES (null)",
                ErrorClass::User,
            ),
            refused("too long", "SELECT pg_sleep(20)", ErrorClass::TimedOut),
        ]
    }

    fn keeps_secret(&self) -> Option<Value> {
        Some(self.succeeds())
    }

    async fn lose_next_answer(&self) -> bool {
        self.0.road.lose_answer("COMMIT");
        true
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(60)
    }
}

#[tokio::test]
async fn sql_keeps_the_contract() -> Result<(), TestingError> {
    let report = conformance(&Statements(with_canary().await)).await?;
    kept(
        &report,
        &[
            "a_lost_answer_is_unknown",
            "a_refused_launch_starts_nothing",
            "secrets_are_shown_nowhere",
        ],
    );
    Ok(())
}

struct Sensors(World);

#[async_trait]
impl Subject for Sensors {
    fn executor(&self) -> Arc<dyn AnyExecutor> {
        Arc::new(SqlSensor::new(&Databases::with_pacing(pacing())))
    }

    fn context(&self) -> Context {
        self.0.context()
    }

    fn succeeds(&self) -> Value {
        json!({ "query": "SELECT 1 AS found" })
    }

    fn runs_long(&self) -> Option<Value> {
        Some(json!({ "query": "SELECT 1 AS found", "until": "found > 1" }))
    }

    fn verdicts(&self) -> Vec<Case> {
        let failed = |name, query: &str, class| {
            Case::new(name, json!({ "query": query }), Expected::Failed(class))
        };
        vec![
            failed("syntax", "SELEC", ErrorClass::Config),
            failed("no table", "SELECT * FROM missing", ErrorClass::NotFound),
        ]
    }

    fn keeps_secret(&self) -> Option<Value> {
        Some(self.succeeds())
    }

    async fn fail_next_poll(&self) -> bool {
        self.0.road.lose_request("AS found");
        true
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(60)
    }
}

#[tokio::test]
async fn sql_sensor_keeps_the_contract() -> Result<(), TestingError> {
    let report = conformance(&Sensors(with_canary().await)).await?;
    kept(
        &report,
        &[
            "poll_errors_are_no_verdicts",
            "poll_returns_when_any_has_finished",
            "secrets_are_shown_nowhere",
        ],
    );
    Ok(())
}
