//! `map-hai` (`hai-renamer-service`): finds the `*_HAI.csv` of the ingestion and registers them for loading.
//!
//! Fails when there is none. The register is written anew each time, so any number of runs leaves one record a file.
//! With `SOURCE_TYPE` or `SOURCE_ID` all of them are registered under that source, else each under its own.

use serde_json::json;

use super::Done;
use crate::bucket::{Bucket, Folder, file_names, read_json};
use crate::error::StepError;
use crate::records::{ConvertedSheet, FileIdMap, HaiFile, HaiRegister};
use crate::settings::Settings;

pub(super) fn register_files(settings: &Settings) -> Result<Done, StepError> {
    let bucket = Bucket::of(settings);
    let all = bucket.folders()?;
    let (mut lines, mut total) = (Vec::new(), 0);
    for folder in bucket.selected(settings)? {
        let from = if settings.selection.names_source() {
            &all[..]
        } else {
            std::slice::from_ref(&folder)
        };
        let files = hai_files(&bucket, from, settings)?;
        if files.is_empty() {
            continue;
        }
        total += files.len();
        lines.push(format!(
            "{}: registered {} HAI files",
            folder.source,
            files.len()
        ));
        lines.extend(
            files
                .iter()
                .map(|file| format!("  {}: {} rows", file.file_id, file.rows)),
        );
        store(&folder, settings, files)?;
    }
    if total == 0 {
        let ingestion_id = settings.ingestion_id.as_str().to_owned();
        return Err(StepError::NoHaiFile {
            bucket: bucket.root,
            ingestion_id,
        });
    }
    Ok(Done {
        lines,
        result: json!({ "registered": total }),
    })
}

fn store(folder: &Folder, settings: &Settings, files: Vec<HaiFile>) -> Result<(), StepError> {
    folder.need::<FileIdMap>()?;
    folder.put(&HaiRegister {
        ingestion_id: settings.ingestion_id.as_str().to_owned(),
        files,
    })
}

fn hai_files(
    bucket: &Bucket,
    folders: &[Folder],
    settings: &Settings,
) -> Result<Vec<HaiFile>, StepError> {
    let mut files = Vec::new();
    for (folder, made) in converted_in(folders)? {
        let sheet = made.sheet;
        if settings
            .selection
            .takes_file(&sheet.file_id, sheet.prompt_id.as_deref())
        {
            files.push(HaiFile {
                file_id: format!("{}_HAI", sheet.file_id),
                made_of: sheet.file_id,
                object: bucket.object_name(&folder.file(&made.table)),
                status: "success".to_owned(),
                rows: made.rows,
                prompt_id: sheet.prompt_id,
                unwanted: sheet.unwanted,
            });
        }
    }
    Ok(files)
}

/// The tables that `convert` made in these folders, each with its record.
pub(super) fn converted_in(
    folders: &[Folder],
) -> Result<Vec<(&Folder, ConvertedSheet)>, StepError> {
    let mut converted = Vec::new();
    for folder in folders {
        for table in file_names(&folder.path, "_HAI.csv")? {
            let record = folder.file(&format!("{}.json", table.trim_end_matches(".csv")));
            if !record.is_file() {
                return Err(StepError::MissingArtefact {
                    path: record,
                    made_by: "convert",
                });
            }
            converted.push((folder, read_json(&record)?));
        }
    }
    Ok(converted)
}
