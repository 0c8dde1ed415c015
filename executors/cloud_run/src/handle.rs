//! All that must be remembered of an execution to find it again from a fresh process.
//!
//! Guarantees: it keeps its endpoint, project and region. A connection that points elsewhere meanwhile is an alarm
//! and never a verdict: the other place does not know this execution.

use chrono::{DateTime, Utc};
use noctule_executor::{AttemptKey, ExecutorError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::connection::Settings;
use crate::endpoint::Endpoint;
use crate::indexes::Part;
use crate::target::Target;

/// One execution of a Cloud Run job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handle {
    pub(crate) endpoint: Endpoint,
    pub(crate) project: String,
    /// The project came from the connection, so the connection has to stay with it.
    pub(crate) project_of_connection: bool,
    pub(crate) region: String,
    pub(crate) job: String,
    /// The full name, as Cloud Run wrote it.
    pub(crate) execution: String,
    #[serde(default)]
    pub(crate) operation: Option<String>,
    #[serde(default)]
    pub(crate) uid: Option<String>,
    pub(crate) key: AttemptKey,
    #[serde(default)]
    pub(crate) created_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub(crate) log_uri: Option<String>,
    /// The indexes that it runs, where it does not run all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) part: Option<Part>,
}

impl Handle {
    /// The job that the execution belongs to.
    pub(crate) fn target(&self) -> Target {
        Target {
            endpoint: self.endpoint.clone(),
            project: self.project.clone(),
            region: self.region.clone(),
            job: self.job.clone(),
        }
    }

    /// The execution's short name, if this connection is the one that the handle belongs to.
    pub(crate) fn short_name(&self, settings: &Settings) -> Result<&str, ExecutorError> {
        self.belongs_to(settings)?;
        let target = self.target();
        let bad = |why: String| ExecutorError::alarm(format!("the stored handle: {why}"));
        target.check().map_err(bad)?;
        target
            .short_name(&self.execution)
            .ok_or_else(|| bad(format!("`{}` is no execution of it", self.execution)))
    }

    fn belongs_to(&self, settings: &Settings) -> Result<(), ExecutorError> {
        if self.endpoint != settings.endpoint {
            return Err(ExecutorError::alarm(format!(
                "execution `{}` runs at {}, the connection now points to {}",
                self.execution, self.endpoint, settings.endpoint
            )));
        }
        let moved = settings
            .project
            .as_ref()
            .filter(|now| **now != self.project);
        if self.project_of_connection
            && let Some(now) = moved
        {
            return Err(ExecutorError::alarm(format!(
                "execution `{}` runs in project `{}`, the connection now names `{now}`",
                self.execution, self.project
            )));
        }
        Ok(())
    }

    /// What people know it by.
    pub(crate) fn public(&self) -> Value {
        json!({
            "execution_name": self.execution,
            "project": self.project,
            "region": self.region,
            "job": self.job,
            "log_uri": self.log_uri,
        })
    }

    /// Its page in Google's console; none for a simulator, and none if a name is not what it should be.
    pub(crate) fn console(&self) -> Option<String> {
        let target = self.target();
        if self.endpoint.is_local() || target.check().is_err() {
            return None;
        }
        let execution = target.short_name(&self.execution)?;
        Some(format!(
            "https://console.cloud.google.com/run/jobs/executions/details/{}/{execution}?project={}",
            self.region, self.project
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle() -> Handle {
        Handle {
            endpoint: Endpoint::cloud_run(),
            project: "p".to_owned(),
            project_of_connection: true,
            region: "r1".to_owned(),
            job: "etl".to_owned(),
            execution: "projects/p/locations/r1/jobs/etl/executions/etl-1".to_owned(),
            operation: None,
            uid: None,
            key: AttemptKey::from_text("n1-00000000-k"),
            created_at: None,
            log_uri: None,
            part: None,
        }
    }

    fn settings(project: &str) -> Settings {
        Settings {
            project: Some(project.to_owned()),
            ..Settings::read(None).unwrap()
        }
    }

    fn is_alarm(error: &ExecutorError) -> bool {
        matches!(error, ExecutorError::Unavailable { alarm: true, .. })
    }

    #[test]
    fn another_endpoint_or_project_is_an_alarm() {
        assert_eq!(handle().short_name(&settings("p")), Ok("etl-1"));
        assert!(is_alarm(&handle().short_name(&settings("q")).unwrap_err()));
        let elsewhere = Settings {
            endpoint: Endpoint::try_from("http://127.0.0.1:1".to_owned()).unwrap(),
            ..settings("p")
        };
        assert!(is_alarm(&handle().short_name(&elsewhere).unwrap_err()));
    }

    #[test]
    fn a_project_of_the_task_is_not_the_connections_matter() {
        let handle = Handle {
            project_of_connection: false,
            ..handle()
        };
        assert_eq!(handle.short_name(&settings("q")), Ok("etl-1"));
    }

    #[test]
    fn its_page_in_the_console_is_made_of_checked_names() {
        let handle = Handle {
            project: "my-project".to_owned(),
            region: "europe-west1".to_owned(),
            execution: "projects/my-project/locations/europe-west1/jobs/etl/executions/etl-1"
                .to_owned(),
            ..handle()
        };
        let page = "https://console.cloud.google.com/run/jobs/executions/details/europe-west1/etl-1\
                    ?project=my-project";
        assert_eq!(handle.console().as_deref(), Some(page));
        for broken in [
            Handle {
                project: "p&q=\"><".to_owned(),
                ..handle.clone()
            },
            Handle {
                execution: "projects/x/../../evil".to_owned(),
                ..handle.clone()
            },
            Handle {
                endpoint: Endpoint::try_from("http://127.0.0.1:1".to_owned()).unwrap(),
                ..handle.clone()
            },
        ] {
            assert_eq!(broken.console(), None, "{broken:?}");
        }
    }

    #[test]
    fn a_handle_survives_json() {
        let text = serde_json::to_string(&handle()).unwrap();
        assert_eq!(serde_json::from_str::<Handle>(&text).unwrap(), handle());
    }
}
