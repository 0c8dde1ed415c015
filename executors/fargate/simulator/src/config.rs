//! What a project file says about the simulator: its task definitions and what their containers do.
//!
//! Unknown keys are refused.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use noctule_simulated::duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    definition::{ContainerDefinition, Definition, Work},
    fault_config::FaultConfig,
    settings::{Health, Pace, Settings},
    status::Ending,
};

/// The `[simulator]` table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SimulatorConfig {
    /// The families that exist from the start, in every region.
    pub jobs: BTreeMap<String, JobConfig>,
    /// The clusters there are; without it, every one that is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clusters: Option<Vec<String>>,
    /// How long a task stays in each state before and after RUNNING (0s).
    #[serde(with = "duration", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub step: Option<Duration>,
    /// The path that targets are asked for (/health).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_path: Option<String>,
    /// Targets are healthy after this time, without being asked.
    #[serde(with = "duration", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub healthy_after: Option<Duration>,
    /// How long deregistered targets drain (300s).
    #[serde(with = "duration", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub drain: Option<Duration>,
    /// Calls that go wrong, in the order of the table.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultConfig>,
}

/// One family, with one container that matters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JobConfig {
    /// The container's name (that of the family).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The program and its first arguments; the `command` of an override comes after. None: it ends well at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The environment; overrides are merged over it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Waited, RUNNING, before the command starts.
    #[serde(with = "duration", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub delay: Option<Duration>,
    /// Instead of running the command: `true` (exit code 1) or an exit code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail: Option<Fail>,
    /// The port it listens on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// From TERM to KILL (30s).
    #[serde(with = "duration", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub stop_timeout: Option<Duration>,
    /// The commands of containers beside it, which are not essential.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sidecars: BTreeMap<String, Vec<String>>,
    /// The folder the commands start in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
}

/// Whether and how a container fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Fail {
    /// With exit code 1, or not at all.
    Fails(bool),
    /// With this exit code; 0 is no failure.
    ExitCode(u8),
}

impl Fail {
    fn exit_code(self) -> Option<i32> {
        match self {
            Fail::Fails(fails) => fails.then_some(1),
            Fail::ExitCode(code) => (code != 0).then_some(i32::from(code)),
        }
    }
}

impl SimulatorConfig {
    /// What a simulator starts with.
    pub fn settings(&self) -> Settings {
        let usual = Settings::default();
        let definitions = self.jobs.iter().map(|(family, job)| job.definition(family));
        Settings {
            definitions: definitions.collect(),
            clusters: self.clusters.clone(),
            pace: self.step.map_or(usual.pace, Pace::even),
            health: self.health(),
            deregistration_delay: self.drain.unwrap_or(usual.deregistration_delay),
            faults: self.faults.iter().map(FaultConfig::fault).collect(),
            ..usual
        }
    }

    fn health(&self) -> Health {
        let mut health = Health::default();
        if let (Health::Probe { path, .. }, Some(own)) = (&mut health, &self.health_path) {
            path.clone_from(own);
        }
        self.healthy_after.map_or(health, Health::After)
    }
}

impl JobConfig {
    fn definition(&self, family: &str) -> Definition {
        let name = self.container.as_deref().unwrap_or(family);
        let work = match self.fail.and_then(Fail::exit_code) {
            Some(code) => Work::Ends {
                after: Duration::ZERO,
                ending: Ending::exit(code),
            },
            None => Work::Command(self.command.clone()),
        };
        let mut container = self.around(ContainerDefinition::new(name, work));
        container.env.clone_from(&self.env);
        container.delay = self.delay.unwrap_or_default();
        container.port = self.port;
        let sidecars = self.sidecars.iter().map(|(name, command)| {
            let work = Work::Command(command.clone());
            self.around(ContainerDefinition::new(name, work).sidecar())
        });
        sidecars.fold(
            Definition::new(family).container(container),
            Definition::container,
        )
    }

    fn around(&self, mut container: ContainerDefinition) -> ContainerDefinition {
        container.cwd.clone_from(&self.cwd);
        match self.stop_timeout {
            Some(timeout) => container.stop_timeout(timeout),
            None => container,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = r#"
        step = "10ms"
        healthy_after = "1s"
        [jobs.etl]
        container = "main"
        command = ["python3", "etl.py"]
        delay = "2s"
        port = 8080
        stop_timeout = "5s"
        [jobs.etl.sidecars]
        proxy = ["sleep", "60"]
        [jobs.broken]
        fail = 7
        [[faults]]
        fault = "throttled"
        action = "DescribeTasks"
        times = 2
    "#;

    #[test]
    fn a_family_is_read_from_a_table() {
        let config: SimulatorConfig = toml::from_str(TABLE).unwrap();
        let settings = config.settings();
        let [broken, etl] = settings.definitions.as_slice() else {
            panic!("{:?}", settings.definitions)
        };
        let ends = ContainerDefinition::ends("broken", Duration::ZERO, Ending::exit(7));
        assert_eq!(broken.containers, [ends]);
        let names: Vec<_> = etl
            .containers
            .iter()
            .map(|one| (one.name.as_str(), one.essential))
            .collect();
        assert_eq!(names, [("main", true), ("proxy", false)]);
        assert_eq!(
            (etl.containers[0].port, etl.containers[0].delay),
            (Some(8080), Duration::from_secs(2))
        );
        assert_eq!(etl.containers[1].stop_timeout, Duration::from_secs(5));
        assert_eq!(settings.health, Health::After(Duration::from_secs(1)));
        assert_eq!(settings.pace, Pace::even(Duration::from_millis(10)));
        let throttled =
            super::super::fault::Fault::throttled(super::super::Action::DescribeTasks).times(2);
        assert_eq!(settings.faults, [throttled]);
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<SimulatorConfig>(&text).unwrap(), config);
    }

    #[test]
    fn unknown_keys_are_refused() {
        for wrong in [
            "job = {}",
            "[jobs.etl]\ncomand = []",
            "[[faults]]\nfault = \"odd\"",
        ] {
            assert!(toml::from_str::<SimulatorConfig>(wrong).is_err(), "{wrong}");
        }
    }
}
