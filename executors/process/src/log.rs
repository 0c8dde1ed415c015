//! Pages of an attempt's log, as the command wrote it.

use std::io::{self, Read, Seek, SeekFrom};

use noctule_executor::{LogCursor, LogPage};

use crate::files::{Files, LOG, open_regular};

/// The most bytes of one page.
const PAGE: u64 = 1024 * 1024;

/// The page after a cursor, which is a byte offset. Reads while the command runs and after.
pub(crate) fn page(files: &Files, after: Option<&LogCursor>) -> io::Result<LogPage> {
    let from = match after {
        Some(LogCursor(text)) => text
            .parse::<u64>()
            .map_err(|_| io::Error::other(format!("`{text}` is not a cursor of this log")))?,
        None => 0,
    };
    let Some(mut file) = open_regular(&files.file(LOG))? else {
        return Ok(LogPage::end());
    };
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    let count = file.take(PAGE).read_to_end(&mut bytes)? as u64;
    Ok(LogPage {
        bytes,
        next: (count > 0).then(|| LogCursor((from + count).to_string())),
        drained: count < PAGE,
    })
}
