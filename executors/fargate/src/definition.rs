//! A task definition as far as a launch and a verdict need it: its revision, its containers, their logs.
//!
//! Guarantees: pure data, read leniently. A revision never changes, so what was read of one is kept.

use aws_sdk_ecs::types::{ContainerDefinition, LogDriver, TaskDefinition};
use noctule_executor::{ErrorClass, ExecutorError};

/// One container of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) essential: bool,
    pub(crate) log: Option<AwsLogs>,
}

/// Where the `awslogs` driver writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AwsLogs {
    pub(crate) group: String,
    pub(crate) region: Option<String>,
    pub(crate) prefix: Option<String>,
}

/// One revision of a task definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Definition {
    /// With the revision.
    pub(crate) arn: String,
    pub(crate) containers: Vec<Container>,
    pub(crate) status: Option<String>,
    pub(crate) fargate: bool,
    pub(crate) awsvpc: bool,
    pub(crate) task_role: Option<String>,
    pub(crate) execution_role: Option<String>,
}

impl Definition {
    /// Reads an answer; `None` where it does not say which revision it is.
    pub(crate) fn read(answer: &TaskDefinition) -> Option<Self> {
        let compatible = answer.requires_compatibilities();
        Some(Self {
            arn: answer.task_definition_arn()?.to_owned(),
            containers: answer
                .container_definitions()
                .iter()
                .filter_map(container)
                .collect(),
            status: answer.status().map(|status| status.as_str().to_owned()),
            fargate: compatible.is_empty()
                || compatible.iter().any(|kind| kind.as_str() == "FARGATE"),
            awsvpc: answer
                .network_mode()
                .is_none_or(|mode| mode.as_str() == "awsvpc"),
            task_role: answer.task_role_arn().map(str::to_owned),
            execution_role: answer.execution_role_arn().map(str::to_owned),
        })
    }

    /// The containers whose end is the end of the task.
    pub(crate) fn essential(&self) -> Vec<&str> {
        let essential = self.containers.iter().filter(|c| c.essential);
        essential.map(|c| c.name.as_str()).collect()
    }

    /// The container of a name.
    pub(crate) fn container(&self, name: &str) -> Option<&Container> {
        self.containers.iter().find(|c| c.name == name)
    }

    /// A configuration that names a container names one of these.
    pub(crate) fn has_container(&self, name: &str) -> Result<(), ExecutorError> {
        if self.container(name).is_some() {
            return Ok(());
        }
        let names: Vec<_> = self.containers.iter().map(|c| c.name.as_str()).collect();
        Err(ExecutorError::rejected(
            ErrorClass::Config,
            format!(
                "task definition `{}` has no container `{name}`: it has {}",
                self.arn,
                names.join(", ")
            ),
        ))
    }
}

fn container(definition: &ContainerDefinition) -> Option<Container> {
    Some(Container {
        name: definition.name()?.to_owned(),
        // ECS takes a container for essential unless it says otherwise.
        essential: definition.essential().unwrap_or(true),
        log: logs(definition),
    })
}

fn logs(definition: &ContainerDefinition) -> Option<AwsLogs> {
    let configuration = definition.log_configuration()?;
    let awslogs = configuration.log_driver() == &LogDriver::Awslogs;
    let options = configuration.options().filter(|_| awslogs)?;
    let option = |key: &str| options.get(key).filter(|text| !text.is_empty()).cloned();
    Some(AwsLogs {
        group: option("awslogs-group")?,
        region: option("awslogs-region"),
        prefix: option("awslogs-stream-prefix"),
    })
}
