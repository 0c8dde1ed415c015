//! Secrets: from a reference to a value, at the moment of the call and not before.
//!
//! The origin of each secret stands in the project file. Values are never kept, logged or written.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use noctule_executor::secrecy::SecretString;
use noctule_executor::{ErrorClass, ExecutorError, Host, SecretRef, SecretSource, async_trait};

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// An environment variable of the engine.
    Env(String),
    /// A file; one trailing newline is not part of the value.
    File(PathBuf),
}

/// One secret of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Where it comes from.
    pub origin: Origin,
    /// The DAGs that may use it, as globs; empty means all.
    pub dags: Vec<String>,
}

/// The secrets that one DAG may use.
#[derive(Clone)]
pub struct Secrets {
    /// Every secret of the project.
    pub known: Arc<BTreeMap<String, Secret>>,
    /// The machine.
    pub host: Arc<Host>,
    /// The DAG that asks.
    pub dag: String,
}

fn refused(class: ErrorClass, message: String) -> ExecutorError {
    ExecutorError::rejected(class, message)
}

#[async_trait]
impl SecretSource for Secrets {
    async fn resolve(&self, reference: &SecretRef) -> Result<SecretString, ExecutorError> {
        let name = &reference.secret;
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
        match &secret.origin {
            Origin::Env(variable) => {
                let value = self
                    .host
                    .env
                    .get(variable)
                    .filter(|value| !value.is_empty());
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
            Origin::File(path) => {
                let read = tokio::fs::read_to_string(path).await;
                let unread = |error| {
                    refused(
                        ErrorClass::Config,
                        format!("secret `{name}`: failed to read its file: {error}"),
                    )
                };
                let text = read.map_err(unread)?;
                Ok(SecretString::from(
                    text.strip_suffix('\n').unwrap_or(&text).to_owned(),
                ))
            }
        }
    }
}

/// Whether a glob of `*` and plain text fits a whole name.
#[must_use]
pub fn fits(glob: &str, name: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_glob_fits_the_whole_name() {
        for (glob, name, fit) in [
            ("adverts*", "adverts-1", true),
            ("adverts*", "my-adverts", false),
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*a", "a", false),
            ("a*b*c", "a-b-c", true),
            ("exact", "exact", true),
            ("exact", "exactly", false),
        ] {
            assert_eq!(fits(glob, name), fit, "{glob} on {name}");
        }
    }
}
