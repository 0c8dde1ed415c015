//! The supervisor as a binary of its own, for tests and measurements; `noctule` has it under a hidden name.

use std::process::ExitCode;

fn main() -> ExitCode {
    // As in `noctule`: the program, then the hidden name, then the arguments.
    noctule_process::supervisor::main(std::env::args_os().skip(2))
}
