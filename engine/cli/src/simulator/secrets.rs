//! `[simulator.secrets]`: the values that simulated vaults hold, read where the project says they stand.
//!
//! A value that cannot be read is left out: the simulated vault then has no such secret, as the real one would.

use std::collections::BTreeMap;
use std::path::Path;

use noctule_core::source::{Project, SecretOrigin};
use noctule_executor::secrecy::SecretString;

/// The values by the names of the secrets.
pub(crate) fn simulated(
    project: &Project,
    root: &Path,
    env: &BTreeMap<String, String>,
) -> Vec<(String, SecretString)> {
    let value = |from: &SecretOrigin| match from {
        SecretOrigin::Environment(variable) => env.get(variable).cloned(),
        SecretOrigin::File(path) => {
            let text = std::fs::read_to_string(root.join(path)).ok()?;
            Some(text.strip_suffix('\n').unwrap_or(&text).to_owned())
        }
        SecretOrigin::Gcp(_) | SecretOrigin::Aws(_) => None,
    };
    let secrets = project.simulated_secrets.iter();
    secrets
        .filter_map(|(name, from)| Some((name.clone(), SecretString::from(value(from)?))))
        .collect()
}
