//! `work`: the piece of work that every command and container of a campaign is. It notes that it began, takes its time,
//! notes that it ends, and exits.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::ledger::Deed;

/// How work tells that it could not even write its ledger; no task is ever to end so.
pub const BROKEN: u8 = 99;

/// What a piece of work is told, in this order.
#[derive(Debug)]
struct Told {
    ledger: PathBuf,
    run: String,
    task: String,
    attempt: u32,
    takes: Duration,
    /// Attempts before this one fail.
    good_from: u32,
}

/// Does the work of the arguments behind `work`.
#[must_use]
pub fn main(args: impl Iterator<Item = String>) -> ExitCode {
    let key = std::env::var("NOCTULE_ATTEMPT_KEY").unwrap_or_else(|_| "none".to_owned());
    let Some(told) = Told::read(args) else {
        return BROKEN.into();
    };
    let begun = Deed::begins(&key, &told.run, &told.task, told.attempt);
    if begun.note(&told.ledger).is_err() {
        return BROKEN.into();
    }
    std::thread::sleep(told.takes);
    let code = u8::from(told.attempt < told.good_from);
    match begun.ends(code.into()).note(&told.ledger) {
        Ok(()) => code.into(),
        Err(_) => BROKEN.into(),
    }
}

impl Told {
    fn read(mut args: impl Iterator<Item = String>) -> Option<Self> {
        let mut next = || args.next();
        Some(Self {
            ledger: next()?.into(),
            run: next()?,
            task: next()?,
            attempt: next()?.parse().ok()?,
            takes: Duration::from_millis(next()?.parse().ok()?),
            good_from: next()?.parse().ok()?,
        })
    }
}
