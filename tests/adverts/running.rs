//! A running engine of a stage: asked as people ask it, read as any reader would, killed or ended in peace.

use chrono::Utc;
use noctule_core::ask::{Answer, Ask, TriggerWish, Wish};
use noctule_core::dag::Dag;
use noctule_core::name::RunId;
use noctule_core::run::{Actor, Run};
use noctule_core::view::RunView;
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
        let at = Utc::now();
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

    /// Asks for a run of a DAG.
    pub(crate) async fn trigger(&self, dag: &str, params: Map<String, Value>) -> RunId {
        let wish = Wish::Trigger(TriggerWish {
            dag: dag.parse().unwrap(),
            version: None,
            params,
            ingestion_id: None,
            logical_time: Utc::now(),
            idempotency_key: None,
            callback_url: None,
        });
        match self.ask(wish).await {
            Answer::Done { run: Some(run), .. } => run,
            other => panic!("not triggered: {other:?}"),
        }
    }

    /// Every run that there is.
    pub(crate) async fn runs(&self) -> Vec<RunId> {
        let runs = self.store.find_runs(&RunFilter::default()).await.unwrap();
        runs.into_iter().map(|run| run.facts.id).collect()
    }

    /// Waits for the run that the start condition makes.
    pub(crate) async fn started(&self) -> RunId {
        let looking = async {
            let mut token = self.store.change_token().await.unwrap();
            loop {
                if let Some(run) = self.runs().await.pop() {
                    return run;
                }
                token = self.store.changed_since(token, IN_VAIN).await.unwrap();
            }
        };
        within("the start condition makes a run", looking).await
    }

    /// Waits until the run is over, as any reader would.
    pub(crate) async fn over(&self, run: &RunId) -> Seen {
        self.until("the run is over", run, |seen| seen.run.is_over())
            .await
    }

    /// Waits until a run is as it should be, as any reader would.
    pub(crate) async fn until(&self, what: &str, id: &RunId, is: impl Fn(&Seen) -> bool) -> Seen {
        let dag = Dag::new(self.stage.definition().clone()).unwrap();
        let looking = async {
            let mut token = self.store.change_token().await.unwrap();
            loop {
                if let Some(run) = self.store.run(id).await.unwrap() {
                    let seen = Seen::of(&dag, run);
                    if is(&seen) {
                        return seen;
                    }
                }
                token = self.store.changed_since(token, IN_VAIN).await.unwrap();
            }
        };
        within(what, looking).await
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

/// A run, and what is shown of it.
pub(crate) struct Seen {
    pub(crate) run: Run,
    view: Value,
}

impl Seen {
    fn of(dag: &Dag, run: Run) -> Self {
        let view = serde_json::to_value(RunView::of(dag, &run)).unwrap();
        Self { run, view }
    }

    /// The word of the run.
    pub(crate) fn word(&self) -> &'static str {
        self.run.phase.word()
    }

    /// The tasks as `show` has them.
    pub(crate) fn tasks(&self) -> &[Value] {
        self.view["tasks"].as_array().unwrap()
    }

    /// The roll-up of a mapped task.
    pub(crate) fn mapped(&self, name: &str) -> &Value {
        let mapped = self.view["mapped"].as_array().unwrap();
        mapped.iter().find(|one| one["task"] == name).unwrap()
    }

    /// One task, or one item of it.
    pub(crate) fn task(&self, name: &str, key: Option<&str>) -> Option<&Value> {
        let key = key.map_or(Value::Null, Value::from);
        let mut tasks = self.tasks().iter();
        tasks.find(|task| task["task"] == name && task["map_key"] == key)
    }

    /// How a task stands.
    pub(crate) fn state(&self, name: &str, key: Option<&str>) -> &str {
        self.task(name, key)
            .map_or("", |task| task["state"].as_str().unwrap())
    }

    /// How many tries a task has had.
    pub(crate) fn tries(&self, name: &str, key: Option<&str>) -> usize {
        let task = self.task(name, key);
        task.map_or(0, |task| task["attempts"].as_array().unwrap().len())
    }
}
