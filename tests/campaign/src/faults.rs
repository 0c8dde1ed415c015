//! What is done to engines and to what they stand on.

use crate::chance::Chance;
use crate::stage::Kind;

/// One sort of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// `kill -9` at a time that nobody chose.
    Random,
    /// It ends itself at a named place.
    Place,
    /// The same by SIGABRT.
    Abort,
    /// Ten kills in a row while it starts (F-11).
    Startup,
    /// `kill -9` of the supervisor of the commands (F-55).
    Supervisor,
    /// SIGSTOP, and SIGCONT after a while.
    Pause,
    /// SIGTERM: it drains and ends well.
    Drain,
    /// Two of them: it leaves at once.
    Hasty,
    /// A second engine, which must be refused (F-18).
    Second,
    /// No room in the file system of the store (F-14).
    Full,
    /// The file of the store cannot be read (F-16).
    Unreadable,
    /// Somebody else holds the write lock of the file (F-15).
    Locked,
    /// Somebody else reads one old state for long (F-20).
    Reader,
    /// The database server ends as in a crash, and comes back (F-22).
    Crash,
    /// The database server ends every session (F-28).
    Terminate,
}

use Fault::{
    Abort, Crash, Drain, Full, Hasty, Locked, Pause, Place, Random, Reader, Second, Startup,
    Supervisor, Terminate, Unreadable,
};

const BOTH: [(Fault, u64); 9] = [
    (Random, 30),
    (Place, 60),
    (Abort, 4),
    (Startup, 1),
    (Supervisor, 4),
    (Pause, 4),
    (Drain, 4),
    (Hasty, 2),
    (Second, 2),
];
const OF_A_FILE: [(Fault, u64); 4] = [(Full, 3), (Unreadable, 1), (Locked, 3), (Reader, 2)];
const OF_A_SERVER: [(Fault, u64); 2] = [(Crash, 6), (Terminate, 6)];

impl Fault {
    /// The word for it in the report.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Random => "kill -9 at random",
            Place => "kill -9 at a named place",
            Abort => "abort at a named place",
            Startup => "ten kills while it starts",
            Supervisor => "kill -9 of the supervisor",
            Pause => "SIGSTOP and SIGCONT",
            Drain => "SIGTERM",
            Hasty => "SIGTERM twice",
            Second => "a second engine",
            Full => "file system full",
            Unreadable => "store unreadable",
            Locked => "store locked by somebody else",
            Reader => "old state read for long",
            Crash => "database server crashed",
            Terminate => "database sessions ended",
        }
    }
}

/// The faults of a campaign: each of them once in an order of chance, then by weight.
pub(crate) struct Deck {
    weights: Vec<(Fault, u64)>,
    first: Vec<Fault>,
}

impl Deck {
    /// The faults that can strike this kind of store; without a file system of its own it is never full.
    pub(crate) fn of(kind: Kind, can_be_full: bool, chance: &mut Chance) -> Self {
        let mut weights = BOTH.to_vec();
        match kind {
            Kind::Sqlite => weights.extend(OF_A_FILE),
            Kind::Postgres => weights.extend(OF_A_SERVER),
        }
        weights.retain(|(fault, _)| can_be_full || *fault != Full);
        let mut first: Vec<Fault> = weights.iter().map(|(fault, _)| *fault).collect();
        for place in (1..first.len()).rev() {
            let other = usize::try_from(chance.below(place as u64 + 1)).unwrap_or(0);
            first.swap(place, other);
        }
        Self { weights, first }
    }

    /// Every fault that can strike.
    pub(crate) fn all(&self) -> Vec<Fault> {
        self.weights.iter().map(|(fault, _)| *fault).collect()
    }

    pub(crate) fn next(&mut self, chance: &mut Chance) -> Fault {
        if let Some(fault) = self.first.pop() {
            return fault;
        }
        let sum = self.weights.iter().map(|(_, weight)| weight).sum();
        let mut left = chance.below(sum);
        for (fault, weight) in &self.weights {
            if left < *weight {
                return *fault;
            }
            left -= weight;
        }
        Random
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_a_store_comes_once_before_any_comes_twice() {
        for kind in [Kind::Sqlite, Kind::Postgres] {
            let mut chance = Chance::new(1);
            let mut deck = Deck::of(kind, true, &mut chance);
            let mut all = deck.all();
            let mut drawn: Vec<Fault> = all.iter().map(|_| deck.next(&mut chance)).collect();
            all.sort();
            drawn.sort();
            assert_eq!(all, drawn);
        }
    }

    #[test]
    fn without_a_file_system_of_its_own_a_store_is_never_full() {
        let deck = Deck::of(Kind::Sqlite, false, &mut Chance::new(1));
        assert!(!deck.all().contains(&Full));
    }
}
