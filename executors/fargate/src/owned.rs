//! All running tasks of some places that carry this store's mark.
//!
//! Guarantees: a task counts only when its `startedBy` begins with this store's own mark; strangers' tasks, other stores'
//! and unmarked ones are never among them. Stopped tasks are left out.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::DesiredStatus;
use noctule_executor::{AttemptKey, ExecutorError, Owned};
use serde_json::Value;

use crate::config::Config;
use crate::handle::{Door, Handle};
use crate::launch;
use crate::record::Record;
use crate::request;
use crate::session::Session;
use crate::tasks::MOST_DESCRIBED;

/// Looks at each cluster once.
pub(crate) async fn owned(
    session: &Session<'_>,
    places: &[Value],
) -> Result<Vec<Owned<Handle>>, ExecutorError> {
    let mut clusters: BTreeMap<String, Option<Door>> = BTreeMap::new();
    for place in places {
        let (cluster, door) = read(session, place)?;
        let known = clusters.entry(cluster).or_default();
        *known = known.take().or(door);
    }
    let mark = format!("n1-{}-", session.context.host.store_id);
    let mut owned = Vec::new();
    for (cluster, door) in clusters {
        let marked = marked(session, &cluster, &mark).await?;
        let of = |record| of_record(session, &cluster, door.as_ref(), record);
        owned.extend(marked.into_iter().filter_map(of));
    }
    Ok(owned)
}

fn read(session: &Session<'_>, place: &Value) -> Result<(String, Option<Door>), ExecutorError> {
    let bad = |why: String| ExecutorError::alarm(format!("a place to look at: {why}"));
    let config: Config =
        serde_json::from_value(place.clone()).map_err(|error| bad(error.to_string()))?;
    let cluster = request::cluster(&config, &session.settings);
    let cluster = cluster.map_err(|problem| bad(problem.message))?;
    let port = request::port(&config).map_err(|problem| bad(problem.message))?;
    let group = request::target_group(&config, &session.settings);
    let door = group.zip(port).map(|(group, port)| Door::of(group, port));
    Ok((cluster, door))
}

async fn marked(
    session: &Session<'_>,
    cluster: &str,
    mark: &str,
) -> Result<Vec<Record>, ExecutorError> {
    let listed = session.list(cluster, None, DesiredStatus::Running).await;
    let arns = listed.map_err(|error| error.of_read())?;
    let mut marked = Vec::new();
    for some in arns.chunks(MOST_DESCRIBED) {
        let answer = session.describe(cluster, some, true).await;
        let answer = answer.map_err(|error| error.of_read())?;
        marked.extend(answer.tasks.into_iter().filter(|task| {
            let ours = task.started_by.as_deref();
            // A tag that says otherwise means that somebody else writes our marks.
            let tagged = task.tagged.as_deref();
            ours.is_some_and(|by| by.starts_with(mark))
                && tagged.is_none_or(|tag| Some(tag) == ours)
                && !task.has_stopped()
        }));
    }
    Ok(marked)
}

fn of_record(
    session: &Session<'_>,
    cluster: &str,
    door: Option<&Door>,
    record: Record,
) -> Option<Owned<Handle>> {
    let key = AttemptKey::from_text(record.started_by?);
    let door = door
        .cloned()
        .zip(record.address)
        .map(|(door, address)| Door {
            address: Some(address),
            ..door
        });
    let bare = launch::bare(session, cluster, record.arn, key.clone());
    let handle = Handle {
        task_definition: record.definition,
        launched_at: record.created_at.unwrap_or(bare.launched_at),
        door,
        ..bare
    };
    Some(Owned {
        key,
        handle,
        since: record.created_at,
    })
}
