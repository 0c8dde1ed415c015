//! The least rights that some configurations need, as an IAM policy.
//!
//! Guarantees: pure; every action that the executor may call is in it, and no other. What a configuration does not name,
//! or names by a template, is a `*` in the place of that name; the account and the region are `*` unless an ARN names them.

use std::collections::BTreeSet;

use noctule_executor::Draft;
use serde_json::{Value, json};

use crate::rules;

/// The policy that these configurations (`with` tables) need, as the JSON that IAM takes.
#[must_use]
pub fn policy(configs: &[Value]) -> Value {
    let mut needs = Needs::default();
    for config in configs {
        needs.add(&Draft::new(config));
    }
    let mut statements = needs.of_ecs();
    statements.extend(needs.of_doors());
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// What is named by all configurations together.
#[derive(Default)]
struct Needs {
    clusters: BTreeSet<String>,
    definitions: BTreeSet<String>,
    roles: BTreeSet<String>,
    log_groups: BTreeSet<String>,
    target_groups: BTreeSet<String>,
    has_door: bool,
}

impl Needs {
    fn add(&mut self, with: &Draft<'_>) {
        let named = |path: &[&str]| with.text(path).filter(|text| !text.is_empty());
        self.clusters
            .insert(named(&["cluster"]).unwrap_or("*").to_owned());
        self.definitions
            .insert(named(&["task_definition"]).unwrap_or("*").to_owned());
        // A role that is not overridden is the definition's own, which only the definition names.
        for key in ["task_role", "execution_role"] {
            self.roles.insert(named(&[key]).unwrap_or("*").to_owned());
        }
        self.log_groups
            .insert(named(&["log", "group"]).unwrap_or("*").to_owned());
        if crate::clearing::obliges(with) {
            self.has_door = true;
            self.target_groups
                .insert(named(&["target_group"]).unwrap_or("*").to_owned());
        }
    }

    fn of_ecs(&self) -> Vec<Value> {
        let clusters = all(&self.clusters, cluster);
        let tasks = all(&self.clusters, tasks);
        let in_cluster = json!({ "ArnLike": { "ecs:cluster": clusters } });
        vec![
            json!({
                "Sid": "Launch", "Effect": "Allow", "Action": ["ecs:RunTask"],
                "Resource": all(&self.definitions, definition), "Condition": in_cluster,
            }),
            json!({
                "Sid": "MarkWhatIsLaunched", "Effect": "Allow", "Action": ["ecs:TagResource"], "Resource": tasks,
                "Condition": { "StringEquals": { "ecs:CreateAction": "RunTask" } },
            }),
            json!({
                "Sid": "WatchAndStop", "Effect": "Allow", "Action": ["ecs:DescribeTasks", "ecs:StopTask"],
                "Resource": tasks,
            }),
            json!({
                "Sid": "Find", "Effect": "Allow", "Action": ["ecs:ListTasks"], "Resource": ["*"],
                "Condition": in_cluster,
            }),
            json!({
                "Sid": "LookAtClusters", "Effect": "Allow", "Action": ["ecs:DescribeClusters"], "Resource": clusters,
            }),
            // IAM knows no resource for it.
            json!({
                "Sid": "ReadDefinitions", "Effect": "Allow", "Action": ["ecs:DescribeTaskDefinition"],
                "Resource": ["*"],
            }),
            json!({
                "Sid": "PassRoles", "Effect": "Allow", "Action": ["iam:PassRole"],
                "Resource": all(&self.roles, role),
                "Condition": { "StringEquals": { "iam:PassedToService": "ecs-tasks.amazonaws.com" } },
            }),
            json!({
                "Sid": "ReadLogs", "Effect": "Allow", "Action": ["logs:GetLogEvents"],
                "Resource": all(&self.log_groups, log_group),
            }),
        ]
    }

    fn of_doors(&self) -> Vec<Value> {
        if !self.has_door {
            return Vec::new();
        }
        vec![
            json!({
                "Sid": "RegisterTargets", "Effect": "Allow",
                "Action": ["elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"],
                "Resource": all(&self.target_groups, target_group),
            }),
            // IAM knows no resource for it.
            json!({
                "Sid": "AskTargets", "Effect": "Allow", "Action": ["elasticloadbalancing:DescribeTargetHealth"],
                "Resource": ["*"],
            }),
        ]
    }
}

/// The resources of some names; everything, where one of them is not known.
fn all(names: &BTreeSet<String>, of: fn(&str) -> String) -> Vec<String> {
    let resources: BTreeSet<_> = names.iter().map(|name| of(name)).collect();
    let widest = of("*");
    if resources.contains(&widest) {
        return vec![widest];
    }
    resources.into_iter().collect()
}

fn is_arn(name: &str) -> bool {
    name.starts_with("arn:")
}

fn cluster(name: &str) -> String {
    if is_arn(name) {
        return name.to_owned();
    }
    format!("arn:aws:ecs:*:*:cluster/{name}")
}

fn tasks(cluster_name: &str) -> String {
    format!(
        "{}/*",
        cluster(cluster_name).replacen(":cluster/", ":task/", 1)
    )
}

fn definition(name: &str) -> String {
    let full = if is_arn(name) {
        name.to_owned()
    } else {
        format!("arn:aws:ecs:*:*:task-definition/{name}")
    };
    if rules::is_pinned(name) || name == "*" {
        full
    } else {
        format!("{full}:*")
    }
}

fn role(name: &str) -> String {
    if is_arn(name) {
        return name.to_owned();
    }
    format!("arn:aws:iam::*:role/{name}")
}

fn log_group(name: &str) -> String {
    format!("arn:aws:logs:*:*:log-group:{name}:log-stream:*")
}

fn target_group(name: &str) -> String {
    if is_arn(name) {
        return name.to_owned();
    }
    format!("arn:aws:elasticloadbalancing:*:*:targetgroup/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/1";

    fn actions(policy: &Value) -> BTreeSet<String> {
        let statements = policy["Statement"].as_array().unwrap().iter();
        let actions = statements.flat_map(|one| one["Action"].as_array().unwrap());
        actions
            .map(|action| action.as_str().unwrap().to_owned())
            .collect()
    }

    fn statement<'p>(policy: &'p Value, sid: &str) -> &'p Value {
        let statements = policy["Statement"].as_array().unwrap();
        statements.iter().find(|one| one["Sid"] == sid).unwrap()
    }

    #[test]
    fn it_names_what_the_configurations_name() {
        let policy = policy(&[
            json!({
                "cluster": "c", "task_definition": "etl", "task_role": "worker", "execution_role": "arn:aws:iam::1:role/agent",
                "log": { "group": "/ecs/etl" },
            }),
            json!({
                "cluster": "arn:aws:ecs:us-east-1:1:cluster/d", "task_definition": "web:3", "task_role": "worker",
                "execution_role": "worker", "log": { "group": "/ecs/web" }, "target_group": GROUP, "port": 80,
            }),
        ]);
        let of = |sid| statement(&policy, sid)["Resource"].clone();
        assert_eq!(
            of("Launch"),
            json!([
                "arn:aws:ecs:*:*:task-definition/etl:*",
                "arn:aws:ecs:*:*:task-definition/web:3"
            ])
        );
        assert_eq!(
            statement(&policy, "Launch")["Condition"]["ArnLike"]["ecs:cluster"],
            json!([
                "arn:aws:ecs:*:*:cluster/c",
                "arn:aws:ecs:us-east-1:1:cluster/d"
            ])
        );
        assert_eq!(
            of("WatchAndStop"),
            json!([
                "arn:aws:ecs:*:*:task/c/*",
                "arn:aws:ecs:us-east-1:1:task/d/*"
            ])
        );
        assert_eq!(
            of("PassRoles"),
            json!(["arn:aws:iam::*:role/worker", "arn:aws:iam::1:role/agent"])
        );
        assert_eq!(
            of("ReadLogs"),
            json!([
                "arn:aws:logs:*:*:log-group:/ecs/etl:log-stream:*",
                "arn:aws:logs:*:*:log-group:/ecs/web:log-stream:*",
            ])
        );
        assert_eq!(of("RegisterTargets"), json!([GROUP]));
    }

    #[test]
    fn what_is_not_known_is_open_and_what_is_not_needed_is_not_asked_for() {
        let policy = policy(&[json!({ "cluster": "{{ vars.c }}", "task_definition": "etl:1" })]);
        assert_eq!(
            statement(&policy, "WatchAndStop")["Resource"],
            json!(["arn:aws:ecs:*:*:task/*/*"])
        );
        assert_eq!(
            statement(&policy, "Launch")["Resource"],
            json!(["arn:aws:ecs:*:*:task-definition/etl:1"])
        );
        assert_eq!(
            statement(&policy, "PassRoles")["Resource"],
            json!(["arn:aws:iam::*:role/*"])
        );
        assert!(
            !actions(&policy)
                .iter()
                .any(|action| action.starts_with("elasticloadbalancing:"))
        );
    }

    #[test]
    fn every_action_of_the_executor_is_in_it() {
        let config =
            json!({ "cluster": "c", "task_definition": "etl", "target_group": GROUP, "port": 80 });
        let expected = [
            "ecs:DescribeClusters",
            "ecs:DescribeTaskDefinition",
            "ecs:DescribeTasks",
            "ecs:ListTasks",
            "ecs:RunTask",
            "ecs:StopTask",
            "ecs:TagResource",
            "elasticloadbalancing:DeregisterTargets",
            "elasticloadbalancing:DescribeTargetHealth",
            "elasticloadbalancing:RegisterTargets",
            "iam:PassRole",
            "logs:GetLogEvents",
        ];
        assert_eq!(
            actions(&policy(&[config])),
            expected.map(str::to_owned).into()
        );
    }
}
