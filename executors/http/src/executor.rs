//! The executor: `executor = "http"`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use serde_json::Value;

use noctule_executor::{
    Attempt, AttemptKey, Call, Capabilities, Connection, Context, Draft, ErrorClass, Executor,
    ExecutorError, Finding, Leaf, Outcome, Problem, Recovery, Request, Status, Wait,
};

use crate::answer::Received;
use crate::auth::Auth;
use crate::check;
use crate::client::{Clients, Line};
use crate::config::HttpConfig;
use crate::credentials::Credentials;
use crate::document::Document;
use crate::error::HttpError;
use crate::following::follow;
use crate::handle::{HttpHandle, Kept};
use crate::pacing::Pacing;
use crate::prepared::{self, Prepared};
use crate::sending::{Rules, send};
use crate::{doctor, session, verdict, watching};

/// What all calls of an executor share. Holds no state of any work.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) clients: Clients,
    pub(crate) credentials: Credentials,
    pub(crate) pacing: Pacing,
}

/// `executor = "http"`.
#[derive(Debug, Clone, Default)]
pub struct Http {
    shared: Arc<Shared>,
}

impl Http {
    /// The executor.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The executor with other times.
    #[must_use]
    pub fn with_pacing(pacing: Pacing) -> Self {
        let shared = Shared {
            pacing,
            ..Shared::default()
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    async fn call(
        &self,
        context: &Context,
        config: &HttpConfig,
        document: &Document,
    ) -> Result<(String, Received), HttpError> {
        let draft = prepared::Draft {
            method: &document.method,
            url: &document.url,
            headers: &document.headers,
            json: document.json.as_ref(),
            body: document.body.as_ref(),
            auth: document.auth.as_ref(),
            audience: document.audience.as_deref(),
        };
        let call = Prepared::of(draft, context, &self.shared.credentials).await?;
        let (name, origin) = (call.name.clone(), crate::target::origin(&call.url));
        let rules = Rules {
            line: Line::of_launch(config),
            private_targets: document.private_targets,
            chosen: false,
            expect: &document.expect,
        };
        let received = Box::pin(send(&self.shared.clients, call, &rules)).await?;
        if received.answer.status_code == 401 && document.auth == Some(Auth::GoogleIdToken) {
            let audience = document.audience.as_deref().unwrap_or(&origin);
            self.shared.credentials.forget(audience);
        }
        Ok((name, received))
    }
}

/// What an answer to the call itself means.
fn kept(
    document: &Document,
    key: &AttemptKey,
    call: String,
    received: &Received,
) -> Result<Kept, ExecutorError> {
    let status = received.answer.status_code;
    let answered = |call, outcome| Kept::Answered {
        call,
        key: key.clone(),
        outcome,
    };
    let expected = document.expect.contains(&status);
    if let Some(outcome) = session::failure(&call, document.session(), received, expected) {
        return Ok(answered(call, outcome));
    }
    if !expected {
        if status == 429 {
            return Err(ExecutorError::Throttled {
                retry_after: received.retry_after,
                message: format!("{call} was answered 429"),
            });
        }
        let outcome = verdict::unexpected(&call, received, &document.expect);
        return Ok(answered(call, outcome));
    }
    if let Some(why) = &received.cut {
        return Err(ExecutorError::unknown(format!(
            "{call} was answered {status}, and {why}"
        )));
    }
    let Some(poll) = &document.poll else {
        let output = received.answer.to_value();
        return Ok(answered(call, Outcome::Succeeded { output }));
    };
    Ok(
        match follow(document, poll, key, &received.answer, Utc::now()) {
            Ok(followed) => Kept::Followed(followed),
            Err(outcome) => answered(call, outcome),
        },
    )
}

#[async_trait]
impl Executor for Http {
    const KIND: &'static str = "http";
    type Config = HttpConfig;
    type Handle = HttpHandle;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            survives_restart: true,
            cancel: false,
            logs: false,
            sensor: false,
            holds: false,
            hints: false,
            default_wait: Wait::Block,
        }
    }

    fn connection_kind(&self) -> Option<&'static str> {
        Some("http")
    }

    fn recovery(&self, _connection: Option<&Connection>) -> Recovery {
        Recovery::Never
    }

    fn attached(&self, with: &Draft<'_>) -> bool {
        with.get(&["poll"]) == Leaf::Absent
    }

    fn check(&self, with: &Draft<'_>) -> Vec<Problem> {
        check::problems(with)
    }

    fn request(
        &self,
        attempt: &Attempt<HttpConfig>,
        connection: Option<&Connection>,
    ) -> Result<Request, Problem> {
        let with = serde_json::to_value(&attempt.config)
            .map_err(|error| Problem::at([], error.to_string()))?;
        if let Some(problem) = check::problems(&Draft::new(&with)).into_iter().next() {
            return Err(problem);
        }
        Document::of(attempt, connection)?.request()
    }

    async fn launch(
        &self,
        context: &Context,
        attempt: &Attempt<HttpConfig>,
        request: &Request,
    ) -> Result<HttpHandle, ExecutorError> {
        let document = Document::read(request)
            .map_err(|message| ExecutorError::rejected(ErrorClass::Config, message))?;
        context.budget.take(Call::Launch).await;
        let (call, received) = self
            .call(context, &attempt.config, &document)
            .await
            .map_err(HttpError::of_launch)?;
        kept(&document, &attempt.key, call, &received).map(HttpHandle)
    }

    async fn adopt(
        &self,
        _context: &Context,
        _attempt: &Attempt<HttpConfig>,
        _request: &Request,
    ) -> Result<Option<HttpHandle>, ExecutorError> {
        // Nothing can be asked about a call whose answer is lost.
        Ok(None)
    }

    async fn poll(
        &self,
        context: &Context,
        handles: &[HttpHandle],
        patience: Duration,
    ) -> Vec<Result<Status, ExecutorError>> {
        watching::watch(&self.shared, context, handles, patience).await
    }

    async fn cancel(
        &self,
        _context: &Context,
        handle: &HttpHandle,
        _grace: Duration,
    ) -> Result<(), ExecutorError> {
        match &handle.0 {
            Kept::Answered { .. } => Ok(()),
            Kept::Followed(_) => Err(ExecutorError::rejected(
                ErrorClass::Config,
                "work behind an http call cannot be stopped from here",
            )),
        }
    }

    fn batch_key(&self, handle: &HttpHandle) -> String {
        handle.origin()
    }

    fn public_handle(&self, handle: &HttpHandle) -> Value {
        handle.public()
    }

    async fn preflight(&self, context: &Context, configs: &[Value]) -> Vec<Finding> {
        doctor::findings(context, configs).await
    }
}
