//! The request of `RunTask`: its shape, and everything ECS checks before it starts anything.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{
    definition::Definition,
    read::within,
    refusal::Refusal,
    tag::{Tag, check_tags},
};

/// Characters of the overrides, as JSON.
const LONGEST_OVERRIDES: usize = 8192;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RunTask {
    pub(crate) task_definition: String,
    pub(crate) cluster: Option<String>,
    pub(crate) count: Option<i64>,
    pub(crate) launch_type: Option<String>,
    capacity_provider_strategy: Option<Vec<Provider>>,
    network_configuration: Option<Network>,
    #[serde(default)]
    pub(crate) overrides: Overrides,
    pub(crate) started_by: Option<String>,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
    pub(crate) client_token: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) platform_version: Option<String>,
    propagate_tags: Option<String>,
    #[serde(rename = "enableECSManagedTags")]
    #[expect(dead_code, reason = "accepted; what it would add is not simulated")]
    enable_ecs_managed_tags: Option<bool>,
    pub(crate) enable_execute_command: Option<bool>,
    #[expect(dead_code, reason = "accepted; it is for people alone")]
    reference_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Provider {
    capacity_provider: String,
    #[serde(default)]
    weight: i64,
    #[serde(default)]
    base: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Network {
    awsvpc_configuration: Option<Awsvpc>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Awsvpc {
    subnets: Vec<String>,
    #[serde(default)]
    security_groups: Vec<String>,
    assign_public_ip: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Overrides {
    #[serde(default)]
    pub(crate) container_overrides: Vec<ContainerOverride>,
    pub(crate) cpu: Option<String>,
    pub(crate) memory: Option<String>,
    #[expect(dead_code, reason = "there are no roles here")]
    task_role_arn: Option<String>,
    #[expect(dead_code, reason = "there are no roles here")]
    execution_role_arn: Option<String>,
    ephemeral_storage: Option<EphemeralStorage>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EphemeralStorage {
    #[serde(rename = "sizeInGiB")]
    size: i64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ContainerOverride {
    pub(crate) name: Option<String>,
    pub(crate) command: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) environment: Vec<Variable>,
    cpu: Option<i64>,
    memory: Option<i64>,
    memory_reservation: Option<i64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variable {
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) value: String,
}

impl RunTask {
    /// Checks what can be checked without a task definition; the answer is the count.
    pub(crate) fn check(&self, body: &Value) -> Result<usize, Refusal> {
        if self.task_definition.is_empty() {
            return Err(Refusal::invalid_parameter(
                "TaskDefinition can not be blank.",
            ));
        }
        check_token(self.client_token.as_deref())?;
        check_started_by(self.started_by.as_deref())?;
        check_tags(&self.tags)?;
        self.check_capacity()?;
        self.check_network()?;
        self.check_choices()?;
        self.overrides.check(body)?;
        within("count", self.count.unwrap_or(1), 1, 10)
    }

    fn check_capacity(&self) -> Result<(), Refusal> {
        let strategy = self
            .capacity_provider_strategy
            .as_deref()
            .unwrap_or_default();
        match (self.launch_type.as_deref(), strategy) {
            (Some(_), [_, ..]) => Err(Refusal::invalid_parameter(
                "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
            )),
            (Some("FARGATE"), []) => Ok(()),
            (Some("EC2" | "EXTERNAL" | "MANAGED_INSTANCES") | None, []) => Err(
                Refusal::invalid_parameter("No Container Instances were found in your cluster."),
            ),
            (Some(other), []) => Err(Refusal::invalid_parameter(format!(
                "Unknown launch type: {other}"
            ))),
            (None, providers) => check_providers(providers),
        }
    }

    /// The provider that takes the task, if it was asked for by a strategy.
    pub(crate) fn provider(&self) -> Option<&str> {
        let strategy = self.capacity_provider_strategy.as_deref()?;
        let chosen = strategy
            .iter()
            .max_by_key(|one| (one.base > 0, one.weight))?;
        Some(&chosen.capacity_provider)
    }

    pub(crate) fn subnet(&self) -> &str {
        let network = self.network_configuration.as_ref();
        let subnets = network.and_then(|network| network.awsvpc_configuration.as_ref());
        subnets
            .and_then(|network| network.subnets.first())
            .map_or("", String::as_str)
    }

    fn check_network(&self) -> Result<(), Refusal> {
        let network = self.network_configuration.as_ref();
        let Some(network) = network.and_then(|network| network.awsvpc_configuration.as_ref())
        else {
            return Err(Refusal::invalid_parameter(
                "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
            ));
        };
        let counts = (network.subnets.len(), network.security_groups.len());
        if counts.0 == 0 {
            return Err(Refusal::invalid_parameter("subnets can not be empty."));
        }
        if counts.0 > 16 || counts.1 > 5 {
            return Err(Refusal::invalid_parameter(
                "subnets can have at most 16 items, security groups at most 5.",
            ));
        }
        check_ids("subnet", "subnet-", &network.subnets)?;
        check_ids("security group", "sg-", &network.security_groups)?;
        one_of(
            "assignPublicIp",
            network.assign_public_ip.as_deref(),
            &["ENABLED", "DISABLED"],
        )
    }

    fn check_choices(&self) -> Result<(), Refusal> {
        let version = self.platform_version.as_deref();
        if !matches!(version, None | Some("LATEST" | "1.3.0" | "1.4.0")) {
            return Err(Refusal::new(
                400,
                "PlatformUnknownException",
                "The specified platform does not exist.",
            ));
        }
        let sources = ["TASK_DEFINITION", "SERVICE", "NONE"];
        one_of("propagateTags", self.propagate_tags.as_deref(), &sources)
    }

    /// Checks what depends on the task definition.
    pub(crate) fn check_against(&self, definition: &Definition) -> Result<(), Refusal> {
        for one in &self.overrides.container_overrides {
            let name = one.name.as_deref().unwrap_or_default();
            if !definition.containers.iter().any(|known| known.name == name) {
                return Err(Refusal::invalid_parameter(format!(
                    "Override for container named {name} is not a container in the TaskDefinition."
                )));
            }
        }
        Ok(())
    }
}

impl Overrides {
    fn check(&self, body: &Value) -> Result<(), Refusal> {
        let written = body
            .get("overrides")
            .map(Value::to_string)
            .unwrap_or_default();
        let length = written.chars().count();
        if length > LONGEST_OVERRIDES {
            return Err(Refusal::invalid_parameter(format!(
                "Container Overrides length must be at most {LONGEST_OVERRIDES}, not {length}"
            )));
        }
        if let Some(storage) = &self.ephemeral_storage {
            within("ephemeralStorage.sizeInGiB", storage.size, 20, 200)?;
        }
        self.container_overrides
            .iter()
            .try_for_each(ContainerOverride::check)
    }

    /// What an override of this container puts into its environment.
    pub(crate) fn env(&self, container: &str) -> BTreeMap<String, String> {
        let theirs = self.of(container).flat_map(|one| &one.environment);
        theirs
            .filter_map(|variable| Some((variable.name.clone()?, variable.value.clone())))
            .collect()
    }

    pub(crate) fn command(&self, container: &str) -> Option<&[String]> {
        self.of(container).find_map(|one| one.command.as_deref())
    }

    fn of(&self, container: &str) -> impl Iterator<Item = &ContainerOverride> {
        self.container_overrides
            .iter()
            .filter(move |one| one.name.as_deref() == Some(container))
    }
}

impl ContainerOverride {
    fn check(&self) -> Result<(), Refusal> {
        if self.name.as_deref().unwrap_or_default().is_empty() {
            return Err(Refusal::invalid_parameter(
                "Container name cannot be empty.",
            ));
        }
        let named =
            |variable: &Variable| variable.name.as_ref().is_some_and(|name| !name.is_empty());
        if !self.environment.iter().all(named) {
            return Err(Refusal::client(
                "Environment variable name cannot be empty.",
            ));
        }
        let sizes = [self.cpu, self.memory, self.memory_reservation];
        for size in sizes.into_iter().flatten() {
            within("cpu and memory", size, 0, i64::from(i32::MAX))?;
        }
        Ok(())
    }
}

fn check_providers(providers: &[Provider]) -> Result<(), Refusal> {
    for one in providers {
        if !matches!(one.capacity_provider.as_str(), "FARGATE" | "FARGATE_SPOT") {
            return Err(Refusal::invalid_parameter(format!(
                "The specified capacity provider {} was not found. Specify a valid name or ARN and try again.",
                one.capacity_provider
            )));
        }
        within("weight", one.weight, 0, 1000)?;
        within("base", one.base, 0, 100_000)?;
    }
    if providers.iter().all(|one| one.weight == 0 && one.base == 0) {
        return Err(Refusal::invalid_parameter(
            "The capacity provider strategy must contain at least one capacity provider with a weight above zero.",
        ));
    }
    Ok(())
}

fn check_ids(what: &str, prefix: &str, ids: &[String]) -> Result<(), Refusal> {
    let fits = |id: &&String| {
        id.strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric()))
    };
    match ids.iter().find(|id| !fits(id)) {
        None => Ok(()),
        Some(id) => Err(Refusal::invalid_parameter(format!(
            "Error retrieving {what} information for [{id}]: the ID '{id}' does not exist"
        ))),
    }
}

fn one_of(name: &str, value: Option<&str>, choices: &[&str]) -> Result<(), Refusal> {
    match value {
        Some(value) if !choices.contains(&value) => Err(Refusal::invalid_parameter(format!(
            "{name} must be one of {}, not {value}.",
            choices.join(", ")
        ))),
        _ => Ok(()),
    }
}

fn check_token(token: Option<&str>) -> Result<(), Refusal> {
    let Some(token) = token else { return Ok(()) };
    let printable = token.bytes().all(|byte| (33..=126).contains(&byte));
    if token.is_empty() || token.len() > 64 || !printable {
        return Err(Refusal::invalid_parameter(
            "clientToken must have 1 to 64 characters of ASCII 33-126.",
        ));
    }
    Ok(())
}

fn check_started_by(started_by: Option<&str>) -> Result<(), Refusal> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '_');
    match started_by {
        Some(text) if text.len() > 128 || !text.chars().all(plain) => {
            Err(Refusal::invalid_parameter(
                "startedBy must have at most 128 letters (uppercase and lowercase), numbers, hyphens (-), \
             forward slash (/) and underscores (_).",
            ))
        }
        _ => Ok(()),
    }
}
