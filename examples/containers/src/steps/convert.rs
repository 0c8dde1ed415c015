//! `convert` (`claude-agent-sdk-batch-job`): rewrites each mapped sheet that has a prompt into a regular `*_HAI.csv`.
//!
//! `FILE_ID` and `PROMPT_ID` narrow what is rewritten and leave the other tables as they are. A sheet that cannot be
//! rewritten fails the step, after the others are done. Steps for different file ids may run at the same time.

use serde_json::json;

use super::Done;
use crate::bucket::{Bucket, Folder, write_json, write_whole};
use crate::error::StepError;
use crate::records::{ConvertedSheet, FileIdMap, MappedFile};
use crate::settings::Settings;
use crate::sheet::{Regular, read_rows, table_bytes};

pub(super) fn rewrite_sheets(settings: &Settings) -> Result<Done, StepError> {
    let targets = targets(settings)?;
    if targets.is_empty() {
        return Err(StepError::NoTarget(settings.selection.describe()));
    }
    let (total, mut lines, mut failures, mut empty) = (targets.len(), Vec::new(), Vec::new(), 0);
    for (folder, sheet) in targets {
        match rewrite(&folder, sheet.clone())? {
            Some(made) => {
                empty += usize::from(made.rows == 0);
                lines.push(line(&made));
            }
            None => failures.push(format!("{}: no header found", sheet.file)),
        }
    }
    if !failures.is_empty() {
        return Err(StepError::NotConverted {
            failed: failures.len(),
            total,
            reasons: failures.join("; "),
        });
    }
    let result = json!({ "total": total, "succeeded": total, "failed": 0, "empty": empty });
    Ok(Done { lines, result })
}

/// The sheets to rewrite, of every mapped source.
fn targets(settings: &Settings) -> Result<Vec<(Folder, MappedFile)>, StepError> {
    let folders = Bucket::of(settings).selected(settings)?;
    if folders
        .iter()
        .all(|folder| matches!(folder.find::<FileIdMap>(), Ok(None)))
    {
        folders[0].need::<FileIdMap>()?;
    }
    let mut targets = Vec::new();
    for folder in folders {
        let files = folder
            .find::<FileIdMap>()?
            .map(|map| map.files)
            .unwrap_or_default();
        let wanted = |file: &MappedFile| {
            file.prompt_id.is_some()
                && settings
                    .selection
                    .takes_file(&file.file_id, file.prompt_id.as_deref())
        };
        targets.extend(
            files
                .into_iter()
                .filter(wanted)
                .map(|file| (folder.clone(), file)),
        );
    }
    Ok(targets)
}

/// Writes the table first and its record after it: a record means that the table is there.
fn rewrite(folder: &Folder, sheet: MappedFile) -> Result<Option<ConvertedSheet>, StepError> {
    let Some(regular) = Regular::of(&read_rows(&folder.file(&sheet.file))?) else {
        return Ok(None);
    };
    let stem = format!("{}_HAI", sheet.file.trim_end_matches(".csv"));
    let table = format!("{stem}.csv");
    let path = folder.file(&table);
    write_whole(&path, &table_bytes(&regular.columns, &regular.rows, &path)?)?;
    let made = ConvertedSheet {
        sheet,
        table,
        rows: regular.rows.len(),
        columns: regular.columns,
        subtotals_dropped: regular.subtotals_dropped,
        notes_dropped: regular.notes_dropped,
        stated_totals: regular.stated_totals,
    };
    write_json(&folder.file(&format!("{stem}.json")), &made)?;
    Ok(Some(made))
}

fn line(made: &ConvertedSheet) -> String {
    if made.rows == 0 {
        return format!(
            "{}: empty sheet, empty table {}",
            made.sheet.file_id, made.table
        );
    }
    let dropped = format!(
        "{} subtotals and {} notes dropped",
        made.subtotals_dropped, made.notes_dropped
    );
    format!(
        "{}: {} rows of {} columns, {dropped}",
        made.sheet.file_id,
        made.rows,
        made.columns.len()
    )
}
