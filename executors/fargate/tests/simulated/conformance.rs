//! The contract's conformance suite.

use std::sync::Arc;

use noctule_ecs_simulator::{Action, Fault, Simulator};
use noctule_executor::{AnyExecutor, AttemptKey, Context, ErrorClass, async_trait};
use noctule_executor_testing::{Case, Expected, Judgement, Subject, TestingError, conformance};
use serde_json::Value;

use crate::world::{at, family, fargate, simulator, works};

struct OnSimulator(Simulator);

#[async_trait]
impl Subject for OnSimulator {
    fn executor(&self) -> Arc<dyn AnyExecutor> {
        Arc::new(fargate())
    }

    fn context(&self) -> Context {
        at(&self.0)
    }

    fn succeeds(&self) -> Value {
        family("good")
    }

    fn runs_long(&self) -> Option<Value> {
        Some(family("long"))
    }

    fn verdicts(&self) -> Vec<Case> {
        let failed = |name, class| Case::new(name, family(name), Expected::Failed(class));
        let rejected = |name, class| Case::new(name, family(name), Expected::Rejected(class));
        vec![
            failed("bad", ErrorClass::User),
            failed("hungry", ErrorClass::User),
            failed("silent", ErrorClass::User),
            failed("badside", ErrorClass::User),
            Case::new("sidecar", family("sidecar"), Expected::Succeeded),
            rejected("absent", ErrorClass::NotFound),
        ]
    }

    fn writes_log(&self) -> Option<(Value, String)> {
        Some((family("talks"), "one\ntwo\n".to_owned()))
    }

    fn keeps_secret(&self) -> Option<Value> {
        let mut with = family("good");
        with["env"] = serde_json::json!({ "TOKEN": { "secret": "token" } });
        Some(with)
    }

    async fn lose_next_answer(&self) -> bool {
        drop(self.0.order(Fault::lost_answer(Action::RunTask)));
        true
    }

    async fn fail_next_poll(&self) -> bool {
        drop(self.0.order(Fault::server_error(Action::DescribeTasks)));
        true
    }

    async fn works_of(&self, key: &AttemptKey) -> Option<usize> {
        Some(works(&self.0).get(key.as_str()).copied().unwrap_or(0))
    }
}

#[tokio::test]
async fn it_keeps_the_contract() -> Result<(), TestingError> {
    let report = conformance(&OnSimulator(simulator().await)).await?;
    let mut skipped = report
        .iter()
        .filter(|(_, judged)| matches!(judged, Judgement::Skipped(_)));
    assert_eq!(skipped.next(), None, "{report}");
    Ok(())
}
