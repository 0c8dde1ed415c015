//! Connections: each is to the server that was used before, to a primary, and gives up where nobody answers.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use super::address::Address;
use super::said::{At, within};
use crate::error::StoreError;

/// How long a connection may take.
const CONNECTING: Duration = Duration::from_secs(5);
/// How long the server works at one statement.
const STATEMENT: Duration = Duration::from_secs(30);
/// How long nobody may wait for a lock, or keep one and say nothing.
const LOCK: Duration = Duration::from_secs(5);

const IS_REPLICA: &str = "SELECT pg_is_in_recovery()";
/// The first eight digits are the timeline, which a promotion raises.
const TIMELINE: &str = "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)";
const SYSTEM: &str = "SELECT system_identifier FROM pg_control_system()";

/// A server, as it is known.
pub(super) struct Server {
    options: PgConnectOptions,
    pub(super) place: String,
    pub(super) ttl: Duration,
    known: Mutex<Known>,
}

/// What a server says of itself, where the role may know it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Known {
    system: Option<i64>,
    timeline: Option<i64>,
}

impl Server {
    pub(super) fn new(address: Address) -> Self {
        let lock = LOCK.min(address.ttl / 3).as_millis().to_string();
        let statement = STATEMENT.as_millis().to_string();
        // A pooler may keep these from the server; every wait has an end on this side, too.
        let settings = [
            ("statement_timeout", statement.as_str()),
            ("lock_timeout", lock.as_str()),
            ("idle_in_transaction_session_timeout", lock.as_str()),
            ("tcp_keepalives_idle", "10"),
            ("tcp_keepalives_interval", "5"),
            ("tcp_keepalives_count", "3"),
        ];
        Self {
            options: address.options.options(settings),
            place: address.place,
            ttl: address.ttl,
            known: Mutex::default(),
        }
    }

    /// A connection to the primary.
    pub(super) async fn connect(&self) -> Result<PgConnection, StoreError> {
        let connecting = async {
            let connection = PgConnection::connect_with(&self.options).await;
            let mut connection = connection.at(&self.place)?;
            self.recognise(&mut connection).await?;
            Ok(connection)
        };
        within(CONNECTING, &self.place, connecting).await
    }

    async fn recognise(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let place = &self.place;
        let replica: bool = sqlx::query_scalar(IS_REPLICA)
            .fetch_one(&mut *connection)
            .await
            .at(place)?;
        if replica {
            return Err(StoreError::Replica(place.clone()));
        }
        let timeline: Option<String> = known(
            sqlx::query_scalar(TIMELINE)
                .fetch_one(&mut *connection)
                .await,
            place,
        )?;
        let timeline = timeline.and_then(|digits| i64::from_str_radix(&digits, 16).ok());
        let system = known(
            sqlx::query_scalar(SYSTEM).fetch_one(connection).await,
            place,
        )?;
        let seen = Known { system, timeline };
        self.compare(seen)
    }

    fn compare(&self, seen: Known) -> Result<(), StoreError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = known.met(seen).map_err(|message| StoreError::OtherServer {
            place: self.place.clone(),
            message: message.to_owned(),
        })?;
        Ok(())
    }
}

impl Known {
    /// What is known after a server was met again.
    fn met(self, seen: Self) -> Result<Self, &'static str> {
        if matches!((self.system, seen.system), (Some(known), Some(seen)) if known != seen) {
            return Err("another server answers now");
        }
        if matches!((self.timeline, seen.timeline), (Some(known), Some(seen)) if seen < known) {
            return Err("a server of before the last fail-over answers now");
        }
        Ok(Self {
            system: seen.system.or(self.system),
            timeline: seen.timeline.or(self.timeline),
        })
    }
}

/// What the role may not know stays unknown.
fn known<T>(answer: Result<T, sqlx::Error>, place: &str) -> Result<Option<T>, StoreError> {
    let code = |error: &sqlx::Error| {
        error
            .as_database_error()?
            .code()
            .map(|code| code.to_string())
    };
    match answer {
        Err(error) if code(&error).is_some_and(|code| code == "42501" || code == "0A000") => {
            Ok(None)
        }
        answer => answer.map(Some).at(place),
    }
}

#[cfg(test)]
mod tests {
    use super::Known;

    fn known(system: i64, timeline: i64) -> Known {
        Known {
            system: Some(system),
            timeline: Some(timeline),
        }
    }

    #[test]
    fn another_server_and_an_older_timeline_are_refused_for_good() {
        let before = known(1, 3);
        assert!(before.met(known(2, 3)).is_err());
        assert!(before.met(known(1, 2)).is_err());
        assert_eq!(before.met(known(1, 3)), Ok(before));
        let promoted = before.met(known(1, 4)).expect("a promotion");
        assert!(promoted.met(before).is_err(), "the old primary");
    }

    #[test]
    fn what_a_server_does_not_say_forgets_nothing() {
        let silent = known(1, 3).met(Known::default()).expect("no contradiction");
        assert!(silent.met(known(2, 9)).is_err());
    }
}
