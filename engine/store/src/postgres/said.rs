//! What Postgres and the road to it say, in the words of the store.

use std::time::Duration;

use crate::error::StoreError;

pub(super) fn corrupt(place: &str, message: impl Into<String>) -> StoreError {
    StoreError::Corrupt {
        place: place.to_owned(),
        message: message.into(),
    }
}

pub(super) fn unavailable(place: &str, message: impl Into<String>) -> StoreError {
    StoreError::Unavailable {
        place: place.to_owned(),
        message: message.into(),
    }
}

/// Waits for an answer, but not for ever: a road that has gone dead says nothing.
pub(super) async fn within<T>(
    limit: Duration,
    place: &str,
    asking: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(limit, asking).await {
        Ok(answer) => answer,
        Err(_) => Err(unavailable(
            place,
            format!("no answer within {} ms", limit.as_millis()),
        )),
    }
}

/// Whether the server has surely refused what it was asked, so that nothing of it was done. A connection that fell, and a
/// session that was ended, leave that open.
pub(super) fn is_refusal(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|said| said.code());
    code.is_some_and(|code| {
        !["57P", "08", "58", "XX"]
            .iter()
            .any(|class| code.starts_with(class))
    })
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn database(place: &str, source: sqlx::Error) -> StoreError {
    let Some(said) = source.as_database_error() else {
        return match source {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
                unavailable(place, source.to_string())
            }
            _ => StoreError::Database {
                place: place.to_owned(),
                source,
            },
        };
    };
    let message = said.message().to_owned();
    let code = said.code().unwrap_or_default();
    match (&*code, code.get(..2).unwrap_or_default()) {
        ("53100", _) => StoreError::Full(format!("{place}: {message}")),
        // Deadlock, serialization, a lock that was not to be had, a session that was ended, no more connections, a server
        // that starts, stops, or has become a replica.
        ("55P03" | "57014" | "25006" | "25P03", _) | (_, "40" | "08" | "53") => {
            unavailable(place, message)
        }
        (code, _) if code.starts_with("57P") => unavailable(place, message),
        ("58030", _) => StoreError::Disk {
            place: place.to_owned(),
            source,
        },
        ("XX001" | "XX002", _) => corrupt(place, message),
        // Values, constraints, limits of the server.
        (_, "22" | "23" | "54") | ("P0001", _) => StoreError::Refused(message),
        _ => StoreError::Database {
            place: place.to_owned(),
            source,
        },
    }
}

/// Says on which database a statement failed.
pub(super) trait At<T> {
    /// The same result, its error as ours.
    fn at(self, place: &str) -> Result<T, StoreError>;
}

impl<T> At<T> for Result<T, sqlx::Error> {
    fn at(self, place: &str) -> Result<T, StoreError> {
        self.map_err(|error| database(place, error))
    }
}
