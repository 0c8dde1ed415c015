//! Task definitions: what exists to be run, and what its containers really do.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde_json::{Value, json};

use super::{arn::Place, status::Ending};

const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// One revision of a task definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The family.
    pub family: String,
    /// The revision; the highest active one is meant when none is named.
    pub revision: u32,
    /// Inactive ones cannot be run.
    pub active: bool,
    /// The containers of a task.
    pub containers: Vec<ContainerDefinition>,
}

/// One container of a task definition.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerDefinition {
    /// Its name.
    pub name: String,
    /// Whether the task ends with it.
    pub essential: bool,
    /// The environment that overrides are merged over.
    pub env: BTreeMap<String, String>,
    /// The port of its `portMappings`.
    pub port: Option<u16>,
    /// From TERM to KILL.
    pub stop_timeout: Duration,
    /// Waited, running, before it does anything.
    pub delay: Duration,
    /// The folder its command starts in.
    pub cwd: Option<PathBuf>,
    /// What it does.
    pub work: Work,
}

/// What a container does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A local command; the `command` of an override comes after it. Empty: ends well at once.
    Command(Vec<String>),
    /// Waits for a test to end it.
    Held {
        /// TERM does not end it, KILL does.
        ignores_term: bool,
    },
    /// Ends by itself.
    Ends {
        /// After this time of the runtime's clock.
        after: Duration,
        /// In this way.
        ending: Ending,
    },
}

impl Definition {
    /// Revision 1 of a family, active, without containers.
    pub fn new(family: &str) -> Self {
        Definition {
            family: family.to_owned(),
            revision: 1,
            active: true,
            containers: Vec::new(),
        }
    }

    /// A family of one container that waits for the test.
    pub fn held(family: &str, container: &str) -> Self {
        Definition::new(family).container(ContainerDefinition::held(container))
    }

    /// With one more container.
    #[must_use]
    pub fn container(mut self, container: ContainerDefinition) -> Self {
        self.containers.push(container);
        self
    }

    /// Another revision.
    #[must_use]
    pub fn revision(mut self, revision: u32) -> Self {
        self.revision = revision;
        self
    }

    /// No longer active.
    #[must_use]
    pub fn inactive(mut self) -> Self {
        self.active = false;
        self
    }

    pub(crate) fn name(&self) -> String {
        format!("{}:{}", self.family, self.revision)
    }

    /// Where its containers write to.
    pub(crate) fn log_group(&self) -> String {
        format!("/ecs/{}", self.family)
    }

    /// As `DescribeTaskDefinition` shows it.
    pub(crate) fn render(&self, place: &Place) -> Value {
        let containers: Vec<Value> = self
            .containers
            .iter()
            .map(|one| one.render(self, place))
            .collect();
        json!({
            "taskDefinitionArn": place.definition(&self.name()),
            "containerDefinitions": containers,
            "family": self.family,
            "executionRoleArn": format!("arn:aws:iam::{}:role/ecsTaskExecutionRole", place.account),
            "networkMode": "awsvpc",
            "revision": self.revision,
            "volumes": [],
            "status": if self.active { "ACTIVE" } else { "INACTIVE" },
            "requiresAttributes": [{"name": "ecs.capability.task-eni"}],
            "placementConstraints": [],
            "compatibilities": ["EC2", "FARGATE"],
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
        })
    }
}

impl ContainerDefinition {
    /// An essential container that does this.
    pub fn new(name: &str, work: Work) -> Self {
        ContainerDefinition {
            name: name.to_owned(),
            essential: true,
            env: BTreeMap::new(),
            port: None,
            stop_timeout: STOP_TIMEOUT,
            delay: Duration::ZERO,
            cwd: None,
            work,
        }
    }

    /// An essential container that is a local command.
    pub fn command(name: &str, command: &[&str]) -> Self {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        ContainerDefinition::new(name, Work::Command(command))
    }

    /// An essential container that waits for the test; TERM ends it.
    pub fn held(name: &str) -> Self {
        ContainerDefinition::new(
            name,
            Work::Held {
                ignores_term: false,
            },
        )
    }

    /// An essential container that ends by itself.
    pub fn ends(name: &str, after: Duration, ending: Ending) -> Self {
        ContainerDefinition::new(name, Work::Ends { after, ending })
    }

    /// Not essential.
    #[must_use]
    pub fn sidecar(mut self) -> Self {
        self.essential = false;
        self
    }

    /// With one more variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With this port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// With this time from TERM to KILL.
    #[must_use]
    pub fn stop_timeout(mut self, timeout: Duration) -> Self {
        self.stop_timeout = timeout;
        self
    }

    fn render(&self, definition: &Definition, place: &Place) -> Value {
        let env: Vec<Value> = self
            .env
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        let ports: Vec<Value> = self
            .port
            .iter()
            .map(|port| json!({"containerPort": port, "hostPort": port, "protocol": "tcp"}))
            .collect();
        let entry_point = match &self.work {
            Work::Command(command) => command.clone(),
            Work::Held { .. } | Work::Ends { .. } => Vec::new(),
        };
        json!({
            "name": self.name,
            "image": "simulator",
            "cpu": 0,
            "portMappings": ports,
            "essential": self.essential,
            "entryPoint": entry_point,
            "environment": env,
            "mountPoints": [],
            "volumesFrom": [],
            "stopTimeout": self.stop_timeout.as_secs(),
            "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": definition.log_group(),
                "awslogs-region": place.region,
                "awslogs-stream-prefix": LOG_PREFIX,
            }},
        })
    }
}

/// The first part of every log stream.
pub(crate) const LOG_PREFIX: &str = "ecs";
