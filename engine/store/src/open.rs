//! Opening a store: nothing that is not ours is touched, nothing that is damaged is used.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use noctule_core::name::{ProfileName, StoreId};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use tokio::sync::Mutex;

use crate::error::StoreError;
use crate::hook::CommitHook;
use crate::store::{Inner, Store};

/// "nctl", so that a file of ours says so.
const APPLICATION_ID: i64 = 0x6e63_746c;
/// The WAL-reset corruption is fixed from here on (reference: SQLite's release notes of 3.51.3).
const OLDEST_SQLITE: i64 = 3_051_003;
const READERS: u32 = 4;

/// How a store is opened.
pub struct OpenOptions {
    /// The profile of the caller.
    pub profile: ProfileName,
    /// The id of the store, if it is made now.
    pub new_id: StoreId,
    /// Now.
    pub now: DateTime<Utc>,
    /// Where relative addresses begin.
    pub base: PathBuf,
    /// Make it where there is none.
    pub create: bool,
    /// Called around every commit; for tests that end a process there.
    pub hook: Option<Arc<dyn CommitHook>>,
}

impl Store {
    /// Opens the store at an address.
    ///
    /// # Errors
    /// There is none and none is to be made, it is not ours, damaged, newer, or of another profile; or the file cannot be used.
    pub async fn open(url: &str, options: OpenOptions) -> Result<Self, StoreError> {
        let path = path_of(url, &options.base)?;
        let made = prepare_file(&path, options.create)?;
        let mut writer = connect(&path).await?;
        check_library(&mut writer).await?;
        if made {
            mark(&mut writer, &path).await?;
        } else {
            recognise(&mut writer, &path).await?;
        }
        migrate(&mut writer, &path).await?;
        let id = introduce(&mut writer, &options).await?;
        let readers = readers(&path).await?;
        let inbox = connect(&path).await?;
        let watcher = connect(&path).await?;
        let inner = Inner {
            path,
            id,
            writer: Mutex::new(writer),
            inbox: Mutex::new(inbox),
            watcher: Mutex::new(watcher),
            readers,
            hook: options.hook,
        };
        Ok(Self(Arc::new(inner)))
    }
}

fn path_of(url: &str, base: &Path) -> Result<PathBuf, StoreError> {
    let path = url
        .strip_prefix("sqlite://")
        .filter(|path| !path.is_empty());
    path.map(|path| base.join(path))
        .ok_or_else(|| StoreError::Address(url.to_owned()))
}

/// Makes an empty private file where there is none. An existing file is left alone, an empty one refused.
fn prepare_file(path: &Path, create: bool) -> Result<bool, StoreError> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    match std::fs::metadata(path) {
        Ok(found) if found.len() == 0 => {
            let message =
                "the file is empty; remove it if it is not the rest of a store that was lost"
                    .to_owned();
            return Err(StoreError::Corrupt {
                path: path.to_owned(),
                message,
            });
        }
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !create => {
            return Err(StoreError::Missing(path.to_owned()));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(StoreError::file("look at", path)(error)),
    }
    if let Some(folder) = path.parent() {
        let made = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder);
        made.map_err(StoreError::file("make the folder", folder))?;
    }
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match file {
        Ok(_) => Ok(true),
        // Another process made it in this instant.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(true),
        Err(error) => Err(StoreError::file("make", path)(error)),
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("mmap_size", "0")
        .pragma("temp_store", "MEMORY")
        .statement_cache_capacity(64)
        .disable_statement_logging()
}

async fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
    let connected = SqliteConnection::connect_with(&options(path)).await;
    connected.map_err(|error| at(path, error.into()))
}

async fn readers(path: &Path) -> Result<sqlx::SqlitePool, StoreError> {
    let reading = options(path).pragma("query_only", "ON");
    let pool = SqlitePoolOptions::new()
        .max_connections(READERS)
        .connect_with(reading)
        .await;
    pool.map_err(|error| at(path, error.into()))
}

/// Names the file in an error that only says "the store".
fn at(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Corrupt { message, .. } => StoreError::Corrupt {
            path: path.to_owned(),
            message,
        },
        other => other,
    }
}

async fn check_library(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(connection)
        .await?;
    let number = version
        .split('.')
        .filter_map(|part| part.parse::<i64>().ok())
        .fold(0, |sum, part| sum * 1_000 + part);
    if number < OLDEST_SQLITE {
        Err(StoreError::Sqlite(version))
    } else {
        Ok(())
    }
}

async fn mark(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    // A pragma takes no parameters; the number is a constant.
    let marked = sqlx::query("PRAGMA application_id = 1852011628")
        .execute(connection)
        .await;
    marked.map_err(|error| at(path, error.into()))?;
    Ok(())
}

async fn recognise(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let id: Result<i64, sqlx::Error> = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut *connection)
        .await;
    let id = id.map_err(|error| at(path, error.into()))?;
    if id != APPLICATION_ID {
        let message = "it is a database of another program".to_owned();
        return Err(StoreError::Corrupt {
            path: path.to_owned(),
            message,
        });
    }
    let checked: Result<String, sqlx::Error> = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(connection)
        .await;
    match checked.map_err(|error| at(path, error.into()))?.as_str() {
        "ok" => Ok(()),
        message => Err(StoreError::Corrupt {
            path: path.to_owned(),
            message: message.to_owned(),
        }),
    }
}

async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let migrator = sqlx::migrate!("./migrations");
    let known = migrator
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0);
    match migrator.run(connection).await {
        Ok(()) => Ok(()),
        Err(sqlx::migrate::MigrateError::VersionMissing(found)) => Err(StoreError::SchemaNewer {
            path: path.to_owned(),
            found,
            known,
        }),
        Err(sqlx::migrate::MigrateError::Execute(error)) => Err(at(path, error.into())),
        Err(error) => Err(StoreError::Corrupt {
            path: path.to_owned(),
            message: error.to_string(),
        }),
    }
}

/// Gives a new store its id and profile, or learns those of an old one.
async fn introduce(
    connection: &mut SqliteConnection,
    options: &OpenOptions,
) -> Result<StoreId, StoreError> {
    let insert = "INSERT INTO store (one, id, profile) VALUES (1, ?, ?) ON CONFLICT DO NOTHING";
    let (id, profile) = (options.new_id.as_str(), options.profile.as_str());
    sqlx::query(insert)
        .bind(id)
        .bind(profile)
        .execute(&mut *connection)
        .await?;
    let row = sqlx::query("SELECT id, profile FROM store")
        .fetch_one(connection)
        .await?;
    let (id, profile): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let unreadable = |error: noctule_core::name::NameError| StoreError::Refused(error.to_string());
    let store = ProfileName::from_str(&profile).map_err(unreadable)?;
    if store != options.profile {
        return Err(StoreError::OtherProfile {
            store,
            asked: options.profile.clone(),
        });
    }
    StoreId::from_str(&id).map_err(unreadable)
}
