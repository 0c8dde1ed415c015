//! Where spans of runs go: to the receiver of `[engine.otel]`, else to that of the environment, else nowhere.
//!
//! Guarantees: an environment that is meant for somebody else stops nothing; a project that is wrong is refused. A secret
//! that cannot be read now costs traces, never runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use noctule_core::source::{Given, Otel, Project};
use noctule_executor::SecretRef;
use noctule_executor::secrecy::ExposeSecret;
use noctule_otel::{Destination, Exporter, FromEnvironment, Pacing};
use noctule_runtime::Surroundings;

use super::open::OpenProject;
use crate::error::CliError;
use crate::surface::Surface;

/// Where spans go.
pub(super) enum Traced<'a> {
    /// Nowhere; and what is wrong with what the environment says.
    Nowhere(Option<String>),
    /// Where the project says.
    Project(&'a Otel),
    /// Where the environment says.
    Environment(Box<Destination>),
}

/// Where spans of a project go.
pub(super) fn traced<'a>(project: &'a Project, env: &BTreeMap<String, String>) -> Traced<'a> {
    match (FromEnvironment::read(env), &project.engine.otel) {
        (FromEnvironment::Off, _) | (FromEnvironment::Nothing, None) => Traced::Nowhere(None),
        (_, Some(otel)) => Traced::Project(otel),
        (FromEnvironment::Unusable(why), None) => Traced::Nowhere(Some(why)),
        (FromEnvironment::Receiver(destination), None) => Traced::Environment(destination),
    }
}

impl OpenProject {
    /// Begins to export spans, where they are to go anywhere.
    pub(crate) async fn exporter(
        &self,
        surface: &Surface,
        around: &Surroundings,
    ) -> Result<Option<Arc<Exporter>>, CliError> {
        let project = self.project()?;
        let unusable =
            |error: noctule_otel::OtelError| CliError::usage(format!("engine.otel: {error}"));
        let destination = match traced(project, &surface.env) {
            Traced::Nowhere(None) => return Ok(None),
            Traced::Nowhere(Some(why)) => {
                tracing::warn!(why, "no traces are exported");
                return Ok(None);
            }
            Traced::Environment(destination) => *destination,
            Traced::Project(otel) => match headers(otel, around).await {
                Ok(headers) => {
                    match Destination::of_base(&otel.endpoint, &headers, &surface.env) {
                        Ok(destination) => destination,
                        // The value of a secret is nothing that `check` could have refused.
                        Err(why) if has_secret(otel) => {
                            tracing::error!(%why, "no traces are exported");
                            return Ok(None);
                        }
                        Err(error) => return Err(unusable(error)),
                    }
                }
                Err(why) => {
                    tracing::error!(why, "no traces are exported");
                    return Ok(None);
                }
            },
        };
        let destination = destination
            .with("service.version", env!("CARGO_PKG_VERSION"))
            .with("deployment.environment.name", project.profile.as_str());
        Exporter::start(destination, Pacing::default())
            .map(Some)
            .map_err(unusable)
    }
}

fn has_secret(otel: &Otel) -> bool {
    let is_secret = |given: &Given| matches!(given, Given::Secret(_));
    otel.headers.values().any(is_secret)
}

/// The headers, secrets resolved.
async fn headers(otel: &Otel, around: &Surroundings) -> Result<Vec<(String, String)>, String> {
    let mut headers = Vec::new();
    for (name, given) in &otel.headers {
        let value = match given {
            Given::Plain(text) => text.clone(),
            Given::Secret(secret) => {
                let secret = secret.clone();
                // It is of no DAG: a secret that is limited to DAGs is not for the engine.
                let secrets = around.context("", None).secrets;
                let value = secrets.resolve(&SecretRef { secret }).await;
                let value = value.map_err(|error| format!("engine.otel.headers: {error}"))?;
                value.expose_secret().to_owned()
            }
        };
        headers.push((name.clone(), value));
    }
    Ok(headers)
}
