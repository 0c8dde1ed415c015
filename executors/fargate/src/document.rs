//! The stored request of a launch: the `RunTask` call as it is printed, kept and sent.
//!
//! Guarantees: what is sent is the stored body, serialised canonically; only the task definition's revision and the
//! name of an unnamed container are filled in at the launch, where the document says so, and secrets are put in place of
//! their references. Where only the trace makes it too long then, it goes without the trace.
//!
//! Shape: `{method, url, headers, region, body}`; `at_launch` lists what only the launch can know.

use noctule_executor::secrecy::ExposeSecret;
use noctule_executor::{Context, ErrorClass, ExecutorError, Request, SecretRef};
use serde_json::{Value, json};

use crate::connection::Settings;
use crate::definition::Definition;
use crate::rules;

/// A stored request, read back.
pub(crate) struct Document<'a> {
    body: &'a Value,
    region: &'a str,
    url: &'a str,
    pub(crate) cluster: &'a str,
    pub(crate) definition: &'a str,
}

impl<'a> Document<'a> {
    /// Reads what `request` made.
    pub(crate) fn read(request: &'a Request) -> Result<Self, ExecutorError> {
        let document = &request.0;
        let body = &document["body"];
        let text = |value: &'a Value, key: &str| {
            value[key]
                .as_str()
                .ok_or_else(|| ExecutorError::alarm(format!("the stored request has no `{key}`")))
        };
        Ok(Self {
            body,
            region: text(document, "region")?,
            url: text(document, "url")?,
            cluster: text(body, "cluster")?,
            definition: text(body, "taskDefinition")?,
        })
    }

    /// The connection still leads to where the request was made for: anywhere else it would start a second piece of work.
    pub(crate) fn check_place(&self, settings: &Settings) -> Result<(), ExecutorError> {
        let now = url(settings);
        if self.url == now && self.region == settings.identity.region {
            return Ok(());
        }
        Err(ExecutorError::alarm(format!(
            "the stored request is for {} ({}), the connection now points to {now} ({})",
            self.url, self.region, settings.identity.region
        )))
    }

    /// The body with the definition's revision pinned and every container named.
    pub(crate) fn pinned(&self, definition: &Definition) -> Result<Value, ExecutorError> {
        let mut body = self.body.clone();
        body["taskDefinition"] = json!(definition.arn);
        let Some(overrides) = body["overrides"]["containerOverrides"].as_array_mut() else {
            return Err(ExecutorError::alarm("the stored request has no overrides"));
        };
        let [first] = &mut overrides[..] else {
            return Err(ExecutorError::alarm("the stored request has no container"));
        };
        if let Some(name) = first["name"].as_str() {
            return definition.has_container(name).map(|()| body);
        }
        let names = definition.essential();
        if names.len() != 1 && has_own(first) {
            return Err(config(format!(
                "`command` and `env` are for one container, and task definition `{}` has {} essential ones ({}): \
                 name one as `container`",
                definition.arn,
                names.len(),
                names.join(", ")
            )));
        }
        let template = first.clone();
        *overrides = names
            .iter()
            .map(|name| {
                let mut container = template.clone();
                container["name"] = json!(name);
                container
            })
            .collect();
        Ok(body)
    }
}

/// Whether an override holds more than Noctule's own variables.
fn has_own(container: &Value) -> bool {
    let variables = container["environment"].as_array();
    let is_own = |variable: &Value| {
        let name = variable["name"].as_str().unwrap_or_default();
        name != rules::TRACE_VARIABLE && !rules::OUR_VARIABLES.contains(&name)
    };
    container.get("command").is_some() || variables.is_some_and(|list| list.iter().any(is_own))
}

/// Where a launch of this connection goes.
pub(crate) fn url(settings: &Settings) -> String {
    format!("{}/", settings.identity.endpoint_of("ecs"))
}

/// The bytes of a body, with every secret in the place of its reference; `traced`: the trace in it is ours, and gives way.
pub(crate) async fn revealed(
    context: &Context,
    body: &Value,
    traced: bool,
) -> Result<Vec<u8>, ExecutorError> {
    let mut body = body.clone();
    let containers = body["overrides"]["containerOverrides"].as_array_mut();
    for container in containers.into_iter().flatten() {
        let variables = container["environment"].as_array_mut();
        for variable in variables.into_iter().flatten() {
            if let Ok(secret) = serde_json::from_value::<SecretRef>(variable["value"].clone()) {
                let value = context.secrets.resolve(&secret).await?;
                variable["value"] = json!(value.expose_secret());
            }
        }
    }
    let too_long = |body: &Value| rules::overrides(&body["overrides"].to_string()).err();
    if traced && too_long(&body).is_some() {
        leave_trace_out(&mut body);
    }
    match too_long(&body) {
        Some(error) => Err(config(error)),
        None => Ok(body.to_string().into_bytes()),
    }
}

fn leave_trace_out(body: &mut Value) {
    let containers = body["overrides"]["containerOverrides"].as_array_mut();
    for container in containers.into_iter().flatten() {
        if let Some(variables) = container["environment"].as_array_mut() {
            variables.retain(|variable| variable["name"] != rules::TRACE_VARIABLE);
        }
    }
}

fn config(message: String) -> ExecutorError {
    ExecutorError::rejected(ErrorClass::Config, message)
}
