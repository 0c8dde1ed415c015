//! The drives that the crawl reads: `{samples}/{tenant}/{source_type}/{source_id}/*.csv`, and what is known of the
//! sheets in `{samples}/{tenant}/ontology.json`. Read only; never written.

use std::path::PathBuf;

use serde::Deserialize;

use crate::bucket::{Source, file_names, read_json, sources_below};
use crate::error::StepError;
use crate::settings::Settings;

/// What the tenant has said about one sheet.
#[derive(Deserialize)]
pub(crate) struct KnownFile {
    pub(crate) file_id: String,
    /// The prompt that rewrites it; a sheet without one is loaded as it is.
    pub(crate) prompt_id: Option<String>,
    /// Why it shall not be loaded, if it shall not.
    pub(crate) unwanted: Option<String>,
}

/// One tenant's drives.
pub(crate) struct Drive {
    root: PathBuf,
}

impl Drive {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            root: settings.samples_dir.join(&settings.tenant_code),
        }
    }

    /// The selected sources; at least one.
    pub(crate) fn sources(&self, settings: &Settings) -> Result<Vec<Source>, StepError> {
        let mut sources = sources_below(&self.root)?;
        sources.retain(|source| {
            settings
                .selection
                .takes_source(&source.source_type, &source.source_id)
        });
        if sources.is_empty() {
            return Err(StepError::NoSource {
                drive: self.root.clone(),
                wanted: settings.selection.describe(),
            });
        }
        Ok(sources)
    }

    pub(crate) fn sheet_names(&self, source: &Source) -> Result<Vec<String>, StepError> {
        file_names(&self.folder(source), ".csv")
    }

    pub(crate) fn sheet(&self, source: &Source, name: &str) -> Result<Vec<u8>, StepError> {
        let path = self.folder(source).join(name);
        std::fs::read(&path).map_err(StepError::io(&path))
    }

    pub(crate) fn known_files(&self) -> Result<Vec<KnownFile>, StepError> {
        let path = self.root.join("ontology.json");
        if path.is_file() {
            read_json(&path)
        } else {
            Ok(Vec::new())
        }
    }

    fn folder(&self, source: &Source) -> PathBuf {
        self.root.join(&source.source_type).join(&source.source_id)
    }
}
