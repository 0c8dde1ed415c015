//! The spool under the suite, with a worker on the other side.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use custom_executor::Spool;
use noctule_executor::{AnyExecutor, AttemptKey, ErrorClass, ExecutorError, Status, async_trait};
use noctule_executor_testing::{
    Case, Expected, Subject, TestingError, attempt, conformance, context, judge,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::forgetful::Forgetful;
use crate::worker::{LOG, Worker};

struct Spooling {
    root: TempDir,
    worker: Worker,
    away: AtomicBool,
    forgetful: bool,
}

impl Spooling {
    fn new(forgetful: bool) -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("spool");
        std::fs::create_dir(&folder).unwrap();
        Self {
            worker: Worker::watching(&folder),
            root,
            away: AtomicBool::new(false),
            forgetful,
        }
    }

    fn job(job: &str) -> Value {
        json!({ "folder": "spool", "job": { "do": job } })
    }
}

#[async_trait]
impl Subject for Spooling {
    fn executor(&self) -> Arc<dyn AnyExecutor> {
        if self.away.swap(false, Ordering::Relaxed) {
            return Arc::new(Spool::under(self.root.path().join("not-mounted")));
        }
        let spool = Spool::under(self.root.path());
        if self.forgetful {
            return Arc::new(Forgetful(spool));
        }
        Arc::new(spool)
    }

    fn succeeds(&self) -> Value {
        Self::job("count")
    }

    fn runs_long(&self) -> Option<Value> {
        Some(Self::job("hold"))
    }

    fn lists_owned(&self) -> bool {
        false
    }

    fn verdicts(&self) -> Vec<Case> {
        let case = |name, job, expected| Case::new(name, Self::job(job), expected);
        vec![
            case("not ok", "fail", Expected::Failed(ErrorClass::User)),
            case(
                "unreadable",
                "garble",
                Expected::Failed(ErrorClass::Unknown),
            ),
            case("stopped by the worker", "stop", Expected::Cancelled),
            Case::new(
                "no folder",
                json!({ "folder": "no_such_folder" }),
                Expected::Rejected(ErrorClass::NotFound),
            ),
        ]
    }

    fn writes_log(&self) -> Option<(Value, String)> {
        Some((Self::job("log"), LOG.to_owned()))
    }

    async fn fail_next_poll(&self) -> bool {
        self.away.store(true, Ordering::Relaxed);
        true
    }

    async fn works_of(&self, key: &AttemptKey) -> Option<usize> {
        Some(self.worker.starts_of(key.as_str()))
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(20)
    }
}

#[tokio::test]
async fn the_spool_keeps_the_contract() -> Result<(), TestingError> {
    let report = conformance(&Spooling::new(false)).await?;
    // A file system answers at once, recovery needs no search, no job is given a secret, and `sweep` sees no spool.
    let skipped = [
        "secrets_are_shown_nowhere",
        "a_lost_answer_is_unknown",
        "lost_work_is_found",
        "adopt_finds_running_work",
        "adopt_finds_finished_work",
        "owned_lists_live_work_of_this_store_alone",
    ];
    assert_eq!(report.skipped().collect::<Vec<_>>(), skipped);
    Ok(())
}

#[tokio::test]
async fn a_spool_that_forgets_its_keys_is_caught() {
    let report = judge(&Spooling::new(true)).await;
    assert!(
        report
            .broken()
            .any(|rule| rule == "launch_twice_is_one_work"),
        "{report}"
    );
}

#[tokio::test]
async fn work_is_found_by_its_key_before_and_after_its_end() {
    let subject = Spooling::new(false);
    let (context, attempt) = (context(None), attempt("count", Spooling::job("hold")));
    let request = subject.executor().request(&attempt, None).unwrap();
    let find = async || subject.executor().adopt(&context, &attempt, &request).await;
    assert_eq!(find().await, Ok(None));
    let handle = subject
        .executor()
        .launch(&context, &attempt, &request)
        .await
        .unwrap();
    assert_eq!(find().await, Ok(Some(handle.clone())));
    let grace = Duration::ZERO;
    subject
        .executor()
        .cancel(&context, &handle, grace)
        .await
        .unwrap();
    let ended = async || {
        let patience = Duration::from_secs(20);
        let handles = std::slice::from_ref(&handle);
        let answers = subject.executor().poll(&context, handles, patience).await;
        matches!(answers.first(), Some(Ok(Status::Finished(_))))
    };
    assert!(ended().await);
    assert_eq!(find().await, Ok(Some(handle.clone())));
}

#[tokio::test]
async fn a_resend_into_a_folder_that_is_away_is_no_refusal() {
    let subject = Spooling::new(false);
    let mut attempt = attempt("count", Spooling::job("count"));
    attempt.sends = 2;
    let request = subject.executor().request(&attempt, None).unwrap();
    subject.fail_next_poll().await;
    let answer = subject
        .executor()
        .launch(&context(None), &attempt, &request)
        .await;
    assert!(matches!(answer, Err(ExecutorError::Unknown { .. })));
}

#[tokio::test]
async fn a_key_without_files_is_lost_and_never_finished() {
    let subject = Spooling::new(false);
    let handle = json!({ "v": 1, "data": { "folder": "spool", "key": "n1-7e570000-none" } });
    let answers = subject
        .executor()
        .poll(&context(None), &[handle], Duration::ZERO)
        .await;
    assert!(matches!(answers.as_slice(), [Ok(Status::Lost { .. })]));
}
