//! Sources of events: what a `[trigger.KIND]` table watches. A source says which occasions hold; the engine makes one run
//! for each, ever, by the occasion's key. It never starts anything itself, and a hint from it is never more than a hint.

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Context, Draft, ErrorClass, ExecutorError, Problem};

/// Something that a run is to be made for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Occasion {
    /// Its identity: a DAG gets one run for each key, ever.
    pub key: String,
    /// The parameters of the run.
    pub params: Map<String, Value>,
}

/// A line to a place that tells of changes there, which only spares looks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// The connection.
    pub connection: String,
    /// It hears now; otherwise the timer alone looks.
    pub hears: bool,
    /// How many channels are listened to.
    pub channels: usize,
}

/// Watches one kind of place for occasions.
#[async_trait]
pub trait EventSource: Send + Sync + 'static {
    /// The word in `[trigger.KIND]`.
    const KIND: &'static str;
    /// The table. Unknown keys must be refused.
    type Config: Serialize + DeserializeOwned + JsonSchema + Send + Sync;

    /// The kind of connection it uses, if any.
    fn connection_kind(&self) -> Option<&'static str> {
        None
    }

    /// Every problem of a table that a schema cannot say. Pure.
    fn check(&self, _table: &Draft<'_>) -> Vec<Problem> {
        Vec::new()
    }

    /// The occasions that hold now: the truth, asked for on every hint and on a timer.
    ///
    /// # Errors
    /// The place could not be looked at: nothing is known.
    async fn look(
        &self,
        context: &Context,
        config: &Self::Config,
    ) -> Result<Vec<Occasion>, ExecutorError>;

    /// Returns when there may be something new, and after `patience` at the latest. May be dropped at any await.
    async fn hint(&self, context: &Context, config: &Self::Config, patience: Duration);

    /// The lines over which it hears of changes now, for people and meters.
    fn listeners(&self) -> Vec<Listener> {
        Vec::new()
    }
}

/// What the engine sees of a source. Implemented for every [`EventSource`].
#[async_trait]
pub trait AnyEventSource: Send + Sync {
    /// [`EventSource::KIND`].
    fn kind(&self) -> &'static str;
    /// The JSON Schema (2020-12) of the table.
    fn config_schema(&self) -> Value;
    /// [`EventSource::connection_kind`].
    fn connection_kind(&self) -> Option<&'static str>;
    /// [`EventSource::check`].
    fn check(&self, table: &Draft<'_>) -> Vec<Problem>;
    /// Whether a table reads as the source's configuration.
    ///
    /// # Errors
    /// The problem.
    fn read_config(&self, table: &Value) -> Result<(), Problem>;
    /// [`EventSource::look`].
    ///
    /// # Errors
    /// As [`EventSource::look`].
    async fn look(&self, context: &Context, table: &Value) -> Result<Vec<Occasion>, ExecutorError>;
    /// [`EventSource::hint`].
    ///
    /// # Errors
    /// The table cannot be read, at once.
    async fn hint(
        &self,
        context: &Context,
        table: &Value,
        patience: Duration,
    ) -> Result<(), ExecutorError>;
    /// [`EventSource::listeners`].
    fn listeners(&self) -> Vec<Listener>;
}

fn read<S: EventSource>(table: &Value) -> Result<S::Config, Problem> {
    serde_json::from_value(table.clone())
        .map_err(|error| Problem::at([], format!("`trigger.{}`: {error}", S::KIND)))
}

fn typed<S: EventSource>(table: &Value) -> Result<S::Config, ExecutorError> {
    read::<S>(table).map_err(|problem| ExecutorError::rejected(ErrorClass::Config, problem.message))
}

#[async_trait]
impl<S: EventSource> AnyEventSource for S {
    fn kind(&self) -> &'static str {
        S::KIND
    }

    fn config_schema(&self) -> Value {
        schemars::schema_for!(S::Config).to_value()
    }

    fn connection_kind(&self) -> Option<&'static str> {
        EventSource::connection_kind(self)
    }

    fn check(&self, table: &Draft<'_>) -> Vec<Problem> {
        EventSource::check(self, table)
    }

    fn read_config(&self, table: &Value) -> Result<(), Problem> {
        read::<S>(table).map(|_| ())
    }

    async fn look(&self, context: &Context, table: &Value) -> Result<Vec<Occasion>, ExecutorError> {
        EventSource::look(self, context, &typed::<S>(table)?).await
    }

    async fn hint(
        &self,
        context: &Context,
        table: &Value,
        patience: Duration,
    ) -> Result<(), ExecutorError> {
        EventSource::hint(self, context, &typed::<S>(table)?, patience).await;
        Ok(())
    }

    fn listeners(&self) -> Vec<Listener> {
        EventSource::listeners(self)
    }
}
