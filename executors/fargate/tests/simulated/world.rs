//! The simulator with what these tests run on it, and the way to it.

use std::collections::BTreeMap;
use std::time::Duration;

use noctule_ecs_simulator::{ContainerDefinition, Definition, Ending, Health, Settings, Simulator};
use noctule_executor::{AnyExecutor, Attempt, Connection, Context, Status, Use};
use noctule_executor_testing::{attempt, context};
use noctule_fargate::{Fargate, Pacing};
use serde_json::{Value, json};

/// A target group that exists.
pub(crate) const GROUP: &str =
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef";

/// An executor in a hurry.
pub(crate) fn fargate() -> Fargate {
    Fargate::with_pacing(pacing())
}

/// Times of milliseconds.
pub(crate) fn pacing() -> Pacing {
    Pacing {
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(20),
        second_look: Duration::from_millis(5),
        clearing: Duration::from_millis(5),
        ..Pacing::default()
    }
}

/// What every test may run.
pub(crate) fn settings() -> Settings {
    let now = Duration::ZERO;
    let ends = |name: &str, ending| ContainerDefinition::ends(name, now, ending);
    let family = |name: &str, ending| Definition::new(name).container(ends("main", ending));
    let mut settings = Settings {
        clusters: Some(vec!["c".to_owned()]),
        health: Health::After(now),
        ..Settings::default()
    };
    for definition in [
        family("good", Ending::exit(0)),
        family("bad", Ending::exit(3)),
        family("hungry", Ending::out_of_memory()),
        family("silent", Ending::lost()),
        family("sidecar", Ending::exit(0)).container(ContainerDefinition::held("proxy").sidecar()),
        family("badside", Ending::exit(2)).container(ContainerDefinition::held("proxy").sidecar()),
        Definition::held("long", "main"),
        Definition::held("retired", "main").inactive(),
        Definition::new("talks").container(ContainerDefinition::command(
            "main",
            &["printf", "one\\ntwo\\n"],
        )),
        Definition::new("shell")
            .container(ContainerDefinition::command("main", &["/bin/sh", "-c"])),
    ] {
        settings = settings.definition(definition);
    }
    settings
}

/// A simulator of them.
pub(crate) async fn simulator() -> Simulator {
    Simulator::start(settings()).await.unwrap()
}

/// The surroundings of a call to it.
pub(crate) fn at(simulator: &Simulator) -> Context {
    let settings = json!({
        "region": "us-east-1", "endpoint": simulator.endpoint(), "cluster": "c", "subnets": ["subnet-1a"],
        "security_groups": ["sg-1a"], "search_after": ["5ms", "50ms"],
    });
    context(Some(Connection {
        name: "aws1".to_owned(),
        kind: "aws".to_owned(),
        settings: serde_json::from_value(settings).unwrap(),
    }))
}

/// A configuration of a family.
pub(crate) fn family(name: &str) -> Value {
    json!({ "task_definition": name, "container": "main" })
}

/// A held attempt of a configuration.
pub(crate) fn held(config: Value) -> Attempt<Value> {
    Attempt {
        hold: true,
        ..attempt("session", config)
    }
}

/// Launches an attempt as the engine does.
pub(crate) async fn launch(
    executor: &dyn AnyExecutor,
    context: &Context,
    attempt: &Attempt<Value>,
) -> Result<Value, noctule_executor::ExecutorError> {
    let request = executor
        .request(attempt, context.connection.as_ref())
        .unwrap();
    executor.launch(context, attempt, &request).await
}

/// Polls until something has come to an end, storing every handle that a poll gives; the last handle and the end.
pub(crate) async fn followed(context: &Context, mut handle: Value) -> (Value, Status) {
    loop {
        // A fresh value each time: nothing is remembered but the handle.
        let handles = [handle.clone()];
        let polled =
            AnyExecutor::poll(&fargate(), context, &handles, Duration::from_millis(100)).await;
        match polled.into_iter().next().unwrap().unwrap() {
            Status::Advanced { handle: next } => handle = next,
            Status::Launching | Status::Running { .. } => {}
            end => return (handle, end),
        }
    }
}

/// Tears down until nothing is left.
pub(crate) async fn torn_down(context: &Context, handle: &Value, usage: Use) {
    loop {
        match AnyExecutor::tear_down(&fargate(), context, handle, usage)
            .await
            .unwrap()
        {
            noctule_executor::Clearing::Done => return,
            noctule_executor::Clearing::Pending { again_after } => {
                tokio::time::sleep(again_after).await
            }
        }
    }
}

/// How many tasks each key of the simulator started.
pub(crate) fn works(simulator: &Simulator) -> BTreeMap<String, usize> {
    simulator.ledger()
}
