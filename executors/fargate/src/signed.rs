//! A signed JSON 1.1 call to a service that we need one action of.
//!
//! Why not the service's SDK: CloudWatch Logs has some hundred actions, and its crate costs as much to build as that of
//! ECS (about 75 s of CPU in a debug build); we read one page of one stream. The signer is the SDK's own, and the HTTP
//! client is the one that the other executors use.
//!
//! Guarantees: every call ends in time; credentials are renewed before they expire; a redirect is never followed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use noctule_executor::Call;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::clients::Clients;
use crate::connection::Identity;
use crate::failure::{CallError, Op, Refusal, Sense};
use crate::request::CONTENT_TYPE;
use crate::session::Session;

/// Credentials are renewed this long before they expire.
const MARGIN: Duration = Duration::from_secs(300);
/// The longest answer that is read.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// What signed calls share.
#[derive(Default)]
pub(crate) struct Signed {
    credentials: Mutex<HashMap<Identity, Credentials>>,
    http: Mutex<Option<reqwest::Client>>,
}

/// One call: its target header and where it goes.
pub(crate) struct Wanted<'w> {
    pub(crate) op: Op,
    pub(crate) service: &'w str,
    pub(crate) region: &'w str,
    pub(crate) target: &'w str,
}

impl Session<'_> {
    /// Makes a signed call; credentials that are refused are renewed once.
    pub(crate) async fn signed(
        &self,
        wanted: &Wanted<'_>,
        body: &Value,
    ) -> Result<Value, CallError> {
        let clients = self.clients().await;
        let first = self.signed_once(wanted, body, &clients).await;
        let renew = |error: &CallError| error.sense() == Some(Sense::Renew);
        if !first.as_ref().is_err_and(renew) {
            return first;
        }
        let identity = &self.settings.identity;
        self.executor.keyring().forget(identity, &clients).await;
        drop(
            self.executor
                .signed()
                .credentials
                .lock()
                .await
                .remove(identity),
        );
        let clients = self.clients().await;
        self.signed_once(wanted, body, &clients).await
    }

    async fn signed_once(
        &self,
        wanted: &Wanted<'_>,
        body: &Value,
        clients: &Arc<Clients>,
    ) -> Result<Value, CallError> {
        let not_sent = |cause: String| CallError::NotSent {
            op: wanted.op.clone(),
            cause,
            lasting: true,
        };
        let credentials = self.credentials(clients).await.map_err(not_sent)?;
        let body = body.to_string();
        let identity = &self.settings.identity;
        let url = format!("{}/", identity.endpoint_in(wanted.service, wanted.region));
        let headers = [
            ("content-type", CONTENT_TYPE),
            ("x-amz-target", wanted.target),
        ];
        let signature = signature(wanted, &url, &headers, &body, credentials).map_err(not_sent)?;
        let client = self.http().await.map_err(not_sent)?;
        let mut request = client.post(&url).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        for (name, value) in signature {
            request = request.header(name, value);
        }
        self.context.budget.take(Call::Poll).await;
        answer(&wanted.op, request).await
    }

    async fn credentials(&self, clients: &Clients) -> Result<Credentials, String> {
        let mut known = self.executor.signed().credentials.lock().await;
        let identity = &self.settings.identity;
        let lasts = |c: &Credentials| {
            c.expiry()
                .is_none_or(|end| end > SystemTime::now() + MARGIN)
        };
        if let Some(credentials) = known.get(identity).filter(|c| lasts(c)) {
            return Ok(credentials.clone());
        }
        let provider = clients
            .credentials
            .as_ref()
            .ok_or("there are no credentials")?;
        let given = tokio::time::timeout(self.pacing().answer, provider.provide_credentials());
        let given = given
            .await
            .map_err(|_| "the credentials did not come in time")?;
        let given = given.map_err(|error| format!("the credentials: {error}"))?;
        known.insert(identity.clone(), given.clone());
        Ok(given)
    }

    async fn http(&self) -> Result<reqwest::Client, String> {
        let mut known = self.executor.signed().http.lock().await;
        if let Some(client) = known.as_ref() {
            return Ok(client.clone());
        }
        let client = reqwest::Client::builder()
            .connect_timeout(self.pacing().connect)
            .timeout(self.pacing().answer)
            .redirect(reqwest::redirect::Policy::none())
            .build();
        let client = client.map_err(|error| format!("the HTTP client: {error}"))?;
        Ok(known.insert(client).clone())
    }
}

/// The headers of a signature.
fn signature(
    wanted: &Wanted<'_>,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
    credentials: Credentials,
) -> Result<Vec<(String, String)>, String> {
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(wanted.region)
        .name(wanted.service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let body = SignableBody::Bytes(body.as_bytes());
    let request = SignableRequest::new("POST", url, headers.iter().copied(), body);
    let request = request.map_err(|error| error.to_string())?;
    let signed = sign(request, &parameters).map_err(|error| error.to_string())?;
    let (instructions, _) = signed.into_parts();
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Ok(instructions.headers().map(owned).collect())
}

async fn answer(op: &Op, request: reqwest::RequestBuilder) -> Result<Value, CallError> {
    let lost = |cause: String| CallError::Lost {
        op: op.clone(),
        cause,
    };
    let mut response = request
        .send()
        .await
        .map_err(|error| lost(error.to_string()))?;
    let status = response.status().as_u16();
    let mut bytes = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| lost(error.to_string()))?
    {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MOST_BYTES {
            return Err(lost("it is too long".to_owned()));
        }
    }
    let json: Result<Value, _> = serde_json::from_slice(&bytes);
    if status == 200 {
        return json.map_err(|error| lost(format!("it is no JSON: {error}")));
    }
    let json = json.unwrap_or_default();
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    let message = [text("message"), text("Message")].concat();
    let refusal = Refusal {
        status,
        code: text("__type")
            .rsplit('#')
            .next()
            .unwrap_or_default()
            .to_owned(),
        message,
        ..Refusal::default()
    };
    Err(CallError::Refused {
        op: op.clone(),
        refusal,
    })
}
