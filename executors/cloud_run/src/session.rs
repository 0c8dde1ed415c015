//! One call's surroundings put together: connection, identity, rate budget, transport.
//!
//! Guarantees: every request takes from the budget of its connection; a 401 has the credentials rebuilt and the
//! request sent once more (it was not accepted), never twice.

use noctule_executor::{Budget, Call, Context, ExecutorError, SecretSource};
use serde_json::Value;

use crate::connection::Settings;
use crate::credentials::{Bearer, Identity, Keyring};
use crate::executor::CloudRun;
use crate::failure::{CallError, Verb};
use crate::pacing::Pacing;
use crate::transport::{Transport, Wire, lost};

/// The way to one connection.
pub(crate) struct Session<'a> {
    pub(crate) settings: Settings,
    pub(crate) pacing: &'a Pacing,
    transport: &'a Transport,
    keyring: &'a Keyring,
    identity: Option<Identity>,
    budget: &'a dyn Budget,
    /// Where references become values.
    pub(crate) secrets: &'a dyn SecretSource,
}

impl<'a> Session<'a> {
    /// Reads the connection of a call.
    pub(crate) fn open(cloud: &'a CloudRun, context: &'a Context) -> Result<Self, ExecutorError> {
        let settings = Settings::read(context.connection.as_ref()).map_err(ExecutorError::alarm)?;
        let identity = Identity::of(&settings, &context.host.env);
        Ok(Self {
            settings,
            pacing: cloud.pacing(),
            transport: cloud.transport(),
            keyring: cloud.keyring(),
            identity,
            budget: context.budget.as_ref(),
            secrets: context.secrets.as_ref(),
        })
    }

    /// Sends a request; the body of its 2xx answer.
    pub(crate) async fn send(&self, wire: &Wire) -> Result<Vec<u8>, CallError> {
        let Some(identity) = &self.identity else {
            return self.once(wire, None).await;
        };
        let bearer = self.bearer(wire, identity).await?;
        let first = self.once(wire, Some(&bearer)).await;
        let refused = |error: &CallError| error.refusal().is_some_and(|r| r.status == 401);
        if !first.as_ref().is_err_and(refused) {
            return first;
        }
        self.keyring.renew(identity, &bearer).await;
        let bearer = self.bearer(wire, identity).await?;
        self.once(wire, Some(&bearer)).await
    }

    /// Sends a request; its 2xx answer as JSON. Anything else under a 2xx is a lost answer.
    pub(crate) async fn json(&self, wire: &Wire) -> Result<Value, CallError> {
        let body = self.send(wire).await?;
        let value: Value = serde_json::from_slice(&body)
            .map_err(|error| lost(wire, format!("it is no JSON: {error}")))?;
        if value.is_object() {
            Ok(value)
        } else {
            Err(lost(wire, "it is no JSON object"))
        }
    }

    async fn once(&self, wire: &Wire, bearer: Option<&Bearer>) -> Result<Vec<u8>, CallError> {
        let kind = match wire.verb {
            Verb::Launch => Call::Launch,
            _ => Call::Poll,
        };
        self.budget.take(kind).await;
        self.transport.send(wire, bearer).await
    }

    async fn bearer(&self, wire: &Wire, identity: &Identity) -> Result<Bearer, CallError> {
        let asked = self.keyring.bearer(identity, self.pacing.token).await;
        asked.map_err(|keyless| CallError::Credentials {
            call: wire.call(),
            cause: keyless.cause,
            lasting: keyless.lasting,
        })
    }

    /// Whether calls are made without credentials.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.identity.is_none()
    }

    /// Who calls are made as, for people.
    pub(crate) async fn who(&self) -> String {
        match &self.identity {
            Some(identity) => self.keyring.who(identity).await,
            None => "nobody".to_owned(),
        }
    }

    /// Whether calls can be authenticated, and how; for `doctor`.
    pub(crate) async fn has_credentials(&self) -> Result<&'static str, String> {
        let Some(identity) = &self.identity else {
            return Ok("none are asked for: the connection is anonymous");
        };
        let asked = self.keyring.bearer(identity, self.pacing.token).await;
        asked
            .map(|_| "a token was given")
            .map_err(|keyless| keyless.cause)
    }
}
