//! Answers of ECS, as it writes them.

use serde_json::{Value, json};

use crate::scripted::Reply;

/// The key of the attempt under test.
pub(crate) const KEY: &str = "n1-0a1b2c3d-0123456789abcdef0123456789abcdef01234567";
/// The key of another attempt of the same store.
pub(crate) const OTHER_KEY: &str = "n1-0a1b2c3d-fedcba9876543210fedcba9876543210fedcba98";

/// The ARN of a task.
pub(crate) fn arn(id: &str) -> String {
    format!("arn:aws:ecs:us-east-1:123456789012:task/c/{id}")
}

/// The ARN of a revision.
pub(crate) fn revision(number: u32) -> String {
    format!("arn:aws:ecs:us-east-1:123456789012:task-definition/etl:{number}")
}

/// A task in a state, of a key.
pub(crate) fn task(id: &str, key: &str, status: &str) -> Value {
    json!({
        "taskArn": arn(id), "clusterArn": "arn:aws:ecs:us-east-1:123456789012:cluster/c",
        "taskDefinitionArn": revision(3), "lastStatus": status, "desiredStatus": "RUNNING", "startedBy": key,
        "createdAt": 1_768_305_600.123, "startedAt": 1_768_305_610.5, "version": 1,
        "containers": [{ "name": "main", "lastStatus": status }],
        "attachments": [{ "type": "ElasticNetworkInterface", "status": "ATTACHED", "details": [
            { "name": "subnetId", "value": "subnet-1" }, { "name": "privateIPv4Address", "value": "10.0.0.7" },
        ] }],
    })
}

/// A task that ended with an exit code.
pub(crate) fn stopped(id: &str, key: &str, exit_code: i32) -> Value {
    let mut task = task(id, key, "STOPPED");
    task["stopCode"] = json!("EssentialContainerExited");
    task["stoppedReason"] = json!("Essential container in task exited");
    task["stoppedAt"] = json!(1_768_305_660.0);
    task["containers"][0]["exitCode"] = json!(exit_code);
    task
}

/// An answer with tasks.
pub(crate) fn tasks(tasks: &[Value]) -> Reply {
    Reply::ok(json!({ "tasks": tasks, "failures": [] }))
}

/// An answer without them.
pub(crate) fn failure(arn: &str, reason: &str) -> Reply {
    Reply::ok(json!({ "tasks": [], "failures": [{ "arn": arn, "reason": reason }] }))
}

/// A list of ARNs.
pub(crate) fn listed(ids: &[&str]) -> Reply {
    let arns: Vec<_> = ids.iter().map(|id| arn(id)).collect();
    Reply::ok(json!({ "taskArns": arns }))
}

/// A revision of the task definition, with an essential container and a sidecar.
pub(crate) fn definition(number: u32) -> Reply {
    let log = json!({ "logDriver": "awslogs", "options": {
        "awslogs-group": "/ecs/etl", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "ecs",
    } });
    Reply::ok(json!({ "taskDefinition": {
        "taskDefinitionArn": revision(number), "family": "etl", "revision": number, "status": "ACTIVE",
        "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "compatibilities": ["EC2", "FARGATE"],
        "taskRoleArn": "arn:aws:iam::123456789012:role/worker",
        "executionRoleArn": "arn:aws:iam::123456789012:role/agent",
        "containerDefinitions": [
            { "name": "main", "image": "etl", "essential": true, "logConfiguration": log },
            { "name": "proxy", "image": "proxy", "essential": false },
        ],
    } }))
}
