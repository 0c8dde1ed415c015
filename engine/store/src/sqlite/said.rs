//! What SQLite and its files say, in the words of the store.

use std::path::Path;

use crate::error::StoreError;

pub(super) fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| match source.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            StoreError::Full(format!("failed to {doing} {}: {source}", path.display()))
        }
        std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => {
            StoreError::ReadOnly(format!("failed to {doing} {}: {source}", path.display()))
        }
        _ => StoreError::File {
            doing,
            path,
            source,
        },
    }
}

pub(super) fn corrupt(path: &Path, message: impl Into<String>) -> StoreError {
    StoreError::Corrupt {
        place: path.display().to_string(),
        message: message.into(),
    }
}

fn database(path: &Path, source: sqlx::Error) -> StoreError {
    let place = path.display().to_string();
    let Some(said) = source.as_database_error() else {
        return StoreError::Database { place, source };
    };
    let message = format!("{place}: {}", said.message());
    let code = said
        .code()
        .and_then(|code| code.parse::<i32>().ok())
        .unwrap_or_default();
    // Extended result codes: the low byte is the primary one (sqlite.org/rescode.html).
    match (code, code & 0xff) {
        // The shared memory file could not grow: a full disk says so in this way.
        (4874, _) | (_, 13) => StoreError::Full(message),
        (_, 5 | 6) => StoreError::Busy(message),
        (_, 8) => StoreError::ReadOnly(message),
        (_, 10) => StoreError::Disk { place, source },
        (_, 11 | 26) => StoreError::Corrupt {
            place,
            message: said.message().to_owned(),
        },
        // Constraints; a document larger than the database takes.
        (_, 18 | 19) => StoreError::Refused(said.message().to_owned()),
        _ => StoreError::Database { place, source },
    }
}

/// Says on which file a statement failed.
pub(super) trait On<T> {
    /// The same result, its error as ours.
    fn on(self, path: &Path) -> Result<T, StoreError>;
}

impl<T> On<T> for Result<T, sqlx::Error> {
    fn on(self, path: &Path) -> Result<T, StoreError> {
        self.map_err(|error| database(path, error))
    }
}
