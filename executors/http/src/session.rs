//! Which session an answer comes from: a call that is for one session must not be answered by another.
//!
//! Guarantees: an answer that names another session is a failure whatever its status. One that names none is a failure
//! where it would have been a success; a bad status without a name keeps its own meaning, since whatever stands between
//! (a load balancer without a healthy target) answers so too. Never retried by default: the call went astray.

use noctule_executor::{ErrorClass, Outcome};

use crate::answer::Received;
use crate::header::SESSION;

/// Why an answer does not come from the session that the call was for.
fn stray(call: &str, session: &str, received: &Received, good: bool) -> Option<String> {
    let status = received.answer.status_code;
    match received.answer.headers.get(SESSION) {
        Some(named) if named == session => None,
        Some(other) => Some(format!(
            "{call} is for session `{session}` and was answered {status} by session `{other}`"
        )),
        None if good => Some(format!(
            "{call} is for session `{session}` and was answered {status} without a `Noctule-Session` header: \
             nobody can tell which session acted"
        )),
        None => None,
    }
}

/// The failure of a call that another session answered. `good`: the answer would be a success, or decide something.
pub(crate) fn failure(
    call: &str,
    session: Option<&str>,
    received: &Received,
    good: bool,
) -> Option<Outcome> {
    let message = stray(call, session?, received, good)?;
    let output = Some(received.answer.to_value());
    Some(Outcome::failed(ErrorClass::Config, message, output))
}
