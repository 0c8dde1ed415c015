//! The rate budgets of connections: how many launches and polls a second may be made through each.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use noctule_executor::{Budget, Call, async_trait};

/// `rate` of one connection; an absent part is without limit.
#[derive(Debug, Default)]
pub struct Rates {
    launch: Option<DefaultDirectRateLimiter>,
    poll: Option<DefaultDirectRateLimiter>,
}

impl Rates {
    /// Reads `{ launch = "20/s", poll = "10/s" }`; what cannot be read is without limit (the file was checked before).
    #[must_use]
    pub fn of(settings: Option<&serde_json::Value>) -> Self {
        let limiter = |key: &str| {
            let text = settings?.get(key)?.as_str()?;
            Some(RateLimiter::direct(quota(text)?))
        };
        Self {
            launch: limiter("launch"),
            poll: limiter("poll"),
        }
    }
}

/// `N/s`, `N/m` or `N/h`.
fn quota(text: &str) -> Option<Quota> {
    let (count, unit) = text.split_once('/')?;
    let count: NonZeroU32 = count.trim().parse().ok()?;
    match unit.trim() {
        "s" => Some(Quota::per_second(count)),
        "m" => Some(Quota::per_minute(count)),
        "h" => Some(Quota::per_hour(count)),
        _ => None,
    }
}

#[async_trait]
impl Budget for Rates {
    async fn take(&self, call: Call) {
        let limiter = match call {
            Call::Launch => &self.launch,
            Call::Poll => &self.poll,
        };
        let Some(limiter) = limiter else { return };
        while let Err(not_yet) = limiter.check() {
            let wait = not_yet.wait_time_from(governor::clock::Clock::now(
                &governor::clock::DefaultClock::default(),
            ));
            tokio::time::sleep(wait.max(Duration::from_millis(1))).await;
        }
    }
}
