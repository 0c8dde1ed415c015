//! From the first answer of the asynchronous form to a handle: where to ask, and what to send along.

use chrono::{DateTime, Utc};
use reqwest::Url;

use noctule_executor::{AttemptKey, Entry, ErrorClass, Outcome, Text};

use crate::answer::Answer;
use crate::config::PollConfig;
use crate::document::Document;
use crate::handle::Followed;
use crate::header::SESSION;
use crate::judging::{Judge, address};
use crate::target;

/// Work that goes on, or the verdict when the first answer says that none does.
pub(crate) fn follow(
    document: &Document,
    poll: &PollConfig,
    key: &AttemptKey,
    answer: &Answer,
    now: DateTime<Utc>,
) -> Result<Box<Followed>, Outcome> {
    let value = answer.to_value();
    let failed = |class, message: String| Outcome::failed(class, message, Some(value.clone()));
    if let Some(fail_if) = &poll.fail_if {
        match Judge::new(fail_if).holds(&value) {
            Ok(false) => {}
            Ok(true) => {
                return Err(failed(
                    ErrorClass::User,
                    format!("`fail_if` holds for the first answer: {fail_if}"),
                ));
            }
            Err(error) => {
                return Err(failed(
                    ErrorClass::Config,
                    format!("`poll.fail_if`: {error}"),
                ));
            }
        }
    }
    let (url, chosen) = place(document, poll, &value)
        .map_err(|error| failed(ErrorClass::Config, format!("`poll.url`: {error}")))?;
    Ok(Box::new(followed(document, poll, key, &url, chosen, now)))
}

/// The address to ask, and whether it is of another origin than the call.
fn place(
    document: &Document,
    poll: &PollConfig,
    answer: &serde_json::Value,
) -> Result<(Url, bool), String> {
    let text = address(&poll.url, answer)?;
    let base = document
        .url
        .plain()
        .ok_or("the url of the call is a secret")?;
    let base = target::absolute(base)?;
    let url = base
        .join(&text)
        .map_err(|error| format!("{text:?} is no address: {error}"))?;
    let url = target::absolute(url.as_str())?;
    let chosen = url.origin() != base.origin();
    if chosen && !document.private_targets && target::is_private_literal(&url) {
        return Err(format!("{} is a private address", target::shown(&url)));
    }
    Ok((url, chosen))
}

fn followed(
    document: &Document,
    poll: &PollConfig,
    key: &AttemptKey,
    url: &Url,
    chosen: bool,
    now: DateTime<Utc>,
) -> Followed {
    let session = document.session().map(str::to_owned);
    let own = session
        .clone()
        .map(|key| (SESSION.to_owned(), Entry::Plain(Text(key))));
    let headers = poll.headers.iter();
    let headers = headers.filter(|(_, entry)| !chosen || matches!(entry, Entry::Plain(_)));
    Followed {
        key: key.clone(),
        url: url.to_string(),
        method: poll.method.clone().unwrap_or_else(|| "GET".to_owned()),
        headers: headers
            .map(|(name, entry)| (name.clone(), entry.clone()))
            .chain(own)
            .collect(),
        auth: document.auth.clone().filter(|_| !chosen),
        audience: document.audience.clone(),
        until: poll.until.clone(),
        fail_if: poll.fail_if.clone(),
        interval: poll.interval,
        chosen,
        private_targets: document.private_targets,
        accepted_at: now,
        session,
    }
}
