//! The tasks that carry a store's mark: all of ours, nobody else's.

use noctule_executor::Executor;
use serde_json::{Value, json};

use crate::records::{arn, definition, listed, task, tasks};
use crate::scripted::{Reply, Scripted};
use crate::sessions::GROUP;
use crate::world::{arn_of, at, etl, etl_with, quick, word_of};

/// The store of the test's context.
const MARK: &str = "n1-7e570000-";

fn known() -> Vec<Value> {
    let ours = |id: &str| task(id, &format!("{MARK}{id}"), "RUNNING");
    let mut contested = ours("contested");
    contested["tags"] = json!([{ "key": "noctule-attempt-key", "value": "another" }]);
    let mut tagged = ours("tagged");
    tagged["tags"] = json!([{ "key": "noctule-attempt-key", "value": format!("{MARK}tagged") }]);
    let mut unmarked = task("unmarked", "", "RUNNING");
    unmarked.as_object_mut().unwrap().remove("startedBy");
    vec![
        ours("ours"),
        tagged,
        contested,
        task("stranger", "ecs-svc/123", "RUNNING"),
        task("other-store", "n1-0a1b2c3d-x", "RUNNING"),
        task("lookalike", "n1-7e5700001-x", "RUNNING"),
        unmarked,
        task("over", &format!("{MARK}over"), "STOPPED"),
    ]
}

#[tokio::test]
async fn only_running_tasks_with_our_mark_are_ours() {
    let ecs = Scripted::start(|asked| match asked.action().as_str() {
        "ListTasks" => {
            assert_eq!(asked.json()["desiredStatus"], "RUNNING");
            listed(&["some"])
        }
        "DescribeTasks" => {
            assert_eq!(asked.json()["include"], json!(["TAGS"]));
            tasks(&known())
        }
        _ => definition(3),
    })
    .await;
    let places = [
        etl(),
        etl(),
        etl_with(json!({ "target_group": GROUP, "port": 8080 })),
    ];
    let owned = quick().owned(&at(&ecs.url), &places).await.unwrap();
    let found: Vec<_> = owned.iter().map(|owned| arn_of(&owned.handle)).collect();
    assert_eq!(found, [arn("ours"), arn("tagged")]);
    assert_eq!(owned[0].key.as_str(), format!("{MARK}ours"));
    assert!(owned[0].since.is_some());
    let door = &serde_json::to_value(&owned[0].handle).unwrap()["door"];
    assert_eq!(
        (&door["group"], &door["address"]),
        (&json!(GROUP), &json!("10.0.0.7"))
    );
    assert_eq!(ecs.of("ListTasks").len(), 1, "one cluster is listed once");
}

#[tokio::test]
async fn a_place_that_cannot_be_looked_at_is_an_error() {
    let ecs = Scripted::start(|_| Reply::error(400, "AccessDeniedException", "no")).await;
    let context = at(&ecs.url);
    let error = quick().owned(&context, &[etl()]).await.unwrap_err();
    assert_eq!(word_of(&error), "alarm");
    assert!(error.to_string().contains("ecs:ListTasks"), "{error}");
    let nowhere = json!({ "task_definition": "etl", "subnets": ["subnet-1"] });
    let error = quick().owned(&context, &[nowhere]).await.unwrap_err();
    assert!(error.to_string().contains("cluster"), "{error}");
}
