//! The sensor under the suite, and what it says of files.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use custom_executor::{AwaitedFile, FileSensor};
use noctule_executor::{AnyExecutor, Executor, ExecutorError, Outcome, Status, async_trait};
use noctule_executor_testing::{Subject, TestingError, conformance, context};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Sensing {
    root: TempDir,
    away: AtomicBool,
}

impl Sensing {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("orders.csv"), "id\n1\n").unwrap();
        let away = AtomicBool::new(false);
        Self { root, away }
    }
}

#[async_trait]
impl Subject for Sensing {
    fn executor(&self) -> Arc<dyn AnyExecutor> {
        if self.away.swap(false, Ordering::Relaxed) {
            // A file where a folder should be: nobody can look below it.
            return Arc::new(FileSensor::under(self.root.path().join("orders.csv")));
        }
        Arc::new(FileSensor::under(self.root.path()))
    }

    fn succeeds(&self) -> Value {
        json!({ "path": "orders.csv", "min_bytes": 5 })
    }

    fn runs_long(&self) -> Option<Value> {
        Some(json!({ "path": "never.csv" }))
    }

    async fn fail_next_poll(&self) -> bool {
        self.away.store(true, Ordering::Relaxed);
        true
    }
}

#[tokio::test]
async fn the_file_sensor_keeps_the_contract() -> Result<(), TestingError> {
    conformance(&Sensing::new()).await.map(drop)
}

async fn look(sensor: &FileSensor, file: &AwaitedFile) -> Result<Status, ExecutorError> {
    let files = std::slice::from_ref(file);
    let answers = Executor::poll(sensor, &context(None), files, Duration::ZERO).await;
    answers.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_file_counts_once_it_is_large_enough() {
    let root = tempfile::tempdir().unwrap();
    let sensor = FileSensor::under(root.path());
    let (path, min_bytes) = ("a.csv".to_owned(), 4);
    let file = AwaitedFile { path, min_bytes };
    for text in ["", "abc"] {
        fs::write(root.path().join("a.csv"), text).unwrap();
        let seen = look(&sensor, &file).await;
        assert!(matches!(seen, Ok(Status::Running { .. })), "{seen:?}");
    }
    fs::write(root.path().join("a.csv"), "abcd").unwrap();
    let Ok(Status::Finished(finished)) = look(&sensor, &file).await else {
        panic!("a file of four bytes is not seen");
    };
    let output = json!({ "path": "a.csv", "bytes": 4 });
    assert_eq!(finished.outcome, Outcome::Succeeded { output });
}

#[tokio::test]
async fn a_folder_of_that_name_is_no_file() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("a.csv")).unwrap();
    let (path, min_bytes) = ("a.csv".to_owned(), 0);
    let seen = look(
        &FileSensor::under(root.path()),
        &AwaitedFile { path, min_bytes },
    )
    .await;
    assert!(matches!(seen, Ok(Status::Running { .. })), "{seen:?}");
}
