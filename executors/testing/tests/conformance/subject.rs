//! The scripted executor, sound or broken, as a subject of the suite.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use noctule_executor::{AnyExecutor, AttemptKey, ErrorClass, Executor};
use noctule_executor_testing::{Case, Expected, LaunchStep, Scripted, ScriptedWorld, Subject};

use crate::broken::Broken;

/// Makes executors over one world.
pub(crate) struct ScriptedSubject {
    world: Arc<ScriptedWorld>,
    make: Box<dyn Fn() -> Arc<dyn AnyExecutor> + Send + Sync>,
    lose: Arc<AtomicBool>,
    soon: &'static str,
}

impl ScriptedSubject {
    pub(crate) fn new(scripted: Scripted) -> Self {
        let world = Arc::clone(scripted.world());
        Self::over(world, move || Arc::new(scripted.clone()))
    }

    pub(crate) fn broken<C>(broken: Broken<C>) -> Self
    where
        Broken<C>: Executor,
        C: 'static,
    {
        let world = Arc::clone(broken.world());
        Self::over(world, move || Arc::new(broken.fresh()))
    }

    /// Work that takes virtual seconds takes milliseconds.
    pub(crate) fn without_paused_clock(mut self) -> Self {
        self.soon = "20ms";
        self
    }

    fn over(
        world: Arc<ScriptedWorld>,
        make: impl Fn() -> Arc<dyn AnyExecutor> + Send + Sync + 'static,
    ) -> Self {
        let lose = Arc::new(AtomicBool::new(false));
        let armed = Arc::clone(&lose);
        world.on_launch(move |_| {
            let now = armed.swap(false, Ordering::SeqCst);
            now.then_some(LaunchStep::LostAnswer)
        });
        Self {
            world,
            make: Box::new(make),
            lose,
            soon: "5s",
        }
    }
}

#[async_trait]
impl Subject for ScriptedSubject {
    fn executor(&self) -> Arc<dyn AnyExecutor> {
        (self.make)()
    }

    fn succeeds(&self) -> Value {
        json!({ "after": self.soon, "output": { "rows": 3 } })
    }

    fn runs_long(&self) -> Option<Value> {
        Some(json!({ "hold": true, "starts_after": self.soon }))
    }

    fn verdicts(&self) -> Vec<Case> {
        vec![
            Case::new(
                "done, and only a part of it",
                json!({ "ends": "short" }),
                Expected::Failed(ErrorClass::User),
            ),
            Case::new(
                "no capacity",
                json!({ "ends": "failed", "class": "infrastructure" }),
                Expected::Failed(ErrorClass::Infrastructure),
            ),
            Case::new(
                "stopped from outside",
                json!({ "ends": "cancelled" }),
                Expected::Cancelled,
            ),
            Case::new(
                "refused",
                json!({ "launch": "rejected:permission" }),
                Expected::Rejected(ErrorClass::Permission),
            ),
        ]
    }

    fn writes_log(&self) -> Option<(Value, String)> {
        let log =
            "a line that is longer than one page of the log, with ünïcödé and a second half\n";
        Some((json!({ "log": log }), log.to_owned()))
    }

    fn keeps_secret(&self) -> Option<Value> {
        Some(json!({ "env": { "TOKEN": { "secret": "token" } } }))
    }

    async fn lose_next_answer(&self) -> bool {
        self.lose.store(true, Ordering::SeqCst);
        true
    }

    async fn fail_next_poll(&self) -> bool {
        self.world.fail_polls(1);
        true
    }

    async fn works_of(&self, key: &AttemptKey) -> Option<usize> {
        Some(self.world.look(|ledger| ledger.works_of(key).count()))
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(60)
    }
}
