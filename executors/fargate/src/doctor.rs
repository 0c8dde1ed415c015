//! Whether this identity can reach and do all that these configurations need.
//!
//! Guarantees: starts nothing and changes nothing; what is missing is named as IAM names it. A configuration that still
//! holds templates is judged as far as it stands. What only the doing can show is said, not passed over.

use std::collections::{BTreeMap, BTreeSet};

use aws_credential_types::provider::ProvideCredentials;
use noctule_executor::{Draft, Finding, Leaf};
use serde_json::Value;

use crate::config::Names;
use crate::definition::Definition;
use crate::failure::{CallError, Op};
use crate::handle::Door;
use crate::rules;
use crate::session::Session;

/// The rights that no harmless call shows.
const BY_DOING: &str = "ecs:RunTask, ecs:StopTask, ecs:TagResource and iam:PassRole, and the subnets, security groups \
                        and role overrides, are seen only when a task is launched; the policy that is needed can be printed";
/// A mark that no task has.
const NOBODY: &str = "noctule-doctor";
/// An address that no target has: one of those kept for documentation.
const NOWHERE: &str = "192.0.2.1";

fn good(subject: impl Into<String>, message: impl Into<String>) -> Finding {
    finding(true, subject, message)
}

fn bad(subject: impl Into<String>, message: impl Into<String>) -> Finding {
    finding(false, subject, message)
}

fn finding(good: bool, subject: impl Into<String>, message: impl Into<String>) -> Finding {
    Finding {
        good,
        subject: subject.into(),
        message: message.into(),
    }
}

/// What a finding says about a connection that cannot be used at all.
pub(crate) fn unusable(message: String) -> Vec<Finding> {
    vec![bad("aws connection", message)]
}

/// Everything that some configurations name, each once.
#[derive(Default)]
struct Named {
    /// Whether spot capacity is asked for.
    clusters: BTreeMap<String, bool>,
    /// The containers that are named.
    definitions: BTreeMap<String, BTreeSet<String>>,
    doors: BTreeSet<(String, u16)>,
    findings: Vec<Finding>,
}

/// Looks at credentials first, then at each cluster, definition and target group once.
pub(crate) async fn findings(session: &Session<'_>, configs: &[Value]) -> Vec<Finding> {
    if let Err(cause) = has_credentials(session).await {
        return vec![bad("aws credentials", cause)];
    }
    let mut named = Named::default();
    for config in configs {
        read(session, &Draft::new(config), &mut named);
    }
    let mut findings = vec![good("aws credentials", "they were found")];
    findings.append(&mut named.findings);
    for (cluster, spot) in &named.clusters {
        findings.extend(of_cluster(session, cluster, *spot).await);
    }
    for (definition, containers) in &named.definitions {
        findings.extend(of_definition(session, definition, containers).await);
    }
    for (group, port) in &named.doors {
        findings.push(of_door(session, group, *port).await);
    }
    findings.push(good("not looked at", BY_DOING));
    findings
}

async fn has_credentials(session: &Session<'_>) -> Result<(), String> {
    let clients = session.clients().await;
    let provider = clients.credentials.as_ref().ok_or("there are none")?;
    let given = tokio::time::timeout(session.pacing().answer, provider.provide_credentials());
    let given = given.await.map_err(|_| "they did not come in time")?;
    given
        .map(drop)
        .map_err(|error| crate::failure::chain(&error))
}

fn read(session: &Session<'_>, with: &Draft<'_>, named: &mut Named) {
    let settings = &session.settings;
    let templated = |key: &str| with.get(&[key]) == Leaf::Templated;
    let text = |key: &str| with.text(&[key]).filter(|text| !text.is_empty());
    let subject = format!(
        "task definition {}",
        text("task_definition").unwrap_or("of a template")
    );
    match text("cluster").or(settings.cluster.as_deref()) {
        _ if templated("cluster") => {
            named.findings.push(good(
                subject.clone(),
                "its cluster is known when it runs: not looked at",
            ));
        }
        None => named
            .findings
            .push(bad(subject.clone(), "no cluster is named for it")),
        Some(cluster) => {
            let spot = named.clusters.entry(cluster.to_owned()).or_default();
            *spot |= text("capacity") == Some("FARGATE_SPOT");
        }
    }
    let subnets = match with.get(&["subnets"]) {
        Leaf::Given(value) => Names::of(value).unwrap_or_default().0,
        Leaf::Absent => Vec::new(),
        Leaf::Templated => vec!["known when it runs".to_owned()],
    };
    if subnets.is_empty() && settings.subnets.is_empty() {
        named
            .findings
            .push(bad(subject.clone(), "no subnet is named for it"));
    }
    match text("task_definition") {
        Some(definition) => {
            let containers = named.definitions.entry(definition.to_owned()).or_default();
            containers.extend(text("container").map(str::to_owned));
        }
        None => named
            .findings
            .push(good(subject, "known when it runs: not looked at")),
    }
    let port = match with.get(&["port"]) {
        Leaf::Given(value) => value.to_string().trim_matches('"').to_owned(),
        Leaf::Absent | Leaf::Templated => String::new(),
    };
    let group = text("target_group").or(settings.target_group.as_deref());
    if let (Some(group), Ok(port), false) = (group, rules::port(&port), templated("target_group")) {
        named.doors.insert((group.to_owned(), port));
    }
}

async fn of_cluster(session: &Session<'_>, cluster: &str, spot: bool) -> Vec<Finding> {
    let subject = format!("cluster {cluster}");
    let op = Op::new("ecs:DescribeClusters", format!("cluster `{cluster}`"));
    let asked = session.call(op, |clients| {
        clients.ecs.describe_clusters().clusters(cluster).send()
    });
    let mut findings = match asked.await {
        Err(error) => vec![bad(subject.clone(), error.said())],
        Ok(answer) => match answer.clusters() {
            [] => return vec![bad(subject, "it does not exist")],
            [found, ..] => judged_cluster(&subject, found, spot),
        },
    };
    let rights = format!("rights on {subject}");
    let listed = session.list(
        cluster,
        Some(NOBODY),
        aws_sdk_ecs::types::DesiredStatus::Running,
    );
    findings.extend(missing(&rights, listed.await));
    let read = session.describe(cluster, &["0".repeat(32)], false).await;
    findings.extend(missing(&rights, read));
    findings
}

fn judged_cluster(subject: &str, found: &aws_sdk_ecs::types::Cluster, spot: bool) -> Vec<Finding> {
    let status = found.status().unwrap_or("ACTIVE");
    if status != "ACTIVE" {
        return vec![bad(subject, format!("it is {status}"))];
    }
    let has_spot = found
        .capacity_providers()
        .iter()
        .any(|name| name == "FARGATE_SPOT");
    if spot && !has_spot {
        let message = "`FARGATE_SPOT` is asked for, and is none of its capacity providers";
        return vec![bad(subject, message)];
    }
    vec![good(subject, "it exists")]
}

fn missing<T>(rights: &str, tried: Result<T, CallError>) -> Option<Finding> {
    tried.err().map(|error| bad(rights, error.said()))
}

async fn of_definition(
    session: &Session<'_>,
    name: &str,
    containers: &BTreeSet<String>,
) -> Vec<Finding> {
    let subject = format!("task definition {name}");
    let definition = match session.definition(name).await {
        Ok(definition) => definition,
        Err(error) => return vec![bad(subject, error.said())],
    };
    let mut problems = problems(&definition);
    let named = containers.iter().map(|name| definition.has_container(name));
    problems.extend(named.filter_map(|known| known.err().map(|error| error.to_string())));
    let mut findings: Vec<_> = problems
        .into_iter()
        .map(|problem| bad(&*subject, problem))
        .collect();
    if findings.is_empty() {
        let roles = [&definition.task_role, &definition.execution_role];
        let roles: Vec<_> = roles.into_iter().flatten().map(String::as_str).collect();
        let passed = if roles.is_empty() {
            String::new()
        } else {
            format!("; it passes {}", roles.join(" and "))
        };
        findings.push(good(
            &*subject,
            format!("`{}` can be launched{passed}", definition.arn),
        ));
    }
    let logged = containers
        .iter()
        .filter_map(|name| definition.container(name));
    if logged.clone().any(|container| container.log.is_none()) {
        let message =
            "a container does not log by `awslogs` with a group: its log cannot be read here";
        findings.push(good(format!("logs of {subject}"), message));
    }
    findings
}

fn problems(definition: &Definition) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(status) = definition
        .status
        .as_deref()
        .filter(|status| *status != "ACTIVE")
    {
        problems.push(format!("`{}` is {status}", definition.arn));
    }
    if !definition.fargate {
        problems.push(format!("`{}` is not for Fargate", definition.arn));
    }
    if !definition.awsvpc {
        problems.push(format!(
            "`{}` has a network mode other than `awsvpc`",
            definition.arn
        ));
    }
    problems
}

async fn of_door(session: &Session<'_>, group: &str, port: u16) -> Finding {
    let subject = format!("target group {group}");
    let door = Door::of(group.to_owned(), port);
    match session.health(&door, NOWHERE).await {
        Ok(_) => good(
            subject,
            "it exists; whether it takes targets is seen when one is registered",
        ),
        Err(error) => bad(subject, error.said()),
    }
}
