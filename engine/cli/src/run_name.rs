//! Which run a command means: a run id, `@latest`, `DAG@latest` or `DAG@INGESTION_ID`.
//!
//! Guarantees: an acting command never guesses among several runs.

use noctule_core::name::{DagId, RunId};
use noctule_core::run::Run;
use noctule_core::ticks::IngestionId;
use noctule_core::view::RunHead;
use noctule_store::{RunFilter, RunSummary, Store};

use crate::error::CliError;
use crate::output::printable;
use crate::times;

/// Whether the newest of several runs is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Several {
    /// For looking.
    Newest,
    /// For acting.
    Refuse,
}

/// Runs that are listed where a name means several.
pub(crate) const LISTED: u32 = 20;

/// A name that somebody typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunName {
    Id(RunId),
    Latest,
    LatestOf(DagId),
    Of(DagId, String),
}

/// Reads a name.
pub(crate) fn read(text: &str) -> Result<RunName, CliError> {
    let wrong = || {
        CliError::usage(format!("`{}` is not the name of a run", printable(text)))
            .help("RUN is a run id, @latest, DAG@latest or DAG@INGESTION_ID")
    };
    let Some((dag, which)) = text.rsplit_once('@') else {
        return text.parse().map(RunName::Id).map_err(|_| wrong());
    };
    match (dag, which) {
        ("", "latest") => Ok(RunName::Latest),
        (dag, "latest") => dag.parse().map(RunName::LatestOf).map_err(|_| wrong()),
        (dag, id) => {
            let dag = dag.parse().map_err(|_| wrong())?;
            IngestionId::given(id).map_err(|error| CliError::usage(error.to_string()))?;
            Ok(RunName::Of(dag, id.to_owned()))
        }
    }
}

/// Finds the run of a name in a store.
///
/// # Errors
/// There is none, or there are several and none may be guessed.
pub(crate) async fn find(
    store: Option<&Store>,
    text: &str,
    several: Several,
) -> Result<Run, CliError> {
    let name = read(text)?;
    let Some(store) = store else {
        let error = CliError::not_found(format!("there is no run `{}`", printable(text)));
        return Err(error.help("nothing has been run in this project under this profile yet"));
    };
    let id = match &name {
        RunName::Id(id) => id.clone(),
        other => choose(other, &candidates(store, other).await?, several)?,
    };
    store.run(&id).await?.ok_or_else(|| missing(&name))
}

/// The newest runs that a name fits.
async fn candidates(store: &Store, name: &RunName) -> Result<Vec<RunHead>, CliError> {
    let (dag, ingestion_id, limit) = match name {
        RunName::Id(_) | RunName::Latest => (None, None, 1),
        RunName::LatestOf(dag) => (Some(dag.clone()), None, 1),
        RunName::Of(dag, id) => (Some(dag.clone()), Some(id.clone()), LISTED),
    };
    let filter = RunFilter {
        dag,
        ingestion_id,
        limit,
        ..RunFilter::default()
    };
    let found = store.find_runs(&filter).await?;
    let head = |run: &RunSummary| RunHead::of(&run.facts, run.round, &run.phase);
    Ok(found.iter().map(head).collect())
}

/// The run that a name means among those that it fits, newest first.
///
/// # Errors
/// There is none, or there are several and none may be guessed.
pub(crate) fn choose(
    name: &RunName,
    found: &[RunHead],
    several: Several,
) -> Result<RunId, CliError> {
    if let ([_, _, ..], RunName::Of(dag, id), Several::Refuse) = (found, name, several) {
        return Err(ambiguous(dag, id, found));
    }
    let newest = found.first().and_then(|run| run.id.parse().ok());
    newest.ok_or_else(|| missing(name))
}

fn ambiguous(dag: &DagId, id: &str, found: &[RunHead]) -> CliError {
    let error = CliError::conflict(format!("`{dag}@{id}` names {} runs", found.len()));
    found
        .iter()
        .fold(error.help("name one by its id:"), |error, run| {
            let (id, state, trigger) = (&run.id, run.state, run.trigger);
            let created = times::json(run.created_at);
            error.help(format!("{id}  {state}, {trigger}, created {created}"))
        })
}

fn missing(name: &RunName) -> CliError {
    match name {
        RunName::Id(id) => {
            CliError::not_found(format!("there is no run `{id}`")).help("`noctule runs` lists them")
        }
        RunName::Latest => CliError::not_found("there is no run yet"),
        RunName::LatestOf(dag) => CliError::not_found(format!("`{dag}` has no run yet")),
        RunName::Of(dag, id) => {
            CliError::not_found(format!("`{dag}` has no run with ingestion id {id}"))
                .help(format!("`noctule runs --dag {dag}` lists its runs"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_in_four_ways() {
        let id: RunId = "0198-ab".parse().unwrap();
        let dag: DagId = "c-1".parse().unwrap();
        assert_eq!(read("0198-ab").unwrap(), RunName::Id(id));
        assert_eq!(read("@latest").unwrap(), RunName::Latest);
        assert_eq!(read("c-1@latest").unwrap(), RunName::LatestOf(dag.clone()));
        assert_eq!(
            read("c-1@20260113").unwrap(),
            RunName::Of(dag, "20260113".to_owned())
        );
        for wrong in [
            "",
            "@",
            "a/b",
            "../x@latest",
            "c-1@",
            "c-1@2026",
            "@20260113",
            "a\u{1b}[2J",
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
