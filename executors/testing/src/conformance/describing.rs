//! Rules about documents: configurations, requests, and what must not stand in them.

use serde_json::{Value, json};

use noctule_executor::{Draft, LogCursor};

use super::Judgement::{Kept, Skipped};
use super::probe::{Probe, Ruling};
use crate::CANARY;

/// The most log pages that are searched for a secret.
const PAGES: usize = 1000;

/// A misspelt key must not be ignored silently.
pub(super) async fn unknown_keys_are_refused(probe: &Probe<'_>) -> Ruling {
    let executor = probe.executor();
    let mut with = probe.subject.succeeds();
    executor
        .read_config(&with)
        .map_err(|problem| format!("a good configuration is refused: {}", problem.message))?;
    with.as_object_mut()
        .ok_or("the configuration is no table")?
        .insert("no_such_key".to_owned(), json!(1));
    if executor.read_config(&with).is_ok() {
        return Err("a configuration with an unknown key is accepted".to_owned());
    }
    match executor.config_schema().get("additionalProperties") {
        Some(Value::Bool(false)) => Ok(Kept),
        _ => Err("the schema allows additional properties".to_owned()),
    }
}

/// `check` must not complain about a configuration that runs.
pub(super) async fn check_accepts_what_runs(probe: &Probe<'_>) -> Ruling {
    let mut good = vec![probe.subject.succeeds()];
    good.extend(probe.subject.runs_long());
    good.extend(probe.subject.writes_log().map(|(with, _)| with));
    for with in good {
        if let Some(problem) = probe.executor().check(&Draft::new(&with)).first() {
            return Err(format!("`check` refuses {with}: {}", problem.message));
        }
    }
    Ok(Kept)
}

/// One attempt has one request, whoever makes it.
pub(super) async fn request_is_pure(probe: &Probe<'_>) -> Ruling {
    let attempt = probe.attempt(probe.subject.succeeds());
    let (first, second) = (probe.request(&attempt)?, probe.request(&attempt)?);
    if first.canonical() != second.canonical() {
        return Err(format!(
            "two requests of one attempt differ: {} and {}",
            first.canonical(),
            second.canonical()
        ));
    }
    Ok(Kept)
}

/// A resend is the same request.
pub(super) async fn request_ignores_the_count_of_sends(probe: &Probe<'_>) -> Ruling {
    let mut attempt = probe.attempt(probe.subject.succeeds());
    let first = probe.request(&attempt)?;
    attempt.sends = 2;
    if first != probe.request(&attempt)? {
        return Err("the request of a resend differs from the first one".to_owned());
    }
    Ok(Kept)
}

/// A secret's value stands in no request, handle, output, log or error.
pub(super) async fn secrets_are_shown_nowhere(probe: &Probe<'_>) -> Ruling {
    let Some(with) = probe.subject.keeps_secret() else {
        return Ok(Skipped("no configuration with a secret"));
    };
    let attempt = probe.attempt(with);
    unseen("the request", &probe.request(&attempt)?.canonical())?;
    let handle = match probe.try_launch(&attempt).await? {
        Ok(handle) => handle,
        Err(error) => {
            unseen("the error of `launch`", &format!("{error} {error:?}"))?;
            return Err(format!("`launch` failed: {error}"));
        }
    };
    unseen("the handle", &handle.to_string())?;
    let public = probe.executor().public_handle(&handle);
    unseen("the public handle", &public.to_string())?;
    let end = probe.end(&handle).await?;
    unseen("the outcome", &format!("{end:?}"))?;
    unseen("the log", &whole_log(probe, &handle).await?)?;
    Ok(Kept)
}

fn unseen(place: &str, text: &str) -> Result<(), String> {
    if text.contains(CANARY) {
        return Err(format!("{place} shows the value of a secret"));
    }
    Ok(())
}

/// Every page of a log after the end of its work, as text.
pub(super) async fn whole_log(probe: &Probe<'_>, handle: &Value) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut cursor: Option<LogCursor> = None;
    for _ in 0..PAGES {
        let page = probe
            .executor()
            .logs(&probe.context, handle, cursor.as_ref())
            .await
            .map_err(|error| format!("`logs` failed: {error}"))?;
        bytes.extend_from_slice(&page.bytes);
        if page.drained {
            return Ok(String::from_utf8_lossy(&bytes).into_owned());
        }
        if page.next.is_none() || page.next == cursor {
            return Err("a page of the log that is not drained leads nowhere".to_owned());
        }
        cursor = page.next;
    }
    Err("the log of ended work never ends".to_owned())
}
