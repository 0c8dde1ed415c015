//! Which faults there are, how much of each a history gets, and how many have really struck.
//!
//! Swarm: every seed draws its own mix; most histories have only some of the faults, and those more often.

use std::collections::BTreeMap;

use crate::chance::Chance;
use crate::clock::{HOUR, MINUTE, Ms, SECOND};

/// A fault that comes from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The process is killed.
    Crash,
    /// The process is stopped, longer than its lease or not.
    Pause,
    /// The wall clock of one machine jumps.
    ClockJump,
    /// The store cannot be reached.
    StoreDown,
    /// The store refuses every commit, and says so.
    StoreFull,
    /// The backends refuse, throttle and fail.
    Storm,
    /// The engine ends cleanly and gives its lease back.
    HandOver,
    /// One engine cannot reach the store.
    Partition,
}

impl Fault {
    const ALL: [Self; 8] = [
        Self::Crash,
        Self::Pause,
        Self::ClockJump,
        Self::StoreDown,
        Self::StoreFull,
        Self::Storm,
        Self::HandOver,
        Self::Partition,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Pause => "pause",
            Self::ClockJump => "clock jump",
            Self::StoreDown => "store down",
            Self::StoreFull => "store full",
            Self::Storm => "backend storm",
            Self::HandOver => "hand-over",
            Self::Partition => "partition",
        }
    }
}

/// The words of all faults.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    Fault::ALL.into_iter().map(Fault::word)
}

/// How much of what a history gets. Chances are per thousand.
#[derive(Debug, Clone)]
pub(crate) struct Mix {
    pub(crate) engines: usize,
    pub(crate) slots: usize,
    /// One engine: its lock falls with its process.
    pub(crate) os_lock: bool,
    pub(crate) ttl: Ms,
    pub(crate) margin: Ms,
    pub(crate) heartbeat: Ms,
    pub(crate) safety: Ms,
    pub(crate) liveness: Ms,
    pub(crate) latency: Ms,
    pub(crate) stale: Ms,
    pub(crate) nemesis: Ms,
    pub(crate) faults: Vec<Fault>,
    /// Clocks jump by a year, and stay there.
    pub(crate) years: bool,
    /// A crash right after a commit, or right after an effect.
    pub(crate) worst_moment: u64,
    pub(crate) lost_commit_answer: u64,
    /// A commit is under way for longer than a lease.
    pub(crate) late_commit: u64,
    pub(crate) lost_answer: u64,
    pub(crate) lost_request: u64,
    pub(crate) refused: u64,
    pub(crate) throttled: u64,
    pub(crate) poll_fails: u64,
    pub(crate) duplicate: u64,
    pub(crate) work_fails: u64,
    pub(crate) work_vanishes: u64,
    pub(crate) work_hangs: u64,
    pub(crate) asks: u64,
    pub(crate) mark: bool,
    pub(crate) cron: bool,
    /// How many DAGs have a schedule of every minute.
    pub(crate) ticks: u64,
    /// People change files, and ask for what that brings.
    pub(crate) changes: bool,
    /// How often the store refuses what is written of a night's run, and nothing else of the commit.
    pub(crate) refused_night: u64,
    /// How often a receiver takes no word, or its answer is lost.
    pub(crate) word_lost: u64,
    /// How often a file is changed.
    pub(crate) edits: u64,
}

impl Mix {
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        let some = |chance: &mut Chance, most: i64| -> u64 {
            if chance.hits(500) {
                chance.between(1, most).unsigned_abs()
            } else {
                0
            }
        };
        let engines = chance.pick(&[1, 2, 2, 3]);
        let faults: Vec<Fault> = Fault::ALL
            .into_iter()
            .filter(|_| chance.hits(500))
            .collect();
        let ttl = 15 * SECOND;
        Self {
            engines,
            slots: chance.pick(&[1, 2, 3, 16]),
            os_lock: engines == 1,
            ttl,
            margin: 2 * SECOND,
            heartbeat: 5 * SECOND,
            safety: chance.between(40, 240) * SECOND,
            liveness: 3 * HOUR,
            latency: chance.pick(&[5, 50, 500, 3_000]),
            stale: chance.pick(&[0, 1, 5, 20]) * SECOND,
            nemesis: chance.between(3, 60) * SECOND,
            years: faults.contains(&Fault::ClockJump) && chance.hits(300),
            faults,
            worst_moment: some(chance, 120),
            lost_commit_answer: some(chance, 120),
            late_commit: some(chance, 60),
            lost_answer: some(chance, 200),
            lost_request: some(chance, 200),
            refused: some(chance, 100),
            throttled: some(chance, 200),
            poll_fails: some(chance, 200),
            duplicate: some(chance, 200),
            work_fails: some(chance, 400),
            work_vanishes: some(chance, 100),
            work_hangs: some(chance, 150),
            asks: chance.between(1, 8).unsigned_abs(),
            mark: chance.hits(300),
            cron: false,
            ticks: 250,
            changes: false,
            word_lost: 0,
            refused_night: 0,
            edits: 0,
        }
    }

    /// A history in which people change files, and ask for what that brings.
    pub(crate) fn draw_for_changes(chance: &mut Chance) -> Self {
        let mut mix = Self::draw(chance);
        mix.changes = true;
        mix.safety = chance.between(120, 480) * SECOND;
        mix.refused_night = if chance.hits(600) { 300 } else { 0 };
        mix.word_lost = chance.pick(&[0, 100, 400]);
        mix.ticks = 600;
        mix.edits = chance.between(2, 12).unsigned_abs();
        mix.asks = chance.between(6, 24).unsigned_abs();
        mix.work_fails = mix.work_fails.max(150);
        mix
    }

    /// A long history of schedules, in which engines come and go.
    pub(crate) fn draw_for_schedules(chance: &mut Chance) -> Self {
        let mut mix = Self::draw(chance);
        mix.cron = true;
        mix.years = false;
        mix.safety = chance.between(60, 240) * MINUTE;
        mix.nemesis = chance.between(5, 30) * MINUTE;
        mix.heartbeat = 10 * SECOND;
        mix.liveness = HOUR + 20 * MINUTE;
        mix.work_hangs = 0;
        mix.latency = mix.latency.min(500);
        mix.asks = chance.between(0, 4).unsigned_abs();
        mix
    }
}

/// What has really struck, and what has really been done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Struck(pub BTreeMap<&'static str, u64>);

impl Struck {
    pub(crate) fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(crate) fn fault(&mut self, fault: Fault) {
        self.count(fault.word());
    }

    /// Adds the counts of another history.
    pub fn add(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    /// How often.
    #[must_use]
    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }
}
