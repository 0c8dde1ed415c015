//! Secrets that executions refer to, as Secret Manager would give them to a container.
//!
//! A request and an execution hold references alone; a value goes into the environment of a container and nowhere else.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::{Simulator, SimulatorBuilder, cloud::Cloud, name::ExecutionName, overrides::Plan};

/// What Cloud Run says of an execution whose secrets cannot be had.
pub(crate) const REFUSED: &str = "SECRETS_ACCESS_CHECK_FAILED";

/// A secret as a template refers to it.
pub(crate) struct Reference {
    pub(crate) variable: String,
    pub(crate) secret: String,
}

/// The variables of an execution that are secrets, resolved.
///
/// # Errors
/// The name of a secret that does not exist.
pub(crate) fn resolved(
    cloud: &Cloud,
    name: &ExecutionName,
    plan: &Plan,
) -> Result<BTreeMap<String, String>, String> {
    let project = &name.place().project;
    let value = |reference: Reference| {
        let full = if reference.secret.starts_with("projects/") {
            reference.secret
        } else {
            format!("projects/{project}/secrets/{}", reference.secret)
        };
        let short = full.rsplit('/').next().unwrap_or_default();
        let found = cloud
            .secrets
            .get(&full)
            .or_else(|| cloud.secrets.get(short));
        match found {
            Some(value) => Ok((reference.variable, value.expose_secret().to_owned())),
            None => Err(full),
        }
    };
    plan.secrets().into_iter().map(value).collect()
}

impl SimulatorBuilder {
    /// Gives a secret a value, by its full name or, in every project, by its short one.
    #[must_use]
    pub fn secret(mut self, name: &str, value: impl Into<SecretString>) -> Self {
        self.secrets.insert(name.to_owned(), value.into());
        self
    }
}

impl Simulator {
    /// Gives a secret a value; a later value takes its place.
    pub fn keep_secret(&self, name: &str, value: impl Into<SecretString>) {
        let value = value.into();
        self.shared
            .change(|cloud, _| drop(cloud.secrets.insert(name.to_owned(), value)));
    }
}
