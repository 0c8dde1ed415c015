//! `endpoint = "simulator"`: Cloud Run, simulated inside this process.
//!
//! Guarantees: the address stays the same for a store, because the handles of executions keep it: it follows from the path
//! of the store, or is the one that was written down when that was taken. The executions themselves end with the process:
//! an engine that starts again finds them `lost`.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use noctule_cloud_run::simulator::{Fail, JobConfig, Simulator, SimulatorConfig};
use noctule_core::source::{Project, SimulatedJob};
use noctule_executor::{Connection, Text};
use serde_json::Value;

use crate::error::CliError;

/// Ports below those that systems hand out by themselves.
const FIRST_PORT: u16 = 18_000;
const PORTS: u16 = 10_000;
/// How many ports are tried.
const TRIES: u16 = 50;
const WRITTEN: &str = "simulator.port";

/// Whether a connection asks for the simulator.
pub(crate) fn is_wanted(connection: &Connection) -> bool {
    connection.settings.get("endpoint").and_then(Value::as_str) == Some("simulator")
}

/// The address that the simulator of a store has or will have, if the project asks for one. Makes no state.
pub(crate) fn address_for(project: &Project, state_dir: &Path) -> Option<SocketAddr> {
    project
        .connections
        .values()
        .any(is_wanted)
        .then(|| local(expected_port(state_dir)))
}

/// Starts the simulator of a store, if the project asks for one. It runs until it is dropped.
///
/// # Errors
/// No port is free, or its address cannot be written down.
pub(crate) async fn simulator_for(
    project: &Project,
    root: &Path,
    state_dir: &Path,
) -> Result<Option<Simulator>, CliError> {
    if !project.connections.values().any(is_wanted) {
        return Ok(None);
    }
    let first = expected_port(state_dir);
    for step in 0..TRIES {
        let port = FIRST_PORT + (first - FIRST_PORT + step) % PORTS;
        let started = Simulator::builder()
            .config(config(project, root))
            .listen(local(port))
            .start()
            .await;
        if let Ok(simulator) = started {
            write_down(state_dir, port)?;
            return Ok(Some(simulator));
        }
    }
    Err(CliError::unreachable(format!(
        "no port for the simulator is free near {first}"
    )))
}

/// Starts one on any port and writes nothing down: for a look, not for a run.
///
/// # Errors
/// No port is free.
pub(crate) async fn for_a_look(
    project: &Project,
    root: &Path,
) -> Result<Option<Simulator>, CliError> {
    if !project.connections.values().any(is_wanted) {
        return Ok(None);
    }
    let started = Simulator::builder()
        .config(config(project, root))
        .start()
        .await;
    started
        .map(Some)
        .map_err(|error| CliError::unreachable(error.to_string()))
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// The port that was written down, or the one that follows from the path.
fn expected_port(state_dir: &Path) -> u16 {
    let written = fs::read_to_string(state_dir.join(WRITTEN))
        .ok()
        .and_then(|text| text.trim().parse::<u16>().ok());
    let in_range = |port: &u16| (FIRST_PORT..FIRST_PORT + PORTS).contains(port);
    written.filter(in_range).unwrap_or_else(|| {
        let mut hasher = DefaultHasher::new();
        state_dir.hash(&mut hasher);
        FIRST_PORT + u16::try_from(hasher.finish() % u64::from(PORTS)).unwrap_or(0)
    })
}

fn write_down(state_dir: &Path, port: u16) -> Result<(), CliError> {
    use std::os::unix::fs::DirBuilderExt;
    let path = state_dir.join(WRITTEN);
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(state_dir);
    let written = made.and_then(|()| fs::write(&path, format!("{port}\n")));
    written.map_err(|error| {
        CliError::unreachable(format!("failed to write {}: {error}", path.display()))
    })
}

/// The simulator's own configuration, from the project's.
pub(crate) fn config(project: &Project, root: &Path) -> SimulatorConfig {
    let jobs = project
        .simulator
        .iter()
        .map(|(name, job)| (name.clone(), job_config(job, root)));
    SimulatorConfig {
        jobs: jobs.collect(),
        ..SimulatorConfig::default()
    }
}

fn job_config(job: &SimulatedJob, root: &Path) -> JobConfig {
    let text = |(name, value): (&String, &Value)| Some((name.clone(), Text::of(value)?.0));
    JobConfig {
        command: job.command.clone().unwrap_or_default(),
        env: job.env.iter().filter_map(text).collect(),
        delay: job.delay,
        fail: job.fail.as_ref().map(fail),
        cwd: Some(PathBuf::from(root)),
        ..JobConfig::default()
    }
}

/// `true`, an exit code, or a message, which is exit code 1.
fn fail(value: &Value) -> Fail {
    match value {
        Value::Bool(fails) => Fail::All(*fails),
        Value::Number(code) => Fail::ExitCode(
            code.as_u64()
                .and_then(|code| u8::try_from(code).ok())
                .unwrap_or(1),
        ),
        _ => Fail::All(true),
    }
}
