//! Who waits for the end of which attempts, and until when.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

/// A question that is not answered yet.
pub(super) struct Waiter {
    pub(super) peer: u64,
    pub(super) question: u64,
    pub(super) keys: Vec<String>,
    deadline: Option<Instant>,
}

/// Every open wait. A waiter leaves when it is answered, forgotten, or its connection ends.
#[derive(Default)]
pub(super) struct Waiters {
    next: u64,
    open: HashMap<u64, Waiter>,
    by_key: HashMap<String, Vec<u64>>,
    by_deadline: BTreeSet<(Instant, u64)>,
}

impl Waiters {
    pub(super) fn add(
        &mut self,
        peer: u64,
        question: u64,
        keys: Vec<String>,
        deadline: Option<Instant>,
    ) {
        let id = self.next;
        self.next += 1;
        for key in &keys {
            self.by_key.entry(key.clone()).or_default().push(id);
        }
        if let Some(deadline) = deadline {
            self.by_deadline.insert((deadline, id));
        }
        let waiter = Waiter {
            peer,
            question,
            keys,
            deadline,
        };
        self.open.insert(id, waiter);
    }

    /// Takes out everybody who waits for this attempt.
    pub(super) fn take(&mut self, key: &str) -> Vec<Waiter> {
        let ids = self.by_key.get(key).cloned().unwrap_or_default();
        ids.into_iter().filter_map(|id| self.remove(id)).collect()
    }

    /// Takes out everybody whose patience has ended.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Waiter> {
        let due: Vec<_> = self
            .by_deadline
            .iter()
            .take_while(|(deadline, _)| *deadline <= now)
            .map(|(_, id)| *id)
            .collect();
        due.into_iter().filter_map(|id| self.remove(id)).collect()
    }

    pub(super) fn forget(&mut self, peer: u64, question: u64) {
        self.remove_where(|waiter| waiter.peer == peer && waiter.question == question);
    }

    pub(super) fn forget_peer(&mut self, peer: u64) {
        self.remove_where(|waiter| waiter.peer == peer);
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.by_deadline.first().map(|(deadline, _)| *deadline)
    }

    fn remove_where(&mut self, matches: impl Fn(&Waiter) -> bool) {
        let found = self.open.iter().filter(|(_, waiter)| matches(waiter));
        let found: Vec<_> = found.map(|(id, _)| *id).collect();
        for id in found {
            drop(self.remove(id));
        }
    }

    fn remove(&mut self, id: u64) -> Option<Waiter> {
        let waiter = self.open.remove(&id)?;
        if let Some(deadline) = waiter.deadline {
            self.by_deadline.remove(&(deadline, id));
        }
        for key in &waiter.keys {
            if let Some(ids) = self.by_key.get_mut(key) {
                ids.retain(|other| *other != id);
                if ids.is_empty() {
                    self.by_key.remove(key);
                }
            }
        }
        Some(waiter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiter_of_many_keys_is_answered_once_and_leaves_nothing() {
        let mut waiters = Waiters::default();
        let keys = vec!["a".to_owned(), "b".to_owned()];
        let now = Instant::now();
        waiters.add(1, 7, keys.clone(), Some(now));
        waiters.add(1, 8, keys, None);
        assert_eq!(waiters.take_due(now).len(), 1);
        assert_eq!(waiters.take("b").len(), 1);
        assert!(waiters.take("a").is_empty());
        assert!(waiters.by_key.is_empty() && waiters.by_deadline.is_empty());
    }

    #[test]
    fn a_gone_connection_leaves_nothing() {
        let mut waiters = Waiters::default();
        waiters.add(1, 1, vec!["a".to_owned()], None);
        waiters.add(2, 1, vec!["a".to_owned()], None);
        waiters.forget_peer(1);
        waiters.forget(2, 9);
        assert_eq!(waiters.take("a").len(), 1);
    }
}
