//! One call's surroundings put together: connection, clients, rate budget.
//!
//! Guarantees: every request takes from the budget of its connection. Refused credentials are renewed and the request is
//! sent once more (it was not accepted), never twice.

use std::future::Future;
use std::sync::Arc;

use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use noctule_executor::{Call, Context, ExecutorError};

use crate::clients::Clients;
use crate::connection::Settings;
use crate::executor::Fargate;
use crate::failure::{CallError, Op, Sense};
use crate::pacing::Pacing;

/// The way to one connection.
pub(crate) struct Session<'a> {
    pub(crate) settings: Settings,
    pub(crate) executor: &'a Fargate,
    pub(crate) context: &'a Context,
}

impl<'a> Session<'a> {
    /// Reads the connection of a call.
    pub(crate) fn open(executor: &'a Fargate, context: &'a Context) -> Result<Self, ExecutorError> {
        let settings = Settings::read(context.connection.as_ref()).map_err(ExecutorError::alarm)?;
        Ok(Self {
            settings,
            executor,
            context,
        })
    }

    pub(crate) fn pacing(&self) -> &Pacing {
        self.executor.pacing()
    }

    /// The clients of the connection.
    pub(crate) async fn clients(&self) -> Arc<Clients> {
        let keyring = self.executor.keyring();
        keyring
            .clients(&self.settings.identity, self.pacing())
            .await
    }

    /// Makes a call.
    pub(crate) async fn call<T, E, F, S>(&self, op: Op, send: F) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Fn(Arc<Clients>) -> S + Send,
        S: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        let clients = self.clients().await;
        let first = self.once(&op, send(Arc::clone(&clients))).await;
        let renew = |error: &CallError| error.sense() == Some(Sense::Renew);
        if !first.as_ref().is_err_and(renew) {
            return first;
        }
        let keyring = self.executor.keyring();
        keyring.forget(&self.settings.identity, &clients).await;
        let fresh = self.clients().await;
        self.once(&op, send(fresh)).await
    }

    async fn once<T, E, S>(&self, op: &Op, sending: S) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        S: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        let kind = match op.action {
            "ecs:RunTask" => Call::Launch,
            _ => Call::Poll,
        };
        self.context.budget.take(kind).await;
        sending.await.map_err(|error| CallError::of(op, error))
    }
}
