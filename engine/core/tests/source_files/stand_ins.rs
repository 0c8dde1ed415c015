//! Executors that are only ever checked, with the `with` tables of the contract; and a short way to load texts.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use noctule_core::source::{Diagnostics, FileText, Inputs, Loaded, load_project};
use noctule_executor::{
    Attempt, Capabilities, Connection, Context, Draft, Entry, ErrorClass, Executor, ExecutorError,
    Leaf, Problem, Recovery, Registry, Request, Status, Text, Wait, async_trait,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloudRunWith {
    job: String,
    region: String,
    project: Option<String>,
    connection: Option<String>,
    container: Option<String>,
    args: Option<Vec<Text>>,
    #[serde(default)]
    env: BTreeMap<String, Entry>,
    task_count: Option<u32>,
    task_timeout: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Delete,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Poll {
    url: String,
    until: String,
    fail_if: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpWith {
    method: Option<Method>,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, Entry>,
    json: Option<Value>,
    body: Option<Entry>,
    connection: Option<String>,
    auth: Option<String>,
    expect: Option<Vec<u16>>,
    keep_alive: Option<String>,
    poll: Option<Poll>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProcessWith {
    command: Vec<Text>,
    #[serde(default)]
    env: BTreeMap<String, Entry>,
    cwd: Option<String>,
}

macro_rules! stand_in {
    ($name:ident, $kind:literal, $with:ty, $wait:expr, $connection:expr, $attached:expr, $check:expr) => {
        pub(crate) struct $name;

        #[async_trait]
        impl Executor for $name {
            const KIND: &'static str = $kind;
            type Config = $with;
            type Handle = ();

            fn capabilities(&self) -> Capabilities {
                Capabilities {
                    survives_restart: true,
                    cancel: true,
                    logs: true,
                    sensor: false,
                    holds: false,
                    hints: false,
                    default_wait: $wait,
                }
            }
            fn connection_kind(&self) -> Option<&'static str> {
                $connection
            }
            fn recovery(&self, _: Option<&Connection>) -> Recovery {
                Recovery::Resend
            }
            fn attached(&self, with: &Draft<'_>) -> bool {
                let attached: fn(&Draft<'_>) -> bool = $attached;
                attached(with)
            }
            fn check(&self, with: &Draft<'_>) -> Vec<Problem> {
                let check: fn(&Draft<'_>) -> Vec<Problem> = $check;
                check(with)
            }
            fn request(
                &self,
                _: &Attempt<$with>,
                _: Option<&Connection>,
            ) -> Result<Request, Problem> {
                Ok(Request(Value::Null))
            }
            async fn launch(
                &self,
                _: &Context,
                _: &Attempt<$with>,
                _: &Request,
            ) -> Result<(), ExecutorError> {
                Err(ExecutorError::rejected(
                    ErrorClass::Config,
                    "a stand-in launches nothing",
                ))
            }
            async fn adopt(
                &self,
                _: &Context,
                _: &Attempt<$with>,
                _: &Request,
            ) -> Result<Option<()>, ExecutorError> {
                Ok(None)
            }
            async fn poll(
                &self,
                _: &Context,
                _: &[()],
                _: Duration,
            ) -> Vec<Result<Status, ExecutorError>> {
                Vec::new()
            }
            async fn cancel(&self, _: &Context, _: &(), _: Duration) -> Result<(), ExecutorError> {
                Ok(())
            }
        }
    };
}

stand_in!(
    CloudRun,
    "cloud_run",
    CloudRunWith,
    Wait::Poll,
    Some("google"),
    |_| false,
    |with| {
        match with.text(&["job"]) {
            Some(job) if job.contains('/') => {
                vec![Problem::at(["job"], "`job` is a short name").help("leave the path out")]
            }
            _ => Vec::new(),
        }
    }
);
stand_in!(
    Http,
    "http",
    HttpWith,
    Wait::Block,
    Some("http"),
    |with| with.get(&["poll"]) == Leaf::Absent,
    |_| Vec::new()
);
stand_in!(
    Process,
    "process",
    ProcessWith,
    Wait::Block,
    None,
    |_| false,
    |_| Vec::new()
);

pub(crate) fn registry() -> Registry {
    Registry::new().with(CloudRun).with(Http).with(Process)
}

pub(crate) fn now() -> DateTime<Utc> {
    "2026-01-13T00:00:00Z".parse().expect("an instant")
}

/// Loads DAG texts under a project text.
pub(crate) fn load_all(project: &str, dags: &[(&str, &str)]) -> Loaded {
    load_with(project, dags, &[], None)
}

pub(crate) fn load_with(
    project: &str,
    dags: &[(&str, &str)],
    env: &[(&str, &str)],
    profile: Option<&str>,
) -> Loaded {
    load_by(&registry(), project, dags, env, profile)
}

pub(crate) fn load_by(
    registry: &Registry,
    project: &str,
    dags: &[(&str, &str)],
    env: &[(&str, &str)],
    profile: Option<&str>,
) -> Loaded {
    let files: Vec<_> = dags
        .iter()
        .map(|(path, text)| FileText { path, text })
        .collect();
    let env = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let project = Some(FileText {
        path: "noctule.toml",
        text: project,
    });
    load_project(&Inputs {
        project,
        dags: &files,
        env: &env,
        flags: &[],
        profile,
        registry,
        now: now(),
    })
}

/// Loads one DAG file without a project.
pub(crate) fn load(text: &str) -> Loaded {
    load_all("", &[("dags/d.toml", text)])
}

/// All that is said, as plain text, with the lines of these files.
pub(crate) fn said(loaded: &Loaded, files: &[(&str, &str)]) -> String {
    loaded.diagnostics.render(|file| {
        files
            .iter()
            .find(|(path, _)| *path == file)
            .map(|(_, text)| *text)
    })
}

pub(crate) fn codes(diagnostics: &Diagnostics) -> Vec<&'static str> {
    diagnostics
        .errors()
        .map(|diagnostic| diagnostic.code)
        .collect()
}

/// A file that is good must have no errors.
pub(crate) fn assert_good(loaded: &Loaded) {
    let errors: Vec<_> = loaded
        .diagnostics
        .errors()
        .map(ToString::to_string)
        .collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}
