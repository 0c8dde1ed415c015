//! What the simulators do, from the project's `[simulator.jobs]`: the same table serves each of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use noctule_cloud_run::simulator as cloud_run;
use noctule_core::source::{Project, SimulatedJob};
use noctule_ecs_simulator as ecs;
use noctule_executor::Text;
use serde_json::Value;

/// The configuration of the simulator of Cloud Run.
pub(crate) fn cloud_run_config(project: &Project, root: &Path) -> cloud_run::SimulatorConfig {
    let job = |job: &SimulatedJob| cloud_run::JobConfig {
        command: job.command.clone().unwrap_or_default(),
        env: env(job),
        delay: job.delay,
        fail: job.fail.as_ref().map(|fail| match exit_code(fail) {
            Some(code) => cloud_run::Fail::ExitCode(code),
            None => cloud_run::Fail::All(is_failure(fail)),
        }),
        container: job.container.clone(),
        cwd: Some(PathBuf::from(root)),
        ..cloud_run::JobConfig::default()
    };
    cloud_run::SimulatorConfig {
        jobs: each(project, job),
        ..cloud_run::SimulatorConfig::default()
    }
}

/// The configuration of the simulator of ECS: a job is the family of a task definition.
pub(crate) fn ecs_config(project: &Project, root: &Path) -> ecs::SimulatorConfig {
    let job = |job: &SimulatedJob| ecs::JobConfig {
        container: job.container.clone(),
        command: job.command.clone().unwrap_or_default(),
        env: env(job),
        delay: job.delay,
        fail: job.fail.as_ref().map(|fail| match exit_code(fail) {
            Some(code) => ecs::Fail::ExitCode(code),
            None => ecs::Fail::Fails(is_failure(fail)),
        }),
        port: job.port,
        cwd: Some(PathBuf::from(root)),
        ..ecs::JobConfig::default()
    };
    ecs::SimulatorConfig {
        jobs: each(project, job),
        ..ecs::SimulatorConfig::default()
    }
}

fn each<T>(project: &Project, job: impl Fn(&SimulatedJob) -> T) -> BTreeMap<String, T> {
    let jobs = project.simulator.iter();
    jobs.map(|(name, one)| (name.clone(), job(one))).collect()
}

fn env(job: &SimulatedJob) -> BTreeMap<String, String> {
    let text = |(name, value): (&String, &Value)| Some((name.clone(), Text::of(value)?.0));
    job.env.iter().filter_map(text).collect()
}

/// `true`, an exit code, or a message, which is exit code 1.
fn exit_code(fail: &Value) -> Option<u8> {
    let Value::Number(code) = fail else {
        return None;
    };
    let code = code.as_u64().and_then(|code| u8::try_from(code).ok());
    Some(code.unwrap_or(1))
}

fn is_failure(fail: &Value) -> bool {
    fail.as_bool().unwrap_or(true)
}
