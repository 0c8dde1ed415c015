//! Looks at rows: one query for all works of the same shape, wherever the query allows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use noctule_executor::{AttemptKey, Call, Context, ExecutorError, Span, Status};

use crate::error::PostgresError;
use crate::pool::{Databases, Pool, Purpose};
use crate::query::question_timeout;
use crate::rows::Bounds;
use crate::session::{Access, Session};

use super::handle::StepHandle;
use super::watch::Watch;

type Said = Result<Status, ExecutorError>;

/// Asks about every handle once; the answers stand where the handles stood.
pub(crate) async fn look(
    databases: &Databases,
    context: &Context,
    handles: &[StepHandle],
) -> Vec<Said> {
    let pool = match databases.of(context).await {
        Ok(pool) => pool,
        Err(error) => return vec![Err(error.of_poll()); handles.len()],
    };
    let place = pool.place();
    let mut said: Vec<Option<Said>> = handles
        .iter()
        .map(|handle| (handle.place != place).then(|| Err(elsewhere(handle, &place))))
        .collect();
    for group in groups(handles, &said) {
        context.budget.take(Call::Poll).await;
        let of_group: Vec<&StepHandle> = group.iter().map(|index| &handles[*index]).collect();
        let answers = together(&pool, &of_group).await;
        for (index, answer) in group.into_iter().zip(answers) {
            said[index] = Some(answer);
        }
    }
    let silent = || {
        Err(ExecutorError::unavailable(
            "the look gave no answer for this row",
        ))
    };
    said.into_iter()
        .map(|said| said.unwrap_or_else(silent))
        .collect()
}

/// A verdict from another database would be one about other work.
fn elsewhere(handle: &StepHandle, place: &str) -> ExecutorError {
    ExecutorError::alarm(format!(
        "the work is in {}, and its connection now leads to {place}: nothing can be said of it",
        handle.place
    ))
}

/// The handles that one query can answer for, by their places.
fn groups(handles: &[StepHandle], said: &[Option<Said>]) -> Vec<Vec<usize>> {
    let mut many: BTreeMap<(&str, Option<Span>), Vec<usize>> = BTreeMap::new();
    let mut groups = Vec::new();
    for (index, handle) in handles.iter().enumerate() {
        if said[index].is_some() {
            continue;
        }
        if handle.watch.many {
            let shape = (handle.watch.query.as_str(), handle.timeout);
            many.entry(shape).or_default().push(index);
        } else {
            groups.push(vec![index]);
        }
    }
    groups.extend(many.into_values());
    groups
}

/// One query for works of one shape.
async fn together(pool: &Arc<Pool>, handles: &[&StepHandle]) -> Vec<Said> {
    let Some(first) = handles.first() else {
        return Vec::new();
    };
    let params = match first.watch.many {
        true => vec![json!(
            handles.iter().map(|handle| &handle.key).collect::<Vec<_>>()
        )],
        false => first.watch.params.clone(),
    };
    let asked = question(pool, &first.watch.query, &params, first.timeout).await;
    match asked {
        Ok(rows) => handles
            .iter()
            .map(|handle| {
                let seen = handle.watch.judge(&handle.key, &rows);
                Ok(seen.unwrap_or_else(|| handle.watch.unseen(&handle.key)))
            })
            .collect(),
        Err(error) => vec![Err(error.of_poll()); handles.len()],
    }
}

/// Whether a row carries the key. Only reads.
pub(crate) async fn is_there(
    pool: &Arc<Pool>,
    watch: &Watch,
    key: &AttemptKey,
    timeout: Option<Span>,
) -> Result<bool, PostgresError> {
    let rows = question(pool, &watch.query, &watch.params, timeout).await?;
    Ok(watch.judge(key, &rows).is_some())
}

async fn question(
    pool: &Arc<Pool>,
    query: &str,
    params: &[Value],
    timeout: Option<Span>,
) -> Result<Vec<Map<String, Value>>, PostgresError> {
    let limit = statement_limit(pool, timeout);
    let purpose = Purpose::Question;
    let mut session = Session::begin(pool, purpose, Access::ReadOnly, Some(limit)).await?;
    let rows = session.ask(query, params, Bounds::default()).await;
    session.roll_back().await;
    Ok(rows?.rows)
}

/// How long one statement of a step may take.
pub(crate) fn statement_limit(pool: &Pool, own: Option<Span>) -> std::time::Duration {
    question_timeout(own, pool.settings.statement_timeout, pool.pacing.question)
}
