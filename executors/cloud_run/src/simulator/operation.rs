//! Long-running operations: a name for a change that may take a while.
//!
//! An operation on an execution is done when the execution is; one on a job is done at once. A
//! cancelled execution ends its operation with a response and no error, as at Google.

use serde_json::{Value, json};

use super::{
    condition::{ConditionState, Reason},
    execution::Execution,
    name::{ExecutionName, Place},
};

#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) sequence: u64,
    pub(crate) subject: Subject,
}

#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// Follows an execution.
    Execution(ExecutionName),
    /// Done; the resource as it was, with its @type.
    Done(Value),
}

/// A resource as `Any` shows it.
pub(crate) fn any(kind: &str, mut resource: Value) -> Value {
    if let Some(fields) = resource.as_object_mut() {
        fields.insert(
            "@type".to_owned(),
            json!(format!("type.googleapis.com/google.cloud.run.v2.{kind}")),
        );
    }
    resource
}

impl Operation {
    /// The operation as the API shows it; None once its execution is gone.
    pub(crate) fn render(&self, execution: Option<&Execution>) -> Option<Value> {
        match &self.subject {
            Subject::Done(resource) => Some(done(&self.name, resource)),
            Subject::Execution(_) => Some(following(&self.name, execution?)),
        }
    }
}

fn done(name: &str, resource: &Value) -> Value {
    let mut value = json!({"metadata": resource, "done": true, "response": resource});
    if !name.is_empty() {
        value["name"] = json!(name);
    }
    value
}

fn following(name: &str, execution: &Execution) -> Value {
    let resource = any("Execution", execution.render());
    if !execution.is_done() {
        return json!({"name": name, "metadata": resource});
    }
    match fault(execution) {
        None => done(name, &resource),
        Some(message) => json!({"name": name, "metadata": resource, "done": true,
            "error": {"code": 2, "message": message}}),
    }
}

fn fault(execution: &Execution) -> Option<String> {
    let completed = execution.conditions.get("Completed")?;
    let cancelled = completed.reason == Some(Reason::execution("CANCELLED"));
    (completed.state == ConditionState::Failed && !cancelled).then(|| completed.message.clone())
}

/// The answer to a request that was only to be checked.
pub(crate) fn validated(kind: &str, resource: Value) -> Value {
    done("", &any(kind, resource))
}
