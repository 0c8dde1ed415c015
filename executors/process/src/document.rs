//! The request document of a process task: what `plan` prints, the store keeps and the launch reads.

use std::collections::BTreeMap;

use noctule_executor::{Attempt, Entry, Request, Text};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::error::Error;

/// The variable that says which trace the command is a part of (W3C Trace Context), where runs are traced.
const TRACEPARENT: &str = "TRACEPARENT";

/// The command, with all of its environment that does not come from the engine's own; secrets are references.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Document {
    pub(crate) command: Vec<Text>,
    pub(crate) cwd: Option<Text>,
    pub(crate) env: BTreeMap<String, Entry>,
    pub(crate) inherit_env: Vec<String>,
    pub(crate) stdin: Option<Entry>,
}

impl Document {
    pub(crate) fn of(attempt: &Attempt<Config>) -> Self {
        let config = &attempt.config;
        let mut env = config.env.clone();
        env.extend(facts(attempt).map(|(name, value)| {
            let value = Entry::Plain(Text(value.to_owned()));
            (name.to_owned(), value)
        }));
        if let Some(traceparent) = &attempt.traceparent {
            let value = Entry::Plain(Text(traceparent.clone()));
            // A task that names a trace of its own keeps it.
            env.entry(TRACEPARENT.to_owned()).or_insert(value);
        }
        Self {
            command: config.command.clone(),
            cwd: config.cwd.clone(),
            env,
            inherit_env: config.inherit_env.clone(),
            stdin: config.stdin.clone(),
        }
    }

    pub(crate) fn read(request: &Request) -> Result<Self, Error> {
        Self::deserialize(&request.0).map_err(|source| Error::Decode {
            what: "the stored request",
            source,
        })
    }
}

fn facts(attempt: &Attempt<Config>) -> impl Iterator<Item = (&'static str, &str)> {
    [
        ("NOCTULE_ATTEMPT_KEY", attempt.key.as_str()),
        ("NOCTULE_INGESTION_ID", attempt.run.ingestion_id.as_str()),
        // Where the files of the attempt are, only the launch knows; it puts the path in the place of this.
        ("NOCTULE_OUTPUT", "<attempt>.output"),
        ("NOCTULE_RUN_ID", attempt.run.id.as_str()),
        ("NOCTULE_TASK", attempt.task.as_str()),
    ]
    .into_iter()
}

#[cfg(test)]
mod tests {
    use noctule_executor::{AttemptKey, RunFacts};
    use serde_json::{Value, json};

    use super::*;

    fn told(env: Value, traceparent: Option<&str>) -> Option<Value> {
        let attempt = Attempt {
            key: AttemptKey::from_text("n1-0a1b2c3d-key"),
            run: RunFacts {
                id: "run".to_owned(),
                dag: "dag".to_owned(),
                ingestion_id: "20260113".to_owned(),
                logical_time: chrono::DateTime::UNIX_EPOCH,
            },
            task: "etl".to_owned(),
            map_key: None,
            number: 1,
            sends: 1,
            intended_at: chrono::DateTime::UNIX_EPOCH,
            hold: false,
            failed_before: None,
            passing: noctule_executor::Passing::default(),
            traceparent: traceparent.map(str::to_owned),
            config: serde_json::from_value(json!({ "command": ["true"], "env": env })).unwrap(),
        };
        let document = serde_json::to_value(Document::of(&attempt)).unwrap();
        let again = serde_json::to_value(Document::of(&attempt)).unwrap();
        assert_eq!(document, again);
        document["env"].get("TRACEPARENT").cloned()
    }

    #[test]
    fn the_command_is_told_of_its_trace_unless_it_names_one_of_its_own() {
        let trace = "00-0198a6f012347abc8def0123456789ab-0123456789abcdef-01";
        assert_eq!(told(json!({}), Some(trace)), Some(json!(trace)));
        let own = json!({ "TRACEPARENT": "00-own" });
        assert_eq!(told(own, Some(trace)), Some(json!("00-own")));
        assert_eq!(told(json!({}), None), None);
    }
}
