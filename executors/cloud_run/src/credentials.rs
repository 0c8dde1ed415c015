//! Tokens for calls: one set of credentials for each identity, built when first needed and kept.
//!
//! Guarantees: callers of one identity share one token (single flight); credentials that failed for good are thrown
//! away, so that what a person mends is seen by the next call. Tokens are never logged or shown by `Debug`.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use google_cloud_auth::credentials::AccessTokenCredentials;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use crate::adc::{self, Place};
use crate::connection::{Auth, Settings};
use crate::refusal::cut;
use crate::transport::causes;

/// Who calls are made as.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    place: Place,
    impersonate: Option<String>,
    quota_project: Option<String>,
}

impl Identity {
    /// The identity of a connection; none when it is anonymous.
    pub(crate) fn of(settings: &Settings, env: &BTreeMap<String, String>) -> Option<Self> {
        let identity = || Self {
            place: Place::find(env),
            impersonate: settings.impersonate.clone(),
            quota_project: settings.quota_project.clone(),
        };
        (settings.auth == Auth::Adc).then(identity)
    }
}

/// What a call authenticates with.
pub(crate) struct Bearer {
    token: SecretString,
    /// The project that quota is counted on.
    pub(crate) quota_project: Option<String>,
    generation: u64,
}

impl Bearer {
    /// The token, to be written into a header.
    pub(crate) fn expose(&self) -> &str {
        self.token.expose_secret()
    }
}

/// Why there is no token.
#[derive(Debug)]
pub(crate) struct Keyless {
    pub(crate) cause: String,
    /// Waiting will not mend it.
    pub(crate) lasting: bool,
}

/// Credentials that were built.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) tokens: AccessTokenCredentials,
    pub(crate) quota_project: Option<String>,
    /// Whose they are, for people.
    pub(crate) who: String,
}

#[derive(Clone)]
struct Kept {
    source: Source,
    generation: u64,
}

/// The credentials of an executor value.
#[derive(Default)]
pub(crate) struct Keyring {
    kept: Mutex<HashMap<Identity, Kept>>,
}

impl Keyring {
    /// A token that is valid now.
    pub(crate) async fn bearer(
        &self,
        identity: &Identity,
        patience: Duration,
    ) -> Result<Bearer, Keyless> {
        let asked = tokio::time::timeout(patience, self.ask(identity)).await;
        asked.unwrap_or_else(|_| {
            Err(Keyless {
                cause: format!("no token within {} s", patience.as_secs()),
                lasting: false,
            })
        })
    }

    /// Builds the credentials anew after one of their tokens was refused. Once for a token, however many were refused it.
    pub(crate) async fn renew(&self, identity: &Identity, refused: &Bearer) {
        self.forget(identity, refused.generation).await;
    }

    /// Whose credentials these are, for people.
    pub(crate) async fn who(&self, identity: &Identity) -> String {
        let kept = self.kept.lock().await;
        let known = kept.get(identity).map(|kept| kept.source.who.clone());
        known.unwrap_or_else(|| "an identity that has no credentials".to_owned())
    }

    async fn ask(&self, identity: &Identity) -> Result<Bearer, Keyless> {
        let kept = self.kept(identity).await?;
        match kept.source.tokens.access_token().await {
            Ok(token) => Ok(Bearer {
                token: token.token.into(),
                quota_project: kept.source.quota_project,
                generation: kept.generation,
            }),
            Err(error) => {
                let lasting = !error.is_transient();
                if lasting {
                    self.forget(identity, kept.generation).await;
                }
                // A token server's own words may be a whole page.
                let cause = cut(&causes(&error));
                Err(Keyless { cause, lasting })
            }
        }
    }

    async fn kept(&self, identity: &Identity) -> Result<Kept, Keyless> {
        let mut kept = self.kept.lock().await;
        if let Some(known) = kept.get(identity) {
            return Ok(known.clone());
        }
        let mut source = adc::build(&identity.place, identity.impersonate.as_deref()).await?;
        if let Some(project) = &identity.quota_project {
            source.quota_project = Some(project.clone());
        }
        let generation = next_generation();
        let built = Kept { source, generation };
        kept.insert(identity.clone(), built.clone());
        Ok(built)
    }

    async fn forget(&self, identity: &Identity, generation: u64) {
        let mut kept = self.kept.lock().await;
        let same = |known: &Kept| known.generation == generation;
        if kept.get(identity).is_some_and(same) {
            kept.remove(identity);
        }
    }
}

/// A number for each build of credentials, so that a late refusal does not throw away newer ones.
fn next_generation() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static BUILT: AtomicU64 = AtomicU64::new(0);
    BUILT.fetch_add(1, Ordering::Relaxed)
}
