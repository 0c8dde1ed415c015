//! The `noctule` that a campaign kills: the product's own program with the product's executors, each with named places around
//! its calls. It asks the clouds more often than anybody would: what it talks to is a simulator.

use std::process::ExitCode;
use std::time::Duration;

use noctule_cloud_run::CloudRun;
use noctule_executor::Executor;
use noctule_fargate::Fargate;
use noctule_http::Http;
use noctule_postgres::{Databases, PostgresStep};
use noctule_process::Process;

use crate::gated::Gated;
use crate::strike::Strike;

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    let strike = Strike::of_environment();
    let registry = noctule::standard()
        .with(gated(Process::default(), &strike))
        .with(gated(CloudRun::with_pacing(google()), &strike))
        .with(gated(Fargate::with_pacing(amazon()), &strike))
        .with(gated(Http::new(), &strike))
        .with(gated(PostgresStep::new(&Databases::new()), &strike));
    match strike {
        Some(strike) => noctule::main_with_hook(registry, strike),
        None => noctule::main_with(registry),
    }
}

fn gated<E: Executor>(inner: E, strike: &Option<std::sync::Arc<Strike>>) -> Gated<E> {
    let strike = strike.clone();
    Gated { inner, strike }
}

fn google() -> noctule_cloud_run::Pacing {
    noctule_cloud_run::Pacing {
        first_pause: Duration::from_millis(20),
        longest_pause: Duration::from_millis(100),
        second_look: Duration::from_millis(50),
        ..Default::default()
    }
}

fn amazon() -> noctule_fargate::Pacing {
    noctule_fargate::Pacing {
        first_pause: Duration::from_millis(20),
        longest_pause: Duration::from_millis(100),
        second_look: Duration::from_millis(50),
        clearing: Duration::from_millis(50),
        left_alone: Duration::from_millis(100),
        ..Default::default()
    }
}
