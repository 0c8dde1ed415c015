//! What a project file says about the simulator: its jobs and what their containers do.
//!
//! Unknown keys are refused.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use noctule_simulated::duration;

use super::FaultConfig;

/// The `[simulator]` table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SimulatorConfig {
    /// The jobs that exist from the start, in every project and region.
    pub jobs: BTreeMap<String, JobConfig>,
    /// From TERM to KILL when a container is cancelled or out of time (10s).
    #[serde(with = "duration", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub grace: Option<Duration>,
    /// The bearer token that requests must carry; without it none is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// New executions appear in lists only after this time.
    #[serde(with = "duration", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub list_lag: Option<Duration>,
    /// Answers that go wrong, in the order of the table.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultConfig>,
}

/// What the containers of one simulated job do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JobConfig {
    /// The program and its first arguments; the arguments of the run come after. None: it only waits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The environment of the job; a run's overrides are merged over it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Waited before the command starts.
    #[serde(with = "duration", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub delay: Option<Duration>,
    /// Which containers fail, instead of running the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail: Option<Fail>,
    /// The tasks of an execution (1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_count: Option<u32>,
    /// How often a failed task is tried again (0).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    /// How many tasks run at once (all).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<u32>,
    /// The container's name; without it any name in an override is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The folder the command starts in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
}

/// Which containers fail, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Fail {
    /// All, with exit code 1, or none.
    All(bool),
    /// All, with this exit code; 0 is none.
    ExitCode(u8),
    /// The tasks with these indexes, with exit code 1.
    Tasks(Vec<u32>),
}

impl Fail {
    /// The exit code this task's container is to end with, unless it does its work.
    pub(crate) fn exit_code(&self, task: u32) -> Option<i32> {
        match self {
            Fail::All(fails) => fails.then_some(1),
            Fail::ExitCode(code) => (*code != 0).then_some(i32::from(*code)),
            Fail::Tasks(tasks) => tasks.contains(&task).then_some(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn a_job_is_read_from_a_table() {
        let text = json!({"jobs": {"etl": {"command": ["sh", "-c", "true"], "env": {"A": "1"}, "delay": "2s",
            "fail": [0, 2], "task_count": 3}}, "grace": "500ms"});
        let config: SimulatorConfig = from_value(text).unwrap();
        let etl = &config.jobs["etl"];
        assert_eq!(etl.delay, Some(Duration::from_secs(2)));
        assert_eq!(etl.fail, Some(Fail::Tasks(vec![0, 2])));
        assert_eq!(config.grace, Some(Duration::from_millis(500)));
        assert_eq!(
            from_value::<SimulatorConfig>(serde_json::to_value(&config).unwrap()).unwrap(),
            config
        );
    }

    #[test]
    fn unknown_keys_and_wrong_durations_are_refused() {
        assert!(from_value::<SimulatorConfig>(json!({"jobs": {"etl": {"comand": []}}})).is_err());
        assert!(from_value::<SimulatorConfig>(json!({"job": {}})).is_err());
        let wrong =
            from_value::<SimulatorConfig>(json!({"jobs": {"etl": {"delay": "2"}}})).unwrap_err();
        assert!(wrong.to_string().contains("not a duration"), "{wrong}");
    }

    #[test]
    fn fail_is_a_bool_a_code_or_a_list_of_tasks() {
        let fail = |value| from_value::<Fail>(value).unwrap();
        assert_eq!(fail(json!(true)).exit_code(0), Some(1));
        assert_eq!(fail(json!(false)).exit_code(0), None);
        assert_eq!(fail(json!(7)).exit_code(4), Some(7));
        assert_eq!(fail(json!([1])).exit_code(0), None);
        assert_eq!(fail(json!([1])).exit_code(1), Some(1));
    }
}
