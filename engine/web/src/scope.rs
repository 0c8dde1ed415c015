//! That whoever is limited to some DAGs reaches nothing of the others, whichever route leads there.
//!
//! Guarantees: what a path names that is not theirs is answered as what is not there; a route whose path names no DAG, run
//! or task run is refused to them unless its operation says that it leaves out what is not theirs.

use std::collections::BTreeMap;

use noctule_core::access::Scope;
use noctule_core::name::{DagId, RunId};
use noctule_core::view::TaskRunId;

use crate::access::{Caller, Scoped};
use crate::known::{no_dag, no_run};
use crate::operation::Endpoint;
use crate::problem::{Code, Problem};
use crate::web::Web;

/// What a path is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum About {
    Dag(DagId),
    Run(RunId),
    /// It has the place of a name, and none stands there: the operation says so.
    NoName(Problem),
    Nothing,
}

/// Whether a caller may ask an operation about what a path names.
///
/// # Errors
/// They are limited to other DAGs.
pub(crate) async fn admit(
    web: &Web,
    endpoint: &Endpoint,
    caller: &Caller,
    path: &BTreeMap<&'static str, String>,
) -> Result<(), Problem> {
    let Some(scope) = caller.limits() else {
        return Ok(());
    };
    match about(endpoint.path, path) {
        About::Dag(dag) if scope.holds(dag.as_str()) => Ok(()),
        About::Dag(dag) => Err(no_dag(&dag)),
        About::Run(run) => of_run(web, scope, &run).await,
        About::NoName(problem) => Err(problem),
        About::Nothing if endpoint.scoped == Scoped::Filtered => Ok(()),
        About::Nothing => Err(Problem::new(
            Code::Forbidden,
            "this is about all DAGs, and your token is limited to some",
        )),
    }
}

/// A run of another DAG is no run: it says as little as one that there never was.
async fn of_run(web: &Web, scope: &Scope, run: &RunId) -> Result<(), Problem> {
    let summary = web.store().summary(run).await?;
    match summary {
        Some(summary) if scope.holds(summary.facts.dag.as_str()) => Ok(()),
        _ => Err(no_run(run)),
    }
}

fn about(pattern: &str, path: &BTreeMap<&'static str, String>) -> About {
    let none = |code| About::NoName(Problem::new(code, "this names none"));
    let value = |name: &str| path.get(name).map_or("", String::as_str);
    let has = |part: &str| pattern.contains(part);
    if has("/{dag}") {
        let dag = value("dag").parse();
        dag.map_or_else(|_| none(Code::NoSuchDag), About::Dag)
    } else if has("/{run}") {
        let run = value("run").parse();
        run.map_or_else(|_| none(Code::NoSuchRun), About::Run)
    } else if has("/task-runs/{id}") {
        let id: Result<TaskRunId, _> = value("id").parse();
        id.map_or_else(|_| none(Code::NoSuchTask), |id| About::Run(id.run))
    } else {
        About::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_about_the_dag_or_the_run_that_it_names() {
        let read = |pattern, name, value: &str| about(pattern, &[(name, value.to_owned())].into());
        let dag = read("/api/v1/dags/{dag}/runs", "dag", "c8");
        assert_eq!(dag, About::Dag("c8".parse().unwrap()));
        let run = read("/runs/{run}", "run", "r1");
        assert_eq!(run, About::Run("r1".parse().unwrap()));
        let task = TaskRunId {
            run: "r1".parse().unwrap(),
            target: "t".parse().unwrap(),
        };
        let found = read("/api/v1/task-runs/{id}/mark", "id", &task.to_string());
        assert_eq!(found, About::Run("r1".parse().unwrap()));
        assert_eq!(read("/api/v1/backfills/{id}", "id", "x"), About::Nothing);
        assert!(matches!(
            read("/runs/{run}", "run", "../x"),
            About::NoName(_)
        ));
    }
}
