//! The job that a launch is for, and the URLs of everything below it.
//!
//! Guarantees: every URL is made of checked names, so an answer of a server can never send a later call elsewhere.

use serde_json::Value;

use crate::endpoint::Endpoint;
use crate::rules;

/// One job at one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    pub(crate) project: String,
    pub(crate) region: String,
    pub(crate) job: String,
}

impl Target {
    /// The job of a stored request: what was sent, whatever the configuration says by now.
    pub(crate) fn of_request(document: &Value) -> Result<Self, String> {
        let url = document.get("url").and_then(Value::as_str);
        let url = url.ok_or("the stored request has no `url`")?;
        Self::of_run_url(url)
            .ok_or_else(|| format!("the stored request's `url` is no run of a job: {url}"))
    }

    fn of_run_url(url: &str) -> Option<Self> {
        let (endpoint, path) = url.split_once("/v2/")?;
        let name = path.strip_suffix(":run")?;
        let parts: Vec<_> = name.split('/').collect();
        let ["projects", project, "locations", region, "jobs", job] = parts[..] else {
            return None;
        };
        let target = Self {
            endpoint: Endpoint::try_from(endpoint.to_owned()).ok()?,
            project: project.to_owned(),
            region: region.to_owned(),
            job: job.to_owned(),
        };
        target.check().is_ok().then_some(target)
    }

    /// Checks the names; those of a stored handle too.
    pub(crate) fn check(&self) -> Result<(), String> {
        rules::project(&self.project)?;
        rules::region(&self.region)?;
        rules::job(&self.job)
    }

    fn location(&self) -> String {
        format!(
            "{}/v2/projects/{}/locations/{}",
            self.endpoint, self.project, self.region
        )
    }

    /// The job itself.
    pub(crate) fn job_url(&self) -> String {
        format!("{}/jobs/{}", self.location(), self.job)
    }

    /// Where a run is asked for.
    pub(crate) fn run_url(&self) -> String {
        format!("{}:run", self.job_url())
    }

    /// The executions of the job.
    pub(crate) fn executions_url(&self) -> String {
        format!("{}/executions", self.job_url())
    }

    /// The executions of all jobs of the region.
    pub(crate) fn region_executions_url(&self) -> String {
        format!("{}/jobs/-/executions", self.location())
    }

    /// One execution, by its short name.
    pub(crate) fn execution_url(&self, execution: &str) -> String {
        format!("{}/{execution}", self.executions_url())
    }

    /// The short name of an execution **of this job**; `None` for anybody else's, and for what is no such name.
    ///
    /// The project of the answer may be written as its number, so it is not compared.
    pub(crate) fn short_name<'a>(&self, execution: &'a str) -> Option<&'a str> {
        let parts: Vec<_> = execution.split('/').collect();
        let [
            "projects",
            _,
            "locations",
            region,
            "jobs",
            job,
            "executions",
            short,
        ] = parts[..]
        else {
            return None;
        };
        let ours = region == self.region && job == self.job && rules::job(short).is_ok();
        ours.then_some(short)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn target() -> Target {
        Target::of_request(&json!({
            "url": "http://127.0.0.1:9/v2/projects/p/locations/r1/jobs/etl:run"
        }))
        .unwrap()
    }

    #[test]
    fn a_stored_request_tells_its_job() {
        let target = target();
        assert_eq!(
            (target.project.as_str(), target.region.as_str()),
            ("p", "r1")
        );
        assert_eq!(
            target.run_url(),
            "http://127.0.0.1:9/v2/projects/p/locations/r1/jobs/etl:run"
        );
        for url in [
            "http://127.0.0.1:9/v2/projects/p/locations/r1/jobs/etl",
            "http://127.0.0.1:9/v2/projects/p/locations/r1/jobs/-:run",
            "http://10.0.0.1/v2/projects/p/locations/r1/jobs/etl:run",
            "http://127.0.0.1:9/v2/projects/../locations/r1/jobs/etl:run",
        ] {
            assert!(Target::of_request(&json!({ "url": url })).is_err(), "{url}");
        }
    }

    #[test]
    fn only_executions_of_the_job_have_a_name() {
        let target = target();
        let full =
            |job: &str, e: &str| format!("projects/p/locations/r1/jobs/{job}/executions/{e}");
        assert_eq!(
            target.short_name(&full("etl", "etl-x7k2p")),
            Some("etl-x7k2p")
        );
        assert_eq!(
            target.short_name("projects/123/locations/r1/jobs/etl/executions/e1"),
            Some("e1")
        );
        for name in [
            full("other", "etl-x7k2p"),
            full("etl", ""),
            full("etl", "a/../../x"),
            full("etl", "x:cancel"),
            "projects/p/locations/r2/jobs/etl/executions/e1".to_owned(),
            "etl-x7k2p".to_owned(),
        ] {
            assert_eq!(target.short_name(&name), None, "{name}");
        }
    }
}
