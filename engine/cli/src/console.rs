//! What is written to the two streams: whole texts to stdout, remarks and log lines to stderr.
//!
//! Guarantees: a reader that closes stdout ends the command quietly; a remark never lands in the data.

use std::io::Write;

use tracing_subscriber::filter::EnvFilter;

use crate::error::CliError;
use crate::output::printable;
use crate::surface::Surface;

/// Writes text to stdout as it stands.
pub(crate) fn emit(text: &str) -> Result<(), CliError> {
    emit_bytes(text.as_bytes())
}

/// Writes bytes to stdout as they stand.
pub(crate) fn emit_bytes(bytes: &[u8]) -> Result<(), CliError> {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(bytes)
        .and_then(|()| stdout.flush())
        .map_err(closed)
}

fn closed(error: std::io::Error) -> CliError {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        CliError::Closed
    } else {
        CliError::Output(error)
    }
}

/// Says something besides the data, on stderr.
pub(crate) fn remark(surface: &Surface, text: &str) {
    eprintln!("{} {}", surface.style().dim("note:"), printable(text));
}

/// Sends log lines to stderr: warnings, and more with each `-v`. `NOCTULE_LOG` says it in detail.
pub(crate) fn start_logging(surface: &Surface) {
    let level = match surface.globals.verbose {
        0 => "warn",
        1 => "info",
        2 => "info,noctule=debug,noctule_runtime=debug,noctule_store=debug,noctule_process=debug",
        _ => "debug",
    };
    let filter = surface
        .env
        .get("NOCTULE_LOG")
        .filter(|filter| !filter.is_empty());
    let filter = EnvFilter::try_new(filter.map_or(level, String::as_str))
        .unwrap_or_else(|_| EnvFilter::new(level));
    // It repeats the parts of an address that it does not know, and an address may be a secret.
    let filter = match "sqlx_postgres::options=off".parse() {
        Ok(quiet) => filter.add_directive(quiet),
        Err(_) => filter,
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let ansi = surface.style().is_on();
    // A program that embeds this crate may have a subscriber of its own, which stays.
    if lines.with_ansi(ansi).try_init().is_err() {
        tracing::debug!("another subscriber is there already");
    }
}
