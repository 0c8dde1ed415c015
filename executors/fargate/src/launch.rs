//! Sends the stored request and finds out what came of it.
//!
//! Why a launch never doubles, whatever is lost:
//! * The token of `RunTask` is the attempt key. For 24 hours the same token with the same parameters gives the task that
//!   it gave first, so a resend is harmless by itself. Nothing is resent later than 23 hours after the intent: then only a
//!   look by `startedBy` is made, and where it finds nothing, nobody can tell any more (STOPPED tasks are forgotten).
//! * The look comes first on every resend all the same: it finds work that has ended, costs two reads, and is what the
//!   engine does for an attempt that is to stop, which is never sent again. Hence `Recovery::Search`.
//! * The revision is pinned. A bare family is resolved before each send; where it has moved between two sends the
//!   parameters differ and the token does not, so ECS answers `ConflictException` with the ARN of the first task, which
//!   is taken. Had the first send never arrived, the newer revision is the one that runs, once.
//!
//! Guarantees: surely-not-started is said only where nothing was sent or ECS refused it, and, after an earlier send, only
//! after one more look. `failures` without a task is a failed launch after a look for a ghost: ECS has started tasks
//! that it reported as failed.

use chrono::{TimeDelta, Utc};
use noctule_executor::{Attempt, AttemptKey, ErrorClass, ExecutorError, Request};

use crate::config::{Config, given};
use crate::definition::Definition;
use crate::document::{self, Document};
use crate::failure::{CallError, Sense};
use crate::handle::{Door, Handle, LogPlace};
use crate::record::Record;
use crate::request;
use crate::session::Session;
use crate::tasks::{Answer, Gap};

/// How long after the intent the token surely still stands for the same task.
const TOKEN_LIFE: TimeDelta = TimeDelta::hours(23);

/// Starts the work of an attempt.
pub(crate) async fn launch(
    session: &Session<'_>,
    attempt: &Attempt<Config>,
    request: &Request,
) -> Result<Handle, ExecutorError> {
    let document = Document::read(request)?;
    document.check_place(&session.settings)?;
    if attempt.sends <= 1 {
        return Box::pin(send(session, attempt, &document)).await;
    }
    let found = session.find(document.cluster, attempt.key.as_str()).await;
    if let Some(record) = found.map_err(|error| error.of_preparation())? {
        return Box::pin(handle(session, attempt, &document, record)).await;
    }
    if Utc::now() - attempt.intended_at > TOKEN_LIFE {
        return Err(ExecutorError::rejected(
            ErrorClass::Unknown,
            format!(
                "no task of key `{}` is listed in cluster `{}`, and its token is too old to send it again: \
                 whether an earlier send started one, nobody can tell",
                attempt.key, document.cluster
            ),
        ));
    }
    match Box::pin(send(session, attempt, &document)).await {
        Err(error @ ExecutorError::Rejected { .. }) => {
            Box::pin(after_refusal(session, attempt, &document, error)).await
        }
        sent => sent,
    }
}

/// A resend that is refused for good says nothing about the sends before it.
async fn after_refusal(
    session: &Session<'_>,
    attempt: &Attempt<Config>,
    document: &Document<'_>,
    error: ExecutorError,
) -> Result<Handle, ExecutorError> {
    match session.find(document.cluster, attempt.key.as_str()).await {
        Ok(Some(record)) => handle(session, attempt, document, record).await,
        Ok(None) => Err(error),
        Err(look) => Err(ExecutorError::unknown(format!(
            "{error}; what earlier sends started could not be looked up: {look}"
        ))),
    }
}

async fn send(
    session: &Session<'_>,
    attempt: &Attempt<Config>,
    document: &Document<'_>,
) -> Result<Handle, ExecutorError> {
    let definition = session.definition(document.definition).await;
    let definition = definition.map_err(|error| error.of_preparation())?;
    let body = document.pinned(&definition)?;
    let traced = request::is_traced(attempt);
    let bytes = document::revealed(session.context, &body, traced).await?;
    let record = match session.run_task(document.cluster, bytes).await {
        Ok(answer) => started(session, attempt, document, answer).await?,
        Err(error) if error.sense() == Some(Sense::Conflict) => {
            of_conflict(session, attempt, document, &error).await?
        }
        Err(error) => return Err(error.of_launch()),
    };
    handle(session, attempt, document, record).await
}

/// The task of an answer.
async fn started(
    session: &Session<'_>,
    attempt: &Attempt<Config>,
    document: &Document<'_>,
    answer: Answer,
) -> Result<Record, ExecutorError> {
    let key = attempt.key.as_str();
    if let Some(record) = answer.tasks.into_iter().next() {
        let stranger = record.started_by.as_deref().is_some_and(|by| by != key);
        return if stranger {
            Err(ExecutorError::unknown(format!(
                "ecs:RunTask of key `{key}` was answered with task `{}` of another mark",
                record.arn
            )))
        } else {
            Ok(record)
        };
    }
    let Some(gap) = answer.gaps.first() else {
        return Err(ExecutorError::unknown(format!(
            "ecs:RunTask of key `{key}` was answered without a task and without a failure"
        )));
    };
    match session.find(document.cluster, key).await {
        Ok(Some(ghost)) => Ok(ghost),
        Ok(None) => Err(ExecutorError::rejected(
            class_of_gap(gap),
            said(gap, document.cluster),
        )),
        Err(error) => Err(ExecutorError::unknown(format!(
            "{}; whether a task runs all the same could not be looked up: {error}",
            said(gap, document.cluster)
        ))),
    }
}

fn said(gap: &Gap, cluster: &str) -> String {
    let Gap {
        arn,
        reason,
        detail,
    } = gap;
    let text =
        format!("ecs:RunTask on cluster `{cluster}` started no task: {reason} {detail} {arn}");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Why ECS placed no task.
pub(crate) fn class_of_gap(gap: &Gap) -> ErrorClass {
    let reason = gap.reason.to_ascii_uppercase();
    let is = |words: &[&str]| words.iter().any(|word| reason.starts_with(word));
    match () {
        () if is(&["ATTRIBUTE", "LOCATION", "INACTIVE"]) => ErrorClass::Config,
        () if is(&["MISSING"]) => ErrorClass::NotFound,
        () if is(&["ACCESSDENIED", "ACCESS DENIED"]) => ErrorClass::Permission,
        // RESOURCE:*, AGENT, capacity, and what ECS may add: another try may be placed.
        () => ErrorClass::Infrastructure,
    }
}

/// The token was used with other parameters: the task that it stands for is ours if it carries the key.
async fn of_conflict(
    session: &Session<'_>,
    attempt: &Attempt<Config>,
    document: &Document<'_>,
    error: &CallError,
) -> Result<Record, ExecutorError> {
    let key = attempt.key.as_str();
    let unknown = |how: String| ExecutorError::unknown(format!("{error}; {how}"));
    let arns = error
        .refusal()
        .map_or(&[][..], |refusal| &refusal.resources);
    let Some(arn) = arns.first() else {
        let found = session.find(document.cluster, key).await;
        let found = found.map_err(|look| unknown(look.to_string()))?;
        return found.ok_or_else(|| unknown("and no task carries the key".to_owned()));
    };
    let one = std::slice::from_ref(arn);
    let answer = session.describe(document.cluster, one, false).await;
    let answer = answer.map_err(|look| unknown(look.to_string()))?;
    match answer.tasks.into_iter().next() {
        Some(record) if record.carries(key) => Ok(record),
        Some(record) => Err(ExecutorError::rejected(
            ErrorClass::Config,
            format!(
                "{error}; the token stands for task `{}` of another mark",
                record.arn
            ),
        )),
        // Not readable yet; the token is ours alone, so the task is.
        None => Ok(Record {
            arn: arn.clone(),
            ..Record::default()
        }),
    }
}

/// Finds the work of an attempt.
pub(crate) async fn adopt(
    session: &Session<'_>,
    attempt: &Attempt<Config>,
    request: &Request,
) -> Result<Option<Handle>, ExecutorError> {
    let document = Document::read(request)?;
    document.check_place(&session.settings)?;
    let found = session.find(document.cluster, attempt.key.as_str()).await;
    match found.map_err(|error| error.of_read())? {
        None => Ok(None),
        Some(record) => handle(session, attempt, &document, record).await.map(Some),
    }
}

/// The handle of a task that is there. From here on nothing may say that it was not started.
async fn handle(
    session: &Session<'_>,
    attempt: &Attempt<Config>,
    document: &Document<'_>,
    record: Record,
) -> Result<Handle, ExecutorError> {
    let name = record.definition.as_deref().unwrap_or(document.definition);
    let definition = session.definition(name).await.map_err(|error| {
        ExecutorError::unknown(format!("task `{}` is there, but {error}", record.arn))
    })?;
    let config = &attempt.config;
    let named = given(config.container.as_ref()).map(str::to_owned);
    let essential = definition.essential().into_iter().map(str::to_owned);
    let judged = named.map_or_else(|| essential.collect(), |name| vec![name]);
    let port = request::port(config).unwrap_or_default();
    let group = request::target_group(config, &session.settings);
    let ready_within = request::ready_timeout(config).unwrap_or_default();
    Ok(Handle {
        log: log_place(session, config, &definition, &judged, record.id()),
        task_definition: record.definition.or(Some(definition.arn)),
        judged,
        door: group.zip(port).map(|(group, port)| Door::of(group, port)),
        hold: attempt.hold,
        port,
        ready_within_ms: u64::try_from(ready_within.as_millis()).unwrap_or(u64::MAX),
        leave_after_failure: given(config.after_failure.as_ref()) == Some("leave"),
        ..bare(session, document.cluster, record.arn, attempt.key.clone())
    })
}

/// A handle that knows no more than where the task is.
pub(crate) fn bare(
    session: &Session<'_>,
    cluster: &str,
    task_arn: String,
    key: AttemptKey,
) -> Handle {
    let identity = &session.settings.identity;
    Handle {
        endpoint: identity.endpoint_of("ecs"),
        region: identity.region.clone(),
        cluster: cluster.to_owned(),
        task_arn,
        key,
        task_definition: None,
        judged: Vec::new(),
        log: None,
        launched_at: Utc::now(),
        hold: false,
        port: None,
        door: None,
        ready_within_ms: 0,
        leave_after_failure: false,
    }
}

/// `{prefix}/{container}/{task id}` in the group of the first judged container that has one.
fn log_place(
    session: &Session<'_>,
    config: &Config,
    definition: &Definition,
    judged: &[String],
    id: &str,
) -> Option<LogPlace> {
    let own = config.log.as_ref();
    let own = |part: fn(&crate::config::Log) -> &Option<String>| {
        own.and_then(|log| given(part(log).as_ref()))
            .map(str::to_owned)
    };
    let logs = |name: &String| definition.container(name).and_then(|c| c.log.clone());
    let container = judged
        .iter()
        .find(|name| logs(name).is_some())
        .or(judged.first())?;
    let known = logs(container);
    let known = known.as_ref();
    let group = own(|log| &log.group).or_else(|| known.map(|log| log.group.clone()))?;
    let prefix =
        own(|log| &log.stream_prefix).or_else(|| known.and_then(|log| log.prefix.clone()))?;
    let region = own(|log| &log.region).or_else(|| known.and_then(|log| log.region.clone()));
    Some(LogPlace {
        group,
        stream: format!("{prefix}/{container}/{id}"),
        region: region.unwrap_or_else(|| session.settings.identity.region.clone()),
    })
}
