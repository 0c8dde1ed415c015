//! The executor against moto, a fake AWS that somebody else wrote: the form on the wire and the signing, nothing more
//! (moto ignores the client token, and its tasks end as they like).
//!
//! Needs a Python that has `moto[server,ecs,ec2]` and `boto3`: that of `NOCTULE_MOTO_PYTHON`, else `python3`. Without it,
//! it says so and checks nothing.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use noctule_executor::{AnyExecutor, Connection, Context, Outcome, Status};
use noctule_executor_testing::{attempt, context};
use noctule_fargate::{Fargate, Pacing};
use serde_json::{Value, json};

/// moto in a process of its own; it ends with its standard input.
struct Moto {
    process: Child,
    said: Value,
}

impl Moto {
    /// Starts it; none where there is no Python with moto.
    fn start() -> Option<Self> {
        let python = std::env::var("NOCTULE_MOTO_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let probe = ["-c", "import boto3, moto.server, moto.ec2, moto.ecs"];
        let there = Command::new(&python)
            .args(probe)
            .stderr(Stdio::null())
            .status();
        if !there.is_ok_and(|status| status.success()) {
            return None;
        }
        let mut process = Command::new(python)
            .arg("-B")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto_server.py"))
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line).unwrap();
        Some(Self { process, said })
    }

    fn context(&self) -> Context {
        let settings = json!({
            "region": "us-east-1", "endpoint": self.said["endpoint"], "cluster": "c",
            "subnets": [self.said["subnet"]], "security_groups": [self.said["group"]],
        });
        context(Some(Connection {
            name: "aws1".to_owned(),
            kind: "aws".to_owned(),
            settings: serde_json::from_value(settings).unwrap(),
        }))
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[tokio::test]
async fn another_fake_aws_takes_and_gives_the_same() {
    let Some(moto) = tokio::task::spawn_blocking(Moto::start).await.unwrap() else {
        println!(
            "not checked: needs a python3 with `moto[server,ecs,ec2]` and `boto3`, or NOCTULE_MOTO_PYTHON"
        );
        return;
    };
    let context = moto.context();
    let executor = Fargate::with_pacing(Pacing {
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(20),
        ..Pacing::default()
    });
    let executor: &dyn AnyExecutor = &executor;
    let attempt = attempt(
        "etl",
        json!({ "task_definition": "etl", "container": "main", "env": { "A": "b" }, "tags": { "team": "data" } }),
    );
    let request = executor
        .request(&attempt, context.connection.as_ref())
        .unwrap();
    let handle = executor.launch(&context, &attempt, &request).await.unwrap();
    let arn = handle["data"]["task_arn"].clone();
    let definition = handle["data"]["task_definition"].as_str().unwrap();
    assert!(
        definition.ends_with("task-definition/etl:1"),
        "{definition}"
    );
    let found = executor
        .adopt(&context, &attempt, &request)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found["data"]["task_arn"], arn);
    let polled = executor
        .poll(&context, std::slice::from_ref(&handle), Duration::ZERO)
        .await;
    assert!(polled[0].is_ok(), "{polled:?}");
    executor
        .cancel(&context, &handle, Duration::ZERO)
        .await
        .unwrap();
    let polled = executor
        .poll(&context, &[handle], Duration::from_secs(20))
        .await;
    let Ok(Status::Finished(finished)) = &polled[0] else {
        panic!("it has stopped: {polled:?}")
    };
    let output = match &finished.outcome {
        Outcome::Succeeded { output } => Some(output),
        Outcome::Failed { output, .. } | Outcome::Cancelled { output, .. } => output.as_ref(),
    };
    let output = output.unwrap();
    assert_eq!(output["task_arn"], arn);
    let denied = json!({ "task_definition": "absent", "container": "main" });
    let absent = noctule_executor_testing::attempt("etl", denied);
    let request = executor
        .request(&absent, context.connection.as_ref())
        .unwrap();
    let error = executor
        .launch(&context, &absent, &request)
        .await
        .unwrap_err();
    assert!(
        matches!(error, noctule_executor::ExecutorError::Rejected { .. }),
        "{error}"
    );
}
