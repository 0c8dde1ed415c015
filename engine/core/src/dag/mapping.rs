//! Fan-out as it was read: which list, how its items are named, how many may be under way, how many must succeed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::name::TaskName;

/// The executor of a node without work of its own: a group, whose items walk the tasks within it.
pub const GROUP: &str = "group";

/// `map` and its companions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapRule {
    /// The list, or a template that gives one.
    pub items: Value,
    /// The template of an item's name; absent: its index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// How many items may be under way at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
    /// How many must succeed.
    pub min_success: MinSuccess,
}

/// `min_success`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MinSuccess {
    /// So many items.
    Count(u64),
    /// This share of the items that were not skipped.
    Share(f64),
}

impl MinSuccess {
    /// How many items must succeed, of these.
    #[must_use]
    pub fn needed(self, items: usize, skipped: usize) -> usize {
        match self {
            Self::Count(count) => usize::try_from(count).unwrap_or(usize::MAX),
            // A share that is whole in decimals (7 % of 100) may stand a hair above it in binary.
            Self::Share(share) => (share * (items - skipped) as f64 - 1e-9).ceil() as usize,
        }
    }
}

impl Default for MinSuccess {
    fn default() -> Self {
        Self::Share(1.0)
    }
}

/// `hold_until`: how long work stays for others to use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldUntil {
    /// Until every other task of the run has ended.
    Run,
    /// Until these have ended.
    Tasks(Vec<TaskName>),
}

#[cfg(test)]
mod tests {
    use super::MinSuccess;

    #[test]
    fn the_share_is_of_the_items_that_were_not_skipped_and_rounded_up() {
        for (rule, items, skipped, needed) in [
            (MinSuccess::Share(1.0), 56, 3, 53),
            (MinSuccess::Share(0.07), 100, 0, 7),
            (MinSuccess::Share(0.29), 100, 0, 29),
            (MinSuccess::Share(0.5), 5, 0, 3),
            (MinSuccess::Share(0.0), 5, 0, 0),
            (MinSuccess::Share(0.9), 3, 3, 0),
            (MinSuccess::Count(2), 5, 4, 2),
        ] {
            assert_eq!(
                rule.needed(items, skipped),
                needed,
                "{rule:?} of {items} - {skipped}"
            );
        }
    }
}
