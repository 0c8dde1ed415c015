//! Chance from a start value: the same value makes the same choices. How fast the machine is stays outside of it.

use std::time::Duration;

/// Splitmix64 (Steele, Lea, Flood 2014): small, and good enough to choose faults with.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// Chance that begins with this value.
    #[must_use]
    pub(crate) fn new(start: u64) -> Self {
        Self(start)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below a bound; 0 for the bound 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// Whether something that happens once in so many times happens now.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// A time below a bound, by the millisecond.
    pub(crate) fn millis(&mut self, below: u64) -> Duration {
        Duration::from_millis(self.below(below))
    }

    /// One of several; none of none.
    pub(crate) fn pick<'a, T>(&mut self, several: &'a [T]) -> Option<&'a T> {
        let index = usize::try_from(self.below(several.len() as u64)).unwrap_or(0);
        several.get(index)
    }

    /// Chance of its own for somebody, who then disturbs nobody else's.
    #[must_use]
    pub(crate) fn branch(&mut self) -> Self {
        Self(self.next())
    }
}

#[cfg(test)]
mod tests {
    use super::Chance;

    #[test]
    fn the_same_start_makes_the_same_choices() {
        let choices = |start| {
            let mut chance = Chance::new(start);
            [0; 8].map(|_| chance.below(100))
        };
        assert_eq!(choices(7), choices(7));
        assert_ne!(choices(7), choices(8));
    }
}
