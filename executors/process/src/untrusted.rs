//! The readers of what comes over the socket and from the files of attempts, by bytes, for whoever feeds them garbage. No
//! part of the interface.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::files::Root;
use crate::protocol::{Answer, Inbox, Question, frame};
use crate::record;

/// What frames held, pushed in pieces: their bodies, and whether the stream is still good.
#[must_use]
pub fn frames(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, bool) {
    let (mut inbox, mut bodies) = (Inbox::default(), Vec::new());
    for piece in pieces {
        inbox.push(piece);
        loop {
            match inbox.next_frame() {
                Ok(Some(body)) => bodies.push(body.to_vec()),
                Ok(None) => break,
                Err(_) => return (bodies, false),
            }
        }
    }
    (bodies, true)
}

/// The frame of a message.
#[must_use]
pub fn framed(message: &Value) -> Option<Vec<u8>> {
    frame(message).ok()
}

/// What a body says as a question, and as an answer, written again.
#[must_use]
pub fn messages(body: &[u8]) -> (Option<Value>, Option<Value>) {
    let question: Option<Question> = serde_json::from_slice(body).ok();
    let answer: Option<Answer> = serde_json::from_slice(body).ok();
    let written = |question| serde_json::to_value(question).ok();
    (
        question.and_then(written),
        answer.and_then(|answer| serde_json::to_value(answer).ok()),
    )
}

/// What a record says: whether there was a start, and the exit code of an end.
#[must_use]
pub fn record(bytes: &[u8]) -> (bool, Option<Option<i32>>) {
    let (start, exit) = record::parse(bytes);
    (start.is_some(), exit.map(|exit| exit.code))
}

/// The folder of an attempt.
#[must_use]
pub fn folder(state_dir: &Path, key: &str) -> Option<PathBuf> {
    let files = Root::below(state_dir).attempt(key).ok()?;
    Some(files.path().to_owned())
}
