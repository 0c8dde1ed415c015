//! A store for one test: a folder, an environment, attempts, and ways to await a condition. Ends what it started.
#![allow(dead_code, reason = "each test binary uses its own part of it")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use noctule_executor::secrecy::SecretString;
use noctule_executor::{
    Attempt, AttemptKey, Context, ErrorClass, Executor, ExecutorError, Finished, Host, Outcome,
    Request, RunFacts, SecretRef, SecretSource, Status, Unlimited, async_trait,
};
use noctule_process::{Config, Handle, Process, Settings};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const SECRET: &str = "canary-7f3e91";

struct Secrets;

#[async_trait]
impl SecretSource for Secrets {
    async fn resolve(&self, secret: &SecretRef) -> Result<SecretString, ExecutorError> {
        match secret.secret.as_str() {
            "TOKEN" => Ok(SecretString::from(SECRET)),
            other => Err(ExecutorError::rejected(
                ErrorClass::Config,
                format!("no secret {other}"),
            )),
        }
    }
}

pub(crate) struct Store {
    folder: TempDir,
    pub(crate) context: Context,
}

impl Store {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let env = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("HOME", "/"),
            ("LANG", "C"),
            ("DATABASE_URL", "postgres://secret"),
            ("GOOGLE_PROJECT", "p"),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let context = Context {
            connection: None,
            secrets: Arc::new(Secrets),
            budget: Arc::new(Unlimited),
            host: Arc::new(Host {
                state_dir: folder.path().join("state"),
                store_id: "0a1b2c3d".to_owned(),
                env: BTreeMap::from(env),
                binary: env!("CARGO_BIN_EXE_noctule-supervisor").into(),
            }),
        };
        Self { folder, context }
    }

    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.context.host.state_dir.join("process")
    }

    /// The process id of the supervisor that was announced last.
    pub(crate) fn supervisor(&self) -> Option<i32> {
        let text = std::fs::read(self.root().join("supervisor.json")).ok()?;
        let address: Value = serde_json::from_slice(&text).ok()?;
        i32::try_from(address["pid"].as_i64()?).ok()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        let text = std::fs::read(self.root().join("supervisor.json")).unwrap();
        let address: Value = serde_json::from_slice(&text).unwrap();
        address["socket"].as_str().unwrap().into()
    }

    pub(crate) async fn kill_supervisor(&self) {
        let pid = self.supervisor().unwrap();
        signal(pid, rustix::process::Signal::KILL);
        until("the supervisor is gone", || !is_alive(pid)).await;
    }

    pub(crate) async fn launch(
        &self,
        process: &Process,
        key: &str,
        config: Value,
    ) -> Result<Handle, ExecutorError> {
        let attempt = attempt(key, config);
        let request = process.request(&attempt, None).unwrap();
        process.launch(&self.context, &attempt, &request).await
    }

    pub(crate) async fn adopt(
        &self,
        process: &Process,
        key: &str,
    ) -> Result<Option<Handle>, ExecutorError> {
        let attempt = attempt(key, serde_json::json!({"command": ["true"]}));
        let request = Request(Value::Null);
        process.adopt(&self.context, &attempt, &request).await
    }

    pub(crate) async fn status(
        &self,
        process: &Process,
        handle: &Handle,
    ) -> Result<Status, ExecutorError> {
        let handles = std::slice::from_ref(handle);
        process
            .poll(&self.context, handles, Duration::ZERO)
            .await
            .pop()
            .unwrap()
    }

    /// The end of a command, however long it takes.
    pub(crate) async fn end(&self, process: &Process, handle: &Handle) -> Finished {
        let wait = async {
            loop {
                let handles = std::slice::from_ref(handle);
                let patience = Duration::from_secs(5);
                match process.poll(&self.context, handles, patience).await.pop() {
                    Some(Ok(Status::Finished(finished))) => return finished,
                    Some(Ok(Status::Running { .. })) => tokio::task::yield_now().await,
                    other => panic!("{other:?}"),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wait)
            .await
            .expect("an end")
    }

    pub(crate) async fn outcome(&self, process: &Process, key: &str, config: Value) -> Outcome {
        let handle = self.launch(process, key, config).await.unwrap();
        self.end(process, &handle).await.outcome
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(pid) = self.supervisor().filter(|pid| is_alive(*pid)) {
            signal(pid, rustix::process::Signal::KILL);
        }
    }
}

pub(crate) fn quick() -> Process {
    Process::new(Settings {
        idle: Duration::from_millis(200),
        log_limit: 100_000,
    })
}

pub(crate) fn shell(script: &str) -> Value {
    serde_json::json!({"command": ["sh", "-c", script]})
}

pub(crate) fn attempt(key: &str, config: Value) -> Attempt<Config> {
    Attempt {
        key: AttemptKey::from_text(key),
        run: RunFacts {
            id: "run-1".to_owned(),
            dag: "dag".to_owned(),
            ingestion_id: "20260101".to_owned(),
            logical_time: chrono::Utc::now(),
        },
        task: "group.task".to_owned(),
        map_key: None,
        number: 1,
        sends: 1,
        intended_at: chrono::Utc::now(),
        hold: false,
        failed_before: None,
        passing: noctule_executor::Passing::default(),
        traceparent: None,
        config: serde_json::from_value(config).unwrap(),
    }
}

pub(crate) fn signal(pid: i32, signal: rustix::process::Signal) {
    let _ = rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal);
}

/// Whether a process is there and not a zombie.
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z") && !rest.starts_with(" X"))
}

/// Awaits a condition.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap_or_else(|_| panic!("waited for: {what}"));
}

pub(crate) fn read_number(path: &Path) -> Option<i32> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

pub(crate) fn log(handle: &Handle) -> PathBuf {
    handle.files.with_extension("log")
}
