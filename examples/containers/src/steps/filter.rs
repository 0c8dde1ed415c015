//! `filter`: chooses which sheets and registered tables of a source are loaded, and says why the others are not.
//!
//! Takes the sheets of the file id map and, where `map-hai` has registered tables in the source, those too; a
//! registered table stands for the sheet it was made of.

use serde_json::json;

use super::Done;
use crate::bucket::{Bucket, Folder};
use crate::error::StepError;
use crate::records::{
    DroppedFile, FileIdMap, FilterResult, Form, HaiFile, HaiRegister, KeptFile, MappedFile,
};
use crate::settings::{Selection, Settings};
use crate::sheet::read_rows;

pub(super) fn choose_files(settings: &Settings) -> Result<Done, StepError> {
    let bucket = Bucket::of(settings);
    let (mut lines, mut kept, mut dropped) = (Vec::new(), 0, 0);
    for folder in bucket.selected(settings)? {
        let chosen = choose(&bucket, &folder, settings)?;
        kept += chosen.kept.len();
        dropped += chosen.dropped.len();
        lines.push(format!(
            "{}: kept {}, dropped {}",
            folder.source,
            chosen.kept.len(),
            chosen.dropped.len()
        ));
        lines.extend(
            chosen
                .dropped
                .iter()
                .map(|file| format!("  dropped {}: {}", file.file_id, file.why)),
        );
        folder.put(&chosen)?;
    }
    Ok(Done {
        lines,
        result: json!({ "kept": kept, "dropped": dropped }),
    })
}

fn choose(
    bucket: &Bucket,
    folder: &Folder,
    settings: &Settings,
) -> Result<FilterResult, StepError> {
    let tables = folder
        .find::<HaiRegister>()?
        .map(|register| register.files)
        .unwrap_or_default();
    let ingestion_id = settings.ingestion_id.as_str().to_owned();
    let mut result = FilterResult {
        ingestion_id,
        kept: Vec::new(),
        dropped: Vec::new(),
    };
    for sheet in folder.need::<FileIdMap>()?.files {
        let path = folder.file(&sheet.file);
        let replaced = tables.iter().any(|table| table.made_of == sheet.file_id);
        let empty = read_rows(&path)?.is_empty();
        let why = against_sheet(&sheet, &settings.selection, replaced, empty);
        let (object, form) = (bucket.object_name(&path), Form::Sheet);
        result.add(
            KeptFile {
                file_id: sheet.file_id,
                object,
                form,
                prompt_id: sheet.prompt_id,
            },
            why,
        );
    }
    for table in tables {
        let why = against_table(&table, &settings.selection);
        let (object, form) = (table.object, Form::Table);
        result.add(
            KeptFile {
                file_id: table.file_id,
                object,
                form,
                prompt_id: table.prompt_id,
            },
            why,
        );
    }
    Ok(result)
}

impl FilterResult {
    fn add(&mut self, file: KeptFile, against: Option<String>) {
        match against {
            Some(why) => self.dropped.push(DroppedFile {
                file_id: file.file_id,
                why,
            }),
            None => self.kept.push(file),
        }
    }
}

fn against_sheet(
    sheet: &MappedFile,
    selection: &Selection,
    replaced: bool,
    empty: bool,
) -> Option<String> {
    let general = against(
        &sheet.file_id,
        sheet.prompt_id.as_deref(),
        sheet.unwanted.as_ref(),
        selection,
    );
    let table = replaced.then(|| format!("{}_HAI stands for it", sheet.file_id));
    general
        .or(table)
        .or_else(|| empty.then(|| "empty sheet".to_owned()))
}

fn against_table(table: &HaiFile, selection: &Selection) -> Option<String> {
    let general = against(
        &table.made_of,
        table.prompt_id.as_deref(),
        table.unwanted.as_ref(),
        selection,
    );
    general.or_else(|| (table.rows == 0).then(|| "empty table".to_owned()))
}

fn against(
    file_id: &str,
    prompt: Option<&str>,
    unwanted: Option<&String>,
    selection: &Selection,
) -> Option<String> {
    let outside = || format!("not of {}", selection.describe());
    unwanted
        .cloned()
        .or_else(|| (!selection.takes_file(file_id, prompt)).then(outside))
}
