//! The schema: its migrations, part of the binary, each applied once and never edited afterwards.
//!
//! A schema that a newer noctule made is refused; an older one is brought forward while no engine holds the store.

use std::borrow::Cow;
use std::path::Path;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType};
use sqlx::{SqlSafeStr, SqliteConnection};

use super::said::{self, On};
use crate::error::StoreError;

/// The table that the migrator keeps.
const APPLIED: &str = "_sqlx_migrations";

/// Every migration, oldest first.
fn migrations() -> Vec<Migration> {
    let simple = |version, name, text: &'static str| {
        let text = text.into_sql_str();
        Migration::new(
            version,
            Cow::Borrowed(name),
            MigrationType::Simple,
            text,
            false,
        )
    };
    vec![
        simple(
            1,
            "runs",
            include_str!("../../migrations/sqlite/0001_runs.sql"),
        ),
        simple(
            2,
            "retention",
            include_str!("../../migrations/sqlite/0002_retention.sql"),
        ),
        simple(
            3,
            "access",
            include_str!("../../migrations/sqlite/0003_access.sql"),
        ),
        simple(
            4,
            "outbox",
            include_str!("../../migrations/sqlite/0004_outbox.sql"),
        ),
        simple(
            5,
            "backfills",
            include_str!("../../migrations/sqlite/0005_backfills.sql"),
        ),
        simple(
            6,
            "lists",
            include_str!("../../migrations/sqlite/0006_lists.sql"),
        ),
        simple(
            7,
            "outbox lists",
            include_str!("../../migrations/sqlite/0007_outbox_lists.sql"),
        ),
    ]
}

/// How the schema of a file compares with ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Current,
    Older,
}

pub(crate) async fn standing(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<Standing, StoreError> {
    let applied = connection.list_applied_migrations(APPLIED).await;
    let applied = applied.map_err(|error| said(path, error))?;
    let ours = migrations();
    let known = ours.last().map_or(0, |migration| migration.version);
    for there in &applied {
        let Some(here) = ours
            .iter()
            .find(|migration| migration.version == there.version)
        else {
            return Err(StoreError::SchemaNewer {
                place: path.display().to_string(),
                found: there.version,
                known,
            });
        };
        if here.checksum != there.checksum {
            let message = format!(
                "its schema version {} is not the one this noctule knows",
                there.version
            );
            return Err(said::corrupt(path, message));
        }
    }
    Ok(if applied.len() < ours.len() {
        Standing::Older
    } else {
        Standing::Current
    })
}

/// Applies what is missing, each migration in a transaction of its own.
pub(crate) async fn migrate(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<(), StoreError> {
    connection
        .ensure_migrations_table(APPLIED)
        .await
        .map_err(|error| said(path, error))?;
    let applied = connection
        .list_applied_migrations(APPLIED)
        .await
        .map_err(|error| said(path, error))?;
    for migration in migrations() {
        if applied
            .iter()
            .all(|there| there.version != migration.version)
        {
            connection
                .apply(APPLIED, &migration)
                .await
                .map_err(|error| said(path, error))?;
        }
    }
    Ok(())
}

fn said(path: &Path, error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            match Err::<(), _>(error).on(path) {
                Err(error) => error,
                Ok(()) => said::corrupt(path, "its schema cannot be read"),
            }
        }
        other => said::corrupt(path, other.to_string()),
    }
}
