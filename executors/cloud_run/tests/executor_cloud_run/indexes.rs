//! Executions of several tasks: what became of each index, and tries that run only those that failed.

use noctule_cloud_run::Handle;
use noctule_cloud_run::simulator::{
    Answer, Effect, Ending, JobConfig, JobScript, RequestPattern, Simulator,
};
use noctule_executor::{Attempt, AttemptKey, Context, Executor, Outcome, Status};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::polling::LONG;
use crate::world::{attempt, context, quick, request};

/// Writes down the index that it runs, and fails unless there is a file for it.
const WORK: &str = r#"
at=$((CLOUD_RUN_TASK_INDEX + 1))
index=$(echo "$NOCTULE_TASK_INDEXES" | cut -d, -f$at)
echo "$CLOUD_RUN_TASK_COUNT $index" >> ledger
[ -e "ok-$index" ] || exit 4
"#;

struct Stage {
    folder: TempDir,
    cloud: Simulator,
    context: Context,
}

impl Stage {
    /// A job whose tasks succeed for these indexes.
    async fn new(good: &[u64]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cloud = Simulator::builder().job(
            "etl",
            JobScript::command(JobConfig {
                command: ["sh", "-c", WORK].map(str::to_owned).to_vec(),
                cwd: Some(folder.path().to_owned()),
                ..JobConfig::default()
            }),
        );
        let cloud = cloud.start().await.unwrap();
        let stage = Self {
            context: context(&cloud.url()),
            folder,
            cloud,
        };
        good.iter().for_each(|index| stage.mend(*index));
        stage
    }

    /// From now on the index succeeds.
    fn mend(&self, index: u64) {
        std::fs::write(self.folder.path().join(format!("ok-{index}")), "").unwrap();
    }

    /// What has been run since the last look, in order of the lines.
    fn ledger(&self) -> Vec<String> {
        let path = self.folder.path().join("ledger");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(path, "").unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    /// Sends a try, and what it ended as: by an executor that never saw the launch, with the handle as it is stored.
    async fn tried(&self, number: u32, before: Option<&Value>) -> Outcome {
        let attempt = ten(number, before);
        let request = request(&self.context, &attempt);
        let handle = quick().launch(&self.context, &attempt, &request).await;
        self.ended(&handle.unwrap()).await
    }

    async fn ended(&self, handle: &Handle) -> Outcome {
        let stored: Handle = serde_json::from_value(serde_json::to_value(handle).unwrap()).unwrap();
        let answers = quick().poll(&self.context, &[stored], LONG).await;
        match answers.into_iter().next() {
            Some(Ok(Status::Finished(finished))) => finished.outcome,
            other => panic!("it has not ended: {other:?}"),
        }
    }
}

/// A try of ten tasks.
fn ten(number: u32, before: Option<&Value>) -> Attempt<noctule_cloud_run::Config> {
    let mut attempt = attempt(1);
    attempt.key = AttemptKey::from_text(format!("n1-0a1b2c3d-{number:040x}"));
    attempt.number = number;
    attempt.failed_before = before.cloned();
    attempt.config = serde_json::from_value(json!({
        "job": "etl", "region": "r1", "task_count": 10, "retry_failed_indexes": true,
    }))
    .unwrap();
    attempt
}

fn states(outcome: &Outcome) -> Vec<&str> {
    let tasks = outcome.output().unwrap()["tasks"].as_array().unwrap();
    for (index, task) in tasks.iter().enumerate() {
        assert_eq!(task["index"], index, "{tasks:#?}");
    }
    tasks.iter().map(|t| t["state"].as_str().unwrap()).collect()
}

fn counts(outcome: &Outcome) -> [&Value; 3] {
    let output = outcome.output().unwrap();
    ["task_count", "succeeded_count", "failed_count"].map(|name| &output[name])
}

/// The states of ten indexes of which these failed.
fn but(failed: &[usize]) -> Vec<&'static str> {
    let state = |index: usize| match failed.contains(&index) {
        true => "failed",
        false => "succeeded",
    };
    (0..10).map(state).collect()
}

#[tokio::test]
async fn when_eight_of_ten_have_passed_only_the_other_two_are_run_again() {
    let stage = Stage::new(&[0, 1, 2, 4, 5, 6, 8, 9]).await;
    let first = stage.tried(1, None).await;
    assert!(matches!(first, Outcome::Failed { .. }));
    assert_eq!(stage.ledger().len(), 10);
    assert_eq!(states(&first), but(&[3, 7]));
    assert_eq!(counts(&first), [&json!(10), &json!(8), &json!(2)]);
    let output = first.output().unwrap();
    assert_eq!(
        (&output["exit_code"], &output["failed_task"]),
        (&json!(4), &json!(3))
    );

    stage.mend(3);
    let second = stage.tried(2, first.output()).await;
    assert_eq!(stage.ledger(), ["2 3", "2 7"]);
    let Outcome::Failed { message, .. } = &second else {
        panic!("7 has failed again")
    };
    assert!(message.ends_with("(task 7 exited with 4)"), "{message}");
    assert_eq!(second.output().unwrap()["failed_task"], 7);
    assert_eq!(states(&second), but(&[7]));
    assert_eq!(counts(&second), [&json!(10), &json!(9), &json!(1)]);

    stage.mend(7);
    let third = stage.tried(3, second.output()).await;
    assert_eq!(stage.ledger(), ["1 7"]);
    assert!(matches!(third, Outcome::Succeeded { .. }));
    assert_eq!(states(&third), but(&[]));
    assert_eq!(counts(&third), [&json!(10), &json!(10), &json!(0)]);
}

#[tokio::test]
async fn the_first_try_lists_all_and_a_further_one_only_its_own() {
    let stage = Stage::new(&[]).await;
    let sent = |attempt: &Attempt<noctule_cloud_run::Config>| {
        let request = request(&stage.context, attempt);
        let overrides = request.0["body"]["overrides"].clone();
        let env = overrides["containerOverrides"][0]["env"]
            .as_array()
            .unwrap()
            .clone();
        let listed = env.iter().find(|one| one["name"] == "NOCTULE_TASK_INDEXES");
        (
            overrides["taskCount"].clone(),
            listed.map(|one| one["value"].clone()),
        )
    };
    let all = json!("0,1,2,3,4,5,6,7,8,9");
    assert_eq!(sent(&ten(1, None)), (json!(10), Some(all.clone())));
    let tasks: Vec<Value> = (0..10)
        .map(|index| {
            let state = if index == 7 { "failed" } else { "succeeded" };
            json!({ "index": index, "state": state, "exit_code": null, "retried": 0 })
        })
        .collect();
    let before = json!({ "task_count": 10, "tasks": tasks });
    assert_eq!(sent(&ten(2, Some(&before))), (json!(1), Some(json!("7"))));
    assert_eq!(
        sent(&ten(2, Some(&json!({ "task_count": 10 })))),
        (json!(10), Some(all))
    );
    let mut unasked = ten(2, Some(&before));
    unasked.config.retry_failed_indexes = false;
    assert_eq!(sent(&unasked), (json!(10), None));
}

#[tokio::test]
async fn work_that_is_found_again_is_known_to_be_a_part_by_its_request_alone() {
    let stage = Stage::new(&[0, 1, 2, 4, 5, 6, 8, 9]).await;
    let first = stage.tried(1, None).await;
    stage.mend(3);
    stage.mend(7);
    let attempt = ten(2, first.output());
    let request = request(&stage.context, &attempt);
    let _order = stage
        .cloud
        .fault(RequestPattern::runs(), 1, Effect::LoseAnswer);
    quick()
        .launch(&stage.context, &attempt, &request)
        .await
        .unwrap_err();
    let nothing_known = ten(2, None);
    let found = quick()
        .adopt(&stage.context, &nothing_known, &request)
        .await;
    let second = stage.ended(&found.unwrap().unwrap()).await;
    assert_eq!(states(&second), but(&[]));
    assert_eq!(counts(&second), [&json!(10), &json!(10), &json!(0)]);
}

/// Several tasks without `retry_failed_indexes`, ended by the test.
async fn plain(ending: Ending) -> Outcome {
    let three = JobConfig {
        task_count: Some(3),
        ..JobConfig::default()
    };
    let job = JobScript::ends_at_once(ending).with(three);
    let cloud = Simulator::builder().job("etl", job).start().await.unwrap();
    let context = context(&cloud.url());
    let handle = crate::world::launch(&context, 1).await.unwrap();
    let answers = quick().poll(&context, &[handle], LONG).await;
    match answers.into_iter().next() {
        Some(Ok(Status::Finished(finished))) => finished.outcome,
        other => panic!("it has not ended: {other:?}"),
    }
}

#[tokio::test]
async fn every_end_of_several_tasks_tells_what_became_of_each() {
    let good = plain(Ending::Succeeded).await;
    assert_eq!(
        good.output().unwrap()["tasks"][2],
        json!({ "index": 2, "state": "succeeded", "exit_code": 0, "retried": 0 })
    );
    let failed = Ending::Failed {
        exit_code: 5,
        failed: 1,
        succeeded: 1,
    };
    for (ending, expected) in [
        (Ending::Succeeded, ["succeeded"; 3]),
        (failed, ["succeeded", "failed", "unknown"]),
        (Ending::Cancelled, ["cancelled"; 3]),
    ] {
        let outcome = plain(ending.clone()).await;
        assert_eq!(states(&outcome), expected, "{ending:?}");
    }
}

#[tokio::test]
async fn a_verdict_does_not_depend_on_whether_its_tasks_can_be_read() {
    let stage = Stage::new(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).await;
    let forbidden = Answer::error(403, "PERMISSION_DENIED", "no right to list tasks");
    let tasks = RequestPattern::matching(|request| request.path.ends_with("/tasks"));
    let _order = stage.cloud.fault(tasks, 100, Effect::Answer(forbidden));
    let outcome = stage.tried(1, None).await;
    assert!(matches!(outcome, Outcome::Succeeded { .. }), "{outcome:?}");
    let output = outcome.output().unwrap();
    assert_eq!(output["succeeded_count"], 10);
    assert!(output.get("tasks").is_none());
    assert!(
        output["tasks_unread"].as_str().unwrap().contains("403"),
        "{output}"
    );
}
