//! Why a step could not do its work. Every message is one line that names the variable, file or step to look at.

use std::path::{Path, PathBuf};

/// What ends a step with exit code 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    #[error("{0} is not set")]
    MissingVariable(&'static str),
    #[error("BSDA `{0}` is not an ingestion id: it takes 8 or 14 digits")]
    IngestionId(String),
    #[error("{name} `{value}` may hold only ASCII letters, digits, `_` and `-`")]
    UnsafeName { name: &'static str, value: String },
    #[error("STEP_SECONDS `{0}` is not a number of seconds")]
    Lasting(String),
    #[error("the drive {} has no source for {wanted}", drive.display())]
    NoSource { drive: PathBuf, wanted: String },
    #[error("{} is missing: `{made_by}` has not run for this ingestion id", path.display())]
    MissingArtefact {
        path: PathBuf,
        made_by: &'static str,
    },
    #[error("no *_HAI.csv below {} for {ingestion_id}: `convert` has made none", bucket.display())]
    NoHaiFile {
        bucket: PathBuf,
        ingestion_id: String,
    },
    #[error("{0} selects none of the sheets to convert")]
    NoTarget(String),
    #[error("{failed} of {total} sheets could not be converted: {reasons}")]
    NotConverted {
        failed: usize,
        total: usize,
        reasons: String,
    },
    #[error("validation failed for {}: {what}", table.display())]
    Invalid { table: PathBuf, what: String },
    #[error("{}: {source}", path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{}: {source}", path.display())]
    Csv { path: PathBuf, source: csv::Error },
    #[error("{}: {source}", path.display())]
    Json {
        path: PathBuf,
        source: serde_json::Error,
    },
}

impl StepError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn csv(path: &Path) -> impl FnOnce(csv::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Csv { path, source }
    }

    pub(crate) fn json(path: &Path) -> impl FnOnce(serde_json::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Json { path, source }
    }

    pub(crate) fn invalid(table: &Path, what: impl Into<String>) -> Self {
        Self::Invalid {
            table: table.to_path_buf(),
            what: what.into(),
        }
    }
}
