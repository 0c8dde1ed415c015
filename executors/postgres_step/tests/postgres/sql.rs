//! `sql`: a statement is committed or not at all, and only a lost commit is unknown.

use std::time::Duration;

use noctule_executor::{AnyExecutor, Draft, ErrorClass, ExecutorError, Status};
use noctule_postgres::Sql;
use serde_json::{Value, json};

use crate::world::{World, class, output, until};

async fn run(world: &World, with: Value) -> Result<Value, ExecutorError> {
    let executor = Sql::new(&world.databases);
    let handle = world.launch(&executor, with).await?;
    Ok(output(&world.end(&executor, &handle).await))
}

async fn refusal(world: &World, with: Value) -> (Option<ErrorClass>, String) {
    let error = run(world, with).await.expect_err("a refusal");
    (class(&error), error.to_string())
}

async fn with_table() -> World {
    let world = World::new().await;
    world.run("CREATE TABLE t (n bigint PRIMARY KEY)").await;
    world
}

#[tokio::test]
async fn rows_come_back_typed_and_counted() {
    let world = World::new().await;
    let with = json!({
        "query": "SELECT n, 'x' || n AS name FROM generate_series(1, $1) AS n ORDER BY n",
        "params": [2],
    });
    let wanted = json!({
        "rows": [{ "n": 1, "name": "x1" }, { "n": 2, "name": "x2" }],
        "row_count": 2, "rows_affected": 2, "truncated": false,
    });
    assert_eq!(run(&world, with).await, Ok(wanted));
}

#[tokio::test]
async fn what_a_statement_wrote_is_committed() {
    let world = with_table().await;
    let with = json!({ "query": "INSERT INTO t SELECT generate_series(1, 3)" });
    let answer = run(&world, with).await.expect("it works");
    assert_eq!(answer["rows_affected"], 3);
    assert_eq!(world.number("SELECT count(*) FROM t").await, 3);
}

#[tokio::test]
async fn an_answer_beyond_its_bounds_fails_and_leaves_nothing() {
    let world = with_table().await;
    let write = "INSERT INTO t SELECT generate_series(1, 20) RETURNING n";
    let rows = refusal(&world, json!({ "query": write, "max_rows": 19 })).await;
    assert_eq!(rows.0, Some(ErrorClass::Config), "{}", rows.1);
    assert!(rows.1.contains("more than 19 rows"), "{}", rows.1);
    let bytes = refusal(&world, json!({ "query": write, "max_bytes": 100 })).await;
    assert!(bytes.1.contains("larger than 100 bytes"), "{}", bytes.1);
    assert_eq!(world.number("SELECT count(*) FROM t").await, 0);
    let fits = run(&world, json!({ "query": write, "max_rows": 20 })).await;
    assert_eq!(fits.expect("it fits")["row_count"], 20);
}

#[tokio::test]
async fn each_failure_has_its_class() {
    let world = with_table().await;
    world.run("INSERT INTO t VALUES (1)").await;
    for (query, wanted) in [
        ("SELEC 1", ErrorClass::Config),
        ("SELECT nothing FROM t", ErrorClass::Config),
        ("SELECT 1; SELECT 2", ErrorClass::Config),
        ("SELECT * FROM missing", ErrorClass::NotFound),
        ("INSERT INTO t VALUES (1)", ErrorClass::User),
        ("SELECT 1 / 0", ErrorClass::User),
        ("SELECT 1 AS a, 2 AS a", ErrorClass::Config),
        ("SELECT '1 day'::interval AS pause", ErrorClass::Config),
        ("SELECT pg_sleep(10)", ErrorClass::TimedOut),
    ] {
        let (class, message) = refusal(&world, json!({ "query": query, "timeout": "100ms" })).await;
        assert_eq!(class, Some(wanted), "{query}: {message}");
    }
}

#[tokio::test]
async fn a_column_without_a_json_form_says_how_to_cast_it() {
    let world = World::new().await;
    let (_, message) = refusal(
        &world,
        json!({ "query": "SELECT '1 day'::interval AS pause" }),
    )
    .await;
    assert!(message.contains("pause::text AS pause"), "{message}");
}

#[tokio::test]
async fn a_missing_right_is_permission() {
    let world = with_table().await;
    let url = world.database.role_with_password("reader", "pw").await;
    world.set_url(url.expect("a role"));
    let (class, message) = refusal(&world, json!({ "query": "SELECT * FROM t" })).await;
    assert_eq!(class, Some(ErrorClass::Permission), "{message}");
}

#[tokio::test]
async fn a_deadlock_is_infrastructure_and_rolled_back() {
    let world = with_table().await;
    world.run("INSERT INTO t VALUES (1), (2)").await;
    world
        .run("CREATE FUNCTION raise_it() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; RAISE SQLSTATE '40001'; END $$")
        .await;
    let (class, message) = refusal(&world, json!({ "query": "SELECT raise_it()" })).await;
    assert_eq!(class, Some(ErrorClass::Infrastructure), "{message}");
    assert_eq!(world.number("SELECT count(*) FROM t").await, 2);
}

#[tokio::test]
async fn a_lost_commit_is_unknown() {
    let world = with_table().await;
    world.road.lose_answer("COMMIT");
    let error = run(&world, json!({ "query": "INSERT INTO t VALUES (1)" })).await;
    let error = error.expect_err("no answer");
    assert!(matches!(error, ExecutorError::Unknown { .. }), "{error:?}");
    assert_eq!(world.number("SELECT count(*) FROM t").await, 1);
}

#[tokio::test]
async fn a_session_that_ends_before_the_commit_has_done_nothing_for_sure() {
    let world = with_table().await;
    world.road.lose_answer("INSERT 0 1");
    let (class, message) = refusal(&world, json!({ "query": "INSERT INTO t VALUES (1)" })).await;
    assert_eq!(class, Some(ErrorClass::Infrastructure), "{message}");
    assert_eq!(world.number("SELECT count(*) FROM t").await, 0);
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_was_surely_not_asked() {
    let world = World::new().await;
    world.road.cut();
    let error = run(&world, json!({ "query": "SELECT 1" }))
        .await
        .expect_err("no road");
    assert!(
        matches!(error, ExecutorError::Unavailable { .. }),
        "{error:?}"
    );
    world.road.restore();
    assert!(run(&world, json!({ "query": "SELECT 1" })).await.is_ok());
}

#[tokio::test]
async fn a_session_that_died_while_idle_is_replaced_unseen() {
    let world = World::new().await;
    assert!(run(&world, json!({ "query": "SELECT 1" })).await.is_ok());
    world.road.drop_connections();
    assert!(run(&world, json!({ "query": "SELECT 1" })).await.is_ok());
    world.database.terminate_backends().await.expect("an end");
    assert!(run(&world, json!({ "query": "SELECT 1" })).await.is_ok());
}

#[tokio::test]
async fn a_statement_that_nobody_waits_for_is_cancelled() {
    let world = with_table().await;
    let executor = Sql::new(&world.databases);
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'";
    let launch = world.launch(&executor, json!({ "query": "SELECT pg_sleep(300)" }));
    let world = &world;
    tokio::select! {
        answer = launch => assert!(answer.is_err(), "it sleeps"),
        () = until("it sleeps", async || world.number(sleeping).await == 1) => {}
    }
    until("it is cancelled", async || {
        world.number(sleeping).await == 0
    })
    .await;
}

#[tokio::test]
async fn a_new_password_is_a_new_session() {
    let world = World::new().await;
    let database = &world.database;
    let url = database.role_with_password("worker", "old").await;
    world.set_url(url.expect("a role"));
    let who = json!({ "query": "SELECT current_user::text AS me" });
    let me = run(&world, who.clone()).await.expect("an answer");
    assert_eq!(me["rows"][0]["me"], "worker");
    world.run("ALTER ROLE worker PASSWORD 'new'").await;
    world.set_url(database.url_of("worker:new"));
    assert!(run(&world, who.clone()).await.is_ok());
    world.set_url(database.url_of("worker:old"));
    let (class, message) = refusal(&world, who).await;
    assert_eq!(class, Some(ErrorClass::Permission), "{message}");
}

#[tokio::test]
async fn no_message_shows_a_password() {
    let world = World::new().await;
    let canary = noctule_executor_testing::CANARY;
    for url in [
        world.road.url_of(&format!("nobody:{canary}")),
        format!("postgres://user:{canary}@127.0.0.1:1/db"),
        format!("postgres://user:{canary}@[broken/db"),
        format!("mysql://user:{canary}@host/db"),
        format!("postgres://user:{canary}@host/db?sslmode={canary}"),
        canary.to_owned(),
    ] {
        world.set_url(url);
        let error = run(&world, json!({ "query": "SELECT 1" })).await;
        let error = error.expect_err("no session");
        let shown = format!("{error} {error:?} {:?}", world.databases);
        assert!(!shown.contains(canary), "{shown}");
    }
}

#[tokio::test]
async fn hours_of_work_keep_no_question_waiting() {
    let world = World::new().await.with("max_connections", json!(1));
    let executor = Sql::new(&world.databases);
    let launch = world.launch(&executor, json!({ "query": "SELECT pg_sleep(300)" }));
    let sensor = noctule_postgres::SqlSensor::new(&world.databases);
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'";
    let world = &world;
    let question = async {
        until("it sleeps", async || world.number(sleeping).await == 1).await;
        let handle = world
            .launch(&sensor, json!({ "query": "SELECT 1 AS n" }))
            .await;
        let handle = handle.expect("a handle");
        let look = world.poll(&sensor, &handle, Duration::ZERO);
        tokio::time::timeout(Duration::from_secs(30), look).await
    };
    tokio::select! {
        answer = launch => assert!(answer.is_err(), "it sleeps"),
        answer = question => assert!(matches!(answer, Ok(Ok(Status::Finished(_)))), "{answer:?}"),
    }
}

#[test]
fn a_statement_takes_values_and_no_text_of_a_run() {
    let executor = Sql::default();
    let check = |with: Value| AnyExecutor::check(&executor, &Draft::new(&with));
    assert_eq!(
        check(json!({ "query": "SELECT $1", "params": ["{{ params.a }}"] })),
        []
    );
    assert_eq!(
        check(json!({ "query": "SELECT '{{ params.a }}'" })).len(),
        1
    );
    assert_eq!(check(json!({ "query": "COMMIT" })).len(), 1);
    let secret = json!({ "query": "SELECT $1", "params": [{ "secret": "x" }] });
    assert_eq!(check(secret).len(), 1);
}

#[tokio::test]
async fn the_connection_is_checked_when_the_request_is_made() {
    for (key, value) in [
        ("ssl_mode", json!("some")),
        ("max_connections", json!(0)),
        ("no_such_key", json!(1)),
    ] {
        let world = World::new().await.with(key, value);
        let executor = Sql::new(&world.databases);
        let tried = noctule_executor_testing::attempt("a", json!({ "query": "SELECT 1" }));
        let connection = world.connection();
        assert!(
            AnyExecutor::request(&executor, &tried, Some(&connection)).is_err(),
            "{key}"
        );
        assert!(AnyExecutor::request(&executor, &tried, None).is_err());
    }
}

#[tokio::test]
async fn a_held_road_ends_with_the_timeout_and_is_no_verdict_before_the_commit() {
    let world = with_table().await;
    assert!(run(&world, json!({ "query": "SELECT 1" })).await.is_ok());
    world.road.hold();
    let with = json!({ "query": "INSERT INTO t VALUES (1)", "timeout": "50ms" });
    let waited = tokio::time::timeout(Duration::from_secs(30), run(&world, with)).await;
    let error = waited.expect("it is bounded").expect_err("no answer");
    assert!(
        matches!(error, ExecutorError::Unavailable { .. }),
        "{error:?}"
    );
}
