//! `crawl`: copies the sheets of a source into its ingestion folder, the date put into their names.
//!
//! A source without sheets still gives one, empty, so that the steps after it have something to read.

use serde_json::json;

use super::Done;
use crate::bucket::{Bucket, Folder, Source, remove_file, write_whole};
use crate::error::StepError;
use crate::records::{CrawlManifest, CrawledFile};
use crate::samples::Drive;
use crate::settings::Settings;

pub(super) fn copy_drives(settings: &Settings) -> Result<Done, StepError> {
    let (drive, bucket) = (Drive::of(settings), Bucket::of(settings));
    let (mut lines, mut total) = (Vec::new(), 0);
    for source in drive.sources(settings)? {
        let folder = bucket.folder(source.clone());
        let files = copy_source(settings, &drive, &source, &folder)?;
        let no_data = files.iter().all(|file| file.from.is_none());
        let manifest = CrawlManifest {
            ingestion_id: settings.ingestion_id.as_str().to_owned(),
            no_data,
            files,
        };
        forget_missing(&folder, &manifest)?;
        folder.put(&manifest)?;
        total += manifest.files.len();
        lines.push(line(&source, &manifest));
    }
    Ok(Done {
        result: json!({ "sources": lines.len(), "files": total }),
        lines,
    })
}

fn copy_source(
    settings: &Settings,
    drive: &Drive,
    source: &Source,
    folder: &Folder,
) -> Result<Vec<CrawledFile>, StepError> {
    let date = settings.ingestion_id.file_date();
    let mut sheets = Vec::new();
    for name in drive.sheet_names(source)? {
        let bytes = drive.sheet(source, &name)?;
        sheets.push((
            format!("{}_{date}.csv", name.trim_end_matches(".csv")),
            Some(name),
            bytes,
        ));
    }
    if sheets.is_empty() {
        sheets.push((format!("NO_DATA_{date}.csv"), None, Vec::new()));
    }
    let mut files = Vec::new();
    for (file, from, bytes) in sheets {
        write_whole(&folder.file(&file), &bytes)?;
        files.push(CrawledFile {
            file,
            from,
            bytes: bytes.len(),
        });
    }
    Ok(files)
}

/// Removes a sheet that an earlier crawl of this id copied and the drive no longer has, with the table made of it.
fn forget_missing(folder: &Folder, now: &CrawlManifest) -> Result<(), StepError> {
    let Some(before) = folder.find::<CrawlManifest>()? else {
        return Ok(());
    };
    for old in before
        .files
        .iter()
        .filter(|old| !now.files.iter().any(|new| new.file == old.file))
    {
        let stem = old.file.trim_end_matches(".csv");
        for ending in [".csv", "_HAI.csv", "_HAI.json"] {
            remove_file(&folder.file(&format!("{stem}{ending}")))?;
        }
    }
    Ok(())
}

fn line(source: &Source, manifest: &CrawlManifest) -> String {
    if manifest.no_data {
        return format!(
            "{source}: no data, wrote the empty sheet {}",
            manifest.files[0].file
        );
    }
    let bytes: usize = manifest.files.iter().map(|file| file.bytes).sum();
    format!(
        "{source}: copied {} sheets, {bytes} bytes",
        manifest.files.len()
    )
}
