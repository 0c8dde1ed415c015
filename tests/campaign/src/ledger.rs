//! What the work itself wrote down, outside of the project: one line when it began and one when it ended.
//!
//! Each line is one appending write, synced before the work goes on, so that no kill of anybody tears or loses one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

/// What happened to a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// It began.
    Began,
    /// It ended with this exit code.
    Ended(i32),
}

/// A line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deed {
    /// What happened.
    pub(crate) word: Word,
    /// The attempt key that the work was started with.
    pub(crate) key: String,
    /// The run, as the work was told it.
    pub(crate) run: String,
    /// The task, as the work was told it.
    pub(crate) task: String,
    /// The number of the attempt, as the work was told it.
    pub(crate) attempt: u32,
    /// The process.
    pub(crate) pid: u32,
    /// When.
    pub(crate) at: DateTime<Utc>,
}

impl Deed {
    /// A piece of work of this process begins now.
    #[must_use]
    pub(crate) fn begins(key: &str, run: &str, task: &str, attempt: u32) -> Self {
        Self {
            word: Word::Began,
            key: key.to_owned(),
            run: run.to_owned(),
            task: task.to_owned(),
            attempt,
            pid: std::process::id(),
            at: Utc::now(),
        }
    }

    /// The same piece of work ends now.
    #[must_use]
    pub(crate) fn ends(&self, code: i32) -> Self {
        Self {
            word: Word::Ended(code),
            at: Utc::now(),
            ..self.clone()
        }
    }

    /// Appends it to a ledger, durably.
    ///
    /// # Errors
    /// The file could not be written.
    pub(crate) fn note(&self, ledger: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(ledger)?;
        file.write_all(self.line().as_bytes())?;
        file.sync_all()
    }

    fn line(&self) -> String {
        let word = match self.word {
            Word::Began => "began".to_owned(),
            Word::Ended(code) => format!("ended:{code}"),
        };
        let micros = self.at.timestamp_micros();
        let Self { key, run, task, .. } = self;
        let (attempt, pid) = (self.attempt, self.pid);
        format!("{word} {key} {run} {task} {attempt} {pid} {micros}\n")
    }

    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let word = match words.next()?.split_once(':') {
            None => Word::Began,
            Some((_, code)) => Word::Ended(code.parse().ok()?),
        };
        let mut next = || words.next().map(str::to_owned);
        let (key, run, task) = (next()?, next()?, next()?);
        let (attempt, pid) = (next()?.parse().ok()?, next()?.parse().ok()?);
        let micros: u64 = next()?.parse().ok()?;
        let at = (SystemTime::UNIX_EPOCH + Duration::from_micros(micros)).into();
        Some(Self {
            word,
            key,
            run,
            task,
            attempt,
            pid,
            at,
        })
    }
}

/// The lines after a place of the ledger, and the place behind them. Without a file there are none.
///
/// # Errors
/// The file cannot be read, or has a line that no work writes.
pub(crate) fn read_from(ledger: &Path, place: u64) -> io::Result<(Vec<Deed>, u64)> {
    let mut file = match File::open(ledger) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), place)),
        opened => opened?,
    };
    file.seek(SeekFrom::Start(place))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let strange = |line: &str| io::Error::other(format!("no work writes `{line}`"));
    let read = |line: &str| Deed::read(line).ok_or_else(|| strange(line));
    let deeds = text.lines().map(read).collect::<io::Result<_>>()?;
    Ok((deeds, place + text.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_and_read_on_from_there() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger");
        assert_eq!(read_from(&ledger, 0).unwrap(), (Vec::new(), 0));
        let begun = Deed::begins("n1-0-1", "r", "t", 2);
        begun.note(&ledger).unwrap();
        let (deeds, place) = read_from(&ledger, 0).unwrap();
        assert_eq!(deeds.len(), 1);
        assert_eq!((&deeds[0].key, deeds[0].attempt), (&begun.key, 2));
        begun.ends(3).note(&ledger).unwrap();
        let (deeds, _) = read_from(&ledger, place).unwrap();
        assert_eq!(deeds[0].word, Word::Ended(3));
    }
}
