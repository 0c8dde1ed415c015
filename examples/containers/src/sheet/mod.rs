//! Sheets as people keep them, and the regular tables made of them.
//!
//! Reading keeps the cells as they stand but for the space around them; nothing here knows of tenants or steps.

mod amount;
mod cell;
mod header;
mod regular;

use std::path::Path;

pub(crate) use amount::Amount;
pub(crate) use cell::Cell;
pub(crate) use regular::Regular;

use crate::error::StepError;

/// Rows of trimmed cells, as they stand.
pub(crate) type Rows = Vec<Vec<String>>;

/// Reads a sheet; rows may differ in length, and wholly blank rows are left out.
pub(crate) fn read_rows(path: &Path) -> Result<Rows, StepError> {
    let bytes = std::fs::read(path).map_err(StepError::io(path))?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text);
    let mut rows = Rows::new();
    for record in reader.records() {
        let record = record.map_err(StepError::csv(path))?;
        if record.iter().any(|cell| !cell.is_empty()) {
            rows.push(record.iter().map(str::to_owned).collect());
        }
    }
    Ok(rows)
}

/// A regular table as CSV; no columns give no bytes.
pub(crate) fn table_bytes(
    columns: &[String],
    rows: &[Vec<String>],
    path: &Path,
) -> Result<Vec<u8>, StepError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if !columns.is_empty() {
        writer.write_record(columns).map_err(StepError::csv(path))?;
    }
    for row in rows {
        writer.write_record(row).map_err(StepError::csv(path))?;
    }
    writer
        .into_inner()
        .map_err(|error| StepError::io(path)(error.into_error()))
}

/// The sums of the columns that hold amounts only (blank cells aside) and that can be summed at all.
pub(crate) fn column_totals(columns: &[String], rows: &[Vec<String>]) -> Vec<(String, Amount)> {
    let sum = |index: usize| {
        let mut cells = rows
            .iter()
            .filter_map(|row| row.get(index))
            .filter(|cell| !cell.is_empty())
            .peekable();
        cells.peek()?;
        cells.try_fold(Amount::default(), |sum, cell| {
            sum.plus(Amount::parse(cell)?)
        })
    };
    let summable = columns
        .iter()
        .enumerate()
        .filter(|(_, name)| is_summable(name));
    summable
        .filter_map(|(index, name)| Some((name.clone(), sum(index)?)))
        .collect()
}

/// Prices and rates are amounts of which a sum says nothing.
pub(crate) fn is_summable(column: &str) -> bool {
    !column
        .split('_')
        .any(|word| ["price", "rate", "단가"].contains(&word) || word.ends_with('율'))
}
