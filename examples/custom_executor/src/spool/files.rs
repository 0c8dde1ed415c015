//! The files of one piece of work in its spool folder. Nothing half written ever has a name that somebody reads.

use std::io;
use std::path::PathBuf;

use noctule_executor::{AttemptKey, ErrorClass, ExecutorError, LogCursor, LogPage};
use tokio::fs;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};

/// The most bytes of one log page.
const LOG_PAGE: u64 = 64 * 1024;

/// How far a piece of work has come, by the files that are there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// No file of that key.
    Absent,
    /// No worker has claimed it.
    Requested,
    /// A worker has it.
    Claimed,
    /// The worker's result.
    Ended(Vec<u8>),
}

/// The files of one attempt key.
pub(super) struct WorkFiles {
    folder: PathBuf,
    key: String,
}

impl WorkFiles {
    pub(super) fn new(folder: PathBuf, key: &AttemptKey) -> Self {
        let key = key.to_string();
        Self { folder, key }
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.key))
    }

    /// Puts the request where the worker finds it, unless an earlier send has done so.
    pub(super) async fn place(&self, request: &str, sends: u32) -> Result<(), ExecutorError> {
        let aside = self.path(&format!("draft-{sends}"));
        fs::write(&aside, request)
            .await
            .map_err(|error| self.refusal(&error, sends))?;
        // A link is a rename that refuses a name that is taken.
        let linked = fs::hard_link(&aside, self.path("request")).await;
        // A draft that stays behind harms nobody: no worker looks at it.
        drop(fs::remove_file(&aside).await);
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(ExecutorError::unknown(self.failed("place", &error)))
            }
            _ => Ok(()),
        }
    }

    /// Nothing was placed by this send; of an earlier one nobody can tell while the folder cannot be written.
    fn refusal(&self, error: &io::Error, sends: u32) -> ExecutorError {
        let message = self.failed("write", error);
        match error.kind() {
            _ if sends > 1 => ExecutorError::unknown(message),
            io::ErrorKind::NotFound => ExecutorError::rejected(ErrorClass::NotFound, message),
            io::ErrorKind::PermissionDenied => {
                ExecutorError::rejected(ErrorClass::Permission, message)
            }
            _ => ExecutorError::unavailable(message),
        }
    }

    /// Looks from the last file to the first: work that moves on meanwhile is seen as it was or as it is.
    pub(super) async fn stage(&self) -> Result<Stage, ExecutorError> {
        self.try_stage()
            .await
            .map_err(|error| ExecutorError::unavailable(self.failed("look at", &error)))
    }

    async fn try_stage(&self) -> io::Result<Stage> {
        match fs::read(self.path("result")).await {
            Ok(text) => return Ok(Stage::Ended(text)),
            Err(error) => gone_is_fine(error)?,
        }
        if fs::try_exists(self.path("claim")).await? {
            return Ok(Stage::Claimed);
        }
        if fs::try_exists(self.path("request")).await? {
            return Ok(Stage::Requested);
        }
        // A folder that is away (a share that is not mounted) says nothing about the work.
        fs::metadata(&self.folder).await?;
        Ok(Stage::Absent)
    }

    /// Leaves word for the worker, unless the work has ended.
    pub(super) async fn ask_to_stop(&self) -> Result<(), ExecutorError> {
        if matches!(self.stage().await?, Stage::Ended(_)) {
            return Ok(());
        }
        fs::write(self.path("cancel"), "")
            .await
            .map_err(|error| ExecutorError::unavailable(self.failed("cancel", &error)))
    }

    /// Bytes of the log; the cursor is the offset of the next one.
    pub(super) async fn log_page(
        &self,
        after: Option<&LogCursor>,
    ) -> Result<LogPage, ExecutorError> {
        let from = match after.map(|cursor| cursor.0.parse()) {
            None => 0,
            Some(Ok(from)) => from,
            Some(Err(error)) => {
                return Err(ExecutorError::alarm(format!("the log cursor: {error}")));
            }
        };
        match self.log_from(from).await {
            Ok(bytes) => Ok(LogPage {
                drained: (bytes.len() as u64) < LOG_PAGE,
                next: Some(LogCursor((from + bytes.len() as u64).to_string())),
                bytes,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(LogPage::end()),
            Err(error) => Err(ExecutorError::unavailable(
                self.failed("read the log of", &error),
            )),
        }
    }

    async fn log_from(&self, from: u64) -> io::Result<Vec<u8>> {
        let mut log = fs::File::open(self.path("log")).await?;
        log.seek(SeekFrom::Start(from)).await?;
        let mut bytes = Vec::new();
        log.take(LOG_PAGE).read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    /// Removes all but the log. The request goes first: without it no late worker can claim the work again.
    pub(super) async fn remove(&self) -> Result<(), ExecutorError> {
        for ending in ["request", "claim", "cancel", "result"] {
            fs::remove_file(self.path(ending))
                .await
                .or_else(gone_is_fine)
                .map_err(|error| ExecutorError::unavailable(self.failed("remove", &error)))?;
        }
        Ok(())
    }

    fn failed(&self, to: &str, error: &io::Error) -> String {
        let (key, folder) = (&self.key, self.folder.display());
        format!("failed to {to} {key} in `{folder}`: {error}")
    }
}

fn gone_is_fine(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}
