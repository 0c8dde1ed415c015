//! A `noctule` with two more executors.

use custom_executor::{FileSensor, Spool};

fn main() -> std::process::ExitCode {
    let registry = noctule::standard();
    noctule::main_with(registry.with(FileSensor::default()).with(Spool::default()))
}
