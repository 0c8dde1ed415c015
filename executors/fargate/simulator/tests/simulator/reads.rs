//! Reading: descriptions, lists and logs, how late they are and how long they last.

use std::time::Duration;

use noctule_ecs_simulator::{Action, Ending, Settings, Simulator, Status};
use serde_json::{Value, json};

use crate::client::{call, describe, held, held_settings, run, shell, until};

async fn listed(sim: &Simulator, body: Value) -> Vec<String> {
    let answer = call(sim, Action::ListTasks, body).await;
    serde_json::from_value(answer["taskArns"].clone()).unwrap()
}

#[tokio::test]
async fn lists_show_running_tasks_unless_stopped_ones_are_asked_for() {
    let sim = held().await;
    let arns = [
        run(&sim, json!({"startedBy": "a"})).await,
        run(&sim, json!({"startedBy": "b"})).await,
    ];
    until(&sim, Status::Running).await;
    sim.finish(&arns[0], &Ending::exit(0)).unwrap();
    until(&sim, Status::Stopped).await;
    assert_eq!(listed(&sim, json!({})).await, arns[1..]);
    assert_eq!(
        listed(&sim, json!({"desiredStatus": "RUNNING"})).await,
        arns[1..]
    );
    assert_eq!(
        listed(&sim, json!({"desiredStatus": "STOPPED"})).await,
        arns[..1]
    );
    assert!(
        listed(&sim, json!({"desiredStatus": "PENDING"}))
            .await
            .is_empty()
    );
    assert!(listed(&sim, json!({"startedBy": "a"})).await.is_empty());
    let stopped = json!({"startedBy": "a", "desiredStatus": "STOPPED"});
    assert_eq!(listed(&sim, stopped).await, arns[..1]);
    assert!(listed(&sim, json!({"family": "other"})).await.is_empty());
    assert!(listed(&sim, json!({"cluster": "other"})).await.is_empty());
}

#[tokio::test]
async fn pages_of_a_list_neither_repeat_nor_miss_a_task() {
    let sim = held().await;
    let mut arns = Vec::new();
    for _ in 0..5 {
        arns.push(run(&sim, json!({})).await);
    }
    let (mut seen, mut token, mut pages) = (Vec::new(), Value::Null, 0);
    loop {
        let body = json!({"maxResults": 2, "nextToken": token});
        let answer = call(&sim, Action::ListTasks, body).await;
        let page: Vec<String> = serde_json::from_value(answer["taskArns"].clone()).unwrap();
        seen.extend(page);
        pages += 1;
        token = answer["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!((seen, pages), (arns, 3));
}

#[tokio::test]
async fn a_task_is_missing_until_it_is_old_enough() {
    let settings = Settings {
        visible_after: Duration::from_secs(3600),
        ..held_settings()
    };
    let sim = Simulator::start(settings).await.unwrap();
    let arn = run(&sim, json!({})).await;
    let body = json!({"tasks": [arn]});
    let answer = call(&sim, Action::DescribeTasks, body.clone()).await;
    assert_eq!(
        answer,
        json!({"tasks": [], "failures": [{"arn": arn, "reason": "MISSING"}]})
    );
    assert!(listed(&sim, json!({})).await.is_empty());
    sim.advance(Duration::from_secs(3600));
    let answer = call(&sim, Action::DescribeTasks, body).await;
    assert_eq!(answer["failures"], json!([]));
    assert_eq!(listed(&sim, json!({})).await, [arn]);
}

#[tokio::test]
async fn a_stopped_task_vanishes_after_an_hour_and_stays_in_the_ledger() {
    let sim = shell("exit 0").await;
    let arn = run(&sim, json!({"startedBy": "k"})).await;
    until(&sim, Status::Stopped).await;
    sim.advance(Duration::from_secs(3500));
    assert_eq!(describe(&sim, &arn).await["lastStatus"], "STOPPED");
    sim.advance(Duration::from_secs(100));
    let body = json!({"tasks": [arn]});
    let answer = call(&sim, Action::DescribeTasks, body).await;
    assert_eq!(answer["failures"][0]["reason"], "MISSING");
    assert!(
        listed(&sim, json!({"desiredStatus": "STOPPED"}))
            .await
            .is_empty()
    );
    assert_eq!(sim.ledger(), [("k".to_owned(), 1)].into());
}

#[tokio::test]
async fn tags_are_shown_only_where_they_are_asked_for() {
    let sim = held().await;
    let tags = json!([{"key": "a", "value": "b"}]);
    let arn = run(&sim, json!({"tags": tags})).await;
    assert_eq!(describe(&sim, &arn).await["tags"], tags);
    let answer = call(&sim, Action::DescribeTasks, json!({"tasks": [arn]})).await;
    assert_eq!(answer["tasks"][0]["tags"], json!([]));
}

#[tokio::test]
async fn five_hundred_tasks_are_described_by_five_calls() {
    let sim = held().await;
    for _ in 0..50 {
        call(
            &sim,
            Action::RunTask,
            crate::client::run_with(json!({"count": 10})),
        )
        .await;
    }
    let state = sim
        .wait_for(|state| {
            state
                .tasks
                .iter()
                .all(|task| task.status == Status::Running)
        })
        .await;
    let arns: Vec<&str> = state.tasks.iter().map(|task| task.arn.as_str()).collect();
    let mut addresses: Vec<_> = state.tasks.iter().map(|task| task.address).collect();
    for some in arns.chunks(100) {
        let answer = call(&sim, Action::DescribeTasks, json!({"tasks": some})).await;
        assert_eq!(answer["tasks"].as_array().unwrap().len(), 100);
    }
    assert_eq!(
        (sim.calls(Action::DescribeTasks), sim.calls(Action::RunTask)),
        (5, 50)
    );
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), 500);
}

#[tokio::test]
async fn a_log_is_read_by_tokens_that_repeat_at_the_end() {
    let sim = held().await;
    let arn = run(&sim, json!({})).await;
    let stream = format!("ecs/main/{}", sim.tasks()[0].id);
    for number in 0..5 {
        sim.write_log(&arn, "main", &format!("line {number}"))
            .unwrap();
    }
    let page = async |more: Value| {
        let mut body = json!({"logGroupName": "/ecs/etl", "logStreamName": stream});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let answer = call(&sim, Action::GetLogEvents, body).await;
        let lines: Vec<String> = answer["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["message"].as_str().unwrap().to_owned())
            .collect();
        (
            lines,
            answer["nextForwardToken"].clone(),
            answer["nextBackwardToken"].clone(),
        )
    };
    let (lines, token, _) = page(json!({"startFromHead": true, "limit": 3})).await;
    assert_eq!(lines, ["line 0", "line 1", "line 2"]);
    let (lines, token, _) = page(json!({"startFromHead": true, "nextToken": token})).await;
    assert_eq!(lines, ["line 3", "line 4"]);
    let (lines, again, _) = page(json!({"startFromHead": true, "nextToken": token})).await;
    assert!(lines.is_empty() && again == token, "{again} {token}");
    sim.write_log(&arn, "main", "line 5").unwrap();
    assert_eq!(
        page(json!({"startFromHead": true, "nextToken": token}))
            .await
            .0,
        ["line 5"]
    );
    let (lines, _, back) = page(json!({"limit": 2})).await;
    assert_eq!(lines, ["line 4", "line 5"]);
    assert_eq!(
        page(json!({"limit": 2, "nextToken": back})).await.0,
        ["line 2", "line 3"]
    );
}

#[tokio::test]
async fn a_container_writes_to_its_own_stream() {
    let sim = shell("echo out; echo err >&2").await;
    run(&sim, json!({})).await;
    until(&sim, Status::Stopped).await;
    let stream = format!("ecs/main/{}", sim.tasks()[0].id);
    let body = json!({"logGroupName": "/ecs/etl", "logStreamName": stream, "startFromHead": true});
    let answer = call(&sim, Action::GetLogEvents, body).await;
    let mut lines: Vec<&str> = answer["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["message"].as_str().unwrap())
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, ["err", "out"]);
}
