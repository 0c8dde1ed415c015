//! The contract of executors, kept by those whose backend is this engine and its store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use noctule_core::ask::{Answer, TriggerWish, Wish};
use noctule_executor::{AnyExecutor, AttemptKey, ErrorClass, Registry, async_trait};
use noctule_executor_testing::{Case, Expected, Subject, TestingError, conformance};
use noctule_runtime::executors::{over_store, with_dags};
use noctule_store::Store;
use serde_json::{Value, json};

use crate::harness::{Running, Stage, ask, profile};

const QUICK: &str =
    "id = \"quick\"\nmax_active_runs = 100\n[tasks.q]\nexecutor = \"scripted\"\nwait = \"block\"\n";
const LONG: &str = "id = \"long\"\nmax_active_runs = 100\n[tasks.l]\nexecutor = \"scripted\"\npoll_interval = \"5ms\"\nwith = { hold = true }\n";
const BAD: &str = "id = \"bad\"\nmax_active_runs = 100\n[tasks.b]\nexecutor = \"scripted\"\nwait = \"block\"\nwith = { ends = [\"failed\"] }\n";

struct Backend {
    kind: &'static str,
    store: Store,
}

impl Backend {
    async fn new(kind: &'static str) -> (Self, Stage, Running) {
        let mut stage = Stage::of(&[QUICK, LONG, BAD]);
        stage.slots = 64;
        let engine = stage.start().await;
        let store = stage.store().await;
        (Self { kind, store }, stage, engine)
    }
}

#[async_trait]
impl Subject for Backend {
    /// Runs are not remote work: `noctule runs` lists them.
    fn lists_owned(&self) -> bool {
        false
    }

    fn executor(&self) -> Arc<dyn AnyExecutor> {
        let registry = over_store(with_dags(Registry::new()), &self.store, &profile());
        Arc::clone(registry.get(self.kind).unwrap())
    }

    fn succeeds(&self) -> Value {
        json!({ "dag": "quick" })
    }

    fn runs_long(&self) -> Option<Value> {
        Some(json!({ "dag": "long" }))
    }

    fn verdicts(&self) -> Vec<Case> {
        let case = Case::new;
        let user = Expected::Failed(ErrorClass::User);
        let mut cases = vec![case("a run that failed", json!({ "dag": "bad" }), user)];
        let nobody = json!({ "dag": "nobody" });
        let missing = ErrorClass::NotFound;
        if self.kind == "dag" {
            let given = json!({ "dag": "quick", "params": { "none": 1 } });
            let config = Expected::Rejected(ErrorClass::Config);
            cases.push(case("params that there are not", given, config));
            cases.push(case("no such DAG", nobody, Expected::Rejected(missing)));
        } else {
            cases.push(case("no such DAG", nobody, Expected::Failed(missing)));
        }
        cases
    }

    async fn works_of(&self, key: &AttemptKey) -> Option<usize> {
        let asks = self.store.recent_asks(10_000).await.unwrap();
        let of_key = asks.into_iter().filter(|(_, ask, _)| {
            matches!(&ask.wish, Wish::Trigger(wish) if wish.idempotency_key.as_deref() == Some(key.as_str()))
        });
        let runs: BTreeSet<String> = of_key
            .filter_map(|(id, _, answer)| match answer {
                Some(Answer::Done { run, .. }) => run.map(|run| run.to_string()),
                Some(Answer::Refused { .. }) => None,
                None => Some(format!("ask {}", id.0)),
            })
            .collect();
        Some(runs.len())
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(60)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_started_dag_keeps_the_contract() -> Result<(), TestingError> {
    let (backend, _stage, engine) = Backend::new("dag").await;
    conformance(&backend).await?;
    engine.kill().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dag_sensor_keeps_the_contract() -> Result<(), TestingError> {
    let (backend, _stage, engine) = Backend::new("dag_sensor").await;
    let own = noctule_executor_testing::attempt("t", Value::Null).run;
    for dag in ["quick", "bad"] {
        let wish = TriggerWish {
            dag: dag.parse().unwrap(),
            version: None,
            params: serde_json::Map::new(),
            ingestion_id: Some(own.ingestion_id.clone()),
            logical_time: own.logical_time,
            idempotency_key: None,
            callback_url: None,
        };
        let answer = engine.control.ask(ask(Wish::Trigger(wish))).await.unwrap();
        let Answer::Done { run: Some(run), .. } = answer else {
            panic!("not triggered: {answer:?}");
        };
        engine.over(&run).await;
    }
    conformance(&backend).await?;
    engine.kill().await;
    Ok(())
}
