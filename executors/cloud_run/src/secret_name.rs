//! The name of a secret in Secret Manager, as the project file writes it: `projects/P/secrets/S[/versions/V]`.
//!
//! Guarantees: a name that is read is made of checked segments, so no value can move a request to another resource.

use std::fmt;

use crate::rules;

/// What stands before the name in a reference.
const PREFIX: &str = "gcp:";
/// The version where none is named.
const LATEST: &str = "latest";

/// One version of one secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretName {
    pub(crate) project: String,
    pub(crate) secret: String,
    /// A number, an alias or `latest`.
    pub(crate) version: String,
}

impl SecretName {
    /// Reads a name. What is wrong is said without the text, which may be a value by mistake.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let parts: Vec<_> = text.split('/').collect();
        let (project, secret, version) = match parts[..] {
            ["projects", project, "secrets", secret] => (project, secret, LATEST),
            ["projects", project, "secrets", secret, "versions", version] => {
                (project, secret, version)
            }
            _ => {
                return Err(
                    "a secret of `gcp:` is written projects/PROJECT/secrets/NAME, perhaps with /versions/VERSION"
                        .to_owned(),
                );
            }
        };
        rules::project(project).map_err(|_| "its project is no project id".to_owned())?;
        if !is_word(secret, 255) {
            return Err("the secret's name has letters, digits, `_` and `-`".to_owned());
        }
        if !is_word(version, 63) {
            return Err("its version is a number, an alias or `latest`".to_owned());
        }
        Ok(Self {
            project: project.to_owned(),
            secret: secret.to_owned(),
            version: version.to_owned(),
        })
    }

    /// Reads a reference, `gcp:` and a name; none of another vault.
    pub(crate) fn of_reference(reference: &str) -> Option<Self> {
        Self::read(reference.strip_prefix(PREFIX)?).ok()
    }

    /// The name as a job of this project writes it: short in its own project.
    pub(crate) fn seen_from(&self, project: &str) -> String {
        if self.project == project {
            return self.secret.clone();
        }
        format!("projects/{}/secrets/{}", self.project, self.secret)
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            project,
            secret,
            version,
        } = self;
        write!(f, "projects/{project}/secrets/{secret}/versions/{version}")
    }
}

fn is_word(text: &str, most: usize) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !text.is_empty() && text.len() <= most && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_may_be_named() {
        for (text, full) in [
            (
                "projects/p/secrets/s",
                "projects/p/secrets/s/versions/latest",
            ),
            (
                "projects/p/secrets/s/versions/7",
                "projects/p/secrets/s/versions/7",
            ),
            (
                "projects/123/secrets/A_b-c/versions/prod",
                "projects/123/secrets/A_b-c/versions/prod",
            ),
        ] {
            assert_eq!(SecretName::read(text).unwrap().to_string(), full);
        }
    }

    #[test]
    fn what_would_lead_elsewhere_is_refused_and_not_repeated() {
        for text in [
            "",
            "s",
            "projects/p/secrets/",
            "projects/p/secrets/..",
            "projects/../secrets/s",
            "projects/p/secrets/s/versions/",
            "projects/p/secrets/s/versions/1:access?x",
            "projects/p/secrets/s/versions/1/x",
            "projects/p/locations/l/secrets/s",
            "projects/p/secrets/a%2Fb",
            "hunter2",
        ] {
            let said = SecretName::read(text).unwrap_err();
            assert!(
                text.is_empty() || text.len() < 3 || !said.contains(text),
                "{said}"
            );
        }
    }

    #[test]
    fn it_is_short_in_its_own_project() {
        let name = SecretName::of_reference("gcp:projects/p/secrets/s/versions/2").unwrap();
        assert_eq!(name.seen_from("p"), "s");
        assert_eq!(name.seen_from("q"), "projects/p/secrets/s");
        assert_eq!(SecretName::of_reference("aws:s"), None);
    }
}
