//! The contract's conformance suite, on the simulator.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

use std::sync::Arc;
use std::time::Duration;

use noctule_cloud_run::simulator::{
    Answer, Effect, Ending, Fault, JobConfig, JobScript, RequestPattern, Simulator,
};
use noctule_cloud_run::{CloudRun, Pacing};
use noctule_executor::{AnyExecutor, AttemptKey, Connection, Context, ErrorClass, async_trait};
use noctule_executor_testing::{
    Case, Expected, Judgement, Subject, TestingError, conformance, context,
};
use serde_json::{Value, json};

struct OnSimulator(Simulator);

impl OnSimulator {
    async fn start() -> Self {
        let ends = |ending| JobScript::ends_at_once(ending);
        let simulator = Simulator::builder()
            .job("good", ends(Ending::Succeeded))
            .job("short", ends(Ending::SucceededShort { succeeded: 0 }))
            .job("bad", ends(Ending::failed(3)))
            .job("stopped", ends(Ending::Cancelled))
            .job("uncounted", ends(Ending::CancelledUncounted))
            .job(
                "imageless",
                ends(Ending::NeverStarted {
                    reason: "CONTAINER_MISSING".to_owned(),
                    message: "no such image".to_owned(),
                }),
            )
            .job(
                "locked",
                ends(Ending::NeverStarted {
                    reason: "CONTAINER_PERMISSION_DENIED".to_owned(),
                    message: "no right to the image".to_owned(),
                }),
            )
            .job(
                "talks",
                JobScript::command(JobConfig {
                    command: ["printf", "one\\ntwo\\n"].map(str::to_owned).to_vec(),
                    ..JobConfig::default()
                }),
            )
            .job("long", JobScript::hold());
        Self(simulator.start().await.unwrap())
    }
}

fn job(name: &str) -> Value {
    json!({ "job": name, "region": "r1" })
}

#[async_trait]
impl Subject for OnSimulator {
    fn executor(&self) -> Arc<dyn AnyExecutor> {
        Arc::new(CloudRun::with_pacing(Pacing {
            first_pause: Duration::from_millis(5),
            longest_pause: Duration::from_millis(20),
            second_look: Duration::from_millis(5),
            ..Pacing::default()
        }))
    }

    fn context(&self) -> Context {
        let settings = json!({
            "project": "p", "endpoint": self.0.url(), "auth": "anonymous", "search_after": ["5ms", "50ms"],
        });
        context(Some(Connection {
            name: "gcp".to_owned(),
            kind: "google".to_owned(),
            settings: serde_json::from_value(settings).unwrap(),
        }))
    }

    fn succeeds(&self) -> Value {
        job("good")
    }

    fn runs_long(&self) -> Option<Value> {
        Some(job("long"))
    }

    fn verdicts(&self) -> Vec<Case> {
        let failed = |name, class| Case::new(name, job(name), Expected::Failed(class));
        vec![
            failed("short", ErrorClass::Unknown),
            failed("bad", ErrorClass::User),
            failed("imageless", ErrorClass::Config),
            failed("locked", ErrorClass::Permission),
            Case::new("stopped", job("stopped"), Expected::Cancelled),
            Case::new("uncounted", job("uncounted"), Expected::Cancelled),
            Case::new(
                "absent",
                job("absent"),
                Expected::Rejected(ErrorClass::NotFound),
            ),
        ]
    }

    fn writes_log(&self) -> Option<(Value, String)> {
        Some((job("talks"), "one\ntwo\n".to_owned()))
    }

    async fn lose_next_answer(&self) -> bool {
        let _order: Fault = self.0.fault(RequestPattern::runs(), 1, Effect::LoseAnswer);
        true
    }

    async fn fail_next_poll(&self) -> bool {
        let broken = Effect::Answer(Answer::unavailable());
        let _order: Fault = self.0.fault(RequestPattern::execution_reads(), 1, broken);
        true
    }

    async fn works_of(&self, key: &AttemptKey) -> Option<usize> {
        let carries = |value: &String| value == key.as_str();
        let executions = self.0.executions();
        let works = executions.iter().filter(|execution| {
            execution
                .env
                .get("NOCTULE_ATTEMPT_KEY")
                .is_some_and(carries)
        });
        Some(works.count())
    }
}

#[tokio::test]
async fn it_keeps_the_contract() -> Result<(), TestingError> {
    let report = conformance(&OnSimulator::start().await).await?;
    // The one rule left out is about secrets: overrides take none.
    let skipped = report
        .iter()
        .filter(|(_, judged)| matches!(judged, Judgement::Skipped(_)));
    assert_eq!(skipped.count(), 1, "{report}");
    Ok(())
}
