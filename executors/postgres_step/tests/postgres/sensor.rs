//! `sql_sensor`: waits for a row, reads only, and takes no failure of the road for an answer.

use std::time::Duration;

use noctule_executor::{ErrorClass, ExecutorError, Outcome, Status};
use noctule_postgres::SqlSensor;
use serde_json::{Value, json};

use crate::world::{World, output};

async fn world() -> World {
    let world = World::new().await;
    world.run("CREATE TABLE orders (id int, ready bool)").await;
    world
}

async fn handle(world: &World, with: Value) -> (SqlSensor, Value) {
    let sensor = SqlSensor::new(&world.databases);
    let handle = world.launch(&sensor, with).await.expect("nothing is sent");
    (sensor, handle)
}

async fn look(world: &World, with: Value) -> Result<Status, ExecutorError> {
    let (sensor, handle) = handle(world, with).await;
    world.poll(&sensor, &handle, Duration::ZERO).await
}

fn failed(answer: Result<Status, ExecutorError>) -> Option<ErrorClass> {
    match answer {
        Ok(Status::Finished(finished)) => match finished.outcome {
            Outcome::Failed { class, .. } => Some(class),
            _ => None,
        },
        _ => None,
    }
}

#[tokio::test]
async fn a_row_is_waited_for() {
    let world = world().await;
    let with = json!({ "query": "SELECT id FROM orders WHERE id = $1", "params": [7], "poll_after": "3s" });
    let (sensor, handle) = handle(&world, with).await;
    let poll_after = Some(Duration::from_secs(3));
    let running = Status::Running {
        started_at: None,
        poll_after,
    };
    assert_eq!(
        world.poll(&sensor, &handle, Duration::ZERO).await,
        Ok(running)
    );
    world.run("INSERT INTO orders VALUES (7, true)").await;
    let seen = output(&world.end(&sensor, &handle).await);
    assert_eq!(
        seen,
        json!({ "row": { "id": 7 }, "rows": [{ "id": 7 }], "row_count": 1 })
    );
}

#[tokio::test]
async fn only_rows_that_meet_the_condition_count() {
    let world = world().await;
    world.run("INSERT INTO orders VALUES (1, false)").await;
    let with =
        json!({ "query": "SELECT * FROM orders -- all of them;", "until": "ready AND row.id > 0" });
    let (sensor, handle) = handle(&world, with).await;
    let answer = world.poll(&sensor, &handle, Duration::ZERO).await;
    assert!(matches!(answer, Ok(Status::Running { .. })), "{answer:?}");
    world.run("UPDATE orders SET ready = true").await;
    let seen = output(&world.end(&sensor, &handle).await);
    assert_eq!(seen["row"], json!({ "id": 1, "ready": true }));
}

#[tokio::test]
async fn a_question_that_is_wrong_ends_the_wait() {
    let world = world().await;
    for (query, wanted) in [
        ("SELEC 1", ErrorClass::Config),
        ("SELECT * FROM missing", ErrorClass::NotFound),
        (
            "INSERT INTO orders VALUES (1, true) RETURNING id",
            ErrorClass::Config,
        ),
    ] {
        let answer = look(&world, json!({ "query": query })).await;
        assert_eq!(failed(answer.clone()), Some(wanted), "{query}: {answer:?}");
    }
    assert_eq!(world.number("SELECT count(*) FROM orders").await, 0);
}

#[tokio::test]
async fn a_right_that_was_taken_away_alarms_and_ends_nothing() {
    let world = world().await;
    let url = world.database.role_with_password("reader", "pw").await;
    world.set_url(url.expect("a role"));
    let answer = look(&world, json!({ "query": "SELECT * FROM orders" })).await;
    assert!(
        matches!(answer, Err(ExecutorError::Unavailable { alarm: true, .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_cut_road_says_nothing() {
    let world = world().await;
    world.run("INSERT INTO orders VALUES (1, true)").await;
    let (sensor, handle) = handle(&world, json!({ "query": "SELECT id FROM orders" })).await;
    world.road.cut();
    let answer = world.poll(&sensor, &handle, Duration::ZERO).await;
    assert!(
        matches!(answer, Err(ExecutorError::Unavailable { alarm: false, .. })),
        "{answer:?}"
    );
    world.road.restore();
    assert_eq!(output(&world.end(&sensor, &handle).await)["row_count"], 1);
}

#[tokio::test]
async fn a_slow_look_says_nothing() {
    let world = world().await;
    let answer = look(
        &world,
        json!({ "query": "SELECT pg_sleep(20)", "timeout": "50ms" }),
    )
    .await;
    assert!(
        matches!(answer, Err(ExecutorError::Unavailable { alarm: false, .. })),
        "{answer:?}"
    );
}
