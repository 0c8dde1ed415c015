//! Named places in an engine where it ends itself: before and after every commit and every call of an executor.
//!
//! Read from the environment variable [`STRIKE`] by the program of this package and by no other: `kill process.launch.after 3`
//! is the third time that a command was launched. There it dies as by `kill -9`, or stops as by SIGSTOP.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use noctule_store::{CommitHook, StoreError};
use rustix::process::{Signal, getpid, kill_process};

/// The variable that names the place.
pub const STRIKE: &str = "NOCTULE_CAMPAIGN_STRIKE";

/// The executors of a campaign.
pub const KINDS: [&str; 5] = ["process", "cloud_run", "fargate", "http", "postgres_step"];
/// The calls of an executor.
pub const CALLS: [&str; 4] = ["launch", "adopt", "poll", "cancel"];

/// What an engine does to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// SIGKILL.
    Kill,
    /// SIGABRT, as when memory is used up or a program panics with `panic = "abort"`.
    Abort,
    /// SIGSTOP, until somebody sends SIGCONT.
    Stop,
}

impl Blow {
    fn signal(self) -> Signal {
        match self {
            Self::Kill => Signal::KILL,
            Self::Abort => Signal::ABORT,
            Self::Stop => Signal::STOP,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Abort => "abort",
            Self::Stop => "stop",
        }
    }
}

/// A place, and what is done there.
#[derive(Debug)]
pub struct Strike {
    /// What.
    pub blow: Blow,
    /// Where.
    pub place: String,
    /// The how manieth time.
    pub nth: u64,
    met: AtomicU64,
}

impl Strike {
    /// A blow at the nth time that a place is come to.
    #[must_use]
    pub fn new(blow: Blow, place: &str, nth: u64) -> Self {
        Self {
            blow,
            place: place.to_owned(),
            nth,
            met: AtomicU64::new(0),
        }
    }

    /// The value of the variable.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {} {}", self.blow.word(), self.place, self.nth)
    }

    /// The strike that the environment of this process asks for.
    #[must_use]
    pub fn of_environment() -> Option<Arc<Self>> {
        Self::read(&std::env::var(STRIKE).ok()?).map(Arc::new)
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let word = words.next()?;
        let blows = [Blow::Kill, Blow::Abort, Blow::Stop];
        let blow = blows.into_iter().find(|blow| blow.word() == word)?;
        Some(Self::new(blow, words.next()?, words.next()?.parse().ok()?))
    }

    /// Somebody has come to a place.
    pub fn meet(&self, place: &str) {
        if place == self.place && self.met.fetch_add(1, Ordering::SeqCst) + 1 == self.nth {
            // SIGKILL and SIGSTOP cannot be refused by a process that sends them to itself.
            let _ = kill_process(getpid(), self.blow.signal());
        }
    }
}

impl CommitHook for Strike {
    fn before(&self) -> Result<(), StoreError> {
        self.meet("commit.before");
        Ok(())
    }

    fn after(&self) {
        self.meet("commit.after");
    }
}

/// Every place of an engine.
#[must_use]
pub fn places(kinds: &[&str]) -> Vec<String> {
    let mut places = vec!["commit.before".to_owned(), "commit.after".to_owned()];
    for kind in kinds {
        for call in CALLS {
            // A call over http cannot be searched for after a cut, nor stopped.
            if *kind == "http" && ["adopt", "cancel"].contains(&call) {
                continue;
            }
            for side in ["before", "after"] {
                places.push(format!("{kind}.{call}.{side}"));
            }
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_what_is_read() {
        let strike = Strike::read(&Strike::new(Blow::Stop, "http.poll.after", 3).text()).unwrap();
        assert_eq!((strike.blow, strike.nth), (Blow::Stop, 3));
        assert_eq!(strike.place, "http.poll.after");
        assert!(Strike::read("kiss http.poll.after 3").is_none());
        assert!(Strike::read("kill").is_none());
    }

    #[test]
    fn every_place_has_a_name_of_its_own() {
        let mut all = places(&KINDS);
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!((all.len(), count), (38, 38));
    }
}
