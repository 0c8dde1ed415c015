//! The clock of an engine: the wall, or a virtual one that moves with paused tokio time.
//!
//! Everything below this crate is told what time it is; here, and nowhere else, it is read.

use chrono::{DateTime, Utc};

/// A sleeper looks at the clock again after this.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_secs(10);

/// Where `now` comes from.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The machine's clock. Jumps are seen within a second.
    Wall,
    /// An instant, and the tokio time that has passed since.
    Virtual {
        /// The instant at which the clock was made.
        from: DateTime<Utc>,
        /// The tokio time at which it was made.
        since: tokio::time::Instant,
    },
}

impl Clock {
    /// A clock that shows `from` now and moves with tokio's time.
    #[must_use]
    pub fn starting_at(from: DateTime<Utc>) -> Self {
        Self::Virtual {
            from,
            since: tokio::time::Instant::now(),
        }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Self::Wall => Utc::now(),
            Self::Virtual { from, since } => {
                let passed =
                    chrono::Duration::from_std(since.elapsed()).unwrap_or(chrono::Duration::MAX);
                from.checked_add_signed(passed).unwrap_or(*from)
            }
        }
    }

    /// Sleeps until an instant. A jump of the clock meanwhile is seen: an instant that was a year away may have come.
    pub async fn sleep_until(&self, instant: DateTime<Utc>) {
        while instant > self.now() {
            let longest = tokio::time::Instant::now() + LOOK_AGAIN;
            tokio::time::sleep_until(self.at(instant).min(longest)).await;
        }
    }

    /// The tokio time of an instant; one that has passed is now.
    #[must_use]
    pub fn at(&self, instant: DateTime<Utc>) -> tokio::time::Instant {
        let left = (instant - self.now()).to_std().unwrap_or_default();
        // Timers of tokio end at milliseconds: rounding up keeps "due" true when the timer fires.
        tokio::time::Instant::now() + left
    }
}
