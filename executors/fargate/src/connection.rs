//! The settings of a `kind = "aws"` connection, read and checked.
//!
//! Guarantees: a wrong setting is named together with its connection. The region stands in the project file and is
//! never taken from the environment, which may be another one when a launch is sent again after a restart. Holds no
//! secret: credentials are found at the call.

use std::time::Duration;

use noctule_executor::Connection;
use serde::Deserialize;

use crate::config::{Names, given};
use crate::endpoint::Endpoint;
use crate::{duration, rules};

/// Looks for an unknown launch before the same request is sent again.
const SEARCH_AFTER: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
];

/// A role to act as.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssumeRole {
    pub(crate) arn: String,
    #[serde(default)]
    pub(crate) external_id: Option<String>,
}

/// Who calls where: all that a client is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) region: String,
    pub(crate) profile: Option<String>,
    pub(crate) assume_role: Option<AssumeRole>,
    /// One address for every service instead of AWS's own.
    pub(crate) endpoint: Option<Endpoint>,
}

impl Identity {
    /// Who calls are made as, for people.
    pub(crate) fn who(&self) -> String {
        match (&self.assume_role, &self.profile) {
            (Some(role), _) => role.arn.clone(),
            (None, Some(profile)) => format!("profile `{profile}`"),
            (None, None) => "the identity that the AWS chain finds".to_owned(),
        }
    }

    /// The address of a service.
    pub(crate) fn endpoint_of(&self, service: &str) -> Endpoint {
        self.endpoint_in(service, &self.region)
    }

    /// The address of a service in another region.
    pub(crate) fn endpoint_in(&self, service: &str, region: &str) -> Endpoint {
        let own = self.endpoint.clone();
        own.unwrap_or_else(|| Endpoint::of_service(service, region))
    }
}

/// The connection, as this executor uses it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) identity: Identity,
    pub(crate) cluster: Option<String>,
    pub(crate) subnets: Vec<String>,
    pub(crate) security_groups: Vec<String>,
    pub(crate) target_group: Option<String>,
    /// When to look for an unknown launch, ascending.
    pub(crate) search_after: Vec<Duration>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Written {
    region: Option<String>,
    profile: Option<String>,
    assume_role: Option<AssumeRole>,
    endpoint: Option<String>,
    cluster: Option<String>,
    subnets: Option<Names>,
    security_groups: Option<Names>,
    target_group: Option<String>,
    search_after: Option<Vec<String>>,
    /// The engine's: the budgets of the connection.
    #[serde(rename = "rate")]
    _rate: Option<serde::de::IgnoredAny>,
}

impl Settings {
    /// Reads a connection.
    pub(crate) fn read(connection: Option<&Connection>) -> Result<Self, String> {
        let connection =
            connection.ok_or("no connection of kind `aws` is defined: it names the region")?;
        if connection.kind != "aws" {
            return Err(format!(
                "connection `{}` is of kind `{}`, `fargate` needs `aws`",
                connection.name, connection.kind
            ));
        }
        Self::checked(connection.settings()?)
            .map_err(|error| format!("connection `{}`: {error}", connection.name))
    }

    fn checked(written: Written) -> Result<Self, String> {
        let owned = |text: &Option<String>| given(text.as_ref()).map(str::to_owned);
        let settings = Self {
            identity: identity(&written)?,
            cluster: owned(&written.cluster),
            subnets: written.subnets.unwrap_or_default().0,
            security_groups: written.security_groups.unwrap_or_default().0,
            target_group: owned(&written.target_group),
            search_after: search_after(written.search_after)?,
        };
        settings.cluster.as_deref().map_or(Ok(()), rules::cluster)?;
        settings
            .target_group
            .as_deref()
            .map_or(Ok(()), rules::target_group)?;
        rules::subnets(&settings.subnets)?;
        rules::security_groups(&settings.security_groups)?;
        Ok(settings)
    }
}

fn identity(written: &Written) -> Result<Identity, String> {
    let endpoint = given(written.endpoint.as_ref());
    let endpoint = endpoint
        .map(|text| Endpoint::try_from(text.to_owned()))
        .transpose()?;
    let region = match (given(written.region.as_ref()), &endpoint) {
        (Some(region), _) => region,
        // A server of this machine has no regions.
        (None, Some(endpoint)) if endpoint.is_local() => "us-east-1",
        (None, _) => return Err("no `region` is named".to_owned()),
    };
    rules::region(region)?;
    if let Some(role) = &written.assume_role {
        let fine = role.arn.starts_with("arn:") && rules::role(&role.arn).is_ok();
        fine.then_some(())
            .ok_or_else(|| format!("assume_role: `{}` is not the ARN of a role", role.arn))?;
    }
    Ok(Identity {
        region: region.to_owned(),
        profile: given(written.profile.as_ref()).map(str::to_owned),
        assume_role: written.assume_role.clone(),
        endpoint,
    })
}

/// The looks in order. One at least: an attempt that is to stop is looked for, never sent again.
fn search_after(written: Option<Vec<String>>) -> Result<Vec<Duration>, String> {
    let Some(written) = written else {
        return Ok(SEARCH_AFTER.to_vec());
    };
    let looks = written
        .iter()
        .map(|text| duration::parse(text))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("search_after: {error}"))?;
    if looks.is_empty() {
        return Err("search_after: expected one look at least".to_owned());
    }
    if !looks.is_sorted_by(|earlier, later| earlier < later) {
        return Err("search_after: expected ascending durations".to_owned());
    }
    Ok(looks)
}

/// The default looks.
pub(crate) fn default_search() -> Vec<Duration> {
    SEARCH_AFTER.to_vec()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(settings: Value) -> Result<Settings, String> {
        let Value::Object(settings) = settings else {
            return Err("not a table".to_owned());
        };
        Settings::read(Some(&Connection {
            name: "aws1".to_owned(),
            kind: "aws".to_owned(),
            settings,
        }))
    }

    #[test]
    fn a_region_names_the_services() {
        let settings =
            read(json!({ "region": "eu-west-1", "rate": { "launch": "20/s" } })).unwrap();
        let of = |service| settings.identity.endpoint_of(service).to_string();
        assert_eq!(of("ecs"), "https://ecs.eu-west-1.amazonaws.com");
        assert_eq!(
            of("elasticloadbalancing"),
            "https://elasticloadbalancing.eu-west-1.amazonaws.com"
        );
        assert_eq!(settings.search_after, SEARCH_AFTER);
    }

    #[test]
    fn one_endpoint_answers_for_all() {
        let settings = read(json!({ "endpoint": "http://127.0.0.1:1" })).unwrap();
        for service in ["ecs", "logs", "elasticloadbalancing"] {
            let endpoint = settings.identity.endpoint_of(service);
            assert_eq!(endpoint.as_str(), "http://127.0.0.1:1");
        }
    }

    #[test]
    fn empty_values_are_absent() {
        let settings = read(
            json!({ "region": "us-east-1", "cluster": "", "subnets": "", "endpoint": "", "profile": "" }),
        );
        let settings = settings.unwrap();
        assert_eq!(settings.cluster, None);
        assert_eq!(settings.identity.profile, None);
        assert!(settings.subnets.is_empty() && settings.identity.endpoint.is_none());
    }

    #[test]
    fn wrong_settings_are_named_with_their_connection() {
        for (settings, word) in [
            (json!({}), "region"),
            (json!({ "region": "here" }), "region"),
            (
                json!({ "region": "us-east-1", "endpoint": "http://10.0.0.1" }),
                "plain http",
            ),
            (
                json!({ "region": "us-east-1", "endpoints": "x" }),
                "endpoints",
            ),
            (
                json!({ "region": "us-east-1", "assume_role": { "arn": "worker" } }),
                "assume_role",
            ),
            (
                json!({ "region": "us-east-1", "cluster": "a b" }),
                "cluster",
            ),
            (
                json!({ "region": "us-east-1", "subnets": ["sg-1"] }),
                "subnet",
            ),
            (
                json!({ "region": "us-east-1", "target_group": "web" }),
                "target group",
            ),
            (
                json!({ "region": "us-east-1", "search_after": [] }),
                "one look",
            ),
            (
                json!({ "region": "us-east-1", "search_after": ["5s", "1s"] }),
                "ascending",
            ),
        ] {
            let error = read(settings.clone()).unwrap_err();
            assert!(
                error.contains(word) && error.contains("aws1"),
                "{settings}: {error}"
            );
        }
        assert!(Settings::read(None).unwrap_err().contains("region"));
    }
}
