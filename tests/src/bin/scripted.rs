//! A `noctule` with the scripted executor beside the usual ones, over the world in the folder `SCRIPTED_WORLD`.

use std::process::ExitCode;

use noctule_executor_testing::{Scripted, ScriptedWorld, TestingError};

fn main() -> Result<ExitCode, TestingError> {
    let mut registry = noctule::standard();
    if let Some(folder) = std::env::var_os("SCRIPTED_WORLD") {
        registry = registry.with(Scripted::new(ScriptedWorld::on_disk(folder)?));
    }
    Ok(noctule::main_with(registry))
}
