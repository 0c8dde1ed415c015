//! A source of events that is a list in memory: it outlives every engine, counts its looks, and fails to order.

use std::sync::Arc;
use std::time::Duration;

use noctule_executor::{Context, EventSource, ExecutorError, Occasion, async_trait};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

/// `[trigger.letters]`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LettersTable {
    /// Only letters whose key begins with this.
    #[serde(default)]
    prefix: String,
}

/// The letters that lie there.
#[derive(Default)]
pub(crate) struct Letters {
    state: watch::Sender<State>,
    hint: Notify,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    occasions: Vec<Occasion>,
    failures: usize,
    /// Looks that began.
    pub(crate) looks: usize,
    /// Watches that wait for a hint now.
    pub(crate) waiting: usize,
}

impl Letters {
    /// A letter lies there until it is taken away.
    pub(crate) fn put(&self, key: &str, params: Value) {
        let params = params.as_object().cloned().expect("an object");
        self.state.send_modify(|state| {
            state.occasions.retain(|known| known.key != key);
            let key = key.to_owned();
            state.occasions.push(Occasion { key, params });
        });
    }

    pub(crate) fn fail_next(&self, looks: usize) {
        self.state.send_modify(|state| state.failures = looks);
    }

    pub(crate) fn hint(&self) {
        self.hint.notify_one();
    }

    pub(crate) fn looks(&self) -> usize {
        self.state.borrow().looks
    }

    pub(crate) async fn until(&self, what: &str, holds: impl FnMut(&State) -> bool) {
        let mut seen = self.state.subscribe();
        let waiting = tokio::time::timeout(Duration::from_secs(60), seen.wait_for(holds));
        let held = waiting.await;
        assert!(held.is_ok(), "waited in vain: {what}");
    }

    /// Hints until so many more looks have begun: all but the last are answered then.
    pub(crate) async fn look_again(&self, times: usize) {
        for _ in 0..times {
            let before = self.looks();
            self.hint();
            self.hint();
            self.until("another look", |state| state.looks > before)
                .await;
        }
    }
}

/// `kind = "letters"`.
pub(crate) struct LettersSource(pub(crate) Arc<Letters>);

struct Waiting<'l>(&'l Letters);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state.send_modify(|state| state.waiting -= 1);
    }
}

#[async_trait]
impl EventSource for LettersSource {
    const KIND: &'static str = "letters";
    type Config = LettersTable;

    async fn look(
        &self,
        _: &Context,
        table: &LettersTable,
    ) -> Result<Vec<Occasion>, ExecutorError> {
        let mut result = Ok(Vec::new());
        self.0.state.send_modify(|state| {
            state.looks += 1;
            let fits = |one: &&Occasion| one.key.starts_with(&table.prefix);
            result = Ok(state.occasions.iter().filter(fits).cloned().collect());
            if state.failures > 0 {
                state.failures -= 1;
                result = Err(ExecutorError::Throttled {
                    retry_after: Some(Duration::from_millis(10)),
                    message: "the letter box is locked".to_owned(),
                });
            }
        });
        result
    }

    async fn hint(&self, _: &Context, _: &LettersTable, patience: Duration) {
        self.0.state.send_modify(|state| state.waiting += 1);
        let _waiting = Waiting(&self.0);
        drop(tokio::time::timeout(patience, self.0.hint.notified()).await);
    }
}

/// The parameters of a letter.
pub(crate) fn order(number: u32) -> Value {
    json!({ "order": number })
}
