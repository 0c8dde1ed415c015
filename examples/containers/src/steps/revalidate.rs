//! `python-convert`: reads every `*_HAI.csv` again and checks it against what `convert` recorded and the sheet states.
//!
//! A table whose rows, columns or sums differ fails the step; nothing is repaired. Writes the sums of each source.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::Done;
use super::hai::converted_in;
use crate::bucket::{Bucket, Folder};
use crate::error::StepError;
use crate::records::{ConvertedSheet, TableTotals, Totals};
use crate::settings::Settings;
use crate::sheet::{Amount, Rows, column_totals, is_summable, read_rows};

type Sums = BTreeMap<String, Amount>;

pub(super) fn check_tables(settings: &Settings) -> Result<Done, StepError> {
    let bucket = Bucket::of(settings);
    let folders = bucket.selected(settings)?;
    let (mut lines, mut total, mut rows) = (Vec::new(), 0, 0);
    for folder in &folders {
        let converted = converted_in(std::slice::from_ref(folder))?;
        let tables = converted
            .iter()
            .map(|(_, made)| checked(folder, made))
            .collect::<Result<Vec<_>, _>>()?;
        if tables.is_empty() {
            continue;
        }
        lines.extend(tables.iter().map(line));
        total += tables.len();
        rows += tables.iter().map(|table| table.rows).sum::<usize>();
        folder.put(&Totals {
            ingestion_id: settings.ingestion_id.as_str().to_owned(),
            tables,
        })?;
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
        result: json!({ "tables": total, "rows": rows }),
    })
}

fn checked(folder: &Folder, made: &ConvertedSheet) -> Result<TableTotals, StepError> {
    let path = folder.file(&made.table);
    let rows = recorded_rows(&path, made)?;
    let totals = column_totals(&made.columns, &rows).into_iter().collect();
    agree(&path, &made.stated_totals, &totals)?;
    Ok(TableTotals {
        file_id: made.sheet.file_id.clone(),
        rows: rows.len(),
        agrees_with_sheet: !made.stated_totals.is_empty(),
        totals,
    })
}

/// The rows below the header, if the table has the shape that its record says.
fn recorded_rows(path: &Path, made: &ConvertedSheet) -> Result<Rows, StepError> {
    let mut rows = read_rows(path)?;
    let columns = if rows.is_empty() {
        Vec::new()
    } else {
        rows.remove(0)
    };
    if columns != made.columns {
        return Err(StepError::invalid(
            path,
            "the columns are not those recorded",
        ));
    }
    if rows.len() != made.rows {
        let what = format!("{} rows, {} recorded", rows.len(), made.rows);
        return Err(StepError::invalid(path, what));
    }
    match rows.iter().position(|row| row.len() != columns.len()) {
        Some(at) => {
            let what = format!("row {} has {} cells", at + 1, rows[at].len());
            Err(StepError::invalid(path, what))
        }
        None => Ok(rows),
    }
}

/// Whether the rows sum to what the last line of the sheet stated.
fn agree(path: &Path, stated: &Sums, totals: &Sums) -> Result<(), StepError> {
    for (column, stated) in stated.iter().filter(|(column, _)| is_summable(column)) {
        let sum = totals.get(column).copied().unwrap_or_default();
        if sum != *stated {
            let what = format!("the rows of `{column}` sum to {sum}, the sheet states {stated}");
            return Err(StepError::invalid(path, what));
        }
    }
    Ok(())
}

fn line(table: &TableTotals) -> String {
    let sums: Vec<String> = table
        .totals
        .iter()
        .map(|(name, sum)| format!("{name}={sum}"))
        .collect();
    let against = if table.agrees_with_sheet {
        ", as the sheet states"
    } else {
        ""
    };
    format!(
        "{}: {} rows valid{against} {}",
        table.file_id,
        table.rows,
        sums.join(" ")
    )
    .trim_end()
    .to_owned()
}
