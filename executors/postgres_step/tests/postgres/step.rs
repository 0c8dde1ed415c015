//! `postgres_step` by a statement: launched once under its key, ended by its row.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use noctule_executor::{
    AnyExecutor, Attempt, Budget, Call, Context, ErrorClass, ExecutorError, Outcome, Status,
    async_trait,
};
use noctule_executor_testing::attempt;
use noctule_postgres::PostgresStep;
use serde_json::{Value, json};

use crate::world::{World, class, output};

pub(crate) async fn world() -> World {
    with_tables(World::new().await).await
}

pub(crate) async fn with_tables(world: World) -> World {
    world
        .run(
            "CREATE TABLE requests (id int GENERATED ALWAYS AS IDENTITY, job text, status text NOT NULL DEFAULT 'queued',
             error text, attempt_key text UNIQUE)",
        )
        .await;
    world
        .run("CREATE UNIQUE INDEX requests_job ON requests (job) WHERE status <> 'failed'")
        .await;
    world
}

pub(crate) fn insert(job: &str) -> Value {
    json!({
        "insert": { "table": "public.requests", "values": { "job": job } },
        "done_when": "status = 'done'",
        "failed_when": "row.status = 'failed'",
        "cancelled_when": "status = 'cancelled'",
        "running_when": "status <> 'queued'",
        "message": "row.error",
        "cancel": "UPDATE requests SET status = 'cancelled' WHERE attempt_key = $1 AND status IN ('queued', 'running')",
        "cancel_params": ["{attempt_key}"],
    })
}

/// Counts questions.
#[derive(Default)]
struct Counted(AtomicUsize);

#[async_trait]
impl Budget for Counted {
    async fn take(&self, _call: Call) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn step(world: &World) -> PostgresStep {
    PostgresStep::new(&world.databases)
}

async fn adopt(world: &World, tried: &Attempt<Value>) -> Result<Option<Value>, ExecutorError> {
    let executor = step(world);
    let connection = world.connection();
    let request = AnyExecutor::request(&executor, tried, Some(&connection)).expect("it is good");
    AnyExecutor::adopt(&executor, &world.context(), tried, &request).await
}

async fn look(world: &World, handle: &Value) -> Result<Status, ExecutorError> {
    world.poll(&step(world), handle, Duration::ZERO).await
}

#[tokio::test]
async fn a_row_is_inserted_once_and_its_end_is_the_verdict() {
    let world = world().await;
    let tried = attempt("a", insert("j1"));
    let handle = world
        .launch_as(&step(&world), &tried)
        .await
        .expect("it starts");
    let again = world
        .launch_as(&step(&world), &tried)
        .await
        .expect("the same");
    assert_eq!(handle, again);
    assert_eq!(world.number("SELECT count(*) FROM requests").await, 1);
    assert_eq!(look(&world, &handle).await, Ok(Status::Launching));
    world.run("UPDATE requests SET status = 'running'").await;
    let answer = look(&world, &handle).await;
    assert!(matches!(answer, Ok(Status::Running { .. })), "{answer:?}");
    world.run("UPDATE requests SET status = 'done'").await;
    let row = output(&world.end(&step(&world), &handle).await);
    let wanted =
        json!({ "id": 1, "job": "j1", "status": "done", "error": null, "attempt_key": tried.key });
    assert_eq!(row, wanted);
}

#[tokio::test]
async fn a_row_says_why_it_failed() {
    let world = world().await;
    let handle = world
        .launch(&step(&world), insert("j1"))
        .await
        .expect("it starts");
    world
        .run("UPDATE requests SET status = 'failed', error = 'no overlay_id'")
        .await;
    let Outcome::Failed {
        class,
        message,
        output,
    } = world.end(&step(&world), &handle).await
    else {
        panic!("a failed row did not fail");
    };
    assert_eq!(
        (class, message.as_str()),
        (ErrorClass::User, "no overlay_id")
    );
    assert_eq!(
        output.map(|row| row["status"].clone()),
        Some(json!("failed"))
    );
}

#[tokio::test]
async fn a_row_that_is_gone_is_lost() {
    let world = world().await;
    let handle = world
        .launch(&step(&world), insert("j1"))
        .await
        .expect("it starts");
    world.run("DELETE FROM requests").await;
    let answer = look(&world, &handle).await;
    assert!(matches!(answer, Ok(Status::Lost { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_lost_commit_is_unknown_and_its_row_is_found() {
    let world = world().await;
    let tried = attempt("a", insert("j1"));
    assert_eq!(adopt(&world, &tried).await, Ok(None));
    world.road.lose_answer("COMMIT");
    let error = world
        .launch_as(&step(&world), &tried)
        .await
        .expect_err("no answer");
    assert!(matches!(error, ExecutorError::Unknown { .. }), "{error:?}");
    assert!(adopt(&world, &tried).await.expect("a look").is_some());
    world.run("UPDATE requests SET status = 'done'").await;
    let handle = adopt(&world, &tried)
        .await
        .expect("a look")
        .expect("finished work, too");
    output(&world.end(&step(&world), &handle).await);
    assert_eq!(world.number("SELECT count(*) FROM requests").await, 1);
}

#[tokio::test]
async fn a_launch_that_was_interrupted_before_the_commit_is_simply_tried_again() {
    let world = world().await;
    let tried = attempt("a", insert("j1"));
    world.road.lose_answer("INSERT 0 1");
    let error = world
        .launch_as(&step(&world), &tried)
        .await
        .expect_err("no answer");
    assert!(
        matches!(error, ExecutorError::Unavailable { .. }),
        "{error:?}"
    );
    assert_eq!(world.number("SELECT count(*) FROM requests").await, 0);
    assert!(world.launch_as(&step(&world), &tried).await.is_ok());
}

#[tokio::test]
async fn a_business_key_that_another_attempt_holds_is_refused() {
    let world = world().await;
    world
        .run("CREATE TABLE jobs (job text PRIMARY KEY, status text, attempt_key text)")
        .await;
    let with = json!({
        "insert": { "table": "jobs", "values": { "job": "j1", "status": "queued" }, "key": ["job"] },
        "done_when": "status = 'done'",
    });
    assert!(world.launch(&step(&world), with.clone()).await.is_ok());
    let error = world.launch(&step(&world), with).await.expect_err("taken");
    assert_eq!(class(&error), Some(ErrorClass::NotFound), "{error}");
    assert!(error.to_string().contains("another attempt"), "{error}");
    assert_eq!(world.number("SELECT count(*) FROM jobs").await, 1);
}

#[tokio::test]
async fn a_row_is_claimed_once_and_a_late_answer_to_the_old_attempt_is_not_ours() {
    let world = world().await;
    world
        .run("INSERT INTO requests (job, status) VALUES ('j1', 'failed'), ('j2', 'failed')")
        .await;
    let with = json!({
        "update": { "table": "requests", "values": { "status": "queued" }, "where": { "job": "j1" } },
        "done_when": "status = 'done'",
    });
    let (old, new) = (attempt("a", with.clone()), attempt("a", with));
    let old_handle = world
        .launch_as(&step(&world), &old)
        .await
        .expect("it starts");
    let new_handle = world
        .launch_as(&step(&world), &new)
        .await
        .expect("it takes over");
    assert_eq!(
        world
            .number("SELECT count(*) FROM requests WHERE attempt_key IS NOT NULL")
            .await,
        1
    );
    world
        .run("UPDATE requests SET status = 'running' WHERE job = 'j1'")
        .await;
    // Sent again, the claim leaves alone what has become of it.
    assert!(world.launch_as(&step(&world), &new).await.is_ok());
    assert_eq!(
        world
            .number("SELECT count(*) FROM requests WHERE status = 'running'")
            .await,
        1
    );
    world
        .run("UPDATE requests SET status = 'done' WHERE job = 'j1'")
        .await;
    output(&world.end(&step(&world), &new_handle).await);
    let answer = look(&world, &old_handle).await;
    assert!(matches!(answer, Ok(Status::Lost { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_claim_of_no_row_or_of_many_touches_nothing() {
    let world = world().await;
    world
        .run("CREATE TABLE claims AS SELECT 'j1' AS job, 'failed' AS status, NULL::text AS attempt_key FROM generate_series(1, 2)")
        .await;
    for (job, wanted) in [("j1", ErrorClass::Config), ("none", ErrorClass::NotFound)] {
        let with = json!({
            "update": { "table": "claims", "values": { "status": "queued" }, "where": { "job": job } },
            "done_when": "status = 'done'",
        });
        let error = world
            .launch(&step(&world), with)
            .await
            .expect_err("refused");
        assert_eq!(class(&error), Some(wanted), "{job}: {error}");
    }
    assert_eq!(
        world
            .number("SELECT count(*) FROM claims WHERE status = 'failed'")
            .await,
        2
    );
}

#[tokio::test]
async fn a_launch_whose_end_could_never_be_seen_is_not_kept() {
    let world = world().await;
    for (key, value) in [
        ("done_when", json!("statu = 'done'")),
        ("failed_when", json!("status = ")),
        ("message", json!("row.reason")),
        (
            "watch",
            json!({ "query": "SELECT status FROM requests WHERE attempt_key = $1", "params": ["{attempt_key}"] }),
        ),
        (
            "watch",
            json!({ "query": "SELECT * FROM requests WHERE job = 'other'" }),
        ),
        ("key_column", json!("no_such_column")),
    ] {
        let mut with = insert("j1");
        with[key] = value.clone();
        let error = world
            .launch(&step(&world), with)
            .await
            .expect_err("refused");
        assert!(class(&error).is_some(), "{key} {value}: {error:?}");
    }
    assert_eq!(world.number("SELECT count(*) FROM requests").await, 0);
}

#[tokio::test]
async fn a_statement_of_ones_own_launches_too() {
    let world = world().await;
    let with = json!({
        "statement": "INSERT INTO requests (job, attempt_key) VALUES ($1, $2) ON CONFLICT (attempt_key) DO NOTHING",
        "params": ["j1", "{attempt_key}"],
        "watch": { "query": "SELECT job, status, attempt_key FROM requests WHERE attempt_key = $1", "params": ["{attempt_key}"] },
        "done_when": "status = 'done'",
    });
    let tried = attempt("a", with);
    let handle = world
        .launch_as(&step(&world), &tried)
        .await
        .expect("it starts");
    assert!(world.launch_as(&step(&world), &tried).await.is_ok());
    world.run("UPDATE requests SET status = 'done'").await;
    let row = output(&world.end(&step(&world), &handle).await);
    assert_eq!(
        row,
        json!({ "job": "j1", "status": "done", "attempt_key": tried.key })
    );
    assert_eq!(world.number("SELECT count(*) FROM requests").await, 1);
}

#[tokio::test]
async fn many_works_are_asked_about_in_one_query() {
    let world = world().await;
    let mut handles = Vec::new();
    for n in 0..20 {
        let launched = world.launch(&step(&world), insert(&format!("j{n}"))).await;
        handles.push(launched.expect("it starts"));
    }
    world
        .run("UPDATE requests SET status = 'done' WHERE job = 'j7'")
        .await;
    world.run("DELETE FROM requests WHERE job = 'j9'").await;
    let executor = step(&world);
    let first = AnyExecutor::batch_key(&executor, &handles[0]);
    assert!(
        handles
            .iter()
            .all(|handle| AnyExecutor::batch_key(&executor, handle) == first)
    );
    let asked = Arc::new(Counted::default());
    let context = Context {
        budget: Arc::clone(&asked) as Arc<dyn Budget>,
        ..world.context()
    };
    let answers = AnyExecutor::poll(&executor, &context, &handles, Duration::ZERO).await;
    assert_eq!((answers.len(), asked.0.load(Ordering::SeqCst)), (20, 1));
    for (n, answer) in answers.iter().enumerate() {
        let right = match n {
            7 => matches!(answer, Ok(Status::Finished(_))),
            9 => matches!(answer, Ok(Status::Lost { .. })),
            _ => matches!(answer, Ok(Status::Launching)),
        };
        assert!(right, "{n}: {answer:?}");
    }
}

#[tokio::test]
async fn another_database_gives_an_alarm_and_no_verdict() {
    let world = world().await;
    let handle = world
        .launch(&step(&world), insert("j1"))
        .await
        .expect("it starts");
    let other = with_tables(World::new().await).await;
    world.set_url(other.road.url());
    let answer = look(&world, &handle).await;
    assert!(
        matches!(answer, Err(ExecutorError::Unavailable { alarm: true, .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn work_without_a_cancel_statement_says_that_it_cannot_be_stopped() {
    let world = world().await;
    let mut with = insert("j1");
    with.as_object_mut().expect("a table").remove("cancel");
    let handle = world.launch(&step(&world), with).await.expect("it starts");
    let executor = step(&world);
    let grace = Duration::ZERO;
    let refused = AnyExecutor::cancel(&executor, &world.context(), &handle, grace).await;
    assert!(
        matches!(refused, Err(ExecutorError::Rejected { .. })),
        "{refused:?}"
    );
}
