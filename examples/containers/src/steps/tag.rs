//! `tag`: says of each load file what it is about, so that a dashboard finds it.

use serde_json::json;

use super::Done;
use crate::bucket::{Bucket, Source};
use crate::error::StepError;
use crate::records::{FileTags, LoadFile, LoadManifest, Tags};
use crate::settings::Settings;

pub(super) fn tag_files(settings: &Settings) -> Result<Done, StepError> {
    let (mut lines, mut total) = (Vec::new(), 0);
    for folder in Bucket::of(settings).selected(settings)? {
        let loaded = folder.need::<LoadManifest>()?.files;
        let files: Vec<_> = loaded
            .iter()
            .map(|file| tagged(settings, &folder.source, file))
            .collect();
        lines.push(format!("{}: tagged {} files", folder.source, files.len()));
        total += files.len();
        folder.put(&Tags {
            ingestion_id: settings.ingestion_id.as_str().to_owned(),
            files,
        })?;
    }
    Ok(Done {
        lines,
        result: json!({ "files": total }),
    })
}

fn tagged(settings: &Settings, source: &Source, file: &LoadFile) -> FileTags {
    let mut tags = vec![
        format!("tenant:{}", settings.tenant_code),
        format!("source:{source}"),
        format!("date:{}", settings.ingestion_id.business_date()),
        format!("form:{}", file.origin.form.name()),
    ];
    tags.extend(
        file.origin
            .prompt_id
            .iter()
            .map(|prompt| format!("prompt:{prompt}")),
    );
    FileTags {
        file_id: file.origin.file_id.clone(),
        tags,
    }
}
