//! The table of requests: the whole document, its defaults, and the problems that name their key.

use chrono::DateTime;
use noctule_executor::{AttemptKey, RunFacts};

use super::*;

const KEY: &str = "n1-0a1b2c3d-0123456789abcdef0123456789abcdef01234567";
const GROUP: &str = "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/1";

fn attempt(config: Value) -> Attempt<Config> {
    Attempt {
        key: AttemptKey::from_text(KEY),
        run: RunFacts {
            id: "run-1".to_owned(),
            dag: "dag".to_owned(),
            ingestion_id: "20260113".to_owned(),
            logical_time: DateTime::UNIX_EPOCH,
        },
        task: "etl".to_owned(),
        map_key: None,
        number: 1,
        sends: 1,
        intended_at: DateTime::UNIX_EPOCH,
        hold: false,
        failed_before: None,
        passing: noctule_executor::Passing::default(),
        traceparent: None,
        config: serde_json::from_value(config).expect("a good configuration"),
    }
}

fn made_with(config: Value, settings: Value) -> Result<Value, Problem> {
    let connection = Connection {
        name: "aws1".to_owned(),
        kind: "aws".to_owned(),
        settings: serde_json::from_value(settings).expect("a table"),
    };
    document(&attempt(config), Some(&connection)).map(|request| request.0)
}

fn made(config: Value) -> Result<Value, Problem> {
    made_with(config, json!({ "region": "us-east-1" }))
}

fn variables(own: &[(&str, Value)]) -> Value {
    let ours = [
        ("NOCTULE_ATTEMPT_KEY", json!(KEY)),
        ("NOCTULE_INGESTION_ID", json!("20260113")),
        ("NOCTULE_RUN_ID", json!("run-1")),
        ("NOCTULE_TASK", json!("etl")),
    ];
    let mut all: Vec<_> = ours.iter().chain(own).collect();
    all.sort_by_key(|(name, _)| *name);
    let pair = |(name, value): &(&str, Value)| json!({ "name": name, "value": value });
    all.into_iter().map(pair).collect()
}

#[test]
fn the_whole_document() {
    let document = made(json!({
        "cluster": "c", "task_definition": "etl:3", "container": "main", "subnets": ["subnet-1", "subnet-2"],
        "security_groups": "sg-1", "assign_public_ip": true, "capacity": "FARGATE_SPOT", "command": ["run", 1],
        "env": { "TENANT": "cf526000", "A": true, "S": { "secret": "token" } }, "cpu": 1024, "memory": "2048",
        "tags": { "team": "data" }, "platform_version": "1.4.0", "task_role": "worker",
        "execution_role": "arn:aws:iam::1:role/agent", "target_group": GROUP, "port": 8080,
    }));
    assert_eq!(
        document.expect("a request"),
        json!({
            "method": "POST",
            "url": "https://ecs.us-east-1.amazonaws.com/",
            "headers": {
                "content-type": "application/x-amz-json-1.1",
                "x-amz-target": "AmazonEC2ContainerServiceV20141113.RunTask",
            },
            "region": "us-east-1",
            "body": {
                "clientToken": KEY, "startedBy": KEY, "cluster": "c", "count": 1, "taskDefinition": "etl:3",
                "capacityProviderStrategy": [{ "capacityProvider": "FARGATE_SPOT", "weight": 1 }],
                "networkConfiguration": { "awsvpcConfiguration": {
                    "subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED",
                } },
                "overrides": {
                    "containerOverrides": [{
                        "name": "main", "command": ["run", "1"],
                        "environment": variables(&[
                            ("A", json!("true")), ("S", json!({ "secret": "token" })), ("TENANT", json!("cf526000")),
                        ]),
                    }],
                    "cpu": "1024", "memory": "2048", "taskRoleArn": "worker",
                    "executionRoleArn": "arn:aws:iam::1:role/agent",
                },
                "tags": [{ "key": "noctule-attempt-key", "value": KEY }, { "key": "team", "value": "data" }],
                "platformVersion": "1.4.0",
            },
        })
    );
}

#[test]
fn what_is_not_given_is_not_sent_and_what_is_empty_is_not_given() {
    let empty = json!({
        "task_definition": "etl", "cluster": "", "subnets": "", "security_groups": [], "assign_public_ip": "",
        "capacity": "", "container": "", "command": [], "cpu": "", "memory": "", "platform_version": "", "task_role": "",
        "execution_role": "", "target_group": "", "port": "", "health": { "ready_timeout": "" }, "after_failure": "",
    });
    let settings = json!({ "region": "us-east-1", "cluster": "c", "subnets": "subnet-1", "target_group": GROUP });
    let plain =
        made_with(json!({ "task_definition": "etl" }), settings.clone()).expect("a request");
    assert_eq!(made_with(empty, settings).expect("a request"), plain);
    assert_eq!(
        plain["body"],
        json!({
            "clientToken": KEY, "startedBy": KEY, "cluster": "c", "count": 1, "taskDefinition": "etl",
            "launchType": "FARGATE",
            "networkConfiguration": { "awsvpcConfiguration": {
                "subnets": ["subnet-1"], "assignPublicIp": "DISABLED",
            } },
            "overrides": { "containerOverrides": [{ "environment": variables(&[]) }] },
            "tags": [{ "key": "noctule-attempt-key", "value": KEY }],
        })
    );
    assert_eq!(plain["at_launch"].as_array().map(Vec::len), Some(2));
}

#[test]
fn the_task_comes_before_the_connection() {
    let settings = json!({
        "region": "us-east-1", "cluster": "of-connection", "subnets": ["subnet-9"], "security_groups": ["sg-9"],
    });
    let own = json!({ "task_definition": "etl:1", "cluster": "own", "subnets": ["subnet-1"] });
    let body = &made_with(own, settings).expect("a request")["body"];
    let network = &body["networkConfiguration"]["awsvpcConfiguration"];
    assert_eq!(body["cluster"], "own");
    assert_eq!(network["subnets"], json!(["subnet-1"]));
    assert_eq!(network["securityGroups"], json!(["sg-9"]));
}

#[test]
fn problems_name_their_key() {
    let base = json!({ "cluster": "c", "task_definition": "etl:1", "subnets": ["subnet-1"] });
    for (key, value, path) in [
        ("cluster", json!("a b"), vec!["cluster"]),
        ("cluster", json!(""), vec!["cluster"]),
        (
            "cluster",
            json!("arn:aws:ecs:eu-west-1:1:cluster/c"),
            vec!["cluster"],
        ),
        ("task_definition", json!(""), vec!["task_definition"]),
        ("container", json!("a.b"), vec!["container"]),
        ("subnets", json!([]), vec!["subnets"]),
        ("subnets", json!(["sg-1"]), vec!["subnets"]),
        ("security_groups", json!(["x"]), vec!["security_groups"]),
        ("capacity", json!("EC2"), vec!["capacity"]),
        ("cpu", json!("1 vCPU"), vec!["cpu"]),
        ("memory", json!(-1), vec!["memory"]),
        ("task_role", json!("a b"), vec!["task_role"]),
        ("execution_role", json!("a b"), vec!["execution_role"]),
        ("platform_version", json!("x"), vec!["platform_version"]),
        ("port", json!(0), vec!["port"]),
        ("target_group", json!(GROUP), vec!["target_group"]),
        (
            "health",
            json!({ "ready_timeout": "5" }),
            vec!["health", "ready_timeout"],
        ),
        ("after_failure", json!("keep"), vec!["after_failure"]),
        (
            "env",
            json!({ "NOCTULE_TASK": "x" }),
            vec!["env", "NOCTULE_TASK"],
        ),
        ("env", json!({ "A": "x".repeat(8_000) }), vec!["env"]),
        ("command", json!(["x".repeat(8_000)]), vec!["command"]),
        ("tags", json!({ "aws:x": "y" }), vec!["tags", "aws:x"]),
    ] {
        let mut config = base.clone();
        config[key] = value;
        let problem = made(config.clone()).expect_err(&config.to_string());
        assert_eq!(problem.path, path, "{config}");
    }
    assert!(made(base).is_ok());
}

#[test]
fn the_overrides_may_have_8192_characters() {
    let with = |length: usize| {
        made(
            json!({ "cluster": "c", "task_definition": "etl:1", "subnets": ["subnet-1"], "env": { "A": "x".repeat(length) } }),
        )
    };
    let overhead = with(0).expect("a request")["body"]["overrides"]
        .to_string()
        .len();
    let fits = with(8_192 - overhead).expect("a request");
    assert_eq!(fits["body"]["overrides"].to_string().len(), 8_192);
    assert_eq!(with(8_193 - overhead).expect_err("too long").path, ["env"]);
}

#[test]
fn a_connection_names_the_region() {
    let problem = document(&attempt(json!({ "task_definition": "etl" })), None);
    assert!(problem.expect_err("no region").message.contains("region"));
}

const TRACE: &str = "00-0198a6f012347abc8def0123456789ab-0123456789abcdef-01";

fn traced(config: Value) -> Value {
    let mut attempt = attempt(config);
    attempt.traceparent = Some(TRACE.to_owned());
    let settings = json!({ "region": "us-east-1", "cluster": "c", "subnets": "subnet-1" });
    let connection = Connection {
        name: "aws1".to_owned(),
        kind: "aws".to_owned(),
        settings: serde_json::from_value(settings).expect("a table"),
    };
    let once = document(&attempt, Some(&connection)).expect("a request");
    let again = document(&attempt, Some(&connection)).expect("a request");
    assert_eq!(once.canonical(), again.canonical());
    once.0["body"]["overrides"].clone()
}

fn trace_of(overrides: &Value) -> Option<&str> {
    let variables = overrides["containerOverrides"][0]["environment"].as_array()?;
    let found = variables.iter().find(|one| one["name"] == "TRACEPARENT")?;
    found["value"].as_str()
}

#[test]
fn the_work_is_told_of_its_trace_unless_it_names_one_of_its_own() {
    let config = json!({ "task_definition": "etl:1", "env": { "A": "x" } });
    assert_eq!(trace_of(&traced(config)), Some(TRACE));
    let own = json!({ "task_definition": "etl:1", "env": { "TRACEPARENT": "00-own" } });
    assert_eq!(trace_of(&traced(own)), Some("00-own"));
}

#[test]
fn a_trace_never_makes_a_launch_too_long() {
    let with = |container: &str, length: usize| {
        let env = json!({ "A": "x".repeat(length) });
        traced(json!({ "task_definition": "etl:1", "container": container, "env": env }))
    };
    for (container, room) in [("main", 0), ("", 265)] {
        let overhead = with(container, 0).to_string().len();
        let last = 8_192 - room - overhead;
        assert_eq!(trace_of(&with(container, last)), Some(TRACE));
        let longer = with(container, last + 1);
        assert_eq!(trace_of(&longer), None);
        assert!(longer.to_string().len() <= 8_192);
    }
}
