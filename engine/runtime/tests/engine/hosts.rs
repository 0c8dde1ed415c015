//! Local work of a host that the engine is not on: silence, and the reports of whoever stands by there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::Utc;
use noctule_core::ask::{Answer, Wish};
use noctule_core::run::{Actor, AttemptEnd, AttemptState, Report, Run, RunEnding};
use noctule_executor::{
    Attempt, Capabilities, Connection, Context, ErrorClass, Executor, ExecutorError, Finished,
    Outcome, Problem, Recovery, Request, Status, Wait, async_trait,
};
use noctule_runtime::{Standby, Surroundings};
use noctule_store::Store;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::harness::{Stage, ask, ending, profile, somebody};

const THERE: &str = "there";

/// Work that always lands on the host `there`, which only an executor of that host can ask.
#[derive(Clone)]
pub(crate) struct Far {
    host: &'static str,
    ended: Arc<AtomicBool>,
}

impl Far {
    pub(crate) fn seen_from_here() -> Self {
        Self {
            host: "here",
            ended: Arc::default(),
        }
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

#[async_trait]
impl Executor for Far {
    const KIND: &'static str = "far";
    type Config = Nothing;
    type Handle = String;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            survives_restart: true,
            cancel: true,
            logs: false,
            sensor: false,
            holds: false,
            hints: false,
            default_wait: Wait::Block,
        }
    }

    fn recovery(&self, _: Option<&Connection>) -> Recovery {
        Recovery::Never
    }

    fn request(&self, _: &Attempt<Nothing>, _: Option<&Connection>) -> Result<Request, Problem> {
        Ok(Request(json!({})))
    }

    async fn launch(
        &self,
        _: &Context,
        _: &Attempt<Nothing>,
        _: &Request,
    ) -> Result<String, ExecutorError> {
        Ok(THERE.to_owned())
    }

    async fn adopt(
        &self,
        _: &Context,
        _: &Attempt<Nothing>,
        _: &Request,
    ) -> Result<Option<String>, ExecutorError> {
        Ok(None)
    }

    async fn poll(
        &self,
        _: &Context,
        handles: &[String],
        _: Duration,
    ) -> Vec<Result<Status, ExecutorError>> {
        let status = |host: &String| {
            if host.as_str() != self.host {
                return Status::Elsewhere { host: host.clone() };
            }
            if self.ended.load(Ordering::SeqCst) {
                let output = json!({ "exit_code": 0 });
                return Status::Finished(Finished::now(Outcome::Succeeded { output }));
            }
            Status::Running {
                started_at: None,
                poll_after: None,
            }
        };
        handles.iter().map(|host| Ok(status(host))).collect()
    }

    async fn cancel(&self, _: &Context, _: &String, _: Duration) -> Result<(), ExecutorError> {
        Ok(())
    }
}

fn dag(wait: &str) -> String {
    format!(
        "id = \"d\"\n[tasks.t]\nexecutor = \"far\"\nwait = \"{wait}\"\npoll_interval = \"50ms\"\n"
    )
}

/// What somebody on the other host works with.
fn over_there(stage: &Stage, store: &Store, far: &Far) -> Surroundings {
    let mut surroundings = stage.surroundings(store);
    let mut desk = surroundings.desk.as_ref().clone();
    desk.registry = desk.registry.with(far.clone());
    surroundings.desk = Arc::new(desk);
    surroundings
}

fn is_silent(run: &Run) -> bool {
    let last = run.tasks[0].attempts.last();
    last.is_some_and(
        |one| matches!(&one.state, AttemptState::Running(running) if running.silence.is_some()),
    )
}

fn by() -> Actor {
    somebody()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_stands_by_on_the_host_says_how_its_work_stands() {
    for wait in ["block", "poll"] {
        let mut stage = Stage::new(&dag(wait));
        // Silence is told in steps of a tenth: the second one comes after a second.
        stage.lost_after = Duration::from_secs(10);
        let engine = stage.start().await;
        let run = engine.trigger().await;
        engine.until(&run, is_silent).await;
        let far = Far {
            host: THERE,
            ended: Arc::default(),
        };
        let surroundings = over_there(&stage, &engine.store, &far);
        let profile = profile();
        let standby = |host| Standby {
            store: &engine.store,
            surroundings: &surroundings,
            profile: &profile,
            host,
            by: by(),
        };
        // It runs: that is a sign, and no end.
        assert_eq!(standby(THERE).relay(Utc::now()).await.unwrap(), 1);
        engine
            .until(&run, |run| !is_silent(run) || run.is_over())
            .await;
        engine.until(&run, is_silent).await;
        assert_eq!(standby("elsewhere").relay(Utc::now()).await.unwrap(), 0);
        far.ended.store(true, Ordering::SeqCst);
        // Saying it twice is harmless.
        let said = standby(THERE).relay(Utc::now()).await.unwrap();
        let again = standby(THERE).relay(Utc::now()).await.unwrap();
        assert!(said == 1 && again <= 1, "{said} {again}");
        let over = engine.over(&run).await;
        assert_eq!(ending(&over), Some(RunEnding::Succeeded));
        assert_eq!(over.tasks[0].attempts.len(), 1);
        engine.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_of_another_key_or_host_is_refused_and_changes_nothing() {
    let stage = Stage::new(&dag("block"));
    let engine = stage.start().await;
    let run = engine.trigger().await;
    let seen = engine.until(&run, is_silent).await;
    let attempt = seen.tasks[0].attempts.last().unwrap();
    let output = json!({ "forged": true });
    let report = Report {
        run: run.clone(),
        task: noctule_core::run::TaskRunIx(0),
        attempt: attempt.number,
        key: attempt.key.clone(),
        host: THERE.to_owned(),
        status: Status::Finished(Finished::now(Outcome::Succeeded { output })),
    };
    let forged = [
        Report {
            key: noctule_executor::AttemptKey::from_text("n1-0123abcd-forged"),
            ..report.clone()
        },
        Report {
            host: "other".to_owned(),
            ..report.clone()
        },
    ];
    for report in forged {
        let answer = engine.control.ask(ask(Wish::Report(report))).await.unwrap();
        assert!(matches!(answer, Answer::Refused { .. }), "{answer:?}");
    }
    assert!(is_silent(&engine.store.run(&run).await.unwrap().unwrap()));
    let answer = engine.control.ask(ask(Wish::Report(report))).await.unwrap();
    assert!(matches!(answer, Answer::Done { .. }), "{answer:?}");
    assert_eq!(ending(&engine.over(&run).await), Some(RunEnding::Succeeded));
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_never_speaks_leaves_its_work_unknown() {
    for wait in ["block", "poll"] {
        let mut stage = Stage::new(&dag(wait));
        stage.lost_after = Duration::from_millis(300);
        let engine = stage.start().await;
        let run = engine.trigger().await;
        let over = engine.over(&run).await;
        assert_eq!(ending(&over), Some(RunEnding::Failed));
        let AttemptState::Ended(ended) = &over.tasks[0].attempts[0].state else {
            panic!("not ended")
        };
        assert!(
            matches!(&ended.end, AttemptEnd::Failed { class: ErrorClass::Unknown, message, .. } if message.contains(THERE))
        );
        engine.drain().await;
    }
}
