//! `map` (`fileid_mapping`): gives each crawled sheet its file id, and with it the prompt and whether it is wanted.
//!
//! The file id is the name without the date; a sheet that nobody has described has no prompt and is wanted.

use serde_json::json;

use super::Done;
use crate::bucket::Bucket;
use crate::error::StepError;
use crate::records::{CrawlManifest, FileIdMap, MappedFile};
use crate::samples::{Drive, KnownFile};
use crate::settings::Settings;

pub(super) fn give_file_ids(settings: &Settings) -> Result<Done, StepError> {
    let known = Drive::of(settings).known_files()?;
    let date = format!("_{}.csv", settings.ingestion_id.file_date());
    let (mut lines, mut total) = (Vec::new(), 0);
    for folder in Bucket::of(settings).selected(settings)? {
        let crawled = folder.need::<CrawlManifest>()?.files;
        let files: Vec<_> = crawled
            .into_iter()
            .map(|crawled| mapped(crawled.file, &date, &known))
            .collect();
        let prompted = files.iter().filter(|file| file.prompt_id.is_some()).count();
        lines.push(format!(
            "{}: {} file ids, {prompted} with a prompt",
            folder.source,
            files.len()
        ));
        total += files.len();
        folder.put(&FileIdMap {
            ingestion_id: settings.ingestion_id.as_str().to_owned(),
            files,
        })?;
    }
    Ok(Done {
        lines,
        result: json!({ "files": total }),
    })
}

fn mapped(file: String, date: &str, known: &[KnownFile]) -> MappedFile {
    let file_id = file.strip_suffix(date).unwrap_or(&file).to_owned();
    let found = known.iter().find(|known| known.file_id == file_id);
    MappedFile {
        prompt_id: found.and_then(|known| known.prompt_id.clone()),
        unwanted: found.and_then(|known| known.unwanted.clone()),
        file_id,
        file,
    }
}
