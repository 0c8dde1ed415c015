//! What ECS accepts in a launch: names, limits, environment, tags. Pure; used on files and on rendered values alike.
//!
//! Limits: the ECS API model (2014-11-13) and its documented quotas.

use std::time::Duration;

use crate::duration;

/// The variable that carries the attempt key, in every task that Noctule starts.
pub(crate) const KEY_VARIABLE: &str = "NOCTULE_ATTEMPT_KEY";
/// The variables that Noctule sets.
pub(crate) const OUR_VARIABLES: [&str; 4] = [
    KEY_VARIABLE,
    "NOCTULE_RUN_ID",
    "NOCTULE_TASK",
    "NOCTULE_INGESTION_ID",
];
/// The variable that says which trace a task is a part of (W3C Trace Context), where runs are traced.
pub(crate) const TRACE_VARIABLE: &str = "TRACEPARENT";
/// The tag that carries the attempt key.
pub(crate) const KEY_TAG: &str = "noctule-attempt-key";
/// Characters of all overrides of one launch, as JSON.
pub(crate) const MOST_OVERRIDES: usize = 8_192;
/// Tags of one task, ours included.
pub(crate) const MOST_TAGS: usize = 50;
/// Subnets of one task.
pub(crate) const MOST_SUBNETS: usize = 16;
/// Security groups of one task.
pub(crate) const MOST_GROUPS: usize = 5;

fn words(text: &str, extra: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}

/// The parts of an ARN of a service that are looked at.
pub(crate) struct Arn<'a> {
    pub(crate) region: &'a str,
    pub(crate) resource: &'a str,
}

/// Reads an ARN of a service.
pub(crate) fn arn<'a>(text: &'a str, service: &str) -> Option<Arn<'a>> {
    let parts: Vec<_> = text.splitn(6, ':').collect();
    let ["arn", partition, of, region, _, resource] = parts[..] else {
        return None;
    };
    let fine = partition.starts_with("aws") && of == service && !resource.is_empty();
    fine.then_some(Arn { region, resource })
}

/// A region, such as `us-east-1`.
pub(crate) fn region(text: &str) -> Result<(), String> {
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fine = text.chars().all(lower)
        && text.split('-').count() >= 3
        && text.split('-').all(|part| !part.is_empty())
        && text.ends_with(|c: char| c.is_ascii_digit());
    fine.then_some(())
        .ok_or_else(|| format!("`{text}` is not a region"))
}

/// A cluster, by name or ARN.
pub(crate) fn cluster(text: &str) -> Result<(), String> {
    let of_arn = arn(text, "ecs").and_then(|arn| arn.resource.strip_prefix("cluster/"));
    if words(of_arn.unwrap_or(text), "-_") {
        return Ok(());
    }
    Err(format!("`{text}` is not the name or the ARN of a cluster"))
}

/// A task definition: family, family:revision or ARN.
pub(crate) fn definition(text: &str) -> Result<(), String> {
    let of_arn = arn(text, "ecs").and_then(|arn| arn.resource.strip_prefix("task-definition/"));
    let name = of_arn.unwrap_or(text);
    let (family, revision) = name.split_once(':').unwrap_or((name, "1"));
    let counted = revision.parse::<u32>().is_ok_and(|number| number > 0);
    if words(family, "-_") && counted {
        return Ok(());
    }
    Err(format!(
        "`{text}` is not a task definition: expected a family, `family:revision` or an ARN"
    ))
}

/// Whether a task definition names its revision.
pub(crate) fn is_pinned(definition: &str) -> bool {
    let name = definition.rsplit('/').next().unwrap_or(definition);
    name.contains(':')
}

/// A container of the definition.
pub(crate) fn container(text: &str) -> Result<(), String> {
    if words(text, "-_") {
        return Ok(());
    }
    Err(format!("`{text}` is not the name of a container"))
}

fn id(text: &str, prefix: &str, what: &str) -> Result<(), String> {
    let rest = text.strip_prefix(prefix).unwrap_or_default();
    if words(rest, "") {
        return Ok(());
    }
    Err(format!("`{text}` is not {what}: expected `{prefix}…`"))
}

/// Subnet ids.
pub(crate) fn subnets(list: &[String]) -> Result<(), String> {
    list.iter()
        .try_for_each(|text| id(text, "subnet-", "a subnet"))?;
    at_most(list.len(), MOST_SUBNETS, "subnets")
}

/// Security group ids.
pub(crate) fn security_groups(list: &[String]) -> Result<(), String> {
    list.iter()
        .try_for_each(|text| id(text, "sg-", "a security group"))?;
    at_most(list.len(), MOST_GROUPS, "security groups")
}

fn at_most(count: usize, most: usize, what: &str) -> Result<(), String> {
    if count > most {
        return Err(format!(
            "{count} {what} are more than the {most} that ECS takes"
        ));
    }
    Ok(())
}

/// `FARGATE` or `FARGATE_SPOT`.
pub(crate) fn capacity(text: &str) -> Result<(), String> {
    match text {
        "FARGATE" | "FARGATE_SPOT" => Ok(()),
        other => Err(format!(
            "`{other}` is no capacity: expected `FARGATE` or `FARGATE_SPOT`"
        )),
    }
}

/// `stop` or `leave`.
pub(crate) fn after_failure(text: &str) -> Result<(), String> {
    match text {
        "stop" | "leave" => Ok(()),
        other => Err(format!("`{other}`: expected `stop` or `leave`")),
    }
}

/// CPU units or MiB: a whole number above 0.
pub(crate) fn size(text: &str) -> Result<(), String> {
    match text.parse::<u32>() {
        Ok(number) if number > 0 => Ok(()),
        _ => Err(format!(
            "`{text}` is not a size: expected a whole number (CPU units, or MiB)"
        )),
    }
}

/// A port.
pub(crate) fn port(text: &str) -> Result<u16, String> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!("`{text}` is not a port: expected 1 to 65535")),
    }
}

/// The ARN of a target group.
pub(crate) fn target_group(text: &str) -> Result<(), String> {
    let arn = arn(text, "elasticloadbalancing");
    if arn.is_some_and(|arn| arn.resource.starts_with("targetgroup/")) {
        return Ok(());
    }
    Err(format!("`{text}` is not the ARN of a target group"))
}

/// A role, by name or ARN.
pub(crate) fn role(text: &str) -> Result<(), String> {
    let of_arn = arn(text, "iam").and_then(|arn| arn.resource.strip_prefix("role/"));
    if words(of_arn.unwrap_or(text), "-_+=,.@/") {
        return Ok(());
    }
    Err(format!("`{text}` is not the name or the ARN of a role"))
}

/// A platform version.
pub(crate) fn platform_version(text: &str) -> Result<(), String> {
    let numbered = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    if text == "LATEST" || (numbered && text.starts_with(|c: char| c.is_ascii_digit())) {
        return Ok(());
    }
    Err(format!("`{text}` is not a platform version"))
}

/// How long work may take to become ready.
pub(crate) fn ready_timeout(text: &str) -> Result<Duration, String> {
    let timeout = duration::parse(text)?;
    if timeout.is_zero() {
        return Err(format!("`{text}`: nothing is ready at once"));
    }
    Ok(timeout)
}

/// The name of an environment variable of the user's own.
pub(crate) fn variable_name(name: &str) -> Result<(), String> {
    if OUR_VARIABLES.contains(&name) {
        return Err(format!("`{name}` is set by Noctule"));
    }
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(format!(
            "`{}` is not the name of an environment variable",
            name.escape_debug()
        ));
    }
    Ok(())
}

/// A tag of the user's own.
pub(crate) fn tag(name: &str, value: &str) -> Result<(), String> {
    if name == KEY_TAG {
        return Err(format!("the tag `{KEY_TAG}` is set by Noctule"));
    }
    if name.to_ascii_lowercase().starts_with("aws:") {
        return Err(format!("`{name}`: AWS keeps tags with `aws:` for itself"));
    }
    if name.is_empty() || name.chars().count() > 128 || value.chars().count() > 256 {
        return Err(format!(
            "tag `{name}`: ECS takes 1 to 128 characters, and 256 of its value"
        ));
    }
    Ok(())
}

/// How many tags of the user's own one task may have.
pub(crate) fn tag_count(own: usize) -> Result<(), String> {
    at_most(own + 1, MOST_TAGS, "tags, one of them ours,")
}

/// Whether so much room is left in the overrides for a name that only the launch knows.
pub(crate) fn leaves_room_for_a_name(json: &str) -> bool {
    const NAMED: usize = r#""name":"","#.len() + 255;
    json.chars().count() + NAMED <= MOST_OVERRIDES
}

/// The overrides of a launch as JSON.
pub(crate) fn overrides(json: &str) -> Result<(), String> {
    let length = json.chars().count();
    if length > MOST_OVERRIDES {
        return Err(format!(
            "the overrides (`command`, `env`, sizes, roles) have {length} characters as JSON, ECS takes {MOST_OVERRIDES}"
        ));
    }
    Ok(())
}

#[cfg(test)]
#[path = "rules_table.rs"]
mod table;
