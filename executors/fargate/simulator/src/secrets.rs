//! `GetSecretValue`: what the settings or a test say that a secret is.
//!
//! A name and the ARN of it mean the same; an ARN of another region or account means nothing here. Only the newest value
//! is kept, and no `Debug` shows one.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{arn::Place, read::read, refusal::Refusal, server::Simulator, shared::Shared};

/// What AWS puts behind the name of a secret in its ARN.
const SUFFIX: &str = "-a1B2c3";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetSecretValue {
    secret_id: String,
}

/// Shows a value.
pub(crate) fn value(shared: &Shared, place: &Place, body: &[u8]) -> Result<Value, Refusal> {
    let (request, _) = read::<GetSecretValue>(body)?;
    let before = format!(
        "arn:aws:secretsmanager:{}:{}:secret:",
        place.region, place.account
    );
    let given = request.secret_id.as_str();
    let name = match given.strip_prefix(&before) {
        Some(rest) => rest.strip_suffix(SUFFIX).unwrap_or(rest),
        None => given,
    };
    shared.read(|cloud| {
        let found = cloud.secrets.get(name).ok_or_else(|| {
            Refusal::new(
                400,
                "ResourceNotFoundException",
                "Secrets Manager can't find the specified secret.",
            )
        })?;
        Ok(json!({
            "ARN": format!("{before}{name}{SUFFIX}"),
            "Name": name,
            "SecretString": found.expose_secret(),
            "VersionId": "00000000-0000-0000-0000-000000000000",
            "VersionStages": ["AWSCURRENT"],
        }))
    })
}

impl Simulator {
    /// Gives a secret a value, in every region; a later value takes its place.
    pub fn keep_secret(&self, name: &str, value: impl Into<SecretString>) {
        let value = value.into();
        self.shared
            .change(|cloud, _| drop(cloud.secrets.insert(name.to_owned(), value)));
    }
}
