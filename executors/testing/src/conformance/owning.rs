//! Rules about work that is found by the mark of its store alone.

use std::sync::Arc;
use std::time::Duration;

use noctule_executor::{Context, Host, Recovery, Status};
use serde_json::Value;

use super::Judgement::{Kept, Skipped};
use super::probe::{Probe, Ruling, through_text};
use crate::surroundings::fresh_key_of;

/// A store that is not the one of the context.
const OTHER_STORE: &str = "0badcafe";
const SHORT_PATIENCE: Duration = Duration::from_millis(50);

/// `owned` lists live work of this store and nobody else's, nor what has ended.
pub(super) async fn owned_lists_live_work_of_this_store_alone(probe: &Probe<'_>) -> Ruling {
    if probe.capabilities().sensor {
        return Ok(Skipped("a sensor starts nothing"));
    }
    if !probe.subject.lists_owned() {
        return Ok(Skipped("the executor does not list its work"));
    }
    let Some(with) = probe.long_work() else {
        return Ok(Skipped("no long work"));
    };
    let ended = probe.attempt(probe.subject.succeeds());
    let ended_handle = probe.launch(&ended).await?;
    probe.end(&ended_handle).await?;
    let ours = probe.attempt(with.clone());
    let mut theirs = probe.attempt(with);
    theirs.key = fresh_key_of(OTHER_STORE);
    let places = [ours.config.clone(), ended.config.clone()];
    let our_handle = probe.launch(&ours).await?;
    let their_handle = probe.launch(&theirs).await?;
    let judged = async {
        let own = listed_at_last(probe, &probe.context, &places, ours.key.as_str()).await?;
        only_of(&own, &probe.context.host.store_id)?;
        if own.iter().any(|(key, _)| *key == ended.key.as_str()) {
            return Err("`owned` lists work that has ended".to_owned());
        }
        let elsewhere = elsewhere(&probe.context);
        let other = listed_at_last(probe, &elsewhere, &places, theirs.key.as_str()).await?;
        only_of(&other, OTHER_STORE)?;
        handle_leads_to_it(probe, &own, ours.key.as_str()).await
    }
    .await;
    probe.clean_up(&our_handle).await;
    probe.clean_up(&their_handle).await;
    judged.map(|()| Kept)
}

type Listed = Vec<(String, Value)>;

/// The list, once it shows a key: a list may lag as much as a search does.
async fn listed_at_last(
    probe: &Probe<'_>,
    context: &Context,
    places: &[Value],
    key: &str,
) -> Result<Listed, String> {
    let mut looks = match probe.recovery() {
        Recovery::Search { after } => after,
        Recovery::Resend | Recovery::Never => Vec::new(),
    };
    looks.push(Duration::ZERO);
    looks.sort();
    let began = tokio::time::Instant::now();
    for look in looks {
        tokio::time::sleep_until(began + look).await;
        let found = probe.executor().owned(context, places).await;
        let found = found.map_err(|error| format!("`owned` failed: {error}"))?;
        let found: Listed = found
            .into_iter()
            .map(|owned| (owned.key.as_str().to_owned(), through_text(&owned.handle)))
            .collect();
        match found.iter().filter(|(listed, _)| listed == key).count() {
            0 => {}
            1 => return Ok(found),
            count => return Err(format!("`owned` lists one piece of work {count} times")),
        }
    }
    Err("`owned` does not list live work of the store".to_owned())
}

fn only_of(listed: &Listed, store: &str) -> Result<(), String> {
    let mark = format!("n1-{store}-");
    match listed.iter().find(|(key, _)| !key.starts_with(&mark)) {
        Some((key, _)) => Err(format!("`owned` of store {store} lists {key}")),
        None => Ok(()),
    }
}

fn elsewhere(context: &Context) -> Context {
    Context {
        host: Arc::new(Host {
            store_id: OTHER_STORE.to_owned(),
            ..context.host.as_ref().clone()
        }),
        ..context.clone()
    }
}

async fn handle_leads_to_it(probe: &Probe<'_>, listed: &Listed, key: &str) -> Result<(), String> {
    let handle = listed.iter().find(|(listed, _)| listed == key);
    let (_, handle) = handle.ok_or("`owned` does not list live work of the store")?;
    match probe.poll_one(handle, SHORT_PATIENCE).await? {
        Ok(Status::Launching | Status::Running { .. }) => Ok(()),
        other => Err(format!("the handle that `owned` gives leads to {other:?}")),
    }
}
