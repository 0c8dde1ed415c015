//! `dataform`: sums up an ingestion of a tenant in `report/{ingestion_id}/report.json`.
//!
//! Every source that was crawled must be tagged, and every load file hold as many lines as its manifest says.

use serde_json::json;

use super::Done;
use crate::bucket::{Bucket, Folder, write_json};
use crate::error::StepError;
use crate::records::{LoadFile, LoadManifest, Report, ReportedFile, Tags};
use crate::settings::Settings;

pub(super) fn summarise(settings: &Settings) -> Result<Done, StepError> {
    let bucket = Bucket::of(settings);
    let mut files = Vec::new();
    for folder in bucket.selected(settings)? {
        let tagged = folder.need::<Tags>()?.files;
        for file in folder.need::<LoadManifest>()?.files {
            check(
                &folder,
                &file,
                &tagged
                    .iter()
                    .map(|tags| tags.file_id.as_str())
                    .collect::<Vec<_>>(),
            )?;
            files.push(reported(&folder, file));
        }
    }
    let report = Report {
        tenant_code: settings.tenant_code.clone(),
        ingestion_id: settings.ingestion_id.as_str().to_owned(),
        business_date: settings.ingestion_id.business_date(),
        rows: files.iter().map(|file| file.rows).sum(),
        files,
    };
    let path = bucket
        .root
        .join("report")
        .join(settings.ingestion_id.as_str())
        .join("report.json");
    write_json(&path, &report)?;
    Ok(done(&bucket.object_name(&path), &report))
}

fn check(folder: &Folder, file: &LoadFile, tagged: &[&str]) -> Result<(), StepError> {
    let path = folder.file(&file.load);
    let text = std::fs::read_to_string(&path).map_err(StepError::io(&path))?;
    let found = text.lines().count();
    if found != file.rows {
        return Err(StepError::invalid(
            &path,
            format!("{found} lines, {} in the manifest", file.rows),
        ));
    }
    if !tagged.contains(&file.origin.file_id.as_str()) {
        return Err(StepError::invalid(&path, "it has no tags"));
    }
    Ok(())
}

fn reported(folder: &Folder, file: LoadFile) -> ReportedFile {
    let origin = file.origin;
    let source = folder.source.to_string();
    ReportedFile {
        source,
        file_id: origin.file_id,
        form: origin.form,
        rows: file.rows,
        totals: file.totals,
    }
}

fn done(object: &str, report: &Report) -> Done {
    let mut lines = vec![format!(
        "{object}: {} files, {} rows",
        report.files.len(),
        report.rows
    )];
    for file in &report.files {
        let sums: Vec<_> = file
            .totals
            .iter()
            .map(|(name, sum)| format!("{name}={sum}"))
            .collect();
        let line = format!(
            "  {} {}: {} rows {}",
            file.source,
            file.file_id,
            file.rows,
            sums.join(" ")
        );
        lines.push(line.trim_end().to_owned());
    }
    Done {
        lines,
        result: json!({ "report": object, "files": report.files.len(), "rows": report.rows }),
    }
}
