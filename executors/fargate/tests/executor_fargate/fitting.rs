//! What ECS takes of overrides, at its exact edge, once the secrets are in: a trace is never worth a launch.

use noctule_executor_testing::CANARY;
use serde_json::{Value, json};

use crate::launching::{accepted, running};
use crate::world::{at, attempt, etl_with, launch_by, quick, word_of};

const MOST: usize = 8_192;
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The overrides that ECS is sent of a launch with so many letters, or how the launch was refused before.
async fn sent(letters: usize, traced: bool, own: Option<&str>) -> Result<Value, String> {
    let ecs = running(accepted()).await;
    // The value of the secret is longer than its reference: what is stored fits where what is sent does not.
    let mut env = json!({ "TOKEN": { "secret": "token" }, "A": "x".repeat(letters) });
    if let Some(own) = own {
        env["TRACEPARENT"] = json!(own);
    }
    let mut attempt = attempt(etl_with(json!({ "env": env })), 1);
    attempt.traceparent = traced.then(|| TRACE.to_owned());
    let launched = launch_by(&quick(), &at(&ecs.url), &attempt).await;
    let asked = ecs.of("RunTask");
    match launched {
        Ok(_) => {
            assert_eq!(asked.len(), 1);
            assert!(asked[0].text().contains(CANARY));
            Ok(asked[0].json()["overrides"].clone())
        }
        Err(error) => {
            assert_eq!(asked.len(), 0);
            Err(word_of(&error))
        }
    }
}

fn length(overrides: &Value) -> usize {
    overrides.to_string().len()
}

fn trace(overrides: &Value) -> Option<&str> {
    let variables = overrides["containerOverrides"][0]["environment"].as_array()?;
    let found = variables.iter().find(|one| one["name"] == "TRACEPARENT")?;
    found["value"].as_str()
}

#[tokio::test]
async fn a_trace_gives_way_where_only_with_it_the_secrets_do_not_fit() {
    let plain = MOST - length(&sent(0, false, None).await.unwrap());
    let traced = MOST - length(&sent(0, true, None).await.unwrap());
    let last = sent(traced, true, None).await.unwrap();
    assert_eq!((length(&last), trace(&last)), (MOST, Some(TRACE)));
    let longer = sent(traced + 1, true, None).await.unwrap();
    assert_eq!(trace(&longer), None);
    assert_eq!(longer, sent(traced + 1, false, None).await.unwrap());
    let longest = sent(plain, true, None).await.unwrap();
    assert_eq!((length(&longest), trace(&longest)), (MOST, None));
    for with_trace in [true, false] {
        let refused = sent(plain + 1, with_trace, None).await.unwrap_err();
        assert_eq!(refused, "rejected config");
    }
}

#[tokio::test]
async fn a_trace_that_the_task_names_itself_is_part_of_its_work() {
    let own = Some("00-own");
    let last = MOST - length(&sent(0, true, own).await.unwrap());
    let fits = sent(last, true, own).await.unwrap();
    assert_eq!((length(&fits), trace(&fits)), (MOST, own));
    let refused = sent(last + 1, true, own).await.unwrap_err();
    assert_eq!(refused, "rejected config");
}
