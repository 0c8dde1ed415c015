//! The records that one step leaves for the next, one JSON file each.
//!
//! They hold what was done and nothing of when: the same input gives the same bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bucket::Artefact;
use crate::sheet::Amount;

macro_rules! artefact {
    ($record:ty, $file:literal, $made_by:literal) => {
        impl Artefact for $record {
            const FILE: &'static str = $file;
            const MADE_BY: &'static str = $made_by;
        }
    };
}

artefact!(CollectOrder, "collect.json", "start-collect");
artefact!(CrawlManifest, "crawl_manifest.json", "crawl");
artefact!(FileIdMap, "file_id_map.json", "map");
artefact!(Totals, "totals.json", "python-convert");
artefact!(HaiRegister, "hai_register.json", "map-hai");
artefact!(FilterResult, "filter_result.json", "filter");
artefact!(LoadManifest, "load_manifest.json", "converter");
artefact!(Tags, "tags.json", "tag");

/// What shall be collected.
#[derive(Serialize, Deserialize)]
pub(crate) struct CollectOrder {
    pub(crate) tenant_code: String,
    pub(crate) source_type: String,
    pub(crate) source_id: String,
    pub(crate) ingestion_id: String,
    pub(crate) business_date: String,
    pub(crate) sheets_seen: usize,
}

/// What the crawl copied.
#[derive(Serialize, Deserialize)]
pub(crate) struct CrawlManifest {
    pub(crate) ingestion_id: String,
    /// True when the source held nothing and an empty sheet was written in its place.
    pub(crate) no_data: bool,
    pub(crate) files: Vec<CrawledFile>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct CrawledFile {
    /// The name in the folder, with the date.
    pub(crate) file: String,
    /// The name on the drive; none for the empty sheet of a source without data.
    pub(crate) from: Option<String>,
    pub(crate) bytes: usize,
}

/// Which file id each sheet has.
#[derive(Serialize, Deserialize)]
pub(crate) struct FileIdMap {
    pub(crate) ingestion_id: String,
    pub(crate) files: Vec<MappedFile>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct MappedFile {
    pub(crate) file_id: String,
    pub(crate) file: String,
    pub(crate) prompt_id: Option<String>,
    pub(crate) unwanted: Option<String>,
}

/// What became of one converted sheet: stands beside its `*_HAI.csv` under the same name, ending `.json`.
#[derive(Serialize, Deserialize)]
pub(crate) struct ConvertedSheet {
    pub(crate) sheet: MappedFile,
    pub(crate) table: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: usize,
    pub(crate) subtotals_dropped: usize,
    pub(crate) notes_dropped: usize,
    /// The sums that the sheet itself states in its last line, by column.
    pub(crate) stated_totals: BTreeMap<String, Amount>,
}

/// The sums of every converted table, checked against what the sheets state.
#[derive(Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) ingestion_id: String,
    pub(crate) tables: Vec<TableTotals>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct TableTotals {
    pub(crate) file_id: String,
    pub(crate) rows: usize,
    pub(crate) agrees_with_sheet: bool,
    pub(crate) totals: BTreeMap<String, Amount>,
}

/// The HAI files that a source loads: one record a file.
#[derive(Serialize, Deserialize)]
pub(crate) struct HaiRegister {
    pub(crate) ingestion_id: String,
    pub(crate) files: Vec<HaiFile>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct HaiFile {
    pub(crate) file_id: String,
    /// The sheet that it was made of.
    pub(crate) made_of: String,
    /// The name inside the bucket.
    pub(crate) object: String,
    pub(crate) status: String,
    pub(crate) rows: usize,
    pub(crate) prompt_id: Option<String>,
    pub(crate) unwanted: Option<String>,
}

/// What is loaded, and what is not and why.
#[derive(Serialize, Deserialize)]
pub(crate) struct FilterResult {
    pub(crate) ingestion_id: String,
    pub(crate) kept: Vec<KeptFile>,
    pub(crate) dropped: Vec<DroppedFile>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct KeptFile {
    pub(crate) file_id: String,
    pub(crate) object: String,
    pub(crate) form: Form,
    pub(crate) prompt_id: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct DroppedFile {
    pub(crate) file_id: String,
    pub(crate) why: String,
}

/// A sheet goes into the load file cell by cell, a table record by record.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Form {
    Sheet,
    Table,
}

impl Form {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sheet => "sheet",
            Self::Table => "table",
        }
    }
}

/// The load files, with what they must hold.
#[derive(Serialize, Deserialize)]
pub(crate) struct LoadManifest {
    pub(crate) ingestion_id: String,
    pub(crate) files: Vec<LoadFile>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct LoadFile {
    #[serde(flatten)]
    pub(crate) origin: KeptFile,
    /// The name inside the folder.
    pub(crate) load: String,
    pub(crate) rows: usize,
    pub(crate) columns: Vec<String>,
    pub(crate) totals: BTreeMap<String, Amount>,
}

/// What each loaded file is about.
#[derive(Serialize, Deserialize)]
pub(crate) struct Tags {
    pub(crate) ingestion_id: String,
    pub(crate) files: Vec<FileTags>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct FileTags {
    pub(crate) file_id: String,
    pub(crate) tags: Vec<String>,
}

/// The last word on one ingestion of a tenant.
#[derive(Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) tenant_code: String,
    pub(crate) ingestion_id: String,
    pub(crate) business_date: String,
    pub(crate) rows: usize,
    pub(crate) files: Vec<ReportedFile>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ReportedFile {
    pub(crate) source: String,
    pub(crate) file_id: String,
    pub(crate) form: Form,
    pub(crate) rows: usize,
    pub(crate) totals: BTreeMap<String, Amount>,
}
