//! Secrets of Google Secret Manager, read at the moment of a call: `from = "gcp:projects/P/secrets/S"`.
//!
//! Guarantees: one value is one request (a 401 has the credentials rebuilt and it is sent once more); the answer's checksum
//! fits the value; every read ends in time. A message names the secret and the identity that asked, never a value, and
//! nothing is kept. Nobody is asked without credentials.
//! Facts: `versions:access` of the v1 API; the payload is base64, its CRC32C an int64 and so a text in JSON.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use noctule_executor::secrecy::SecretString;
use noctule_executor::{Context, ErrorClass, ExecutorError, Finding, Vault, async_trait};
use serde_json::{Value, json};

use crate::executor::CloudRun;
use crate::failure::{CallError, Verb};
use crate::lenient;
use crate::pacing::Pacing;
use crate::secret_name::SecretName;
use crate::session::Session;
use crate::transport::Wire;

/// For one value, the token included: a launch waits for it, and tries again later.
const PATIENCE: Duration = Duration::from_secs(20);
/// The checksum of a payload.
const CRC32C: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);

/// Reads secrets of Google Secret Manager through a connection of kind `google`.
#[derive(Default)]
pub struct SecretManager(CloudRun);

impl SecretManager {
    /// A vault with the times that suit Google.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A vault with other times.
    #[must_use]
    pub fn with_pacing(pacing: Pacing) -> Self {
        Self(CloudRun::with_pacing(pacing))
    }

    async fn value(&self, context: &Context, name: &str) -> Result<SecretString, ExecutorError> {
        let place = SecretName::read(name)
            .map_err(|what| ExecutorError::rejected(ErrorClass::Config, what))?;
        let session = Session::open(&self.0, context)?;
        if session.is_anonymous() {
            return Err(nobody(&place));
        }
        let url = format!("{}/v1/{place}:access", session.settings.secrets_endpoint);
        let wire = Wire::get(Verb::AccessSecret, url);
        let patience = PATIENCE.min(self.0.pacing().answer);
        let asked = tokio::time::timeout(patience, session.json(&wire)).await;
        let who = session.who().await;
        let answer = match asked {
            Ok(answer) => answer.map_err(|error| refused(&place, &who, &error))?,
            Err(_) => return Err(late(&place, &who, patience)),
        };
        payload(&answer).map_err(|what| unusable(&place, what))
    }
}

#[async_trait]
impl Vault for SecretManager {
    fn kind(&self) -> &'static str {
        "gcp"
    }

    fn connection_kind(&self) -> &'static str {
        "google"
    }

    /// Application default credentials need no settings.
    fn needs_connection(&self) -> bool {
        false
    }

    fn check(&self, name: &str) -> Result<(), String> {
        SecretName::read(name).map(drop)
    }

    async fn read(&self, context: &Context, name: &str) -> Result<SecretString, ExecutorError> {
        self.value(context, name).await
    }

    fn rights(&self, names: &[String]) -> Value {
        let named = names.iter().filter_map(|name| SecretName::read(name).ok());
        let secrets: std::collections::BTreeSet<String> = named
            .map(|name| format!("projects/{}/secrets/{}", name.project, name.secret))
            .collect();
        json!({
            "title": "Noctule secrets",
            "description": format!("reads these, and is to be granted on each of them alone: {}", Vec::from_iter(secrets).join(", ")),
            "stage": "GA",
            "includedPermissions": [Verb::AccessSecret.permission()],
        })
    }

    async fn preflight(&self, context: &Context, names: &[String]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for name in names {
            let read = self.value(context, name).await;
            findings.push(Finding {
                good: read.is_ok(),
                subject: name.clone(),
                message: match read {
                    Ok(_) => "it can be read".to_owned(),
                    Err(error) => error.to_string(),
                },
            });
        }
        findings
    }
}

fn nobody(place: &SecretName) -> ExecutorError {
    ExecutorError::rejected(
        ErrorClass::Config,
        format!(
            "secret {place}: the connection is anonymous, and Secret Manager tells nobody without credentials; name another \
             `connection` for it, or give it another origin in this profile"
        ),
    )
}

fn late(place: &SecretName, who: &str, patience: Duration) -> ExecutorError {
    let seconds = patience.as_secs_f32();
    ExecutorError::unavailable(format!(
        "secret {place}, read as {who}: no answer within {seconds} s"
    ))
}

/// Nothing was started by a read: a lost answer is no unknown outcome.
fn refused(place: &SecretName, who: &str, error: &CallError) -> ExecutorError {
    let message = format!("secret {place}, read as {who}: {error}");
    let Some(refusal) = error.refusal() else {
        return match error.of_read() {
            ExecutorError::Unavailable { alarm, .. } => {
                ExecutorError::Unavailable { message, alarm }
            }
            _ => ExecutorError::unavailable(message),
        };
    };
    match refusal.status {
        401 => ExecutorError::rejected(ErrorClass::Permission, message),
        403 => {
            let needed = Verb::AccessSecret.permission();
            let message = format!("{message} (needs the permission `{needed}`)");
            ExecutorError::rejected(ErrorClass::Permission, message)
        }
        // A front end's page is no word of Secret Manager.
        404 if error.is_not_found() => ExecutorError::rejected(ErrorClass::NotFound, message),
        // The version is disabled or destroyed.
        400 => ExecutorError::rejected(ErrorClass::Config, message),
        429 => ExecutorError::Throttled {
            retry_after: refusal.retry_after,
            message,
        },
        _ => ExecutorError::unavailable(message),
    }
}

/// Why an answer holds no value, in words without it.
enum Flaw {
    /// Asking again may help.
    Broken(&'static str),
    /// It will not.
    NoText,
}

fn unusable(place: &SecretName, flaw: Flaw) -> ExecutorError {
    match flaw {
        Flaw::Broken(what) => ExecutorError::unavailable(format!("secret {place}: {what}")),
        Flaw::NoText => ExecutorError::rejected(
            ErrorClass::Config,
            format!("secret {place}: its value is no UTF-8 text"),
        ),
    }
}

fn payload(answer: &Value) -> Result<SecretString, Flaw> {
    let payload = answer.get("payload").unwrap_or(&Value::Null);
    // Proto3 leaves an empty value out.
    let data = lenient::text(payload, "data").unwrap_or_default();
    let bytes = BASE64_STANDARD
        .decode(data)
        .map_err(|_| Flaw::Broken("the answer's payload is no base64"))?;
    let told = lenient::signed(payload, "dataCrc32c");
    if told.is_some_and(|told| told != i64::from(CRC32C.checksum(&bytes))) {
        return Err(Flaw::Broken(
            "the answer's checksum does not fit its payload",
        ));
    }
    if bytes.is_empty() {
        return Err(Flaw::Broken("the answer has no payload"));
    }
    String::from_utf8(bytes)
        .map(SecretString::from)
        .map_err(|_| Flaw::NoText)
}
