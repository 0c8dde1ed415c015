//! `converter`: writes what the filter kept as load files, one JSON object a line: a table record by record, a sheet
//! row by row with its cells as they stand. Load files of an earlier run that are kept no more are removed.

use std::collections::BTreeMap;

use serde_json::json;

use super::Done;
use crate::bucket::{Bucket, Folder, remove_others, write_whole};
use crate::error::StepError;
use crate::records::{FilterResult, Form, KeptFile, LoadFile, LoadManifest};
use crate::settings::Settings;
use crate::sheet::{Cell, Rows, column_totals, read_rows};

pub(super) fn write_load_files(settings: &Settings) -> Result<Done, StepError> {
    let bucket = Bucket::of(settings);
    let (mut lines, mut total, mut rows) = (Vec::new(), 0, 0);
    for folder in bucket.selected(settings)? {
        let kept = folder.need::<FilterResult>()?.kept;
        let files = kept
            .into_iter()
            .map(|file| load_file(&bucket, &folder, file));
        let files = files.collect::<Result<Vec<_>, _>>()?;
        let names: Vec<_> = files
            .iter()
            .map(|file| file.load.trim_start_matches("load/").to_owned())
            .collect();
        remove_others(&folder.file("load"), ".jsonl", &names)?;
        total += files.len();
        rows += files.iter().map(|file| file.rows).sum::<usize>();
        lines.push(format!("{}: {} load files", folder.source, files.len()));
        lines.extend(
            files
                .iter()
                .map(|file| format!("  {}: {} rows", file.load, file.rows)),
        );
        folder.put(&LoadManifest {
            ingestion_id: settings.ingestion_id.as_str().to_owned(),
            files,
        })?;
    }
    Ok(Done {
        lines,
        result: json!({ "files": total, "rows": rows }),
    })
}

fn load_file(bucket: &Bucket, folder: &Folder, origin: KeptFile) -> Result<LoadFile, StepError> {
    let path = bucket.root.join(&origin.object);
    if !path.is_file() {
        return Err(StepError::MissingArtefact {
            path,
            made_by: made_by(origin.form),
        });
    }
    let mut rows = read_rows(&path)?;
    let columns = if origin.form == Form::Table && !rows.is_empty() {
        rows.remove(0)
    } else {
        Vec::new()
    };
    let load = format!("load/{}.jsonl", origin.file_id);
    let text = match origin.form {
        Form::Table => records(&columns, &rows, &origin.file_id),
        Form::Sheet => cells(&rows, &origin.file_id),
    };
    write_whole(&folder.file(&load), text.as_bytes())?;
    let totals: BTreeMap<_, _> = column_totals(&columns, &rows).into_iter().collect();
    Ok(LoadFile {
        origin,
        load,
        rows: rows.len(),
        columns,
        totals,
    })
}

fn made_by(form: Form) -> &'static str {
    match form {
        Form::Sheet => "crawl",
        Form::Table => "convert",
    }
}

/// The members stand in the order of the columns.
fn records(columns: &[String], rows: &Rows, file_id: &str) -> String {
    let record = |row: &Vec<String>| {
        let own = columns
            .iter()
            .zip(row)
            .map(|(name, cell)| format!(",{}:{}", json!(name), value(cell)));
        format!(
            "{{\"_file_id\":{}{}}}\n",
            json!(file_id),
            own.collect::<String>()
        )
    };
    rows.iter().map(record).collect()
}

fn value(cell: &str) -> serde_json::Value {
    match Cell::read(cell) {
        Cell::Blank => serde_json::Value::Null,
        Cell::Amount(amount) => amount.json(),
        Cell::Date(text) | Cell::Text(text) => text.into(),
    }
}

fn cells(rows: &Rows, file_id: &str) -> String {
    let line = |(index, row): (usize, &Vec<String>)| {
        format!(
            "{{\"_file_id\":{},\"row\":{},\"cells\":{}}}\n",
            json!(file_id),
            index + 1,
            json!(row)
        )
    };
    rows.iter().enumerate().map(line).collect()
}
