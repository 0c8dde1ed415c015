//! From a job and the overrides of a run to what the execution does.
//!
//! env is merged by name, args are replaced, nothing else of a container can change; whatever is
//! outside Google's limits is refused.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{duration, refusal::Refusal, schema_read::Message, secrets::Reference};

const MOST_TASKS: i64 = 10_000;
const MOST_VARIABLES: usize = 1000;
const LONGEST_VALUE: usize = 32 * 1024;
const LONGEST_TIMEOUT: Duration = Duration::from_hours(168);
const RESERVED: [&str; 5] = [
    "CLOUD_RUN_JOB",
    "CLOUD_RUN_EXECUTION",
    "CLOUD_RUN_TASK_INDEX",
    "CLOUD_RUN_TASK_ATTEMPT",
    "CLOUD_RUN_TASK_COUNT",
];

/// What one execution is to do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The task template, with everything merged.
    pub(crate) template: Message,
    pub(crate) labels: Value,
    pub(crate) annotations: Value,
    pub(crate) task_count: u32,
    pub(crate) parallelism: u32,
}

impl Plan {
    /// Merges `overrides` into the job's execution template.
    pub(crate) fn new(job_template: &Message, overrides: &Message) -> Result<Self, Refusal> {
        let mut template = object(job_template.get("template"));
        for (index, one) in list(overrides.get("containerOverrides")).iter().enumerate() {
            override_container(&mut template, one, index)?;
        }
        if let Some(timeout) = overrides.get("timeout") {
            template.insert("timeout".to_owned(), timeout.clone());
        }
        let task_count = overrides
            .get("taskCount")
            .or_else(|| job_template.get("taskCount"));
        let plan = Plan {
            task_count: count("overrides.task_count", task_count)?,
            parallelism: job_template
                .get("parallelism")
                .and_then(Value::as_u64)
                .map_or(0, clamp),
            labels: job_template.get("labels").cloned().unwrap_or_default(),
            annotations: job_template.get("annotations").cloned().unwrap_or_default(),
            template,
        };
        check_template("overrides", &plan.template)?;
        Ok(plan)
    }

    /// The time limit of one attempt.
    pub(crate) fn timeout(&self) -> Duration {
        let text = self.template.get("timeout").and_then(Value::as_str);
        text.and_then(|text| duration::from_proto(text).ok())
            .unwrap_or(Duration::from_mins(10))
    }

    pub(crate) fn max_retries(&self) -> u32 {
        self.template
            .get("maxRetries")
            .and_then(Value::as_u64)
            .map_or(3, clamp)
    }

    fn container(&self) -> Option<&Value> {
        self.template.get("containers")?.get(0)
    }

    /// The command and arguments of the first container.
    pub(crate) fn command_line(&self) -> Vec<String> {
        let words = |key| {
            self.container()
                .map(|container| texts(container.get(key)))
                .unwrap_or_default()
        };
        [words("command"), words("args")].concat()
    }

    pub(crate) fn args(&self) -> Vec<String> {
        self.container()
            .map(|container| texts(container.get("args")))
            .unwrap_or_default()
    }

    /// The plain variables of the first container.
    pub(crate) fn env(&self) -> BTreeMap<String, String> {
        let env = self.container().and_then(|container| container.get("env"));
        let pair = |one: &Value| {
            Some((
                one["name"].as_str()?.to_owned(),
                one.get("value")?.as_str()?.to_owned(),
            ))
        };
        list(env).iter().filter_map(pair).collect()
    }
}

impl Plan {
    /// The variables of the first container that are secrets.
    pub(crate) fn secrets(&self) -> Vec<Reference> {
        let env = self.container().and_then(|container| container.get("env"));
        let reference = |one: &Value| {
            Some(Reference {
                variable: one["name"].as_str()?.to_owned(),
                secret: one["valueSource"]["secretKeyRef"]["secret"]
                    .as_str()?
                    .to_owned(),
            })
        };
        list(env).iter().filter_map(reference).collect()
    }
}

/// Checks what a job or a merged execution says about tasks and containers.
pub(crate) fn check_template(path: &str, template: &Message) -> Result<(), Refusal> {
    for (index, container) in list(template.get("containers")).iter().enumerate() {
        let at = format!("{path}.containers[{index}].env");
        check_env(&at, list(container.get("env")))?;
    }
    let timeout = template.get("timeout").and_then(Value::as_str);
    let timeout = timeout.and_then(|text| duration::from_proto(text).ok());
    if timeout.is_some_and(|timeout| timeout.is_zero() || timeout > LONGEST_TIMEOUT) {
        return Err(Refusal::invalid(format!(
            "Violation in {path}.timeout: the timeout must be between 1s and 604800s."
        )));
    }
    let retries = template
        .get("maxRetries")
        .and_then(Value::as_i64)
        .unwrap_or_default();
    if !(0..=10).contains(&retries) {
        return Err(Refusal::invalid(format!(
            "Violation in {path}.max_retries: must be between 0 and 10."
        )));
    }
    Ok(())
}

/// The number of tasks, 1 if it is not given.
pub(crate) fn count(path: &str, value: Option<&Value>) -> Result<u32, Refusal> {
    match value.and_then(Value::as_i64) {
        None => Ok(1),
        Some(tasks) if (1..=MOST_TASKS).contains(&tasks) => Ok(u32::try_from(tasks).unwrap_or(1)),
        Some(tasks) => Err(Refusal::invalid(format!(
            "Violation in {path}: must be between 1 and {MOST_TASKS}, got {tasks}."
        ))),
    }
}

fn check_env(path: &str, env: &[Value]) -> Result<(), Refusal> {
    if env.len() > MOST_VARIABLES {
        return Err(Refusal::invalid(format!(
            "Violation in {path}: at most {MOST_VARIABLES} variables are allowed."
        )));
    }
    let reserved: Vec<&str> = env
        .iter()
        .filter_map(|one| one["name"].as_str())
        .filter(|name| RESERVED.contains(name))
        .collect();
    if !reserved.is_empty() {
        let names = reserved.join(", ");
        return Err(Refusal::invalid(format!(
            "{path}: The following reserved env names were provided: {names}."
        )));
    }
    for (index, one) in env.iter().enumerate() {
        let name = one.get("name").and_then(Value::as_str).unwrap_or_default();
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(Refusal::invalid(format!(
                "Violation in {path}[{index}].name: not a variable name: \"{name}\"."
            )));
        }
        if one
            .get("value")
            .and_then(Value::as_str)
            .is_some_and(|value| value.len() > LONGEST_VALUE)
        {
            return Err(Refusal::invalid(format!(
                "Violation in {path}[{index}].value: longer than {LONGEST_VALUE} bytes."
            )));
        }
        if one.get("value").is_some() && one.get("valueSource").is_some() {
            return Err(Refusal::invalid(format!(
                "Violation in {path}[{index}]: oneof field 'values' is already set."
            )));
        }
    }
    Ok(())
}

fn override_container(template: &mut Message, given: &Value, index: usize) -> Result<(), Refusal> {
    let at = format!("overrides.container_overrides[{index}]");
    check_env(&format!("{at}.env"), list(given.get("env")))?;
    let name = given
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let container = named_container(template, name).ok_or_else(|| {
        Refusal::invalid(format!(
            "Violation in {at}.name: the job has no container named \"{name}\"."
        ))
    })?;
    if let Some(args) = given.get("args") {
        container["args"] = args.clone();
    } else if given.get("clearArgs").and_then(Value::as_bool) == Some(true)
        && let Some(fields) = container.as_object_mut()
    {
        fields.remove("args");
    }
    merge_env(container, list(given.get("env")));
    Ok(())
}

fn named_container<'a>(template: &'a mut Message, name: &str) -> Option<&'a mut Value> {
    let containers = template.get_mut("containers")?.as_array_mut()?;
    let alone = containers.len() == 1;
    let fits = |container: &Value| match container.get("name").and_then(Value::as_str) {
        Some(known) => known == name || (name.is_empty() && alone),
        None => alone,
    };
    containers.iter_mut().find(|container| fits(container))
}

fn merge_env(container: &mut Value, given: &[Value]) {
    if given.is_empty() {
        return;
    }
    let mut env = list(container.get("env")).to_vec();
    for one in given {
        match env.iter_mut().find(|known| known["name"] == one["name"]) {
            Some(known) => *known = one.clone(),
            None => env.push(one.clone()),
        }
    }
    container["env"] = json!(env);
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn object(value: Option<&Value>) -> Message {
    value
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

fn texts(value: Option<&Value>) -> Vec<String> {
    list(value)
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn clamp(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Message {
        let job = json!({"taskCount": 2, "template": {"maxRetries": 0, "timeout": "600s", "containers": [
            {"name": "main", "command": ["etl"], "args": ["--all"],
             "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}]}});
        object(Some(&job))
    }

    fn plan(overrides: &Value) -> Result<Plan, Refusal> {
        Plan::new(&job(), &object(Some(overrides)))
    }

    #[test]
    fn env_is_merged_by_name_and_args_replace() {
        let overrides = json!({"containerOverrides": [{"args": ["--day"], "env": [{"name": "B", "value": "9"},
            {"name": "C", "value": ""}]}], "taskCount": 5, "timeout": "60s"});
        let plan = plan(&overrides).unwrap();
        let env: Vec<_> = plan
            .env()
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(env, ["A=1", "B=9", "C="]);
        assert_eq!(plan.command_line(), ["etl", "--day"]);
        assert_eq!(
            (plan.task_count, plan.timeout(), plan.max_retries()),
            (5, Duration::from_mins(1), 0)
        );
    }

    #[test]
    fn args_can_be_cleared() {
        let cleared =
            plan(&json!({"containerOverrides": [{"name": "main", "clearArgs": true}]})).unwrap();
        assert_eq!(cleared.command_line(), ["etl"]);
        assert_eq!(plan(&json!({})).unwrap().command_line(), ["etl", "--all"]);
    }

    #[test]
    fn what_is_outside_the_limits_is_refused() {
        let env = |env: Value| json!({"containerOverrides": [{"env": env}]});
        let many: Vec<Value> = (0..1001)
            .map(|n| json!({"name": format!("V{n}"), "value": "x"}))
            .collect();
        for wrong in [
            json!({"taskCount": 10_001}),
            json!({"taskCount": -1}),
            json!({"timeout": "604801s"}),
            json!({"timeout": "0s"}),
            json!({"containerOverrides": [{"name": "other"}]}),
            env(json!([{"name": "A", "value": "x".repeat(32 * 1024 + 1)}])),
            env(json!([{"value": "x"}])),
            env(json!([{"name": "A=B", "value": "x"}])),
            env(json!([{"name": "CLOUD_RUN_JOB", "value": "x"}])),
            env(json!(many)),
        ] {
            assert!(
                plan(&wrong).is_err(),
                "{}",
                wrong.to_string().chars().take(90).collect::<String>()
            );
        }
        assert_eq!(
            plan(&json!({"taskCount": 10_000})).unwrap().task_count,
            10_000
        );
    }
}
