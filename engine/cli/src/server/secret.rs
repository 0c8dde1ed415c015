//! The token that a server is asked with: from a flag, a file, or the environment.
//!
//! Never: takes a file that others can read.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::error::CliError;
use crate::surface::Surface;

/// The variable with the token.
pub(super) const TOKEN: &str = "NOCTULE_TOKEN";

/// The token, if one was given.
///
/// # Errors
/// Its file cannot be read, is empty, or can be read by others.
pub(super) fn token(surface: &Surface) -> Result<Option<String>, CliError> {
    if let Some(token) = &surface.globals.token {
        return Ok(Some(token.clone()));
    }
    if let Some(file) = &surface.globals.token_file {
        return of_file(&surface.here.join(file)).map(Some);
    }
    let token = surface.env.get(TOKEN).filter(|token| !token.is_empty());
    Ok(token.cloned())
}

fn of_file(path: &Path) -> Result<String, CliError> {
    let shown = path.display();
    let unread = |error: std::io::Error| {
        CliError::usage(format!("--token-file: failed to read {shown}: {error}"))
    };
    let mode = std::fs::metadata(path)
        .map_err(unread)?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(CliError::usage(format!(
            "--token-file: {shown} can be read by others (mode {:03o})",
            mode & 0o777
        ))
        .help(format!("chmod 600 {shown}")));
    }
    let text = std::fs::read_to_string(path).map_err(unread)?;
    match text.trim() {
        "" => Err(CliError::usage(format!("--token-file: {shown} is empty"))),
        token => Ok(token.to_owned()),
    }
}
