//! `start-collect`: makes the ingestion folder of each source and says what shall be collected into it.

use serde_json::json;

use super::Done;
use crate::bucket::Bucket;
use crate::error::StepError;
use crate::records::CollectOrder;
use crate::samples::Drive;
use crate::settings::Settings;

pub(super) fn start(settings: &Settings) -> Result<Done, StepError> {
    let (drive, bucket) = (Drive::of(settings), Bucket::of(settings));
    let (mut lines, mut seen) = (Vec::new(), 0);
    for source in drive.sources(settings)? {
        let sheets_seen = drive.sheet_names(&source)?.len();
        let order = CollectOrder {
            tenant_code: settings.tenant_code.clone(),
            source_type: source.source_type.clone(),
            source_id: source.source_id.clone(),
            ingestion_id: settings.ingestion_id.as_str().to_owned(),
            business_date: settings.ingestion_id.business_date(),
            sheets_seen,
        };
        lines.push(format!(
            "{source}: {sheets_seen} sheets to collect for {}",
            order.business_date
        ));
        bucket.folder(source).put(&order)?;
        seen += sheets_seen;
    }
    Ok(Done {
        result: json!({ "sources": lines.len(), "sheets_seen": seen }),
        lines,
    })
}
