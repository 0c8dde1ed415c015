//! What a status means.

use noctule_executor::{ErrorClass, Outcome};

use crate::answer::Received;

/// The verdict on an answer that is not what was expected.
pub(crate) fn unexpected(call: &str, received: &Received, expect: &[u16]) -> Outcome {
    let status = received.answer.status_code;
    let note = received.note.as_deref().map(|note| format!("; {note}"));
    let hint = match status {
        202 => "; the work is not done: see it through with `with.poll`".to_owned(),
        200..400 => format!("; `expect` is {expect:?}"),
        _ => String::new(),
    };
    let message = format!(
        "{call} was answered {status}{}{hint}",
        note.unwrap_or_default()
    );
    let output = Some(received.answer.to_value());
    Outcome::failed(class_of(status), message, output)
}

/// The class of a failure by its status.
pub(crate) fn class_of(status: u16) -> ErrorClass {
    match status {
        401 | 403 | 407 => ErrorClass::Permission,
        404 | 410 => ErrorClass::NotFound,
        400 | 422 => ErrorClass::Config,
        429 => ErrorClass::Throttled,
        402..500 => ErrorClass::User,
        500.. => ErrorClass::Infrastructure,
        _ => ErrorClass::Config,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_the_class_of_the_contract() {
        for (status, class) in [
            (204, ErrorClass::Config),
            (302, ErrorClass::Config),
            (400, ErrorClass::Config),
            (401, ErrorClass::Permission),
            (403, ErrorClass::Permission),
            (404, ErrorClass::NotFound),
            (409, ErrorClass::User),
            (422, ErrorClass::Config),
            (500, ErrorClass::Infrastructure),
            (503, ErrorClass::Infrastructure),
        ] {
            assert_eq!(class_of(status), class, "{status}");
        }
    }
}
