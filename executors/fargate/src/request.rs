//! The request of a launch, as the canonical document that is stored, printed and sent.
//!
//! Guarantees: pure; the same attempt gives the same bytes; the attempt key is in it four times (`clientToken`,
//! `startedBy`, a tag, a variable); no secret ever is. `count` is 1, so no answer is half a success.

use std::collections::BTreeMap;

use noctule_executor::{Attempt, Connection, Entry, Problem, Request, Text};
use serde_json::{Map, Value, json};

use crate::config::{Config, Names, given, given_text};
use crate::connection::Settings;
use crate::document;
use crate::rules;

/// What `RunTask` is called on the wire.
const TARGET: &str = "AmazonEC2ContainerServiceV20141113.RunTask";
/// The protocol of ECS.
pub(crate) const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// Makes the document.
pub(crate) fn document(
    attempt: &Attempt<Config>,
    connection: Option<&Connection>,
) -> Result<Request, Problem> {
    let settings = Settings::read(connection).map_err(|error| Problem::at([], error))?;
    let mut document = json!({
        "method": "POST",
        "url": document::url(&settings),
        "headers": { "content-type": CONTENT_TYPE, "x-amz-target": TARGET },
        "region": settings.identity.region,
        "body": body(attempt, &settings)?,
    });
    let at_launch = at_launch(&attempt.config);
    if !at_launch.is_empty() {
        document["at_launch"] = json!(at_launch);
    }
    Ok(Request(document))
}

/// What only the launch can know, in words for people.
fn at_launch(config: &Config) -> Vec<String> {
    let mut known = Vec::new();
    if !rules::is_pinned(&config.task_definition) {
        known.push("taskDefinition: <the family's newest revision>".to_owned());
    }
    if given(config.container.as_ref()).is_none() {
        known.push("containerOverrides.name: <the essential container>".to_owned());
    }
    known
}

fn at<T>(key: &str, result: Result<T, String>) -> Result<T, Problem> {
    result.map_err(|error| Problem::at([key], error))
}

/// The cluster of a configuration.
pub(crate) fn cluster(config: &Config, settings: &Settings) -> Result<String, Problem> {
    let cluster = given(config.cluster.as_ref()).or(settings.cluster.as_deref());
    let cluster = cluster.ok_or_else(|| {
        Problem::at(["cluster"], "no cluster is named")
            .help("set `cluster` here or in the connection")
    })?;
    at("cluster", rules::cluster(cluster))?;
    let region = &settings.identity.region;
    match rules::arn(cluster, "ecs") {
        Some(arn) if arn.region != region => Err(Problem::at(
            ["cluster"],
            format!("`{cluster}` is not in the connection's region `{region}`"),
        )),
        _ => Ok(cluster.to_owned()),
    }
}

/// The target group of a configuration: its own, or the connection's where a `port` is named.
pub(crate) fn target_group(config: &Config, settings: &Settings) -> Option<String> {
    let own = given(config.target_group.as_ref());
    let with_port = given_text(config.port.as_ref()).is_some();
    let inherited = settings.target_group.as_deref().filter(|_| with_port);
    own.or(inherited).map(str::to_owned)
}

/// The port of a configuration.
pub(crate) fn port(config: &Config) -> Result<Option<u16>, Problem> {
    let port = given_text(config.port.as_ref()).map(rules::port);
    at("port", port.transpose())
}

fn body(attempt: &Attempt<Config>, settings: &Settings) -> Result<Value, Problem> {
    let config = &attempt.config;
    check_the_rest(config, settings)?;
    let key = attempt.key.as_str();
    let mut body = json!({
        "clientToken": key,
        "startedBy": key,
        "cluster": cluster(config, settings)?,
        "count": 1,
        "taskDefinition": definition(config)?,
        "networkConfiguration": { "awsvpcConfiguration": network(config, settings)? },
        "overrides": overrides(attempt)?,
        "tags": tags(&config.tags, key)?,
    });
    match given(config.capacity.as_ref()).unwrap_or("FARGATE") {
        "FARGATE_SPOT" => {
            body["capacityProviderStrategy"] =
                json!([{ "capacityProvider": "FARGATE_SPOT", "weight": 1 }]);
        }
        other => {
            at("capacity", rules::capacity(other))?;
            body["launchType"] = json!("FARGATE");
        }
    }
    if let Some(version) = given(config.platform_version.as_ref()) {
        at("platform_version", rules::platform_version(version))?;
        body["platformVersion"] = json!(version);
    }
    Ok(body)
}

/// What the launch does not send and a later step needs.
fn check_the_rest(config: &Config, settings: &Settings) -> Result<(), Problem> {
    let port = port(config)?;
    if let Some(group) = target_group(config, settings) {
        at("target_group", rules::target_group(&group))?;
        if port.is_none() {
            return Err(Problem::at(["target_group"], "a target needs a `port`"));
        }
    }
    ready_timeout(config)?;
    let after = given(config.after_failure.as_ref()).map(rules::after_failure);
    at("after_failure", after.transpose()).map(drop)
}

/// How long a task may take from running to ready.
pub(crate) fn ready_timeout(config: &Config) -> Result<std::time::Duration, Problem> {
    let health = config.health.as_ref();
    let text = health.and_then(|health| given(health.ready_timeout.as_ref()));
    rules::ready_timeout(text.unwrap_or("5m"))
        .map_err(|error| Problem::at(["health", "ready_timeout"], error))
}

fn definition(config: &Config) -> Result<&str, Problem> {
    let text = config.task_definition.trim();
    at("task_definition", rules::definition(text)).map(|()| text)
}

fn network(config: &Config, settings: &Settings) -> Result<Value, Problem> {
    let list = |own: &Option<Names>, inherited: &Vec<String>| {
        let own = own.clone().unwrap_or_default().0;
        if own.is_empty() {
            inherited.clone()
        } else {
            own
        }
    };
    let subnets = list(&config.subnets, &settings.subnets);
    let groups = list(&config.security_groups, &settings.security_groups);
    if subnets.is_empty() {
        return Err(Problem::at(["subnets"], "no subnet is named")
            .help("set `subnets` here or in the connection"));
    }
    at("subnets", rules::subnets(&subnets))?;
    at("security_groups", rules::security_groups(&groups))?;
    let public = config.assign_public_ip.is_some_and(|flag| flag.0);
    let mut network = json!({
        "subnets": subnets,
        "assignPublicIp": if public { "ENABLED" } else { "DISABLED" },
    });
    if !groups.is_empty() {
        network["securityGroups"] = json!(groups);
    }
    Ok(network)
}

/// Whether the trace in the request of an attempt is ours: a task may name one of its own.
pub(crate) fn is_traced(attempt: &Attempt<Config>) -> bool {
    attempt.traceparent.is_some() && !attempt.config.env.contains_key(rules::TRACE_VARIABLE)
}

/// The overrides, within their limit. Where the trace does not fit it is left out: it is never in the way of the work.
fn overrides(attempt: &Attempt<Config>) -> Result<Value, Problem> {
    if let Some(traceparent) = attempt.traceparent.as_deref() {
        let traced = overrides_with(attempt, Some(traceparent))?;
        let json = traced.to_string();
        let named = given(attempt.config.container.as_ref()).is_some();
        if rules::overrides(&json).is_ok() && (named || rules::leaves_room_for_a_name(&json)) {
            return Ok(traced);
        }
    }
    let overrides = overrides_with(attempt, None)?;
    let key = if attempt.config.command.is_some() {
        "command"
    } else {
        "env"
    };
    at(key, rules::overrides(&overrides.to_string()))?;
    Ok(overrides)
}

fn overrides_with(attempt: &Attempt<Config>, traceparent: Option<&str>) -> Result<Value, Problem> {
    let config = &attempt.config;
    let mut container = Map::new();
    if let Some(name) = given(config.container.as_ref()) {
        at("container", rules::container(name))?;
        container.insert("name".to_owned(), json!(name));
    }
    if let Some(command) = config
        .command
        .as_ref()
        .filter(|command| !command.is_empty())
    {
        container.insert("command".to_owned(), json!(command));
    }
    container.insert("environment".to_owned(), environment(attempt, traceparent)?);
    let mut overrides = json!({ "containerOverrides": [container] });
    for (key, name, value) in [
        ("cpu", "cpu", given_text(config.cpu.as_ref())),
        ("memory", "memory", given_text(config.memory.as_ref())),
    ] {
        if let Some(value) = value {
            at(key, rules::size(value))?;
            overrides[name] = json!(value);
        }
    }
    for (key, name, value) in [
        ("task_role", "taskRoleArn", &config.task_role),
        ("execution_role", "executionRoleArn", &config.execution_role),
    ] {
        if let Some(role) = given(value.as_ref()) {
            at(key, rules::role(role))?;
            overrides[name] = json!(role);
        }
    }
    Ok(overrides)
}

/// The variables in the order of their names, Noctule's own among them.
fn environment(attempt: &Attempt<Config>, traceparent: Option<&str>) -> Result<Value, Problem> {
    let ours = |text: &str| Entry::Plain(Text(text.to_owned()));
    let mut variables = BTreeMap::from([
        (rules::KEY_VARIABLE, ours(attempt.key.as_str())),
        ("NOCTULE_RUN_ID", ours(&attempt.run.id)),
        ("NOCTULE_TASK", ours(&attempt.task)),
        ("NOCTULE_INGESTION_ID", ours(&attempt.run.ingestion_id)),
    ]);
    variables.extend(traceparent.map(|text| (rules::TRACE_VARIABLE, ours(text))));
    for (name, entry) in &attempt.config.env {
        let named = rules::variable_name(name);
        named.map_err(|error| Problem::at(["env", name.as_str()], error))?;
        variables.insert(name, entry.clone());
    }
    let pair = |(name, value)| json!({ "name": name, "value": value });
    Ok(variables.into_iter().map(pair).collect())
}

fn tags(own: &BTreeMap<String, Text>, key: &str) -> Result<Value, Problem> {
    at("tags", rules::tag_count(own.len()))?;
    let mut tags = BTreeMap::from([(rules::KEY_TAG, key)]);
    for (name, value) in own {
        let fine = rules::tag(name, value.as_str());
        fine.map_err(|error| Problem::at(["tags", name.as_str()], error))?;
        tags.insert(name, value.as_str());
    }
    let pair = |(key, value)| json!({ "key": key, "value": value });
    Ok(tags.into_iter().map(pair).collect())
}

#[cfg(test)]
#[path = "request_table.rs"]
mod table;
