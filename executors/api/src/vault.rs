//! Places that keep secrets: what stands before the first colon in `[secrets.NAME] from = "KIND:…"`.
//!
//! A vault gives a value at the moment of a call and keeps none. What it says of a failure names the secret and the identity
//! that asked, never a value.

use std::collections::BTreeMap;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Context, ExecutorError, Finding};

/// Gives the values of one kind of vault.
#[async_trait]
pub trait Vault: Send + Sync + 'static {
    /// The word before the colon: `gcp`, `aws`.
    fn kind(&self) -> &'static str;

    /// The kind of connection whose identity reads it.
    fn connection_kind(&self) -> &'static str;

    /// Whether it can be read without a connection of that kind, by whatever identity the machine has.
    fn needs_connection(&self) -> bool {
        true
    }

    /// Whether a name, the text after the colon, is one of a secret. Pure.
    ///
    /// # Errors
    /// What is wrong with it. The message may be shown: it must not repeat the name, which may be a value by mistake.
    fn check(&self, name: &str) -> Result<(), String>;

    /// The value of a secret, read now.
    ///
    /// # Errors
    /// `Rejected` as `permission`, `not_found` or `config`; `Throttled`; `Unavailable` where nobody could be asked in time.
    async fn read(&self, context: &Context, name: &str) -> Result<SecretString, ExecutorError>;

    /// The least rights that reading these needs, as the document that the provider's own tools take. Pure.
    fn rights(&self, names: &[String]) -> Value;

    /// Whether this identity can read each of these, for `noctule doctor`, in their order. A value that is read on the way
    /// is dropped.
    async fn preflight(&self, context: &Context, names: &[String]) -> Vec<Finding>;
}

/// How the secrets of one attempt may reach a backend that shows what it is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passing {
    /// Where the secrets of vaults stand, by the name that the project gives them: `gcp:projects/p/secrets/s`. Only those
    /// that the DAG may use. An executor whose backend reads such a place itself passes it on instead of the value.
    pub references: BTreeMap<String, String>,
    /// The task says `expose_secrets = true`: the backend may show values.
    pub exposed: bool,
}
