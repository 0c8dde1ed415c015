//! Making a store: built under another name and then renamed, so that a store is whole or not there.
//!
//! Never touches a file that is there already; a lock on the folder lets one process at a time make or migrate a store.

use std::fs::File;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use chrono::SecondsFormat;
use sqlx::{Connection, SqliteConnection};

use super::address::beside;
use super::connection::connect;
use super::said::{self, On};
use super::schema;
use crate::error::StoreError;
use crate::open::OpenOptions;

/// "noct": a file of ours says so. Pragmas take no parameters; `open` compares the same number.
const MARK: &str = "PRAGMA application_id = 1852793716";
const INTRODUCE: &str = "INSERT INTO store (one, id, profile, created_at) VALUES (1, ?, ?, ?)";

/// Makes the store unless another process just did.
pub(crate) async fn create(path: &Path, options: &OpenOptions) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    made.map_err(said::file("make the folder", folder))?;
    let _alone = alone(path).await?;
    if is_there(path)? {
        return Ok(());
    }
    if is_there(&beside(path, "-wal"))? {
        let message = "its write-ahead log is there, but the file itself is gone: put it back, or remove the log";
        return Err(said::corrupt(path, message));
    }
    let draft = beside(path, ".new");
    // What a process that was killed here left behind.
    ["", "-wal", "-shm", "-journal"]
        .iter()
        .try_for_each(|ending| remove(&beside(&draft, ending)))?;
    build(&draft, options).await?;
    if is_there(&beside(&draft, "-wal"))? {
        return Err(said::corrupt(
            &draft,
            "it could not be closed after it was made",
        ));
    }
    std::fs::rename(&draft, path).map_err(said::file("make", path))?;
    let folder_kept = File::open(folder).and_then(|folder| folder.sync_all());
    folder_kept.map_err(said::file("make durable", folder))
}

/// Waits until no other process makes or migrates a store in this folder.
pub(crate) async fn alone(path: &Path) -> Result<File, StoreError> {
    let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
    let locked = tokio::task::spawn_blocking(move || {
        let file = File::open(&folder).map_err(said::file("open", &folder))?;
        file.lock().map_err(said::file("lock", &folder))?;
        Ok(file)
    });
    locked
        .await
        .map_err(|error| said::file("lock", path)(error.into()))?
}

pub(crate) fn is_there(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map_err(said::file("look at", path))
}

async fn build(draft: &Path, options: &OpenOptions) -> Result<(), StoreError> {
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft);
    drop(file.map_err(said::file("make", draft))?);
    let mut connection = connect(draft).await?;
    fill(&mut connection, draft, options).await?;
    connection.close().await.on(draft)
}

async fn fill(
    connection: &mut SqliteConnection,
    draft: &Path,
    options: &OpenOptions,
) -> Result<(), StoreError> {
    sqlx::query(MARK)
        .execute(&mut *connection)
        .await
        .on(draft)?;
    schema::migrate(connection, draft).await?;
    let introduce = sqlx::query(INTRODUCE)
        .bind(options.new_id.as_str())
        .bind(options.profile.as_str());
    let now = options.now.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    introduce.bind(now).execute(connection).await.on(draft)?;
    Ok(())
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(said::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}
