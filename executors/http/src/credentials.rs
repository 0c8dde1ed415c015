//! From references to values, at the moment of a call: secrets, variables, Google's tokens.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use google_cloud_auth::credentials::idtoken::{Builder, IDTokenCredentials};
use secrecy::SecretString;

use noctule_executor::{Context, Entry, ErrorClass, ExecutorError};

use crate::auth::Auth;

/// Google's credentials, which keep their tokens fresh by themselves, by audience.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    google: Mutex<HashMap<String, IDTokenCredentials>>,
}

impl Credentials {
    /// The bearer token of a call.
    pub(crate) async fn bearer(
        &self,
        context: &Context,
        auth: &Auth,
        audience: &str,
    ) -> Result<Option<SecretString>, ExecutorError> {
        match auth {
            Auth::None => Ok(None),
            Auth::Bearer(secret) => context.secrets.resolve(secret).await.map(Some),
            Auth::BearerEnv(name) => of_env(context, name).map(Some),
            Auth::GoogleIdToken => self.google(audience).await.map(Some),
        }
    }

    /// Without a token nothing is sent, and a person may have to act: that ends no attempt.
    async fn google(&self, audience: &str) -> Result<SecretString, ExecutorError> {
        let credentials = self.of_audience(audience)?;
        let token = credentials.id_token().await.map_err(|error| {
            ExecutorError::alarm(format!("no Google ID token for {audience}: {error}"))
        })?;
        Ok(SecretString::from(token))
    }

    fn of_audience(&self, audience: &str) -> Result<IDTokenCredentials, ExecutorError> {
        let mut google = self.google.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(credentials) = google.get(audience) {
            return Ok(credentials.clone());
        }
        let credentials = Builder::new(audience).build().map_err(|error| {
            ExecutorError::alarm(format!("no Google credentials for an ID token: {error}"))
        })?;
        google.insert(audience.to_owned(), credentials.clone());
        Ok(credentials)
    }

    /// After a refusal the credentials are made anew.
    pub(crate) fn forget(&self, audience: &str) {
        let mut google = self.google.lock().unwrap_or_else(PoisonError::into_inner);
        google.remove(audience);
    }
}

fn of_env(context: &Context, name: &str) -> Result<SecretString, ExecutorError> {
    let value = context.host.env.get(name).filter(|value| !value.is_empty());
    value
        .map(|value| SecretString::from(value.clone()))
        .ok_or_else(|| {
            let message = format!("the variable {name} of `auth` is not set");
            ExecutorError::rejected(ErrorClass::Config, message)
        })
}

/// The value of an entry: plain, or secret.
pub(crate) enum Value {
    Plain(String),
    Secret(SecretString),
}

/// Looks up an entry.
pub(crate) async fn value(context: &Context, entry: &Entry) -> Result<Value, ExecutorError> {
    match entry {
        Entry::Plain(text) => Ok(Value::Plain(text.0.clone())),
        Entry::Secret(secret) => context.secrets.resolve(secret).await.map(Value::Secret),
    }
}
