//! The object-safe face of an executor: JSON in, JSON out. Nobody writes it by hand.
//!
//! A configuration that does not fit is a definite refusal (`config`); a handle of another version is an alarm and
//! never a verdict.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::{
    Attempt, AttemptKey, Capabilities, Clearing, Connection, Context, Draft, ErrorClass, Executor,
    ExecutorError, Finding, Keepsake, LogCursor, LogPage, Owned, Problem, Recovery, Request,
    Status, Use,
};

/// What the engine sees of an executor. Implemented for every [`Executor`].
///
/// The methods mean what those of [`Executor`] mean; handles are versioned JSON (`{"v": 1, "data": …}`).
#[async_trait]
pub trait AnyExecutor: Send + Sync {
    /// [`Executor::KIND`].
    fn kind(&self) -> &'static str;
    /// The JSON Schema (2020-12) of the `with` table.
    fn config_schema(&self) -> Value;
    /// [`Executor::capabilities`].
    fn capabilities(&self) -> Capabilities;
    /// [`Executor::connection_kind`].
    fn connection_kind(&self) -> Option<&'static str>;
    /// [`Executor::recovery`].
    fn recovery(&self, connection: Option<&Connection>) -> Recovery;
    /// [`Executor::attached`].
    fn attached(&self, with: &Draft<'_>) -> bool;
    /// [`Executor::check`].
    fn check(&self, with: &Draft<'_>) -> Vec<Problem>;
    /// Whether a rendered `with` table reads as the executor's configuration.
    ///
    /// # Errors
    /// The problem, with the key path where serde tells it.
    fn read_config(&self, with: &Value) -> Result<(), Problem>;
    /// [`Executor::request`].
    ///
    /// # Errors
    /// A problem of the rendered configuration.
    fn request(
        &self,
        attempt: &Attempt<Value>,
        connection: Option<&Connection>,
    ) -> Result<Request, Problem>;
    /// [`Executor::launch`]; gives the versioned handle.
    ///
    /// # Errors
    /// As [`Executor::launch`].
    async fn launch(
        &self,
        context: &Context,
        attempt: &Attempt<Value>,
        request: &Request,
    ) -> Result<Value, ExecutorError>;
    /// [`Executor::adopt`].
    ///
    /// # Errors
    /// As [`Executor::adopt`].
    async fn adopt(
        &self,
        context: &Context,
        attempt: &Attempt<Value>,
        request: &Request,
    ) -> Result<Option<Value>, ExecutorError>;
    /// [`Executor::poll`].
    async fn poll(
        &self,
        context: &Context,
        handles: &[Value],
        patience: Duration,
    ) -> Vec<Result<Status, ExecutorError>>;
    /// [`Executor::cancel`].
    ///
    /// # Errors
    /// As [`Executor::cancel`].
    async fn cancel(
        &self,
        context: &Context,
        handle: &Value,
        grace: Duration,
    ) -> Result<(), ExecutorError>;
    /// [`Executor::batch_key`].
    fn batch_key(&self, handle: &Value) -> String;
    /// [`Executor::public_handle`].
    fn public_handle(&self, handle: &Value) -> Value;
    /// [`Executor::console`].
    fn console(&self, handle: &Value) -> Option<String>;
    /// [`Executor::logs`].
    ///
    /// # Errors
    /// As [`Executor::logs`].
    async fn logs(
        &self,
        context: &Context,
        handle: &Value,
        after: Option<&LogCursor>,
    ) -> Result<LogPage, ExecutorError>;
    /// [`Executor::release`].
    ///
    /// # Errors
    /// As [`Executor::release`].
    async fn release(&self, context: &Context, handle: &Value) -> Result<(), ExecutorError>;
    /// [`Executor::forget`].
    ///
    /// # Errors
    /// As [`Executor::forget`].
    async fn forget(
        &self,
        context: &Context,
        keys: &[AttemptKey],
        what: Keepsake,
    ) -> Result<(), ExecutorError>;
    /// [`Executor::is_local`].
    fn is_local(&self) -> bool;
    /// [`Executor::obliges`].
    fn obliges(&self, with: &Draft<'_>) -> bool;
    /// [`Executor::tear_down`].
    ///
    /// # Errors
    /// As [`Executor::tear_down`].
    async fn tear_down(
        &self,
        context: &Context,
        handle: &Value,
        usage: Use,
    ) -> Result<Clearing, ExecutorError>;
    /// [`Executor::owned`]; gives versioned handles.
    ///
    /// # Errors
    /// As [`Executor::owned`].
    async fn owned(
        &self,
        context: &Context,
        places: &[Value],
    ) -> Result<Vec<Owned<Value>>, ExecutorError>;
    /// [`Executor::rights`].
    fn rights(&self, configs: &[Value]) -> Option<Value>;
    /// [`Executor::preflight`].
    async fn preflight(&self, context: &Context, configs: &[Value]) -> Vec<Finding>;
}

fn read_config<E: Executor>(with: &Value) -> Result<E::Config, Problem> {
    serde_json::from_value(with.clone())
        .map_err(|error| Problem::at([], format!("`with` of executor `{}`: {error}", E::KIND)))
}

fn typed<E: Executor>(attempt: &Attempt<Value>) -> Result<Attempt<E::Config>, ExecutorError> {
    read_config::<E>(&attempt.config)
        .map(|config| attempt.with_config(config))
        .map_err(|problem| ExecutorError::rejected(ErrorClass::Config, problem.message))
}

fn wrap<E: Executor>(handle: &E::Handle) -> Result<Value, ExecutorError> {
    let data = serde_json::to_value(handle)
        .map_err(|error| ExecutorError::unknown(format!("failed to write the handle: {error}")))?;
    Ok(json!({ "v": E::HANDLE_VERSION, "data": data }))
}

/// A handle that a poll gives is versioned like that of a launch.
fn versioned<E: Executor>(status: Status) -> Status {
    match status {
        Status::Advanced { handle } => Status::Advanced {
            handle: json!({ "v": E::HANDLE_VERSION, "data": handle }),
        },
        other => other,
    }
}

fn unwrap<E: Executor>(handle: &Value) -> Result<E::Handle, ExecutorError> {
    let version = handle.get("v").and_then(Value::as_u64);
    if version != Some(u64::from(E::HANDLE_VERSION)) {
        let found = version.map_or_else(|| "no version".to_owned(), |v| format!("version {v}"));
        let known = E::HANDLE_VERSION;
        return Err(ExecutorError::alarm(format!(
            "the stored handle has {found}, this `{}` reads version {known}",
            E::KIND
        )));
    }
    let data = handle.get("data").cloned().unwrap_or_default();
    serde_json::from_value(data)
        .map_err(|error| ExecutorError::alarm(format!("the stored handle cannot be read: {error}")))
}

#[async_trait]
impl<E: Executor> AnyExecutor for E {
    fn kind(&self) -> &'static str {
        E::KIND
    }

    fn config_schema(&self) -> Value {
        schemars::schema_for!(E::Config).to_value()
    }

    fn capabilities(&self) -> Capabilities {
        Executor::capabilities(self)
    }

    fn connection_kind(&self) -> Option<&'static str> {
        Executor::connection_kind(self)
    }

    fn recovery(&self, connection: Option<&Connection>) -> Recovery {
        Executor::recovery(self, connection)
    }

    fn attached(&self, with: &Draft<'_>) -> bool {
        Executor::attached(self, with)
    }

    fn check(&self, with: &Draft<'_>) -> Vec<Problem> {
        Executor::check(self, with)
    }

    fn read_config(&self, with: &Value) -> Result<(), Problem> {
        read_config::<E>(with).map(|_| ())
    }

    fn request(
        &self,
        attempt: &Attempt<Value>,
        connection: Option<&Connection>,
    ) -> Result<Request, Problem> {
        let config = read_config::<E>(&attempt.config)?;
        Executor::request(self, &attempt.with_config(config), connection)
    }

    async fn launch(
        &self,
        context: &Context,
        attempt: &Attempt<Value>,
        request: &Request,
    ) -> Result<Value, ExecutorError> {
        let handle = Executor::launch(self, context, &typed::<E>(attempt)?, request).await?;
        wrap::<E>(&handle)
    }

    async fn adopt(
        &self,
        context: &Context,
        attempt: &Attempt<Value>,
        request: &Request,
    ) -> Result<Option<Value>, ExecutorError> {
        let found = Executor::adopt(self, context, &typed::<E>(attempt)?, request).await?;
        found.as_ref().map(wrap::<E>).transpose()
    }

    async fn poll(
        &self,
        context: &Context,
        handles: &[Value],
        patience: Duration,
    ) -> Vec<Result<Status, ExecutorError>> {
        let read: Vec<_> = handles.iter().map(unwrap::<E>).collect();
        if read.iter().all(Result::is_ok) {
            let handles: Vec<_> = read.into_iter().flatten().collect();
            let answers = Executor::poll(self, context, &handles, patience).await;
            return answers
                .into_iter()
                .map(|answer| answer.map(versioned::<E>))
                .collect();
        }
        // A handle that cannot be read must not stop the others of its batch.
        let mut errors = Vec::new();
        let mut good = Vec::new();
        for handle in read {
            match handle {
                Ok(handle) => {
                    errors.push(None);
                    good.push(handle);
                }
                Err(error) => errors.push(Some(error)),
            }
        }
        let mut answers = Executor::poll(self, context, &good, patience)
            .await
            .into_iter()
            .map(|answer| answer.map(versioned::<E>));
        let unanswered = || {
            Err(ExecutorError::unavailable(
                "the poll gave no answer for this handle",
            ))
        };
        errors
            .into_iter()
            .map(|error| error.map_or_else(|| answers.next().unwrap_or_else(unanswered), Err))
            .collect()
    }

    async fn cancel(
        &self,
        context: &Context,
        handle: &Value,
        grace: Duration,
    ) -> Result<(), ExecutorError> {
        Executor::cancel(self, context, &unwrap::<E>(handle)?, grace).await
    }

    fn batch_key(&self, handle: &Value) -> String {
        unwrap::<E>(handle)
            .map(|handle| Executor::batch_key(self, &handle))
            .unwrap_or_default()
    }

    fn public_handle(&self, handle: &Value) -> Value {
        unwrap::<E>(handle).map_or(Value::Null, |handle| Executor::public_handle(self, &handle))
    }

    fn console(&self, handle: &Value) -> Option<String> {
        Executor::console(self, &unwrap::<E>(handle).ok()?)
    }

    async fn logs(
        &self,
        context: &Context,
        handle: &Value,
        after: Option<&LogCursor>,
    ) -> Result<LogPage, ExecutorError> {
        Executor::logs(self, context, &unwrap::<E>(handle)?, after).await
    }

    async fn release(&self, context: &Context, handle: &Value) -> Result<(), ExecutorError> {
        Executor::release(self, context, &unwrap::<E>(handle)?).await
    }

    async fn forget(
        &self,
        context: &Context,
        keys: &[AttemptKey],
        what: Keepsake,
    ) -> Result<(), ExecutorError> {
        Executor::forget(self, context, keys, what).await
    }

    fn is_local(&self) -> bool {
        Executor::is_local(self)
    }

    fn obliges(&self, with: &Draft<'_>) -> bool {
        Executor::obliges(self, with)
    }

    async fn tear_down(
        &self,
        context: &Context,
        handle: &Value,
        usage: Use,
    ) -> Result<Clearing, ExecutorError> {
        Executor::tear_down(self, context, &unwrap::<E>(handle)?, usage).await
    }

    async fn owned(
        &self,
        context: &Context,
        places: &[Value],
    ) -> Result<Vec<Owned<Value>>, ExecutorError> {
        let found = Executor::owned(self, context, places).await?;
        let versioned = |owned: Owned<E::Handle>| {
            Ok(Owned {
                handle: wrap::<E>(&owned.handle)?,
                key: owned.key,
                since: owned.since,
            })
        };
        found.into_iter().map(versioned).collect()
    }

    fn rights(&self, configs: &[Value]) -> Option<Value> {
        Executor::rights(self, configs)
    }

    async fn preflight(&self, context: &Context, configs: &[Value]) -> Vec<Finding> {
        Executor::preflight(self, context, configs).await
    }
}
