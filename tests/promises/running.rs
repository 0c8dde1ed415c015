//! A running engine of a stage: asked as people ask it, read as any reader would, killed or ended in peace.

use std::collections::BTreeMap;

use noctule_cloud_run::simulator::RecordedRequest;
use noctule_core::ask::{Answer, Ask, TriggerWish, Wish};
use noctule_core::name::RunId;
use noctule_core::run::{Actor, AttemptEnd, AttemptState, Ended, Fact, Run, TaskRun};
use noctule_executor::ErrorClass;
use noctule_runtime::{Control, RuntimeError};
use noctule_store::{RunFilter, Store};
use serde_json::{Map, Value};
use tokio::task::JoinHandle;

use crate::stage::{IN_VAIN, Stage, within};

/// A running engine.
pub(crate) struct Running<'s> {
    pub(crate) stage: &'s Stage,
    pub(crate) store: Store,
    pub(crate) control: Control,
    pub(crate) task: JoinHandle<Result<(), RuntimeError>>,
}

impl Running<'_> {
    /// Asks for something.
    pub(crate) async fn ask(&self, wish: Wish) -> Answer {
        let at = self.stage.clock().now();
        let by = Actor {
            name: "operator".to_owned(),
            via: "cli".to_owned(),
        };
        let ask = Ask {
            profile: self.stage.profile(),
            by,
            at,
            valid_until: at + chrono::Duration::hours(24),
            wish,
        };
        within("an answer", self.control.ask(ask)).await.unwrap()
    }

    /// Asks for a run of a DAG, now, without parameters.
    pub(crate) async fn trigger(&self, dag: &str) -> RunId {
        self.trigger_with(dag, &[], None).await.unwrap()
    }

    /// Asks for a run with parameters, and perhaps an ingestion id given by hand.
    pub(crate) async fn trigger_with(
        &self,
        dag: &str,
        params: &[(&str, &str)],
        ingestion_id: Option<&str>,
    ) -> Result<RunId, String> {
        let given = |(name, value): &(&str, &str)| ((*name).to_owned(), Value::from(*value));
        let wish = Wish::Trigger(TriggerWish {
            dag: dag.parse().unwrap(),
            version: None,
            params: params.iter().map(given).collect::<Map<_, _>>(),
            ingestion_id: ingestion_id.map(str::to_owned),
            logical_time: self.stage.clock().now(),
            idempotency_key: None,
            callback_url: None,
        });
        match self.ask(wish).await {
            Answer::Done { run: Some(run), .. } => Ok(run),
            Answer::Done { run: None, .. } => panic!("triggered, but no run is named"),
            Answer::Refused { message, .. } => Err(message),
        }
    }

    /// Waits for the run that the schedule makes, and says which it is.
    pub(crate) async fn scheduled(&self, dag: &str) -> RunId {
        let filter = RunFilter {
            dag: Some(dag.parse().unwrap()),
            ..RunFilter::default()
        };
        let looking = async {
            let mut token = self.store.change_token().await.unwrap();
            loop {
                if let Some(run) = self.store.find_runs(&filter).await.unwrap().pop() {
                    return run.facts.id;
                }
                token = self.store.changed_since(token, IN_VAIN).await.unwrap();
            }
        };
        within("the schedule makes a run", looking).await
    }

    /// Waits until the run is over, as any reader would.
    pub(crate) async fn over(&self, run: &RunId) -> Run {
        self.until("the run is over", run, Run::is_over).await
    }

    /// Waits until a run is as it should be, as any reader would.
    pub(crate) async fn until(&self, what: &str, id: &RunId, is: impl Fn(&Run) -> bool) -> Run {
        let looking = async {
            let mut token = self.store.change_token().await.unwrap();
            loop {
                if let Some(run) = self.store.run(id).await.unwrap().filter(|run| is(run)) {
                    return run;
                }
                token = self.store.changed_since(token, IN_VAIN).await.unwrap();
            }
        };
        within(what, looking).await
    }

    /// Waits until the engine knows that the work of a task has begun.
    pub(crate) async fn sees_running(&self, run: &RunId, task: &str) -> Run {
        let begun = |run: &Run| match self.stage.task(run, task).attempts.last() {
            Some(attempt) => {
                matches!(&attempt.state, AttemptState::Running(work) if work.started_at.is_some())
            }
            None => false,
        };
        self.until(&format!("{task} is seen running"), run, begun)
            .await
    }

    /// Waits until the journal of a run says so.
    pub(crate) async fn says(&self, what: &str, run: &RunId, fits: impl Fn(&Fact) -> bool) {
        let looking = async {
            let mut token = self.store.change_token().await.unwrap();
            while !self.facts(run).await.iter().any(&fits) {
                token = self.store.changed_since(token, IN_VAIN).await.unwrap();
            }
        };
        within(what, looking).await;
    }

    /// The journal of a run.
    pub(crate) async fn facts(&self, run: &RunId) -> Vec<Fact> {
        let records = self.store.records(run, 0, 10_000).await.unwrap();
        records.into_iter().map(|(_, record)| record.fact).collect()
    }

    /// kill -9, as far as one process can play it: nothing is told to anybody.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ended = self.task.await;
    }

    /// Ends the engine in peace.
    pub(crate) async fn drain(self) {
        self.control.drain();
        within("the engine drains", self.task)
            .await
            .unwrap()
            .unwrap();
    }
}

/// The words of a run's end, or of how it stands.
pub(crate) fn word(run: &Run) -> &'static str {
    run.phase.word()
}

/// How a task's last attempt ended: the word, and the class of an error.
pub(crate) fn end_of(task: &TaskRun) -> (&'static str, Option<ErrorClass>) {
    let Some(AttemptState::Ended(Ended { end, .. })) = task.attempts.last().map(|last| &last.state)
    else {
        panic!("no attempt has ended: {task:#?}");
    };
    let class = match end {
        AttemptEnd::Failed { class, .. } => Some(*class),
        AttemptEnd::Cancelled { .. } => Some(ErrorClass::Cancelled),
        AttemptEnd::TimedOut { .. } => Some(ErrorClass::TimedOut),
        AttemptEnd::Succeeded { .. } | AttemptEnd::Skipped { .. } => None,
    };
    (end.word(), class)
}

/// The variables that a `run` request overrides.
pub(crate) fn env_of(request: &RecordedRequest) -> BTreeMap<String, String> {
    let body = request.json();
    let env = body.pointer("/overrides/containerOverrides/0/env");
    let one = |one: &Value| {
        let text = |key: &str| one[key].as_str().unwrap().to_owned();
        (text("name"), text("value"))
    };
    env.and_then(Value::as_array)
        .unwrap()
        .iter()
        .map(one)
        .collect()
}
