//! The rate budgets of connections: how many launches and polls a second may be made through each.
//!
//! Whoever asks first goes first: a call that waits is passed by none that came later, however many there are. A call
//! that is given up while it waits takes nothing.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use noctule_executor::{Budget, Call, async_trait};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// `rate` of one connection; an absent part is without limit.
#[derive(Debug, Default)]
pub struct Rates {
    settings: Option<Value>,
    launch: Option<Gate>,
    poll: Option<Gate>,
}

impl Rates {
    /// Reads `{ launch = "20/s", poll = "10/s" }`; what cannot be read is without limit (the file was checked before).
    #[must_use]
    pub fn of(settings: Option<&Value>) -> Self {
        let gate = |key: &str| Some(Gate::new(quota(settings?.get(key)?.as_str()?)?));
        Self {
            settings: settings.cloned(),
            launch: gate("launch"),
            poll: gate("poll"),
        }
    }

    /// Whether another budget of these settings would be the same but for what was taken from it.
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        self.settings == other.settings
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

/// One limit, and the queue before it.
#[derive(Debug)]
struct Gate {
    limiter: RateLimiter<NotKeyed, InMemoryState, Timer, NoOpMiddleware<Since>>,
    /// Held by the first in the queue; a fair lock, so the queue is in the order of asking.
    first: Mutex<()>,
}

impl Gate {
    fn new(quota: Quota) -> Self {
        let timer = Timer(Instant::now());
        Self {
            limiter: RateLimiter::direct_with_clock(quota, timer),
            first: Mutex::new(()),
        }
    }

    async fn pass(&self) {
        let _first = self.first.lock().await;
        while let Err(not_yet) = self.limiter.check() {
            let wait = not_yet.wait_time_from(self.limiter.clock().now());
            tokio::time::sleep(wait.max(Duration::from_millis(1))).await;
        }
    }
}

#[async_trait]
impl Budget for Rates {
    async fn take(&self, call: Call) {
        let gate = match call {
            Call::Launch => &self.launch,
            Call::Poll => &self.poll,
        };
        if let Some(gate) = gate {
            gate.pass().await;
        }
    }
}

/// The clock of the timers that are slept on, so that both always agree.
#[derive(Debug, Clone)]
struct Timer(Instant);

impl Clock for Timer {
    type Instant = Since;

    fn now(&self) -> Since {
        Since(self.0.elapsed())
    }
}

/// Time since a budget was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Since(Duration);

impl std::ops::Add<governor::nanos::Nanos> for Since {
    type Output = Self;

    fn add(self, more: governor::nanos::Nanos) -> Self {
        Self(self.0.saturating_add(more.into()))
    }
}

impl Reference for Since {
    fn duration_since(&self, earlier: Self) -> governor::nanos::Nanos {
        self.0.saturating_sub(earlier.0).into()
    }

    fn saturating_sub(&self, less: governor::nanos::Nanos) -> Self {
        Self(self.0.checked_sub(less.into()).unwrap_or(self.0))
    }
}

#[cfg(test)]
#[expect(
    clippy::expect_used,
    reason = "a test that cannot go on says so by failing"
)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    fn rates(launch: &str, poll: &str) -> Arc<Rates> {
        Arc::new(Rates::of(Some(&json!({ "launch": launch, "poll": poll }))))
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_one_second_s_worth_and_the_rest_goes_at_the_rate() {
        let rates = rates("20/s", "1/m");
        let begun = Instant::now();
        for _ in 0..20 {
            rates.take(Call::Launch).await;
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
        for _ in 0..40 {
            rates.take(Call::Launch).await;
        }
        let took = begun.elapsed().as_secs_f64();
        assert!((1.9..2.1).contains(&took), "{took}");
        rates.take(Call::Poll).await;
        assert!(
            begun.elapsed().as_secs_f64() < 2.1,
            "polls are counted apart"
        );
        rates.take(Call::Poll).await;
        assert!(begun.elapsed().as_secs_f64() > 61.0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_rate_waits_for_nothing() {
        let begun = Instant::now();
        let none = Rates::of(None);
        for _ in 0..10_000 {
            none.take(Call::Launch).await;
            none.take(Call::Poll).await;
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_waits_pass_in_the_order_in_which_they_asked() {
        let rates = rates("1/s", "10/s");
        let (tell, mut told) = unbounded_channel();
        for i in 0..1_000 {
            let (rates, tell) = (Arc::clone(&rates), tell.clone());
            drop(tokio::spawn(async move {
                rates.take(Call::Poll).await;
                tell.send(i).expect("the test listens");
            }));
            tokio::task::yield_now().await;
        }
        let begun = Instant::now();
        for i in 0..1_000 {
            assert_eq!(told.recv().await, Some(i));
        }
        let took = begun.elapsed().as_secs_f64();
        assert!((98.9..99.2).contains(&took), "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_given_up_takes_nothing_and_keeps_nobody_waiting() {
        let rates = rates("1/s", "1/s");
        rates.take(Call::Launch).await;
        let begun = Instant::now();
        let short = Duration::from_millis(100);
        for _ in 0..5 {
            let given_up = tokio::time::timeout(short, rates.take(Call::Launch)).await;
            given_up.expect_err("the budget is used up");
        }
        rates.take(Call::Launch).await;
        assert_eq!(begun.elapsed().as_millis() / 10, 100);
    }
}
