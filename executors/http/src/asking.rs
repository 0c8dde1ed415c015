//! One question about work that goes on, and what its answer means.

use std::time::Duration;

use chrono::Utc;

use noctule_executor::{
    Call, Context, Entry, ErrorClass, ExecutorError, Finished, Outcome, Status, Text,
};

use crate::answer::Received;
use crate::auth::Auth;
use crate::client::Line;
use crate::error::HttpError;
use crate::executor::Shared;
use crate::handle::Followed;
use crate::judging::Judge;
use crate::prepared::{Draft, Prepared};
use crate::sending::{Rules, send};
use crate::session;

/// What one question brought.
pub(crate) enum Seen {
    /// How the work stands.
    Status(Status),
    /// The service does not know it: once may be a mistake.
    Missing(String),
}

/// Asks once.
pub(crate) async fn ask(
    shared: &Shared,
    context: &Context,
    work: &Followed,
) -> Result<Seen, ExecutorError> {
    context.budget.take(Call::Poll).await;
    let limit = shared.pacing.answer;
    let received = match tokio::time::timeout(limit, exchange(shared, context, work)).await {
        Ok(received) => received.map_err(HttpError::of_poll)?,
        Err(_) => {
            let message = format!("{}: no answer within {} s", name(work), limit.as_secs());
            return Err(ExecutorError::unavailable(message));
        }
    };
    meaning(shared, work, &received)
}

fn name(work: &Followed) -> String {
    let url = reqwest::Url::parse(&work.url).map(|url| crate::target::shown(&url));
    format!("{} {}", work.method, url.unwrap_or_default())
}

async fn exchange(
    shared: &Shared,
    context: &Context,
    work: &Followed,
) -> Result<Received, HttpError> {
    let url = Entry::Plain(Text(work.url.clone()));
    let draft = Draft {
        method: &work.method,
        url: &url,
        headers: &work.headers,
        json: None,
        body: None,
        auth: work.auth.as_ref(),
        audience: work.audience.as_deref(),
    };
    let call = Prepared::of(draft, context, &shared.credentials).await?;
    let rules = Rules {
        line: Line::of_poll(),
        private_targets: work.private_targets,
        chosen: work.chosen,
        expect: &[],
    };
    send(&shared.clients, call, &rules).await
}

fn meaning(shared: &Shared, work: &Followed, received: &Received) -> Result<Seen, ExecutorError> {
    let status = received.answer.status_code;
    let said = || format!("{} was answered {status}", name(work));
    let stray = session::failure(
        &name(work),
        work.session.as_deref(),
        received,
        may_decide(work, status),
    );
    if let Some(stray) = stray {
        return Ok(Seen::Status(Status::Finished(Finished::now(stray))));
    }
    match status {
        429 => Err(ExecutorError::Throttled {
            retry_after: received.retry_after,
            message: said(),
        }),
        500.. => Err(ExecutorError::unavailable(said())),
        401 | 403 => {
            forget_token(shared, work);
            Err(ExecutorError::alarm(said()))
        }
        _ => match &received.cut {
            Some(why) => Err(ExecutorError::unavailable(format!("{}: {why}", name(work)))),
            None => judged(work, received),
        },
    }
}

fn forget_token(shared: &Shared, work: &Followed) {
    if work.auth == Some(Auth::GoogleIdToken)
        && let Ok(url) = reqwest::Url::parse(&work.url)
    {
        let origin = crate::target::origin(&url);
        let audience = work.audience.as_deref().unwrap_or(&origin);
        shared.credentials.forget(audience);
    }
}

fn judged(work: &Followed, received: &Received) -> Result<Seen, ExecutorError> {
    let answer = received.answer.to_value();
    let finished = |outcome| Ok(Seen::Status(Status::Finished(Finished::now(outcome))));
    let unreadable = |key: &str, error: String| {
        Outcome::failed(
            ErrorClass::Config,
            format!("`poll.{key}`: {error}"),
            Some(answer.clone()),
        )
    };
    if let Some(text) = &work.fail_if {
        match Judge::new(text).holds(&answer) {
            Ok(false) => {}
            Ok(true) => {
                let message = format!("`fail_if` holds: {text}");
                return finished(Outcome::failed(ErrorClass::User, message, Some(answer)));
            }
            Err(error) => return finished(unreadable("fail_if", error)),
        }
    }
    match Judge::new(&work.until).holds(&answer) {
        Ok(true) => finished(Outcome::Succeeded { output: answer }),
        Ok(false) => waiting(work, received),
        Err(error) => finished(unreadable("until", error)),
    }
}

/// Whether the service speaks of the work with an answer of this status, so that the expressions may decide by it.
fn may_decide(work: &Followed, status: u16) -> bool {
    let mut judges = [Some(&work.until), work.fail_if.as_ref()]
        .into_iter()
        .flatten();
    let is_judged = !matches!(status, 401 | 403 | 429 | 500..);
    let mut is_read = || judges.any(|text| Judge::new(text).reads_status());
    is_judged && ((200..300).contains(&status) || is_read())
}

/// An answer that decides nothing: the work goes on, if the service speaks of it at all.
fn waiting(work: &Followed, received: &Received) -> Result<Seen, ExecutorError> {
    let status = received.answer.status_code;
    let said = format!("{} was answered {status}", name(work));
    if may_decide(work, status) {
        return Ok(Seen::Status(Status::Running {
            started_at: None,
            poll_after: received.retry_after,
        }));
    }
    if matches!(status, 404 | 410) {
        return Ok(Seen::Missing(said));
    }
    let note = received.note.as_deref().map(|note| format!("; {note}"));
    Err(ExecutorError::alarm(format!(
        "{said}{}",
        note.unwrap_or_default()
    )))
}

/// Whether the work was accepted so lately that a service may not show it yet.
pub(crate) fn is_fresh(work: &Followed, settle: Duration) -> bool {
    let age = Utc::now() - work.accepted_at;
    age.to_std().unwrap_or_default() < settle
}
