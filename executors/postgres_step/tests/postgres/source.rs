//! `[trigger.postgres]`: rows are occasions, and a notification is a reason to look.

use std::time::Duration;

use noctule_executor::{AnyEventSource, Draft, ExecutorError, Listener, Occasion};
use noctule_postgres::PostgresTrigger;
use serde_json::{Value, json};

use crate::world::{World, until};

async fn world() -> World {
    let world = World::new().await;
    world
        .run("CREATE TABLE jobs (job_id uuid, tenant text, variants jsonb, ready bool)")
        .await;
    world
}

fn table() -> Value {
    json!({
        "connection": "adverts",
        "query": "SELECT job_id, tenant, variants FROM jobs WHERE ready = $1 ORDER BY tenant;",
        "params": [true],
        "key": "job_id",
    })
}

async fn look(world: &World, table: &Value) -> Result<Vec<Occasion>, ExecutorError> {
    let source = PostgresTrigger::new(&world.databases);
    AnyEventSource::look(&source, &world.context(), table).await
}

#[tokio::test]
async fn each_row_is_an_occasion_and_its_columns_are_parameters() {
    let world = world().await;
    assert_eq!(look(&world, &table()).await, Ok(vec![]));
    let id = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    world
        .run(&format!("INSERT INTO jobs VALUES ('{id}', 'a', '[{{\"id\": 1}}]', true), (gen_random_uuid(), 'b', null, false)"))
        .await;
    let params = json!({ "job_id": id, "tenant": "a", "variants": [{ "id": 1 }] });
    let wanted = Occasion {
        key: id.to_owned(),
        params: params.as_object().cloned().expect("a table"),
    };
    assert_eq!(look(&world, &table()).await, Ok(vec![wanted]));
}

#[tokio::test]
async fn a_look_takes_a_thousand_rows_and_no_more() {
    let world = world().await;
    world
        .run("INSERT INTO jobs SELECT gen_random_uuid(), n::text, null, true FROM generate_series(1, 1200) n")
        .await;
    let found = look(&world, &table()).await.expect("a look");
    assert_eq!(found.len(), 1000);
}

#[tokio::test]
async fn a_row_without_its_name_is_an_error_and_no_occasion() {
    let world = world().await;
    world
        .run("INSERT INTO jobs VALUES (null, 'a', null, true)")
        .await;
    let nameless = look(&world, &table()).await.expect_err("no name");
    assert!(nameless.to_string().contains("`job_id`"), "{nameless}");
    let mut other = table();
    other["key"] = json!("no_such_column");
    let missing = look(&world, &other).await.expect_err("no column");
    assert!(
        missing.to_string().contains("`no_such_column`"),
        "{missing}"
    );
    other["query"] = json!("DELETE FROM jobs RETURNING job_id");
    assert!(look(&world, &other).await.is_err());
    assert_eq!(world.number("SELECT count(*) FROM jobs").await, 1);
    world.road.cut();
    let away = look(&world, &table()).await;
    assert!(
        matches!(away, Err(ExecutorError::Unavailable { alarm: false, .. })),
        "{away:?}"
    );
}

async fn hinted(world: &World, source: &PostgresTrigger, table: &Value) -> bool {
    let an_hour = Duration::from_hours(1);
    let context = world.context();
    let hint = AnyEventSource::hint(source, &context, table, an_hour);
    tokio::time::timeout(Duration::from_secs(60), hint)
        .await
        .is_ok()
}

#[tokio::test]
async fn a_notification_between_a_look_and_the_wait_is_not_missed() {
    let world = world().await;
    let source = PostgresTrigger::new(&world.databases);
    let mut table = table();
    table["channel"] = json!("job_state_changed");
    table["every"] = json!("1h");
    let mut witness = table.clone();
    witness["query"] = json!("SELECT 1 AS job_id");
    for waiting in [&table, &witness] {
        // Nothing is known of what was notified before the first wait: look at once, then when the server listens.
        assert!(hinted(&world, &source, waiting).await);
    }
    assert!(hinted(&world, &source, &table).await);
    assert!(hinted(&world, &source, &witness).await);
    // Those hints are used up. The next comes while one waits and the other does not.
    world
        .run("SELECT pg_notify('job_state_changed', 'x')")
        .await;
    assert!(hinted(&world, &source, &witness).await);
    assert!(hinted(&world, &source, &table).await);
}

#[tokio::test]
async fn whether_changes_are_heard_is_told_and_not_only_hoped() {
    let world = world().await;
    let source = PostgresTrigger::new(&world.databases);
    let heard = || AnyEventSource::listeners(&source);
    let mut table = table();
    table["channel"] = json!("job_state_changed");
    assert_eq!(heard(), []);
    // At once, and then when the server listens.
    assert!(hinted(&world, &source, &table).await);
    assert!(hinted(&world, &source, &table).await);
    let listens = Listener {
        connection: "adverts".to_owned(),
        hears: true,
        channels: 1,
    };
    assert_eq!(heard(), std::slice::from_ref(&listens));
    world.road.cut();
    until("it knows that it is deaf", async || {
        heard().iter().all(|one| !one.hears)
    })
    .await;
    let deaf = Listener {
        hears: false,
        ..listens
    };
    assert_eq!(heard(), [deaf]);
}

#[tokio::test]
async fn a_hint_ends_with_its_patience_and_with_the_interval() {
    let world = world().await;
    let source = PostgresTrigger::new(&world.databases);
    let context = world.context();
    let short = Duration::from_millis(20);
    let plain = table();
    assert!(
        AnyEventSource::hint(&source, &context, &plain, short)
            .await
            .is_ok()
    );
    let mut often = table();
    often["every"] = json!("20ms");
    assert!(hinted(&world, &source, &often).await);
}

#[test]
fn a_table_that_cannot_work_is_refused() {
    let source = PostgresTrigger::default();
    let check = |table: Value| AnyEventSource::check(&source, &Draft::new(&table)).len();
    assert_eq!(check(table()), 0);
    assert_eq!(check(json!({ "query": "BEGIN", "key": "" })), 2);
    let mut unknown = table();
    unknown["no_such_key"] = json!(1);
    assert!(AnyEventSource::read_config(&source, &unknown).is_err());
}
