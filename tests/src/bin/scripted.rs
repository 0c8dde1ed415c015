//! A `noctule` with the scripted executor beside the usual ones, over the world in the folder `SCRIPTED_WORLD`.
//!
//! It asks AWS more often than anybody would: what it talks to is a simulator.

use std::process::ExitCode;
use std::time::Duration;

use noctule_executor_testing::{Scripted, ScriptedWorld, TestingError};
use noctule_fargate::{Fargate, Pacing};

fn main() -> Result<ExitCode, TestingError> {
    let mut registry = noctule::standard().with(Fargate::with_pacing(hurried()));
    if let Some(folder) = std::env::var_os("SCRIPTED_WORLD") {
        registry = registry.with(Scripted::new(ScriptedWorld::on_disk(folder)?));
    }
    Ok(noctule::main_with(registry))
}

fn hurried() -> Pacing {
    Pacing {
        first_pause: Duration::from_millis(10),
        longest_pause: Duration::from_millis(50),
        second_look: Duration::from_millis(10),
        clearing: Duration::from_millis(20),
        left_alone: Duration::from_millis(50),
        ..Pacing::default()
    }
}
