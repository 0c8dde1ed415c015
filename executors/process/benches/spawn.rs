//! How many `/bin/true` a second the executor starts and sees the end of, against plain `posix_spawn` and wait.
//!
//! `cargo bench -p noctule-process`; on a machine with other work the figures say little.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use noctule_executor::secrecy::SecretString;
use noctule_executor::{
    Attempt, AttemptKey, Context, Executor, ExecutorError, Host, RunFacts, SecretRef, SecretSource,
    Status, Unlimited, async_trait,
};
use noctule_process::{Config, Process};

const TASKS: u64 = 4000;

struct NoSecrets;

#[async_trait]
impl SecretSource for NoSecrets {
    async fn resolve(&self, _: &SecretRef) -> Result<SecretString, ExecutorError> {
        Err(ExecutorError::unavailable("no secrets here"))
    }
}

fn context(state_dir: &Path) -> Context {
    Context {
        connection: None,
        secrets: Arc::new(NoSecrets),
        budget: Arc::new(Unlimited),
        host: Arc::new(Host {
            state_dir: state_dir.to_owned(),
            store_id: "0a1b2c3d".to_owned(),
            env: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
            binary: env!("CARGO_BIN_EXE_noctule-supervisor").into(),
        }),
    }
}

fn attempt(number: u64) -> Attempt<Config> {
    Attempt {
        key: AttemptKey::from_text(format!("n1-0a1b2c3d-{number:040x}")),
        run: RunFacts {
            id: "run".to_owned(),
            dag: "dag".to_owned(),
            ingestion_id: "20260101".to_owned(),
            logical_time: chrono::Utc::now(),
        },
        task: "task".to_owned(),
        map_key: None,
        number: 1,
        sends: 1,
        intended_at: chrono::Utc::now(),
        hold: false,
        failed_before: None,
        passing: noctule_executor::Passing::default(),
        traceparent: None,
        config: serde_json::from_str(r#"{"command": ["/bin/true"]}"#).expect("a configuration"),
    }
}

async fn run_one(process: &Process, context: &Context, number: u64) {
    let attempt = attempt(number);
    let request = process.request(&attempt, None).expect("a request");
    let handle = process
        .launch(context, &attempt, &request)
        .await
        .expect("a handle");
    loop {
        let handles = std::slice::from_ref(&handle);
        let mut found = process.poll(context, handles, Duration::from_secs(5)).await;
        if let Some(Ok(Status::Finished(_))) = found.pop() {
            return;
        }
    }
}

async fn through_executor(in_flight: u64, first: u64, context: &Context) -> Duration {
    let process = Arc::new(Process::default());
    run_one(&process, context, first).await;
    let next = Arc::new(AtomicU64::new(first + 1));
    let begin = Instant::now();
    let workers: Vec<_> = (0..in_flight)
        .map(|_| {
            let (process, next, context) =
                (Arc::clone(&process), Arc::clone(&next), context.clone());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number > first + TASKS {
                        return;
                    }
                    run_one(&process, &context, number).await;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.expect("a worker");
    }
    begin.elapsed()
}

fn plain(in_flight: u64) -> Duration {
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..in_flight {
            scope.spawn(|| {
                for _ in 0..TASKS / in_flight {
                    let mut command = Command::new("/bin/true");
                    command
                        .env_clear()
                        .stdin(Stdio::null())
                        .stdout(Stdio::null());
                    let status = command.process_group(0).status();
                    assert!(status.expect("a status").success());
                }
            });
        }
    });
    begin.elapsed()
}

#[expect(clippy::print_stdout, reason = "its figures are what it is for")]
fn report(name: &str, in_flight: u64, took: Duration) {
    let rate = TASKS as f64 / took.as_secs_f64();
    let each = took.as_secs_f64() * 1000.0 / TASKS as f64;
    println!("{name:>14} {in_flight} in flight: {rate:6.0} tasks/s, {each:.3} ms a task");
}

fn main() {
    // Test runners start every target to list its tests: there are none here.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let context = context(folder.path());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for (round, in_flight) in [1, 2, 8].into_iter().enumerate() {
        report("plain spawn", in_flight, plain(in_flight));
        let first = (round as u64 + 1) * 1_000_000;
        let took = runtime.block_on(through_executor(in_flight, first, &context));
        report("executor", in_flight, took);
    }
}
