//! Secrets: from a reference to a value, at the moment of the call and not before.
//!
//! The origin of each secret stands in the project file. Values are never logged or written, and none outlives its call: the
//! surroundings of one call (a launch with its URL, headers and body) read a secret of a vault once, however often and from
//! however many places it is asked for, and the next call reads it anew, so that a secret that was changed or taken away is
//! so for the next launch. Within a call that lasts a value is read anew after a few seconds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use noctule_core::access::fits;
use noctule_executor::secrecy::SecretString;
use noctule_executor::{
    Connection, Context, ErrorClass, ExecutorError, Host, Registry, SecretRef, SecretSource,
    async_trait,
};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::surroundings::Budgets;

/// How long a call may use a value that it has read: long enough for all that one launch resolves.
const KEPT: Duration = Duration::from_secs(5);

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// An environment variable of the engine.
    Env(String),
    /// A file; one trailing newline is not part of the value.
    File(PathBuf),
    /// A vault.
    Vault {
        /// Its kind, as the registry knows it.
        kind: String,
        /// The name of the secret there.
        name: String,
        /// The connection whose identity reads it.
        connection: Option<Connection>,
    },
}

/// One secret of the project.
#[derive(Debug, Clone, PartialEq)]
pub struct Secret {
    /// Where it comes from.
    pub origin: Origin,
    /// The DAGs that may use it, as globs; empty means all.
    pub dags: Vec<String>,
}

/// The secrets that one call for one DAG may use.
#[derive(Clone)]
pub struct Secrets {
    pub(crate) known: Arc<BTreeMap<String, Secret>>,
    pub(crate) host: Arc<Host>,
    pub(crate) dag: String,
    pub(crate) vaults: Registry,
    pub(crate) budgets: Budgets,
    pub(crate) read: Arc<Read>,
}

/// What one call has read of vaults. One reads, whoever asks meanwhile waits for it.
#[derive(Default)]
pub(crate) struct Read(std::sync::Mutex<BTreeMap<String, Arc<Shelf>>>);

type Shelf = Mutex<Option<(Instant, SecretString)>>;

impl Read {
    fn shelf(&self, name: &str) -> Arc<Shelf> {
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(read.entry(name.to_owned()).or_default())
    }
}

fn refused(class: ErrorClass, message: String) -> ExecutorError {
    ExecutorError::rejected(class, message)
}

#[async_trait]
impl SecretSource for Secrets {
    async fn resolve(&self, reference: &SecretRef) -> Result<SecretString, ExecutorError> {
        let name = &reference.secret;
        match &self.allowed(name)?.origin {
            Origin::Env(variable) => self.of_env(name, variable),
            Origin::File(path) => of_file(name, path).await,
            Origin::Vault {
                kind,
                name: place,
                connection,
            } => {
                let shelf = self.read.shelf(name);
                let mut kept = shelf.lock().await;
                if let Some((at, value)) = kept.as_ref()
                    && at.elapsed() < KEPT
                {
                    return Ok(value.clone());
                }
                let value = self
                    .of_vault(name, kind, place, connection.as_ref())
                    .await?;
                *kept = Some((Instant::now(), value.clone()));
                Ok(value)
            }
        }
    }
}

impl Secrets {
    /// The secret of a name, where this DAG may use it.
    fn allowed(&self, name: &str) -> Result<&Secret, ExecutorError> {
        let missing = || {
            refused(
                ErrorClass::Config,
                format!("there is no secret `{name}` in the project file"),
            )
        };
        let secret = self.known.get(name).ok_or_else(missing)?;
        if !secret.dags.is_empty() && !secret.dags.iter().any(|glob| fits(glob, &self.dag)) {
            return Err(refused(
                ErrorClass::Permission,
                format!("secret `{name}` may not be used by DAG `{}`", self.dag),
            ));
        }
        Ok(secret)
    }

    fn of_env(&self, name: &str, variable: &str) -> Result<SecretString, ExecutorError> {
        let value = self.host.env.get(variable);
        let value = value.filter(|value| !value.is_empty());
        let unset = || {
            refused(
                ErrorClass::Config,
                format!("secret `{name}`: the variable {variable} is not set"),
            )
        };
        value
            .map(|value| SecretString::from(value.clone()))
            .ok_or_else(unset)
    }

    async fn of_vault(
        &self,
        name: &str,
        kind: &str,
        place: &str,
        connection: Option<&Connection>,
    ) -> Result<SecretString, ExecutorError> {
        let unknown = || {
            let message = format!("secret `{name}`: this noctule reads no secrets of `{kind}:`");
            refused(ErrorClass::Config, message)
        };
        let vault = self.vaults.vault(kind).ok_or_else(unknown)?;
        let context = Context {
            connection: connection.map(crate::surroundings::as_given),
            secrets: Arc::new(self.clone()),
            budget: self.budgets.of(connection.map(|known| known.name.as_str())),
            host: Arc::clone(&self.host),
        };
        let read = vault.read(&context, place).await;
        read.map_err(|error| named(name, error))
    }
}

async fn of_file(name: &str, path: &Path) -> Result<SecretString, ExecutorError> {
    let read = tokio::fs::read_to_string(path).await;
    let unread = |error| {
        refused(
            ErrorClass::Config,
            format!("secret `{name}`: failed to read its file: {error}"),
        )
    };
    let text = read.map_err(unread)?;
    let value = text.strip_suffix('\n').unwrap_or(&text);
    Ok(SecretString::from(value.to_owned()))
}

/// The error with the name that the project gives the secret. Reading starts nothing, so no outcome is unknown.
fn named(name: &str, error: ExecutorError) -> ExecutorError {
    let message = format!("secret `{name}`: {error}");
    match error {
        ExecutorError::Rejected { class, .. } => ExecutorError::Rejected { class, message },
        ExecutorError::Throttled { retry_after, .. } => ExecutorError::Throttled {
            retry_after,
            message,
        },
        ExecutorError::Unknown { .. } => ExecutorError::unavailable(message),
        ExecutorError::Unavailable { alarm, .. } => ExecutorError::Unavailable { message, alarm },
    }
}

#[cfg(test)]
#[path = "secret_tests.rs"]
mod of_vaults;
