//! `completion`: a script for a shell, made from the same definition as the arguments.

use clap::CommandFactory;

use crate::args::{Cli, CompletionArgs};
use crate::console::emit_bytes;
use crate::error::CliError;
use crate::exit::Exit;

/// Prints the script.
pub(crate) fn completion(args: &CompletionArgs) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "noctule", &mut script);
    emit_bytes(&script)?;
    Ok(Exit::Success)
}
