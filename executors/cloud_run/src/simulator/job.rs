//! One job: what it was created with, and how the API shows it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    JobConfig,
    clock::stamp,
    condition::{Condition, ConditionState, Conditions},
    execution::Execution,
    name::{ExecutionName, JobName},
    overrides::{check_template, count},
    refusal::Refusal,
    render::Fields,
    schema_read::Message,
};

#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) name: JobName,
    /// What the client may write, in canonical form.
    body: Message,
    uid: String,
    created: DateTime<Utc>,
    updated: DateTime<Utc>,
    generation: u64,
    pub(crate) executions: u32,
    pub(crate) latest: Option<ExecutionName>,
}

impl Job {
    /// A job of the configuration, as if somebody had created it.
    pub(crate) fn configured(name: JobName, config: &JobConfig, now: DateTime<Utc>) -> Self {
        let env: Vec<Value> = config
            .env
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        let container = Fields::default()
            .put("name", json!(config.container))
            .put("image", json!("simulator"))
            .put("command", json!(config.command))
            .put("env", json!(env))
            .value();
        let template = json!({"containers": [container], "maxRetries": config.max_retries.unwrap_or(0), "timeout": "86400s"});
        let execution = Fields::default()
            .put("taskCount", json!(config.task_count.unwrap_or(1)))
            .put("parallelism", json!(config.parallelism))
            .put("template", template)
            .value();
        let body = Fields::default().put("template", execution).value();
        Job::stored(name, body.as_object().cloned().unwrap_or_default(), now)
    }

    /// A job from the body of a create request.
    pub(crate) fn new(
        name: JobName,
        mut body: Message,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        fill_in(&name, &mut body)?;
        Ok(Job::stored(name, body, now))
    }

    fn stored(name: JobName, mut body: Message, now: DateTime<Utc>) -> Self {
        for own in ["name", "etag"] {
            body.remove(own);
        }
        let uid = uuid::Uuid::new_v4().to_string();
        Job {
            name,
            body,
            uid,
            created: now,
            updated: now,
            generation: 1,
            executions: 0,
            latest: None,
        }
    }

    /// The same job with a new body.
    pub(crate) fn patched(&self, mut body: Message, now: DateTime<Utc>) -> Result<Self, Refusal> {
        fill_in(&self.name, &mut body)?;
        let mut job = Job::stored(self.name.clone(), body, now);
        (job.uid, job.created) = (self.uid.clone(), self.created);
        (job.executions, job.latest) = (self.executions, self.latest.clone());
        job.generation = self.generation + 1;
        Ok(job)
    }

    pub(crate) fn template(&self) -> Message {
        self.body
            .get("template")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    }

    /// The name of the execution that starts with the job itself, if one was asked for.
    pub(crate) fn start_token(&self) -> Option<&str> {
        let token = |key| {
            self.body
                .get(key)
                .and_then(Value::as_str)
                .filter(|token| !token.is_empty())
        };
        token("startExecutionToken").or_else(|| token("runExecutionToken"))
    }

    pub(crate) fn etag(&self) -> String {
        format!(
            "\"{:x}/{}\"",
            self.created.timestamp_micros(),
            self.generation
        )
    }

    /// The job as the API shows it, with its latest execution.
    pub(crate) fn render(&self, latest: Option<&Execution>) -> Value {
        let mut conditions = Conditions::default();
        conditions.set(
            Condition::new("Ready", ConditionState::Succeeded),
            self.updated,
        );
        let ready = conditions.render();
        let mut fields = Fields::default()
            .put("name", json!(self.name.to_string()))
            .put("uid", json!(self.uid))
            .put("generation", json!(self.generation.to_string()))
            .put("observedGeneration", json!(self.generation.to_string()))
            .put("createTime", json!(stamp(self.created)))
            .put("updateTime", json!(stamp(self.updated)))
            .put("creator", json!("simulator@noctule.invalid"))
            .put("lastModifier", json!("simulator@noctule.invalid"))
            .put("launchStage", json!("GA"))
            .put("terminalCondition", ready[0].clone())
            .put("executionCount", json!(self.executions))
            .put(
                "latestCreatedExecution",
                latest.map(Execution::reference).unwrap_or_default(),
            )
            .put("etag", json!(self.etag()));
        for (name, value) in &self.body {
            fields = fields.put(name, value.clone());
        }
        fields.value()
    }
}

/// Checks a body and writes down Google's defaults.
fn fill_in(name: &JobName, body: &mut Message) -> Result<(), Refusal> {
    let missing =
        |field: &str| Refusal::invalid(format!("Violation in {field}: a value is required."));
    let execution = body
        .get_mut("template")
        .and_then(Value::as_object_mut)
        .ok_or_else(|| missing("Job.template"))?;
    let tasks = count("Job.template.task_count", execution.get("taskCount"))?;
    execution.insert("taskCount".to_owned(), json!(tasks));
    let task = execution
        .get_mut("template")
        .and_then(Value::as_object_mut)
        .ok_or_else(|| missing("Job.template.template"))?;
    task.entry("maxRetries").or_insert(json!(3));
    task.entry("timeout").or_insert(json!("600s"));
    check_template("Job.template.template", task)?;
    let containers = task.get_mut("containers").and_then(Value::as_array_mut);
    let containers = containers.ok_or_else(|| missing("Job.template.template.containers"))?;
    for (index, container) in containers.iter_mut().enumerate() {
        let field = format!("Job.template.template.containers[{index}].image");
        let fields = container
            .as_object_mut()
            .filter(|fields| fields.contains_key("image"))
            .ok_or_else(|| missing(&field))?;
        fields
            .entry("name")
            .or_insert(json!(format!("{}-{}", name.job, index + 1)));
    }
    Ok(())
}
