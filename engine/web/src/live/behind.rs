//! What could not be read yet, and when it is tried again: each on its own rhythm, so that nobody waits for another.
//!
//! Guarantees: what stays unreadable is tried ever more seldom; for each change that could not be read after a second try
//! it is said, at most once a try, that something is missing. What is remembered is bounded.

use std::collections::HashMap;
use std::time::Duration;

use noctule_core::name::{BackfillId, RunId};
use noctule_runtime::Changes;
use tokio::time::Instant;

/// The pause after the first try; each further one is twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(60);
/// What is remembered.
const REMEMBERED: usize = 4_096;
/// What is tried again at a time, for what is new comes between.
const AT_ONCE: usize = 16;

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Subject {
    Run(RunId),
    Backfill(BackfillId),
}

/// What a try that failed means for those who listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failed {
    /// It may yet be told whole.
    Early,
    /// What changed is not told in time: there is a gap.
    Gap,
    /// As before: whoever listens knows.
    Known,
}

/// Everything that could not be read.
#[derive(Debug, Default)]
pub(super) struct Behind {
    late: HashMap<Subject, Late>,
}

#[derive(Debug)]
struct Late {
    tries: u32,
    next: Instant,
    /// The place in a journal after which nothing was read.
    after: u64,
    /// Something changed of which nobody was told that it is missing.
    news: bool,
}

/// Each of what changed, and the place in its journal after which the news begins.
pub(super) fn subjects(changes: Changes) -> impl Iterator<Item = (Subject, u64)> {
    let runs = changes.runs.into_iter();
    let runs = runs.map(|(run, after)| (Subject::Run(run), after));
    let backfills = changes.backfills.into_iter();
    runs.chain(backfills.map(|backfill| (Subject::Backfill(backfill), 0)))
}

impl Behind {
    /// Takes note that something changed. True: it waits for its next try, and is not read before.
    pub(super) fn waits(&mut self, subject: &Subject, after: u64) -> bool {
        self.late.get_mut(subject).is_some_and(|late| {
            late.news = true;
            late.after = late.after.min(after);
            true
        })
    }

    /// Something could not be read.
    pub(super) fn failed(&mut self, subject: Subject, after: u64, now: Instant) -> Failed {
        let known = self.late.contains_key(&subject);
        if !known && self.late.len() >= REMEMBERED {
            return Failed::Gap;
        }
        let late = self.late.entry(subject).or_insert(Late {
            tries: 0,
            next: now,
            after,
            news: true,
        });
        late.after = late.after.min(after);
        let pause = FIRST.saturating_mul(1 << late.tries.min(16));
        late.next = now + pause.min(LONGEST);
        late.tries = late.tries.saturating_add(1);
        if late.tries == 1 {
            return Failed::Early;
        }
        if std::mem::take(&mut late.news) {
            Failed::Gap
        } else {
            Failed::Known
        }
    }

    /// Something was read.
    pub(super) fn was_read(&mut self, subject: &Subject) {
        self.late.remove(subject);
    }

    /// When something is to be tried again.
    pub(super) fn next(&self) -> Option<Instant> {
        self.late.values().map(|late| late.next).min()
    }

    /// What is to be tried now, the longest due first, and after which place.
    pub(super) fn due(&self, now: Instant) -> Vec<(Subject, u64)> {
        let due = self.late.iter().filter(|(_, late)| late.next <= now);
        let mut due: Vec<(Instant, &Subject, u64)> = due
            .map(|(subject, late)| (late.next, subject, late.after))
            .collect();
        due.sort_unstable();
        let first = due.into_iter().take(AT_ONCE);
        first
            .map(|(_, subject, after)| (subject.clone(), after))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str) -> Subject {
        Subject::Run(name.parse().unwrap())
    }

    #[test]
    fn what_stays_unreadable_is_tried_ever_more_seldom() {
        let mut behind = Behind::default();
        let mut now = Instant::now();
        let mut pauses = Vec::new();
        for _ in 0..40 {
            behind.failed(run("r"), 7, now);
            let next = behind.next().unwrap();
            assert!(behind.due(next - Duration::from_millis(1)).is_empty());
            assert_eq!(behind.due(next), [(run("r"), 7)]);
            pauses.push((next - now).as_secs());
            now = next;
        }
        assert_eq!(pauses[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(pauses[8..].iter().all(|pause| *pause == 60));
    }

    #[test]
    fn a_gap_is_told_at_the_second_try_and_again_only_for_what_changed_since() {
        let mut behind = Behind::default();
        let now = Instant::now();
        assert!(!behind.waits(&run("r"), 9), "it is read at once");
        assert_eq!(behind.failed(run("r"), 7, now), Failed::Early);
        assert_eq!(behind.failed(run("r"), 7, now), Failed::Gap);
        assert_eq!(behind.failed(run("r"), 7, now), Failed::Known);
        assert!(behind.waits(&run("r"), 9));
        assert!(behind.waits(&run("r"), 9));
        assert_eq!(behind.failed(run("r"), 7, now), Failed::Gap);
        assert_eq!(behind.failed(run("r"), 7, now), Failed::Known);
        behind.was_read(&run("r"));
        assert_eq!(behind.next(), None);
        assert!(!behind.waits(&run("r"), 9));
        assert_eq!(behind.failed(run("r"), 7, now), Failed::Early);
    }

    #[test]
    fn few_are_tried_at_a_time_and_each_has_its_turn() {
        let mut behind = Behind::default();
        let now = Instant::now();
        for ix in 0..40 {
            behind.failed(run(&format!("r{ix}")), 7, now);
        }
        let mut tried = std::collections::HashSet::new();
        let later = now + FIRST;
        while tried.len() < 40 {
            let due = behind.due(later);
            assert!(!due.is_empty() && due.len() <= AT_ONCE);
            for (subject, after) in due {
                assert_eq!(after, 7);
                behind.failed(subject.clone(), 7, later);
                assert!(tried.insert(subject), "twice before others had a turn");
            }
        }
        assert!(behind.due(later).is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_rest_is_a_gap_at_once() {
        let mut behind = Behind::default();
        let now = Instant::now();
        for ix in 0..REMEMBERED {
            let failed = behind.failed(run(&format!("r{ix}")), 7, now);
            assert_eq!(failed, Failed::Early);
        }
        assert_eq!(behind.failed(run("more"), 7, now), Failed::Gap);
        assert!(!behind.waits(&run("more"), 9));
        assert_eq!(behind.failed(run("r0"), 7, now), Failed::Gap);
    }

    #[test]
    fn it_is_read_again_from_the_first_place_that_was_missed() {
        let mut behind = Behind::default();
        let now = Instant::now();
        behind.failed(run("r"), 7, now);
        assert!(behind.waits(&run("r"), 9));
        behind.failed(run("r"), 9, now);
        assert_eq!(behind.due(now + LONGEST), [(run("r"), 7)]);
        assert!(behind.waits(&run("r"), 3));
        assert_eq!(behind.due(now + LONGEST), [(run("r"), 3)]);
    }
}
