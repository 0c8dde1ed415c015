//! Times as they are told: nearest-rank percentiles.

use std::time::Duration;

/// Times of one thing.
#[derive(Debug, Default, Clone)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    fn at(&self, share: f64) -> f64 {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        let time = self.0.get(rank.max(1) - 1);
        time.map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
    }

    pub(crate) fn say(&mut self, what: &str) {
        self.0.sort_unstable();
        println!(
            "{:>7}  p50 {:8.2}  p90 {:8.2}  p99 {:8.2}  max {:8.2} ms  {what}",
            self.0.len(),
            self.at(0.5),
            self.at(0.9),
            self.at(0.99),
            self.at(1.0),
        );
    }
}
