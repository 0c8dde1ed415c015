//! The environment of a step, read once and checked before anything is touched.
//!
//! An empty variable counts as absent. Names that become parts of paths hold only letters, digits, `_` and `-`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::StepError;

/// The id of the run (`BSDA`): 8 or 14 digits, the first 8 of them the business date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestionId(String);

impl IngestionId {
    /// Checks and takes an id as given.
    ///
    /// # Errors
    /// When it is not 8 or 14 ASCII digits.
    pub fn new(text: String) -> Result<Self, StepError> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        if digits && matches!(text.len(), 8 | 14) {
            Ok(Self(text))
        } else {
            Err(StepError::IngestionId(text))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The date as file names carry it: `20251107`.
    pub fn file_date(&self) -> &str {
        &self.0[..8]
    }

    /// The date as tables carry it: `2025-11-07`.
    pub fn business_date(&self) -> String {
        format!("{}-{}-{}", &self.0[..4], &self.0[4..6], &self.0[6..8])
    }
}

/// What part of the tenant's sheets a step is for; nothing set means everything.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub file_id: Option<String>,
    pub prompt_id: Option<String>,
    pub source_type: Option<String>,
    pub source_id: Option<String>,
}

impl Selection {
    pub(crate) fn takes_file(&self, file_id: &str, prompt_id: Option<&str>) -> bool {
        let file = self
            .file_id
            .as_deref()
            .is_none_or(|wanted| wanted == file_id);
        file && (self.prompt_id.is_none() || self.prompt_id.as_deref() == prompt_id)
    }

    pub(crate) fn takes_source(&self, source_type: &str, source_id: &str) -> bool {
        self.source_type
            .as_deref()
            .is_none_or(|wanted| wanted == source_type)
            && self
                .source_id
                .as_deref()
                .is_none_or(|wanted| wanted == source_id)
    }

    pub(crate) fn names_source(&self) -> bool {
        self.source_type.is_some() || self.source_id.is_some()
    }

    /// The set variables as `NAME=value`, for messages.
    pub(crate) fn describe(&self) -> String {
        let pairs = [
            ("SOURCE_TYPE", &self.source_type),
            ("SOURCE_ID", &self.source_id),
            ("FILE_ID", &self.file_id),
            ("PROMPT_ID", &self.prompt_id),
        ];
        let set: Vec<_> = pairs
            .iter()
            .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={value}")))
            .collect();
        if set.is_empty() {
            "the whole tenant".to_owned()
        } else {
            set.join(" ")
        }
    }
}

/// Everything a step is told.
#[derive(Clone, Debug)]
pub struct Settings {
    pub tenant_code: String,
    pub ingestion_id: IngestionId,
    pub selection: Selection,
    pub data_dir: PathBuf,
    pub samples_dir: PathBuf,
    /// How long the step pretends to work before it does.
    pub lasting: Duration,
    /// Where the result goes as JSON, if anywhere.
    pub output: Option<PathBuf>,
}

impl Settings {
    /// Reads the variables through `lookup`, as the real containers read theirs.
    ///
    /// # Errors
    /// When `TENANT_CODE` or `BSDA` is missing, or any variable is malformed.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, StepError> {
        let variable = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let part = |name: &'static str| {
            variable(name)
                .map(|value| path_part(name, value))
                .transpose()
        };
        let required = |value: Option<String>, name| value.ok_or(StepError::MissingVariable(name));
        Ok(Self {
            tenant_code: required(part("TENANT_CODE")?, "TENANT_CODE")?,
            ingestion_id: IngestionId::new(required(variable("BSDA"), "BSDA")?)?,
            selection: Selection {
                file_id: part("FILE_ID")?,
                prompt_id: part("PROMPT_ID")?,
                source_type: part("SOURCE_TYPE")?,
                source_id: part("SOURCE_ID")?,
            },
            data_dir: variable("DATA_DIR")
                .map_or_else(|| PathBuf::from(".noctule/data"), PathBuf::from),
            samples_dir: variable("SAMPLES_DIR").map_or_else(beside_the_example, PathBuf::from),
            lasting: variable("STEP_SECONDS").map_or(Ok(Duration::ZERO), seconds)?,
            output: variable("NOCTULE_OUTPUT").map(PathBuf::from),
        })
    }
}

fn path_part(name: &'static str, value: String) -> Result<String, StepError> {
    let safe = value
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if safe {
        Ok(value)
    } else {
        Err(StepError::UnsafeName { name, value })
    }
}

fn seconds(text: String) -> Result<Duration, StepError> {
    let parsed = text
        .parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    parsed.ok_or(StepError::Lasting(text))
}

/// The samples of the checkout: above the current folder, above the program, else where it was built.
fn beside_the_example() -> PathBuf {
    let starts = [std::env::current_dir().ok(), std::env::current_exe().ok()];
    let above = |start: &Path| {
        start
            .ancestors()
            .map(|folder| folder.join("examples/containers/samples"))
            .find(|path| path.is_dir())
    };
    let found = starts.iter().flatten().find_map(|start| above(start));
    found.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("samples"))
}
