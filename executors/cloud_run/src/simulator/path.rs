//! Which call of the API a method and a path mean.

use super::name::{ExecutionName, JobName, Place};

/// A call the simulator knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    RunJob(JobName),
    GetJob(JobName),
    PatchJob(JobName),
    DeleteJob(JobName),
    ListJobs(Place),
    CreateJob(Place),
    /// The job's name may be `-` for all jobs.
    ListExecutions(JobName),
    GetExecution(ExecutionName),
    CancelExecution(ExecutionName),
    DeleteExecution(ExecutionName),
    ListTasks(ExecutionName),
    GetTask(ExecutionName, String),
    ListOperations(Place),
    GetOperation(String),
    WaitOperation(String),
    DeleteOperation(String),
    ListLogEntries,
}

impl Route {
    /// None for anything Google's front end would not know either.
    pub(crate) fn find(method: &str, path: &str) -> Option<Self> {
        if path == "/v2/entries:list" {
            return (method == "POST").then_some(Route::ListLogEntries);
        }
        let (path, verb) = match path.rsplit_once(':') {
            Some((path, verb)) => (path, verb),
            None => (path, ""),
        };
        let parts: Vec<&str> = path.strip_prefix("/v2/")?.split('/').collect();
        let ["projects", project, "locations", location, rest @ ..] = parts.as_slice() else {
            return None;
        };
        if project.is_empty() || location.is_empty() || rest.iter().any(|part| part.is_empty()) {
            return None;
        }
        let place = Place {
            project: (*project).to_owned(),
            location: (*location).to_owned(),
        };
        match rest {
            ["operations", ..] => operation(method, verb, &place, rest),
            ["jobs", ..] => job(method, verb, place, rest),
            _ => None,
        }
    }

    /// The parameters this call takes in its query.
    pub(crate) fn parameters(&self) -> &'static [&'static str] {
        match self {
            Route::ListJobs(_) | Route::ListExecutions(_) | Route::ListTasks(_) => {
                &["pageSize", "pageToken", "showDeleted"]
            }
            Route::CreateJob(_) => &["jobId", "validateOnly"],
            Route::PatchJob(_) => &["allowMissing", "validateOnly"],
            Route::DeleteJob(_) | Route::DeleteExecution(_) => &["etag", "validateOnly"],
            Route::ListOperations(_) => {
                &["filter", "pageSize", "pageToken", "returnPartialSuccess"]
            }
            _ => &[],
        }
    }
}

fn operation(method: &str, verb: &str, place: &Place, rest: &[&str]) -> Option<Route> {
    let name = |id: &str| format!("{place}/operations/{id}");
    match (method, verb, rest) {
        ("GET", "", [_]) => Some(Route::ListOperations(place.clone())),
        ("GET", "", [_, id]) => Some(Route::GetOperation(name(id))),
        ("DELETE", "", [_, id]) => Some(Route::DeleteOperation(name(id))),
        ("POST", "wait", [_, id]) => Some(Route::WaitOperation(name(id))),
        _ => None,
    }
}

fn job(method: &str, verb: &str, place: Place, rest: &[&str]) -> Option<Route> {
    let [_, job, rest @ ..] = rest else {
        return match (method, verb) {
            ("GET", "") => Some(Route::ListJobs(place)),
            ("POST", "") => Some(Route::CreateJob(place)),
            _ => None,
        };
    };
    let job = JobName {
        place,
        job: (*job).to_owned(),
    };
    match (method, verb, rest) {
        ("POST", "run", []) => Some(Route::RunJob(job)),
        ("GET", "", []) => Some(Route::GetJob(job)),
        ("PATCH", "", []) => Some(Route::PatchJob(job)),
        ("DELETE", "", []) => Some(Route::DeleteJob(job)),
        ("GET", "", ["executions"]) => Some(Route::ListExecutions(job)),
        (_, _, ["executions", execution, rest @ ..]) => {
            let name = ExecutionName {
                job,
                execution: (*execution).to_owned(),
            };
            self::execution(method, verb, name, rest)
        }
        _ => None,
    }
}

fn execution(method: &str, verb: &str, name: ExecutionName, rest: &[&str]) -> Option<Route> {
    match (method, verb, rest) {
        ("GET", "", []) => Some(Route::GetExecution(name)),
        ("POST", "cancel", []) => Some(Route::CancelExecution(name)),
        ("DELETE", "", []) => Some(Route::DeleteExecution(name)),
        ("GET", "", ["tasks"]) => Some(Route::ListTasks(name)),
        ("GET", "", ["tasks", task]) => Some(Route::GetTask(name, (*task).to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_and_collections_are_told_apart() {
        let job = "/v2/projects/p/locations/l/jobs/etl";
        assert!(
            matches!(Route::find("POST", &format!("{job}:run")), Some(Route::RunJob(name)) if name.job == "etl")
        );
        assert!(matches!(Route::find("GET", job), Some(Route::GetJob(_))));
        assert!(matches!(
            Route::find("GET", &format!("{job}/executions")),
            Some(Route::ListExecutions(_))
        ));
        let cancel = Route::find("POST", &format!("{job}/executions/e:cancel"));
        assert!(matches!(cancel, Some(Route::CancelExecution(name)) if name.execution == "e"));
    }

    #[test]
    fn what_google_does_not_have_is_not_found() {
        for (method, path) in [
            ("GET", "/v2/projects/p/locations/l/jobs/etl:run"),
            ("POST", "/v2/projects/p/locations/l/jobs/etl:start"),
            ("POST", "/v2/projects/p/locations/l/operations/o:cancel"),
            ("GET", "/v1/projects/p/locations/l/jobs"),
            ("GET", "/v2/projects//locations/l/jobs"),
            ("GET", "/v2/projects/p/locations/l/services"),
            ("GET", "/v2/entries:list"),
            ("GET", "/"),
        ] {
            assert_eq!(Route::find(method, path), None, "{method} {path}");
        }
    }
}
