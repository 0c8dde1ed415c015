//! Executors whose work is in the store itself: `dag` starts a run of another DAG, `dag_sensor` waits for one.
//!
//! They act like any stranger: they read, and they ask through the inbox, which needs no lease. Without a store they can
//! be checked and planned, and refuse every call.

mod child;
mod dag;
mod dag_sensor;

use std::time::Duration;

use chrono::Utc;
use noctule_core::ask::{Ask, Wish};
use noctule_core::name::ProfileName;
use noctule_core::run::Actor;
use noctule_executor::{ErrorClass, ExecutorError, Registry, Status};
use noctule_store::{AskId, Store, StoreError};
use tokio::time::Instant;

pub use self::dag::{DagExecutor, StartedDag};
pub use self::dag_sensor::{AwaitedDag, AwaitedState, DagSensor};

/// Between two looks at a store in which much changes.
const PAUSE: Duration = Duration::from_millis(50);

/// `dag` and `dag_sensor` for checking alone.
#[must_use]
pub fn with_dags(registry: Registry) -> Registry {
    registry
        .with(DagExecutor::default())
        .with(DagSensor::default())
}

/// The same registry with `dag` and `dag_sensor` at work in this store, where it has them.
#[must_use]
pub fn over_store(registry: Registry, store: &Store, profile: &ProfileName) -> Registry {
    let behind = Behind(Some((store.clone(), profile.clone())));
    let mut made = registry;
    if made.get("dag").is_some() {
        made = made.with(DagExecutor(behind.clone()));
    }
    if made.get("dag_sensor").is_some() {
        made = made.with(DagSensor(behind));
    }
    made
}

/// How the runs that tasks start say who started them: `RUN/TASK`, by this way.
const VIA: &str = "dag";
/// An ask that no engine has answered by then is dropped.
const VALID: chrono::TimeDelta = chrono::TimeDelta::hours(24);

/// The store and its profile; none: for checking alone.
#[derive(Clone, Default)]
pub(crate) struct Behind(Option<(Store, ProfileName)>);

impl Behind {
    fn store(&self) -> Result<&Store, ExecutorError> {
        let store = self.0.as_ref().map(|(store, _)| store);
        store.ok_or_else(|| {
            let message = "this executor was made for checking, and has no store to act in";
            ExecutorError::rejected(ErrorClass::Config, message)
        })
    }

    /// Puts an ask into the inbox; it is durable when this returns.
    async fn ask(&self, wish: Wish, by: String) -> Result<AskId, StoreError> {
        let Some((store, profile)) = &self.0 else {
            return Err(StoreError::Missing(String::new()));
        };
        let at = Utc::now();
        let by = Actor {
            name: by,
            via: VIA.to_owned(),
        };
        let ask = Ask {
            profile: profile.clone(),
            by,
            at,
            valid_until: at + VALID,
            wish,
        };
        store.ask(&ask).await
    }

    /// Looks at every handle until one has news or patience ends; asleep while nothing in the store changes.
    async fn look_until_news<'a, H, F>(
        &self,
        handles: &'a [H],
        patience: Duration,
        look: impl Fn(&'a H) -> F,
    ) -> Vec<Result<Status, ExecutorError>>
    where
        F: Future<Output = Result<Status, ExecutorError>>,
    {
        let end = Instant::now() + patience;
        loop {
            let token = match self.store() {
                Ok(store) => store.change_token().await.ok(),
                Err(_) => None,
            };
            let mut answers = Vec::with_capacity(handles.len());
            for handle in handles {
                answers.push(look(handle).await);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || answers.iter().any(is_news) {
                return answers;
            }
            tokio::time::sleep(PAUSE.min(left)).await;
            let left = end.saturating_duration_since(Instant::now());
            if let (Ok(store), Some(token)) = (self.store(), token) {
                // A store that cannot be read is told by the next look.
                drop(store.changed_since(token, left).await);
            }
        }
    }
}

fn is_news(answer: &Result<Status, ExecutorError>) -> bool {
    !matches!(answer, Ok(Status::Launching | Status::Running { .. }))
}

/// A look at the store that failed says nothing about what was looked for.
fn unread(what: &str, error: &StoreError) -> ExecutorError {
    ExecutorError::unavailable(format!("failed to look for {what}: {error}"))
}
