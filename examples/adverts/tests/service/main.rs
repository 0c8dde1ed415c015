//! What the service promises to whoever calls it, over HTTP and a throw-away Postgres.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

use std::time::Duration;

use adverts::{Database, STEPS, Seed, Service, Settings, Step};
use serde_json::{Value, json};

struct Stage {
    _postgres: noctule_test_postgres::Database,
    database: Database,
    service: Service,
    seed: Seed,
}

const LONG: Duration = Duration::from_secs(600);

impl Stage {
    async fn new(lease: Duration) -> Self {
        let postgres = noctule_test_postgres::database().await.unwrap();
        let database = Database::open(&postgres.url()).await.unwrap();
        let settings = Settings {
            listen: "127.0.0.1:0".to_owned(),
            delay: Duration::ZERO,
            lease,
        };
        let service = Service::start(&database, settings).await.unwrap();
        let seed = database.seed("shop-1", 2).await.unwrap();
        Self {
            _postgres: postgres,
            database,
            service,
            seed,
        }
    }

    fn body(&self, variant: usize) -> Value {
        let Seed {
            job,
            tenant,
            variants,
        } = &self.seed;
        json!({ "job_id": job, "tenant_id": tenant, "job_variants_id": variants[variant], "overlay_id": "o", "text": "t" })
    }

    async fn call(
        &self,
        step: Step,
        key: &str,
        body: &Value,
    ) -> Result<(u16, Value), reqwest::Error> {
        let url = format!("{}{}", self.service.url(), step.path);
        let client = reqwest::Client::new();
        let answer = client
            .post(url)
            .header("Idempotency-Key", key)
            .body(body.to_string())
            .header("content-type", "application/json");
        let answer = answer.send().await?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await?))
    }

    async fn fault(&self, step: Step, kind: &str) {
        let order = "INSERT INTO faults (step, kind) VALUES ($1, $2)";
        let order = sqlx::query(order).bind(step.name).bind(kind);
        order.execute(self.database.pool()).await.unwrap();
    }

    /// Waits until the work of a key has ended, and says how.
    async fn ending(&self, key: &str) -> String {
        let ending = "SELECT ending FROM claims WHERE attempt_key = $1";
        let looking = async {
            loop {
                let found: Option<Option<String>> = sqlx::query_scalar(ending)
                    .bind(key)
                    .fetch_optional(self.database.pool())
                    .await
                    .unwrap();
                if let Some(ending) = found.flatten() {
                    return ending;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), looking)
            .await
            .expect("the work ends")
    }

    /// Step, status, key and what was made of a variant.
    async fn row(&self, variant: usize) -> (String, String, Option<String>, Value) {
        let row = "SELECT current_step, status, attempt_key, made::text FROM jobs_variants WHERE job_variants_id = $1::uuid";
        let row: (String, String, Option<String>, String) = sqlx::query_as(row)
            .bind(&self.seed.variants[variant])
            .fetch_one(self.database.pool())
            .await
            .unwrap();
        (row.0, row.1, row.2, row.3.parse().unwrap())
    }

    async fn count(&self, what: &'static str) -> i64 {
        sqlx::query_scalar(what)
            .fetch_one(self.database.pool())
            .await
            .unwrap()
    }
}

const CLAIMS: &str = "SELECT count(*) FROM claims";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_shows_its_end_and_its_key_in_its_row() {
    let stage = Stage::new(LONG).await;
    let body = stage.body(0);
    for step in STEPS {
        let (status, answer) = stage.call(step, step.name, &body).await.unwrap();
        assert_eq!((status, &answer["attempt_key"]), (202, &json!(step.name)));
        assert_eq!(stage.ending(step.name).await, "done");
        if !step.of_job {
            let (current, status, key, made) = stage.row(0).await;
            assert_eq!((&*current, &*status), (step.name, "done"));
            assert_eq!(key.as_deref(), Some(step.name));
            if let Some(gives) = step.gives {
                assert!(made[gives].is_string(), "{made}");
            }
        }
    }
    let job =
        "SELECT count(*) FROM jobs WHERE status = 'done' AND current_step = 'instagram_feed_gen'";
    assert_eq!(stage.count(job).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_begins_its_work_once_however_often_it_comes() {
    let stage = Stage::new(LONG).await;
    let body = stage.body(0);
    let call = || stage.call(STEPS[0], "k", &body);
    let (a, b, c, d) = tokio::join!(call(), call(), call(), call());
    let answers = [a, b, c, d].map(Result::unwrap);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(stage.ending("k").await, "done");
    assert_eq!(stage.call(STEPS[0], "k", &body).await.unwrap(), answers[0]);
    assert_eq!(stage.count(CLAIMS).await, 1);
    assert_eq!(stage.count("SELECT count(*) FROM calls").await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_key_is_refused_while_one_is_at_work_and_not_for_another_row() {
    let stage = Stage::new(LONG).await;
    stage.fault(STEPS[0], "hang").await;
    let body = stage.body(0);
    stage.call(STEPS[0], "k1", &body).await.unwrap();
    let (status, answer) = stage.call(STEPS[0], "k2", &body).await.unwrap();
    assert_eq!(status, 409);
    assert!(answer["error"].as_str().unwrap().contains("k1"), "{answer}");
    let (status, _) = stage.call(STEPS[0], "k3", &stage.body(1)).await.unwrap();
    assert_eq!(status, 202);
    sqlx::query("DELETE FROM faults")
        .execute(stage.database.pool())
        .await
        .unwrap();
    assert_eq!(stage.ending("k1").await, "done");
    let (status, _) = stage.call(STEPS[0], "k2", &body).await.unwrap();
    assert_eq!(status, 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_end_of_work_that_lost_its_row_changes_nothing() {
    let stage = Stage::new(Duration::ZERO).await;
    stage.fault(STEPS[0], "hang").await;
    let body = stage.body(0);
    stage.call(STEPS[0], "slow", &body).await.unwrap();
    stage.fault(STEPS[0], "fail").await;
    let (status, _) = stage.call(STEPS[0], "next", &body).await.unwrap();
    assert_eq!(status, 202, "the claim of the first is not live any more");
    assert_eq!(stage.ending("next").await, "failed");
    sqlx::query("DELETE FROM faults")
        .execute(stage.database.pool())
        .await
        .unwrap();
    assert_eq!(stage.ending("slow").await, "fenced");
    let (_, status, key, _) = stage.row(0).await;
    assert_eq!((&*status, key.as_deref()), ("failed", Some("next")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_leaves_the_work_and_a_refusal_leaves_none() {
    let stage = Stage::new(LONG).await;
    let body = stage.body(0);
    stage.fault(STEPS[0], "refuse").await;
    let (status, _) = stage.call(STEPS[0], "k1", &body).await.unwrap();
    assert_eq!((status, stage.count(CLAIMS).await), (503, 0));
    stage.fault(STEPS[0], "lose").await;
    assert!(stage.call(STEPS[0], "k2", &body).await.is_err());
    assert_eq!(stage.ending("k2").await, "done");
    let (status, _) = stage.call(STEPS[0], "k2", &body).await.unwrap();
    assert_eq!((status, stage.count(CLAIMS).await), (202, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_in_a_call_is_named() {
    let stage = Stage::new(LONG).await;
    for (at, missing) in [
        (0, "job_variants_id"),
        (3, "text"),
        (4, "overlay_id"),
        (8, "tenant_id"),
    ] {
        let mut body = stage.body(0);
        body.as_object_mut().unwrap().remove(missing);
        let (status, answer) = stage.call(STEPS[at], "k", &body).await.unwrap();
        assert_eq!(status, 422);
        assert!(
            answer["error"].as_str().unwrap().contains(missing),
            "{answer}"
        );
    }
    assert_eq!(stage.count(CLAIMS).await, 0);
}
