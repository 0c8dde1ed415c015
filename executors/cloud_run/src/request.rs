//! The request of a launch, as the canonical document that is stored, printed and sent.
//!
//! Guarantees: pure; the same attempt gives the same bytes; the attempt key is always in it; no secret ever is: one
//! of Secret Manager is Cloud Run's own reference, any other is ours.
//! Facts: `RunJobRequest.overrides` of the Cloud Run v2 schema. `env` is merged by name, `args` replace.

use std::collections::BTreeMap;

use noctule_executor::{Attempt, Connection, Entry, Passing, Problem, Request};
use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::connection::Settings;
use crate::indexes::{self, Part};
use crate::rules::{self, INDEXES_VARIABLE, KEY_VARIABLE, TRACE_VARIABLE};
use crate::secret_name::SecretName;
use crate::target::Target;

/// Makes the document.
pub(crate) fn document(
    attempt: &Attempt<Config>,
    connection: Option<&Connection>,
) -> Result<Request, Problem> {
    let settings = Settings::read(connection).map_err(|error| Problem::at([], error))?;
    let target = target(&attempt.config, &settings)?;
    let indexes = Indexes::of(attempt)?;
    let overrides = overrides(attempt, &target, &indexes)?;
    let mut document = json!({
        "method": "POST",
        "url": target.run_url(),
        "headers": { "content-type": "application/json" },
        "body": { "overrides": overrides },
    });
    if let Some(part) = &indexes.part {
        // Not sent: it stays with the attempt, so that whoever finds the work knows what it is a part of.
        document["part"] = json!(part);
    }
    Ok(Request(document))
}

/// How many tasks an execution has, and which indexes they run.
#[derive(Default)]
struct Indexes {
    /// The tasks of the execution; `None`: what the job says.
    task_count: Option<u64>,
    /// What the job is told of its indexes.
    listed: Option<String>,
    part: Option<Part>,
}

impl Indexes {
    fn of(attempt: &Attempt<Config>) -> Result<Self, Problem> {
        let config = &attempt.config;
        let at = |error| Problem::at(["task_count"], error);
        let count = config.task_count.as_ref();
        let count = count
            .map(|count| rules::task_count(count.0.as_str()).map_err(at))
            .transpose()?;
        if !config.retry_failed_indexes {
            return Ok(Self {
                task_count: count,
                ..Self::default()
            });
        }
        let whole = count.ok_or_else(no_task_count)?;
        rules::index_count(whole).map_err(at)?;
        let part = Part::after(attempt.failed_before.as_ref(), whole);
        let tasks = part
            .as_ref()
            .map_or(whole, |part| part.indexes.len() as u64);
        Ok(Self {
            task_count: Some(tasks),
            listed: Some(indexes::listed(part.as_ref(), whole)),
            part,
        })
    }
}

/// Without a count nobody knows which indexes there are.
pub(crate) fn no_task_count() -> Problem {
    Problem::at(
        ["retry_failed_indexes"],
        "`retry_failed_indexes` needs `task_count`: the job's own is not known",
    )
}

/// The job of a configuration.
pub(crate) fn target(config: &Config, settings: &Settings) -> Result<Target, Problem> {
    let project = config.project.as_ref().or(settings.project.as_ref());
    let project = project.ok_or_else(|| {
        Problem::at(["project"], "no project is named")
            .help("set `project` here or in the connection")
    })?;
    rules::project(project).map_err(|error| Problem::at(["project"], error))?;
    rules::region(&config.region).map_err(|error| Problem::at(["region"], error))?;
    rules::job(&config.job).map_err(|error| Problem::at(["job"], error))?;
    Ok(Target {
        endpoint: settings.endpoint.clone(),
        project: project.clone(),
        region: config.region.clone(),
        job: config.job.clone(),
    })
}

fn overrides(
    attempt: &Attempt<Config>,
    target: &Target,
    indexes: &Indexes,
) -> Result<Value, Problem> {
    let config = &attempt.config;
    let mut overrides = Map::new();
    overrides.insert(
        "containerOverrides".to_owned(),
        json!([container(attempt, target, indexes.listed.as_deref())?]),
    );
    if let Some(count) = indexes.task_count {
        overrides.insert("taskCount".to_owned(), json!(count));
    }
    if let Some(timeout) = &config.task_timeout {
        let seconds =
            rules::task_timeout(timeout).map_err(|error| Problem::at(["task_timeout"], error))?;
        // A duration string: a number, or one without the unit, is a 400.
        overrides.insert("timeout".to_owned(), json!(format!("{seconds}s")));
    }
    Ok(Value::Object(overrides))
}

fn container(
    attempt: &Attempt<Config>,
    target: &Target,
    listed: Option<&str>,
) -> Result<Value, Problem> {
    let config = &attempt.config;
    let mut container = Map::new();
    if let Some(name) = &config.container {
        rules::container(name).map_err(|error| Problem::at(["container"], error))?;
        container.insert("name".to_owned(), json!(name));
    }
    match config.args.as_deref() {
        None => {}
        // An empty list means "the job's own" to Cloud Run; emptying them has a word of its own.
        Some([]) => drop(container.insert("clearArgs".to_owned(), json!(true))),
        Some(args) => drop(container.insert("args".to_owned(), json!(args))),
    }
    container.insert("env".to_owned(), environment(attempt, target, listed)?);
    Ok(Value::Object(container))
}

/// The variables in the order of their names, ours among them.
fn environment(
    attempt: &Attempt<Config>,
    target: &Target,
    listed: Option<&str>,
) -> Result<Value, Problem> {
    let env = &attempt.config.env;
    let ours = |value: &str| json!({ "value": value });
    let mut variables = BTreeMap::from([(KEY_VARIABLE, ours(attempt.key.as_str()))]);
    variables.extend(listed.map(|listed| (INDEXES_VARIABLE, ours(listed))));
    rules::variable_count(env.len(), variables.len())
        .map_err(|error| Problem::at(["env"], error))?;
    // Where it does not fit it is left out: a trace is never in the way of the work.
    if let Some(traceparent) = &attempt.traceparent
        && rules::variable_count(env.len(), variables.len() + 1).is_ok()
    {
        variables.insert(TRACE_VARIABLE, ours(traceparent));
    }
    for (name, entry) in env {
        let at = |error| Problem::at(["env", name.as_str()], error);
        rules::variable_name(name).map_err(at)?;
        let given = match entry {
            Entry::Plain(text) => {
                rules::variable_value(text.as_str()).map_err(at)?;
                ours(text.as_str())
            }
            Entry::Secret(secret) => passed(&attempt.passing, &secret.secret, &target.project)
                .ok_or_else(|| shown(name))?,
        };
        variables.insert(name, given);
    }
    let named = |(name, mut variable): (&str, Value)| {
        variable["name"] = json!(name);
        variable
    };
    Ok(variables.into_iter().map(named).collect())
}

/// A secret as the request holds it: Cloud Run's own reference, or ours, which the launch resolves, where it may be shown.
fn passed(passing: &Passing, secret: &str, project: &str) -> Option<Value> {
    let reference = passing.references.get(secret);
    if let Some(name) = reference.and_then(|reference| SecretName::of_reference(reference)) {
        let key = json!({ "secret": name.seen_from(project), "version": name.version });
        return Some(json!({ "valueSource": { "secretKeyRef": key } }));
    }
    passing
        .exposed
        .then(|| json!({ "value": { "secret": secret } }))
}

/// Cloud Run shows override values to everybody who may read the execution.
fn shown(name: &str) -> Problem {
    Problem::at(
        ["env", name],
        "Cloud Run would show the secret's value in the execution",
    )
    .help(
        "keep it in Secret Manager (`from = \"gcp:…\"`), which Cloud Run reads by itself, or set `expose_secrets = true` \
         on the task",
    )
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use noctule_executor::{AttemptKey, RunFacts};

    use super::*;

    fn attempt(config: Value) -> Attempt<Config> {
        Attempt {
            key: AttemptKey::from_text("n1-0a1b2c3d-key"),
            run: RunFacts {
                id: "run".to_owned(),
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
            config: serde_json::from_value(config).unwrap(),
        }
    }

    fn connection(settings: Value) -> Connection {
        Connection {
            name: "gcp".to_owned(),
            kind: "google".to_owned(),
            settings: serde_json::from_value(settings).unwrap(),
        }
    }

    fn refused(config: Value) -> Problem {
        let connection = connection(json!({ "project": "p" }));
        document(&attempt(config), Some(&connection)).unwrap_err()
    }

    #[test]
    fn the_whole_document() {
        let attempt = attempt(json!({
            "job": "etl", "region": "us-central1", "container": "main", "args": ["--day", 1],
            "env": { "TENANT_CODE": "cf526000", "A": true }, "task_count": "3", "task_timeout": "1h",
        }));
        let connection = connection(json!({ "project": "p" }));
        let request = document(&attempt, Some(&connection)).unwrap();
        assert_eq!(
            request.canonical(),
            concat!(
                r#"{"body":{"overrides":{"containerOverrides":[{"args":["--day","1"],"env":["#,
                r#"{"name":"A","value":"true"},{"name":"NOCTULE_ATTEMPT_KEY","value":"n1-0a1b2c3d-key"},"#,
                r#"{"name":"TENANT_CODE","value":"cf526000"}],"name":"main"}],"taskCount":3,"timeout":"3600s"}},"#,
                r#""headers":{"content-type":"application/json"},"method":"POST","#,
                r#""url":"https://run.googleapis.com/v2/projects/p/locations/us-central1/jobs/etl:run"}"#,
            )
        );
    }

    #[test]
    fn what_is_not_given_is_not_sent() {
        let attempt = attempt(json!({ "job": "etl", "region": "r1", "project": "q" }));
        let request = document(&attempt, None).unwrap();
        assert_eq!(
            request.0["body"],
            json!({ "overrides": { "containerOverrides": [
                { "env": [{ "name": "NOCTULE_ATTEMPT_KEY", "value": "n1-0a1b2c3d-key" }] }
            ] } })
        );
    }

    #[test]
    fn no_arguments_are_not_the_jobs_own() {
        let attempt = attempt(json!({ "job": "etl", "region": "r1", "project": "q", "args": [] }));
        let request = document(&attempt, None).unwrap();
        let container = &request.0["body"]["overrides"]["containerOverrides"][0];
        assert_eq!(container["clearArgs"], true);
        assert!(container.get("args").is_none());
    }

    #[test]
    fn problems_name_their_key() {
        let base = json!({ "job": "etl", "region": "r1" });
        for (key, value, path) in [
            ("job", json!("a/b"), vec!["job"]),
            ("region", json!("R"), vec!["region"]),
            ("project", json!("a/b"), vec!["project"]),
            ("container", json!("A"), vec!["container"]),
            ("task_count", json!(0), vec!["task_count"]),
            ("task_timeout", json!("200h"), vec!["task_timeout"]),
            (
                "env",
                json!({ "NOCTULE_ATTEMPT_KEY": "x" }),
                vec!["env", "NOCTULE_ATTEMPT_KEY"],
            ),
            ("env", json!({ "K": { "secret": "s" } }), vec!["env", "K"]),
            (
                "env",
                json!({ "K": "x".repeat(32 * 1024 + 1) }),
                vec!["env", "K"],
            ),
        ] {
            let mut config = base.clone();
            config[key] = value;
            assert_eq!(refused(config).path, path);
        }
    }

    #[test]
    fn the_work_is_told_of_its_trace_where_it_fits_unless_it_names_one_of_its_own() {
        let trace = "00-0198a6f012347abc8def0123456789ab-0123456789abcdef-01";
        let told = |env: Value| {
            let config = json!({ "job": "etl", "region": "r1", "project": "q", "env": env });
            let mut attempt = attempt(config);
            attempt.traceparent = Some(trace.to_owned());
            let request = document(&attempt, None).unwrap();
            assert_eq!(request, document(&attempt, None).unwrap());
            let container = &request.0["body"]["overrides"]["containerOverrides"][0];
            let variables = container["env"].as_array().unwrap();
            assert!(variables.len() <= 1_000);
            let found = variables.iter().find(|one| one["name"] == "TRACEPARENT");
            found.map(|found| found["value"].as_str().unwrap().to_owned())
        };
        assert_eq!(told(json!({})).as_deref(), Some(trace));
        let own = json!({ "TRACEPARENT": "00-own" });
        assert_eq!(told(own).as_deref(), Some("00-own"));
        let many = |count: usize| -> Value {
            let named = (0..count).map(|i| (format!("V{i}"), json!("x")));
            Value::Object(named.collect())
        };
        assert_eq!(told(many(998)).as_deref(), Some(trace));
        assert_eq!(told(many(999)), None);
    }

    #[test]
    fn a_project_has_to_come_from_somewhere() {
        let attempt = attempt(json!({ "job": "etl", "region": "r1" }));
        assert_eq!(document(&attempt, None).unwrap_err().path, ["project"]);
    }
}
