//! Application default credentials: where they are, and what is made of each kind.
//!
//! Guarantees: the environment is the engine's, read once at its start; a file is read again at each build. Nothing of
//! a file is ever logged.
//! Facts: the search order and file types of Google's auth libraries; `CLOUDSDK_CONFIG` moves gcloud's folder.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use google_cloud_auth::build_errors::Error as BuildError;
use google_cloud_auth::credentials::{
    AccessTokenCredentials, external_account, impersonated, mds, service_account, user_account,
};
use serde_json::{Value, json};

use crate::credentials::{Keyless, Source};
use crate::key_exchange::{self, KeyExchange};
use crate::lenient;
use crate::transport::causes;

/// What tokens are asked for.
pub(crate) const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Where credentials are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// `GOOGLE_APPLICATION_CREDENTIALS`: it has to be there.
    named: Option<PathBuf>,
    /// gcloud's own file: it may be there.
    well_known: Option<PathBuf>,
    /// `GCE_METADATA_HOST`.
    metadata_host: Option<String>,
    /// `GOOGLE_CLOUD_QUOTA_PROJECT`.
    quota_project: Option<String>,
}

impl Place {
    /// The places that an environment names. An empty value is absent.
    pub(crate) fn find(env: &BTreeMap<String, String>) -> Self {
        let get = |name: &str| env.get(name).filter(|value| !value.is_empty()).cloned();
        let folder = get("CLOUDSDK_CONFIG")
            .map(PathBuf::from)
            .or_else(|| get("HOME").map(|home| Path::new(&home).join(".config/gcloud")));
        Self {
            named: get("GOOGLE_APPLICATION_CREDENTIALS").map(PathBuf::from),
            well_known: folder.map(|folder| folder.join("application_default_credentials.json")),
            metadata_host: get("GCE_METADATA_HOST"),
            quota_project: get("GOOGLE_CLOUD_QUOTA_PROJECT"),
        }
    }
}

/// Builds the credentials of a place, acting as another account where that is wanted.
pub(crate) async fn build(place: &Place, impersonate: Option<&str>) -> Result<Source, Keyless> {
    let file = read_file(place).await?;
    let tokens = match &file {
        Some(file) => of_file(file)?,
        None => metadata(place)?,
    };
    let own_quota = file
        .as_ref()
        .and_then(|file| lenient::text(file, "quota_project_id"));
    let who = match (impersonate, &file) {
        (Some(account), _) => account.to_owned(),
        (None, Some(file)) => owner(file),
        (None, None) => "the service account of this machine".to_owned(),
    };
    let tokens = match impersonate {
        Some(account) => acting_as(tokens, account)?,
        None => tokens,
    };
    Ok(Source {
        tokens,
        quota_project: place.quota_project.clone().or(own_quota),
        who,
    })
}

/// Whose a credentials file is: what it says of itself that is no secret.
fn owner(file: &Value) -> String {
    let kind = lenient::text(file, "type").unwrap_or_else(|| "none".to_owned());
    lenient::text(file, "client_email")
        .unwrap_or_else(|| format!("the credentials file of type `{kind}`"))
}

async fn read_file(place: &Place) -> Result<Option<Value>, Keyless> {
    let (path, required) = match (&place.named, &place.well_known) {
        (Some(path), _) => (path, true),
        (None, Some(path)) => (path, false),
        (None, None) => return Ok(None),
    };
    let unreadable = |error: &dyn std::error::Error| Keyless {
        cause: format!("{}: {}", path.display(), causes(error)),
        lasting: true,
    };
    match tokio::fs::read(path).await {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| unreadable(&error)),
        Err(error) if error.kind() == ErrorKind::NotFound && !required => Ok(None),
        Err(error) => Err(unreadable(&error)),
    }
}

fn metadata(place: &Place) -> Result<AccessTokenCredentials, Keyless> {
    let builder = mds::Builder::default();
    let builder = match &place.metadata_host {
        Some(host) => builder.with_endpoint(format!("http://{host}")),
        None => builder,
    };
    // The default scopes of the instance: asking for others is refused on some platforms.
    builder.build_access_token_credentials().map_err(unusable)
}

fn of_file(file: &Value) -> Result<AccessTokenCredentials, Keyless> {
    let file = file.clone();
    match lenient::text(&file, "type").as_deref() {
        Some("service_account") => key(file),
        Some("authorized_user") => user_account::Builder::new(file)
            .build_access_token_credentials()
            .map_err(unusable),
        Some("external_account") => external_account::Builder::new(file)
            .build_access_token_credentials()
            .map_err(unusable),
        Some("impersonated_service_account") => impersonated::Builder::new(file)
            .build_access_token_credentials()
            .map_err(unusable),
        kind => Err(Keyless {
            cause: format!(
                "credentials of type `{}` are not supported",
                kind.unwrap_or("none")
            ),
            lasting: true,
        }),
    }
}

/// A key that names a token server of its own is exchanged there; Google takes a token that the key itself signed.
fn key(mut file: Value) -> Result<AccessTokenCredentials, Keyless> {
    for optional in ["project_id", "private_key_id"] {
        if file.get(optional).is_none() {
            file[optional] = json!("");
        }
    }
    if let Some(token_uri) = key_exchange::foreign_token_uri(&file) {
        return Ok(KeyExchange::new(file, &token_uri)?.into());
    }
    service_account::Builder::new(file)
        .build_access_token_credentials()
        .map_err(unusable)
}

fn acting_as(
    tokens: AccessTokenCredentials,
    account: &str,
) -> Result<AccessTokenCredentials, Keyless> {
    impersonated::Builder::from_source_credentials(tokens.into())
        .with_target_principal(account)
        .with_scopes([SCOPE])
        .build_access_token_credentials()
        .map_err(unusable)
}

fn unusable(error: BuildError) -> Keyless {
    Keyless {
        cause: causes(&error),
        lasting: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(env: &[(&str, &str)]) -> Place {
        Place::find(
            &env.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn the_order_of_places() {
        let place = place(&[
            ("GOOGLE_APPLICATION_CREDENTIALS", "/k.json"),
            ("CLOUDSDK_CONFIG", "/gcloud"),
            ("HOME", "/home/me"),
            ("GCE_METADATA_HOST", "127.0.0.1:1"),
        ]);
        assert_eq!(place.named.as_deref(), Some(Path::new("/k.json")));
        assert_eq!(
            place.well_known.as_deref(),
            Some(Path::new("/gcloud/application_default_credentials.json"))
        );
        assert_eq!(place.metadata_host.as_deref(), Some("127.0.0.1:1"));
    }

    #[test]
    fn gclouds_folder_is_in_the_home() {
        let place = place(&[("HOME", "/home/me"), ("GOOGLE_APPLICATION_CREDENTIALS", "")]);
        assert_eq!(place.named, None);
        assert_eq!(
            place.well_known.as_deref(),
            Some(Path::new(
                "/home/me/.config/gcloud/application_default_credentials.json"
            ))
        );
    }

    #[tokio::test]
    async fn a_named_file_has_to_be_there() {
        let place = place(&[("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/k.json")]);
        let keyless = build(&place, None).await.err().unwrap();
        assert!(
            keyless.lasting && keyless.cause.contains("/nowhere/k.json"),
            "{keyless:?}"
        );
    }
}
