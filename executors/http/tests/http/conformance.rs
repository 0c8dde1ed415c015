//! Both forms of a call keep the contract of executors.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use noctule_executor::{AnyExecutor, AttemptKey, ErrorClass, async_trait};
use noctule_executor_testing::{Case, Expected, Subject, TestingError, conformance};

use crate::http;
use crate::proxy::Proxy;
use crate::service::Service;

struct Calls {
    service: Service,
    road: Proxy,
    followed: bool,
}

impl Calls {
    async fn new(followed: bool) -> Self {
        let service = Service::start().await;
        let road = Proxy::to(service.address).await;
        Self {
            service,
            road,
            followed,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.road.address)
    }

    fn job(&self, ends: &str) -> Value {
        json!({
            "url": self.url("/jobs"),
            "json": { "ends": ends },
            "poll": {
                "url": "{{ answer.body.status_url }}",
                "until": "body.state == 'done'",
                "fail_if": "body.state == 'failed' or body.status == 'validation_failed'",
                "interval": "10ms",
            },
        })
    }

    fn status(&self, code: u16) -> Value {
        json!({ "url": self.url(&format!("/status/{code}")), "method": "POST" })
    }
}

#[async_trait]
impl Subject for Calls {
    fn executor(&self) -> Arc<dyn AnyExecutor> {
        Arc::new(http())
    }

    fn succeeds(&self) -> Value {
        if self.followed {
            return self.job("done");
        }
        json!({ "url": self.url("/echo"), "json": { "rows": 3 } })
    }

    fn runs_long(&self) -> Option<Value> {
        self.followed.then(|| self.job("running"))
    }

    /// A call leaves no place behind in which its work could be looked for.
    fn lists_owned(&self) -> bool {
        false
    }

    fn verdicts(&self) -> Vec<Case> {
        let failed = |name, with, class| Case::new(name, with, Expected::Failed(class));
        let mut cases = vec![
            failed("400", self.status(400), ErrorClass::Config),
            failed("403", self.status(403), ErrorClass::Permission),
            failed("404", self.status(404), ErrorClass::NotFound),
            failed("409", self.status(409), ErrorClass::User),
            failed("500", self.status(500), ErrorClass::Infrastructure),
            failed("not done yet", self.status(202), ErrorClass::Config),
        ];
        if self.followed {
            cases.push(failed(
                "a job that fails",
                self.job("failed"),
                ErrorClass::User,
            ));
            cases.push(failed(
                "200 and refused",
                self.job("refused"),
                ErrorClass::User,
            ));
        }
        cases
    }

    fn keeps_secret(&self) -> Option<Value> {
        let mut with = self.succeeds();
        with["auth"] = json!({ "bearer": { "secret": "token" } });
        with["headers"] = json!({ "X-Token": { "secret": "token" } });
        Some(with)
    }

    async fn lose_next_answer(&self) -> bool {
        self.road.lose_next_answer();
        true
    }

    async fn fail_next_poll(&self) -> bool {
        self.service.jobs.fail_next_question();
        self.followed
    }

    async fn works_of(&self, key: &AttemptKey) -> Option<usize> {
        self.followed.then(|| self.service.jobs.made(key.as_str()))
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(20)
    }
}

#[tokio::test]
async fn a_call_whose_work_is_followed_keeps_the_contract() -> Result<(), TestingError> {
    let report = conformance(&Calls::new(true).await).await?;
    let kept = |name| report.skipped().all(|rule| rule != name);
    assert!(kept("a_lost_answer_is_unknown"), "{report}");
    assert!(kept("poll_errors_are_no_verdicts"), "{report}");
    assert!(kept("secrets_are_shown_nowhere"), "{report}");
    assert!(kept("poll_returns_when_any_has_finished"), "{report}");
    Ok(())
}

#[tokio::test]
async fn a_plain_call_keeps_the_contract() -> Result<(), TestingError> {
    let report = conformance(&Calls::new(false).await).await?;
    let kept = |name| report.skipped().all(|rule| rule != name);
    assert!(kept("a_lost_answer_is_unknown"), "{report}");
    assert!(kept("secrets_are_shown_nowhere"), "{report}");
    Ok(())
}
