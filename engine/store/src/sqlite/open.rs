//! Opening a store: nothing that is not ours is touched, nothing that is damaged is used.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use noctule_core::name::{NameError, ProfileName, StoreId};
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::address;
use super::connection::{Line, connect, readers};
use super::creation;
use super::lock;
use super::said::{self, On};
use super::schema::{self, Standing};
use crate::error::StoreError;
use crate::open::OpenOptions;
use crate::owner::Owner;

/// "noct", as `creation` writes it.
const APPLICATION_ID: u32 = 0x6e6f_6374;
/// The WAL-reset corruption is fixed from here on (release notes of SQLite 3.51.3).
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];

const LIBRARY: &str = "SELECT sqlite_version()";
const INTRODUCTION: &str = "SELECT id, profile FROM store";

impl SqliteStore {
    pub(crate) async fn open(url: &str, options: OpenOptions) -> Result<Self, StoreError> {
        let path = address::resolve(url, &options.base)?;
        if !creation::is_there(&path)? {
            if !options.create {
                return Err(StoreError::Missing(path.display().to_string()));
            }
            creation::create(&path, &options).await?;
        }
        recognise(&path)?;
        let mut connection = connect(&path).await?;
        check_library(&mut connection, &path).await?;
        bring_forward(&mut connection, &path).await?;
        let id = identify(&mut connection, &path, &options.profile).await?;
        Ok(Self {
            id,
            writer: Line::new(&path, None),
            inbox: Line::new(&path, Some(connection)),
            watcher: Line::new(&path, None),
            readers: readers(&path),
            hook: options.hook,
            path,
        })
    }
}

/// Reads the head of the file before SQLite does, which would change it: the database of another program stays as it is.
fn recognise(path: &Path) -> Result<(), StoreError> {
    let mut head = [0; 100];
    let mut file = File::open(path).map_err(said::file("open", path))?;
    let read = file.read_exact(&mut head);
    let length = file.metadata().map_err(said::file("look at", path))?.len();
    if length == 0 {
        return Err(said::corrupt(
            path,
            "the file is empty; remove it if it is not the rest of a store that was lost",
        ));
    }
    // The layout of the head is fixed (sqlite.org/fileformat.html): the application id stands at 68.
    let id = [head[68], head[69], head[70], head[71]];
    if read.is_err() || !head.starts_with(b"SQLite format 3\0") {
        return Err(said::corrupt(
            path,
            "it is no database, or its beginning is damaged",
        ));
    }
    if u32::from_be_bytes(id) != APPLICATION_ID {
        return Err(said::corrupt(path, "it is a database of another program"));
    }
    // The size of a page stands at 16, in units that make 65536 a 1. SQLite itself overlooks a cut within the last page.
    let page = match u64::from(u16::from_be_bytes([head[16], head[17]])) {
        0 | 1 => 65_536,
        page => page,
    };
    if length % page != 0 && !has_log(path)? {
        return Err(said::corrupt(path, "its end is missing"));
    }
    Ok(())
}

/// Whether there is a write-ahead log, from which SQLite repairs what a crash cut short.
fn has_log(path: &Path) -> Result<bool, StoreError> {
    let log = address::beside(path, "-wal");
    Ok(creation::is_there(&log)?
        && std::fs::metadata(&log)
            .map_err(said::file("look at", &log))?
            .len()
            > 0)
}

async fn check_library(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let version: String = sqlx::query_scalar(LIBRARY)
        .fetch_one(connection)
        .await
        .on(path)?;
    if is_sound(&version) {
        Ok(())
    } else {
        Err(StoreError::Sqlite(version))
    }
}

/// Whether a version of SQLite may be used: 3.52.0 was withdrawn.
fn is_sound(version: &str) -> bool {
    let parts: Vec<u32> = version
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect();
    parts[..] >= OLDEST_SQLITE[..] && parts != [3, 52, 0]
}

/// Migrates an older schema, while nobody else uses it.
async fn bring_forward(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    if schema::standing(connection, path).await? == Standing::Current {
        return Ok(());
    }
    let _alone = creation::alone(path).await?;
    let held = address::beside(path, ".lock");
    let nameless = Owner::nameless();
    let Some(_lock) = lock::take(&held, &nameless).await? else {
        return Err(StoreError::HeldBy(Box::new(
            lock::holder(&held)?.unwrap_or(nameless),
        )));
    };
    schema::migrate(connection, path).await
}

async fn identify(
    connection: &mut SqliteConnection,
    path: &Path,
    asked: &ProfileName,
) -> Result<StoreId, StoreError> {
    let (id, profile): (String, String) = sqlx::query_as(INTRODUCTION)
        .fetch_one(connection)
        .await
        .on(path)?;
    let unreadable = |error: NameError| said::corrupt(path, error.to_string());
    let store = ProfileName::from_str(&profile).map_err(unreadable)?;
    if store != *asked {
        return Err(StoreError::OtherProfile {
            store,
            asked: asked.clone(),
        });
    }
    StoreId::from_str(&id).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::is_sound;

    #[test]
    fn an_sqlite_that_can_corrupt_a_store_is_refused() {
        for (version, sound) in [
            ("3.51.2", false),
            ("3.7.0", false),
            ("3.52.0", false),
            ("3.51.3", true),
            ("3.53.1", true),
            ("4.0.0", true),
        ] {
            assert_eq!(is_sound(version), sound, "{version}");
        }
    }
}
