//! The executions of our own store that have not ended, for `noctule sweep`.
//!
//! Guarantees: only what carries a key of this store is listed, whatever else it looks like; what has ended is left out. A
//! list that was not read to its end is an error, never "nothing there". Starts and stops nothing.
//! Facts: executions.list is sorted newest first and filters nothing. Cloud Run keeps about 1,000 ended executions of a job,
//! so there is no age at which to stop: an execution may live for 7 days times the attempts of each of its tasks.

use std::collections::BTreeMap;

use noctule_executor::{AttemptKey, Draft, ExecutorError, Owned};
use serde_json::Value;

use crate::adoption::MOST_PAGES;
use crate::execution::Execution;
use crate::executions::Deleted;
use crate::handle::Handle;
use crate::session::Session;
use crate::target::Target;
use crate::verdict::{Verdict, verdict};

/// Looks at the job of each place once.
pub(crate) async fn owned(
    session: &Session<'_>,
    store: &str,
    places: &[Value],
) -> Result<Vec<Owned<Handle>>, ExecutorError> {
    let mark = format!("n1-{store}-");
    let mut targets = BTreeMap::new();
    for place in places {
        let (target, of_connection) = target(session, place).map_err(ExecutorError::alarm)?;
        targets.insert(target, of_connection);
    }
    let mut found = Vec::new();
    for (target, project_of_connection) in targets {
        let of_job = of_job(session, &target, &mark).await?;
        found.extend(of_job.into_iter().map(|(key, execution)| Owned {
            since: execution.created_at,
            handle: handle(&target, project_of_connection, &key, execution),
            key,
        }));
    }
    Ok(found)
}

/// The job of a place, and whether its project is the connection's. Whatever else stands there does not matter here.
fn target(session: &Session<'_>, place: &Value) -> Result<(Target, bool), String> {
    let draft = Draft::new(place);
    let text = |key: &str| draft.text(&[key]).map(str::to_owned);
    let own = text("project");
    let of_connection = own.is_none();
    let target = Target {
        endpoint: session.settings.endpoint.clone(),
        project: own
            .or_else(|| session.settings.project.clone())
            .ok_or("no project is named, here or in the connection")?,
        region: text("region").ok_or("no region is named")?,
        job: text("job").ok_or("no job is named")?,
    };
    target.check()?;
    Ok((target, of_connection))
}

async fn of_job(
    session: &Session<'_>,
    target: &Target,
    mark: &str,
) -> Result<Vec<(AttemptKey, Execution)>, ExecutorError> {
    let url = target.executions_url();
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let page = match session.page(&url, token.as_deref(), Deleted::Hidden).await {
            // With a deleted job go its executions.
            Err(error) if error.is_not_found() => return Ok(found),
            page => page.map_err(|error| error.of_read())?,
        };
        found.extend(page.executions.into_iter().filter_map(|execution| {
            let ours = target.short_name(&execution.name).is_some() && is_live(&execution);
            let key = execution.keys.iter().find(|key| key.starts_with(mark));
            let key = AttemptKey::from_text(key?.clone());
            ours.then_some((key, execution))
        }));
        if page.next.is_none() {
            return Ok(found);
        }
        token = page.next;
    }
    Err(ExecutorError::unavailable(format!(
        "the list of executions at {url} has no end: gave up after {MOST_PAGES} pages"
    )))
}

fn is_live(execution: &Execution) -> bool {
    matches!(
        verdict(execution),
        Verdict::Queued | Verdict::Running { .. }
    )
}

fn handle(
    target: &Target,
    project_of_connection: bool,
    key: &AttemptKey,
    execution: Execution,
) -> Handle {
    Handle {
        endpoint: target.endpoint.clone(),
        project: target.project.clone(),
        project_of_connection,
        region: target.region.clone(),
        job: target.job.clone(),
        execution: execution.name,
        operation: None,
        uid: execution.uid,
        key: key.clone(),
        created_at: execution.created_at,
        log_uri: execution.log_uri,
        part: None,
    }
}
