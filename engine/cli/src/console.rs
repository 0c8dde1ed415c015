//! What is written to the two streams: whole texts to stdout, remarks and log lines to stderr.
//!
//! Guarantees: a reader that closes stdout ends the command quietly; a remark never lands in the data. Where log lines are
//! JSON, every line on stderr is one object, what is said to people included; only what the command line itself is told
//! wrong is said before that is known.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing_subscriber::filter::EnvFilter;

use crate::args::LogFormat;
use crate::error::CliError;
use crate::output::printable;
use crate::surface::Surface;

/// The target of what is said to people, which no filter holds back.
const SAID: &str = "noctule::said";

/// All that is said becomes log lines.
static IS_JSON: AtomicBool = AtomicBool::new(false);

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

fn is_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}

/// Says a text on stderr.
#[expect(
    clippy::print_stderr,
    reason = "speaking to people at a terminal is what this crate is for"
)]
pub(crate) fn say(text: &str) {
    if !is_json() {
        std::eprintln!("{text}");
        return;
    }
    match text.strip_prefix("warning: ") {
        Some(text) => tracing::warn!(target: SAID, "{text}"),
        None => tracing::info!(target: SAID, "{text}"),
    }
}

/// Says why a command failed, and what may help.
pub(crate) fn fail(surface: &Surface, error: &CliError, helps: &[String]) {
    let message = printable(&error.to_string());
    if is_json() {
        let help = helps.join("; ");
        let help = (!help.is_empty()).then_some(help.as_str());
        let exit = error.exit() as u8;
        tracing::error!(target: SAID, exit, help, "{message}");
        return;
    }
    let style = surface.style();
    eprintln!("{} {message}", style.bad("error:"));
    for help in helps {
        eprintln!("{} {}", style.dim("help:"), printable(help));
    }
}

/// Sends log lines to stderr: warnings, and more with each `-v`. `NOCTULE_LOG` says it in detail.
pub(crate) fn start_logging(surface: &Surface) -> Result<(), CliError> {
    let format = surface.log_format()?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter(surface))
        .with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => lines.with_ansi(surface.style().is_on()).try_init(),
        LogFormat::Json => {
            IS_JSON.store(true, Ordering::Relaxed);
            std::panic::set_hook(Box::new(|panic| {
                let place = panic.location().map(ToString::to_string);
                let message = panic.payload_as_str().unwrap_or("no message");
                tracing::error!(target: SAID, place, "a thread panicked: {message}");
            }));
            let lines = lines.json().flatten_event(true);
            lines.with_span_list(false).try_init()
        }
    };
    // A program that embeds this crate may have a subscriber of its own, which stays.
    if started.is_err() {
        tracing::debug!("another subscriber is there already");
    }
    Ok(())
}

fn filter(surface: &Surface) -> EnvFilter {
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
    let always = [
        // It repeats the parts of an address that it does not know, and an address may be a secret.
        "sqlx_postgres::options=off",
        "noctule::said=info",
    ];
    let directives = always.iter().filter_map(|text| text.parse().ok());
    directives.fold(filter, EnvFilter::add_directive)
}
