//! The schema `noctule`: its migrations, part of the binary, each applied once and never edited afterwards.
//!
//! All that is missing is applied in one transaction, alone, while no engine holds the store: a migration that was killed
//! has done nothing. A schema that a newer noctule made is refused.

use sqlx::migrate::{Migration, MigrationType};
use sqlx::{PgConnection, Row, SqlSafeStr};

use super::said::{At, corrupt};
use crate::error::StoreError;
use crate::open::OpenOptions;
use crate::owner::Owner;

/// "noctule" as a number, of nobody else in this database.
const ALONE: &str = "SELECT pg_advisory_xact_lock(7954884599100437605)";
/// Of the table itself: what a name means may be remembered from before the lock.
const IS_THERE: &str = "SELECT EXISTS (SELECT FROM pg_catalog.pg_class AS c \
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
    WHERE n.nspname = 'noctule' AND c.relname = 'migrations')";
const APPLIED: &str = "SELECT version, checksum FROM noctule.migrations ORDER BY version";
const BASE: &str = "CREATE SCHEMA IF NOT EXISTS noctule; \
    CREATE TABLE IF NOT EXISTS noctule.migrations ( \
        version bigint PRIMARY KEY, checksum bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())";
const APPLY: &str = "INSERT INTO noctule.migrations (version, checksum) VALUES ($1, $2)";
const INTRODUCE: &str =
    "INSERT INTO noctule.store (id, profile) VALUES ($1, $2) ON CONFLICT DO NOTHING";
/// A migration may take longer than any statement of an engine.
const PATIENT: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'; \
    SET LOCAL idle_in_transaction_session_timeout = '60s'";
const HOLDER: &str =
    "SELECT owner FROM noctule.lease WHERE expires_at > clock_timestamp() FOR UPDATE";

/// Every migration, oldest first.
fn migrations() -> Vec<Migration> {
    let simple = |version, name: &'static str, text: &'static str| {
        let text = text.into_sql_str();
        Migration::new(version, name.into(), MigrationType::Simple, text, false)
    };
    vec![
        simple(
            1,
            "runs",
            include_str!("../../migrations/postgres/0001_runs.sql"),
        ),
        simple(
            2,
            "access",
            include_str!("../../migrations/postgres/0002_access.sql"),
        ),
        simple(
            3,
            "outbox",
            include_str!("../../migrations/postgres/0003_outbox.sql"),
        ),
        simple(
            4,
            "backfills",
            include_str!("../../migrations/postgres/0004_backfills.sql"),
        ),
        simple(
            5,
            "lists",
            include_str!("../../migrations/postgres/0005_lists.sql"),
        ),
        simple(
            6,
            "outbox lists",
            include_str!("../../migrations/postgres/0006_outbox_lists.sql"),
        ),
    ]
}

/// How the schema of a database compares with ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// There is none.
    Absent,
    Current,
    /// Only these of ours are applied.
    Older(Vec<i64>),
}

pub(super) async fn standing(
    connection: &mut PgConnection,
    place: &str,
) -> Result<Standing, StoreError> {
    let there: bool = sqlx::query_scalar(IS_THERE)
        .fetch_one(&mut *connection)
        .await
        .at(place)?;
    if !there {
        return Ok(Standing::Absent);
    }
    let ours = migrations();
    let rows = sqlx::query(APPLIED).fetch_all(connection).await.at(place)?;
    let mut applied = Vec::with_capacity(rows.len());
    for row in &rows {
        let (version, checksum): (i64, &[u8]) =
            (row.try_get(0).at(place)?, row.try_get(1).at(place)?);
        let Some(here) = ours.iter().find(|migration| migration.version == version) else {
            return Err(StoreError::SchemaNewer {
                place: place.to_owned(),
                found: version,
                known: ours.last().map_or(0, |migration| migration.version),
            });
        };
        if *here.checksum != *checksum {
            let message = format!("its schema version {version} is not the one this noctule knows");
            return Err(corrupt(place, message));
        }
        applied.push(version);
    }
    Ok(if applied.len() == ours.len() {
        Standing::Current
    } else {
        Standing::Older(applied)
    })
}

/// Makes the store, or brings it forward: all of it or nothing.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    place: &str,
    options: &OpenOptions,
) -> Result<(), StoreError> {
    simple(connection, place, "BEGIN").await?;
    simple(connection, place, PATIENT).await?;
    simple(connection, place, ALONE).await?;
    let applied = match standing(connection, place).await? {
        Standing::Current => return simple(connection, place, "COMMIT").await,
        Standing::Absent => Vec::new(),
        Standing::Older(applied) => applied,
    };
    if !applied.is_empty() {
        is_free(connection, place).await?;
    }
    simple(connection, place, BASE).await?;
    // By their numbers: one that was made later may have a lower one.
    let is_missing = |migration: &Migration| !applied.contains(&migration.version);
    for migration in migrations().into_iter().filter(is_missing) {
        sqlx::raw_sql(migration.sql)
            .execute(&mut *connection)
            .await
            .at(place)?;
        let apply = sqlx::query(APPLY)
            .bind(migration.version)
            .bind(&*migration.checksum);
        apply.execute(&mut *connection).await.at(place)?;
    }
    let introduce = sqlx::query(INTRODUCE)
        .bind(options.new_id.as_str())
        .bind(options.profile.as_str());
    introduce.execute(&mut *connection).await.at(place)?;
    simple(connection, place, "COMMIT").await
}

async fn is_free(connection: &mut PgConnection, place: &str) -> Result<(), StoreError> {
    let holder: Option<Option<String>> = sqlx::query_scalar(HOLDER)
        .fetch_optional(connection)
        .await
        .at(place)?;
    match holder {
        None => Ok(()),
        Some(owner) => Err(StoreError::HeldBy(Box::new(Owner::read(owner.as_deref())))),
    }
}

async fn simple(
    connection: &mut PgConnection,
    place: &str,
    statement: &'static str,
) -> Result<(), StoreError> {
    sqlx::raw_sql(statement)
        .execute(connection)
        .await
        .at(place)?;
    Ok(())
}
