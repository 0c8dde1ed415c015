//! The address of a database: what sqlx reads of it, and what is ours. Never: shows a password, in an error or elsewhere.

use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

use crate::error::StoreError;

/// How long a lease lasts that is not renewed, where the address does not say.
const TTL: Duration = Duration::from_secs(15);
/// What it may be.
const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(600);

/// Ours: how long a lease lasts, in seconds.
const LEASE_TTL: &str = "lease_ttl";
/// What sqlx knows; it would log a name and a value that it does not know.
const KNOWN: [&str; 20] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "channel_binding",
    "connect_timeout",
];
/// What other clients know, and nothing here needs.
const OTHERS: [&str; 2] = ["channel_binding", "connect_timeout"];

/// Whether an address is one of a database.
pub(crate) fn is_address(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// An address that was understood.
pub(super) struct Address {
    pub(super) options: PgConnectOptions,
    /// In words, without the password.
    pub(super) place: String,
    pub(super) ttl: Duration,
}

impl Address {
    pub(super) fn read(url: &str) -> Result<Self, StoreError> {
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut ttl, mut kept) = (TTL, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if name == LEASE_TTL {
                ttl = seconds(value)?;
            } else if !KNOWN.contains(&name) {
                return Err(refused(&format!("`{name}` is no parameter of an address")));
            } else if !OTHERS.contains(&name) {
                kept.push(pair);
            }
        }
        let plain = format!("{address}?{}", kept.join("&"));
        // What sqlx says of an address may show its parts.
        let options: PgConnectOptions = plain.parse().map_err(|_| {
            refused("it is `postgres://USER@HOST:PORT/DATABASE`, its parts percent-encoded")
        })?;
        let options = options
            .application_name("noctule")
            .statement_cache_capacity(64)
            .disable_statement_logging();
        let place = place(&options);
        Ok(Self {
            options,
            place,
            ttl,
        })
    }
}

fn place(options: &PgConnectOptions) -> String {
    let host = match options.get_socket() {
        Some(folder) => folder.display().to_string(),
        None => options.get_host().to_owned(),
    };
    let database = options
        .get_database()
        .unwrap_or_else(|| options.get_username());
    format!("postgres://{host}:{}/{database}", options.get_port())
}

fn seconds(value: &str) -> Result<Duration, StoreError> {
    let ttl = value
        .parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    ttl.filter(|ttl| (SHORTEST..=LONGEST).contains(ttl))
        .ok_or_else(|| {
            refused(&format!(
                "`{LEASE_TTL}` is a number of seconds from {} to {}",
                SHORTEST.as_secs_f64(),
                LONGEST.as_secs()
            ))
        })
}

fn refused(why: &str) -> StoreError {
    StoreError::Address(format!("the address of the database cannot be used: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(url: &str) -> String {
        match Address::read(url) {
            Ok(address) => address.place,
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_place_says_where_it_is_and_nothing_secret() {
        for (url, place) in [
            (
                "postgres://me:hunter2@db.example/x",
                "postgres://db.example:5432/x",
            ),
            (
                "postgresql://db:6000/x?password=hunter2",
                "postgres://db:6000/x",
            ),
            (
                "postgres:///x?host=/run/pg&dbname=y&user=me",
                "postgres:///run/pg:5432/y",
            ),
        ] {
            assert_eq!(said(url), place);
        }
    }

    #[test]
    fn an_address_that_cannot_be_used_is_refused_without_its_secrets() {
        for url in [
            "postgres://me:hunter2@db:port/x",
            "postgres://me:hunter2@[/x",
            "postgres://me@db/x?passwd=hunter2",
            "postgres://me@db/x?sslmode=hunter2",
            "postgres://me:hunter2@db/x?lease_ttl=never",
            "postgres://me:hunter2@db/x?lease_ttl=0.1",
        ] {
            let said = said(url);
            assert!(said.contains("cannot be used"), "{url}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn the_time_of_a_lease_can_be_given() {
        let ttl = |url: &str| Address::read(url).expect("an address").ttl;
        assert_eq!(ttl("postgres://db/x"), TTL);
        let short = ttl("postgres://db/x?sslmode=disable&lease_ttl=1.5");
        assert_eq!(short, Duration::from_millis(1500));
    }
}
