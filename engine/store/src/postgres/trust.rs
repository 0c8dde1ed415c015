//! For how long the holder of a lease may trust in it, by a clock of its own that no one sets.
//!
//! Guarantees: trust begins when a renewal is sent, not when its answer comes, and ends before the database would give the
//! lease to another; once it has ended it never comes back. It is asked without waiting for anybody.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// This part of the time to live is not trusted: what the clocks of two machines may differ by, and a request on its way.
const MARGIN: u32 = 15;

#[derive(Debug)]
pub(super) struct Trust {
    ttl: Duration,
    /// None: it has ended.
    until: Mutex<Option<Instant>>,
    ended: Notify,
}

impl Trust {
    /// Trust in a lease that was asked for at an instant.
    pub(super) fn since(asked: Instant, ttl: Duration) -> Self {
        Self {
            ttl,
            until: Mutex::new(Some(asked + trusted(ttl))),
            ended: Notify::new(),
        }
    }

    /// A renewal that was sent at an instant has been granted. It does not wake what has ended.
    pub(super) fn renew(&self, sent: Instant) {
        let mut until = self.until();
        if until.is_some_and(|until| Instant::now() < until) {
            *until = Some(sent + trusted(self.ttl));
        }
    }

    /// It ends now, for good.
    pub(super) fn end(&self) {
        *self.until() = None;
        self.ended.notify_waiters();
    }

    /// How much of it is left.
    pub(super) fn left(&self) -> Duration {
        let until = *self.until();
        until.map_or(Duration::ZERO, |until| {
            until.saturating_duration_since(Instant::now())
        })
    }

    pub(super) fn holds(&self) -> bool {
        !self.left().is_zero()
    }

    /// Waits for its end.
    pub(super) async fn over(&self) {
        loop {
            let ended = self.ended.notified();
            let left = self.left();
            if left.is_zero() {
                return;
            }
            drop(tokio::time::timeout(left, ended).await);
        }
    }

    fn until(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn trusted(ttl: Duration) -> Duration {
    ttl - ttl / MARGIN
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(15);

    #[test]
    fn trust_begins_when_the_renewal_is_sent_and_ends_before_the_lease() {
        let asked = Instant::now() - Duration::from_secs(13);
        let trust = Trust::since(asked, TTL);
        assert!(trust.holds() && trust.left() <= Duration::from_secs(1));
        let sent = Instant::now() - Duration::from_secs(5);
        trust.renew(sent);
        let left = trust.left();
        assert!(left <= Duration::from_secs(9), "{left:?}");
        assert!(left > Duration::from_secs(8), "{left:?}");
    }

    #[test]
    fn trust_that_has_ended_never_comes_back() {
        let trust = Trust::since(Instant::now() - Duration::from_secs(14), TTL);
        assert!(!trust.holds());
        trust.renew(Instant::now());
        assert!(!trust.holds(), "it was late");
        let trust = Trust::since(Instant::now(), TTL);
        trust.end();
        trust.renew(Instant::now());
        assert!(!trust.holds(), "it was given up");
    }
}
