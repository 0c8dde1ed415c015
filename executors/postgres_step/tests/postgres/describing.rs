//! What is said before anything is sent: problems of a table, and the findings of the doctor.

use noctule_executor::{AnyExecutor, Draft};
use noctule_postgres::PostgresStep;
use serde_json::{Value, json};

use crate::step::{insert, world};

#[test]
fn a_table_that_cannot_work_is_refused_before_any_call() {
    let executor = PostgresStep::default();
    let mistakes = |with: Value| AnyExecutor::check(&executor, &Draft::new(&with)).len();
    assert_eq!(mistakes(insert("j1")), 0);
    assert_eq!(mistakes(json!({ "done_when": "true" })), 1);
    let call = json!({ "url": "https://x/", "json": { "a": 1 }, "key_field": "attempt" });
    assert_eq!(
        mistakes(json!({ "call": call, "done_when": "true" })),
        1,
        "no watch"
    );
    let watch = json!({ "query": "SELECT 1" });
    assert_eq!(
        mistakes(json!({ "call": call, "watch": watch, "done_when": "true" })),
        0
    );
    let bad = json!({ "url": "https://me:pw@x/", "method": "post", "key_field": "attempt" });
    assert_eq!(
        mistakes(json!({ "call": bad, "watch": watch, "done_when": "true" })),
        3
    );
    let two = json!({ "insert": { "table": "a..b" }, "update": { "table": "t", "where": {} }, "done_when": "{{ params.x }}" });
    assert_eq!(mistakes(two), 4);
}

#[tokio::test]
async fn the_doctor_names_what_is_missing() {
    let world = world().await;
    let url = world.database.role_with_password("reader", "pw").await;
    let configs = [insert("j1"), json!({ "query": "SELECT * FROM missing" })];
    let executor = PostgresStep::new(&world.databases);
    let found = AnyExecutor::preflight(&executor, &world.context(), &configs).await;
    let bad: Vec<_> = found.iter().filter(|finding| !finding.good).collect();
    assert_eq!(bad.len(), 1, "{found:?}");
    assert!(bad[0].message.contains("missing"), "{found:?}");
    world.set_url(url.expect("a role"));
    let found = AnyExecutor::preflight(&executor, &world.context(), &configs[..1]).await;
    let missing = |right: &str| {
        let wanted = format!("is missing: GRANT {right} ON public.requests");
        found
            .iter()
            .any(|finding| !finding.good && finding.message == wanted)
    };
    assert!(missing("INSERT") && missing("SELECT"), "{found:?}");
    world.set_url("postgres://nobody@127.0.0.1:1/x".to_owned());
    let found = AnyExecutor::preflight(&executor, &world.context(), &configs).await;
    assert!(found.len() == 1 && !found[0].good, "{found:?}");
}
