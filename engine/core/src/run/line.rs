//! The line: which ready tasks wait for a slot and for room in their pool, and who goes next.
//!
//! Runs that are for no backfill first, then priority. Among equals the runs take turns: next is the run that has gone
//! longest without one, so a thousand items of one run delay the task of another by one turn. A task that does not fit its pool keeps its place: nothing of its
//! priority or less in the same pool passes it, so the room it needs comes together; other pools go on.
//!
//! An index of live state, never a second truth: held slots are the live attempts, a run's last turn is the latest intent
//! of its attempts. Looking twice, or building it anew, gives the same line.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::activity::holds_slot;
use super::hall::Hall;
use super::state::{Instant, TaskRun, TaskRunIx, TaskState};
use crate::dag::{PoolUse, TaskDefinition};
use crate::name::RunId;
use crate::planted::{self, Bug};

pub(super) type Place = (RunId, TaskRunIx);

static NO_POOLS: BTreeMap<String, u32> = BTreeMap::new();

/// What may be under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits<'a> {
    /// Attempts that may hold a slot.
    pub slots: usize,
    /// How large each pool is now; one that is not here has no room.
    pub pools: &'a BTreeMap<String, u32>,
}

impl Limits<'static> {
    /// So many slots, and no pool but the default one.
    #[must_use]
    pub fn of_slots(slots: usize) -> Self {
        Self {
            slots,
            pools: &NO_POOLS,
        }
    }
}

/// How a run stands to the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lane {
    /// It is under way.
    pub(super) begun: bool,
    /// It is for a backfill: all others go before it.
    pub(super) yields: bool,
}

/// Who goes first: runs that are for no backfill, then by priority.
pub(super) type Rank = (bool, Reverse<i64>);

/// What one task run is to the line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Standing {
    pool: PoolUse,
    /// Its rank, and since when it is ready.
    ready: Option<(Rank, Instant)>,
    /// When it last got a slot.
    served: Option<Instant>,
    slot: bool,
    live: bool,
}

/// Ready tasks, the oldest first.
pub(super) type Ready = BTreeSet<(Instant, TaskRunIx)>;

/// One run in one pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Party {
    served: BTreeSet<(Instant, TaskRunIx)>,
    pub(super) ready: BTreeMap<(Rank, u32), Ready>,
}

/// Ready tasks of one rank that take the same of the same pool.
pub(super) type Group = (Rank, Arc<str>, u32);

/// When it is a run's turn: the older, the sooner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    /// Its last turn, or since when it is ready if that is later.
    pub(super) after: Instant,
    pub(super) since: Instant,
    pub(super) run: RunId,
    /// The first of its tasks.
    pub(super) first: TaskRunIx,
}

/// The index.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Line {
    standings: HashMap<Place, Standing>,
    pub(super) parties: HashMap<(RunId, Arc<str>), Party>,
    turns: BTreeMap<Group, BTreeSet<Turn>>,
    slots: BTreeSet<Place>,
    pub(super) pools: BTreeMap<Arc<str>, BTreeMap<Place, u32>>,
}

/// Who gets a slot, and how many places were looked at for it.
#[derive(Debug, Default)]
pub(super) struct Admission {
    pub(super) places: Vec<Place>,
    pub(super) looked: usize,
}

impl Standing {
    fn of(task: &TaskDefinition, run: &TaskRun, lane: Lane) -> Option<Self> {
        let rank = (lane.yields, Reverse(task.priority));
        let ready = match &run.state {
            TaskState::Ready { since } if lane.begun => Some((rank, *since)),
            _ => None,
        };
        let served = run.attempts.last().map(|attempt| attempt.intended_at);
        let live = run.live();
        (ready.is_some() || served.is_some()).then(|| Self {
            pool: task.pool.clone(),
            ready,
            served,
            slot: live.is_some_and(holds_slot),
            live: live.is_some(),
        })
    }
}

impl Party {
    fn turns(&self, run: &RunId) -> impl Iterator<Item = ((Rank, u32), Turn)> {
        let served = self.served.last().map(|(at, _)| *at);
        self.ready.iter().filter_map(move |(key, tasks)| {
            let (since, first) = *tasks.first()?;
            let turn = Turn {
                after: served.map_or(since, |served| served.max(since)),
                since,
                run: run.clone(),
                first,
            };
            Some((*key, turn))
        })
    }

    fn put(&mut self, ix: TaskRunIx, standing: &Standing) {
        if let Some((rank, since)) = standing.ready {
            let key = (rank, standing.pool.slots);
            self.ready.entry(key).or_default().insert((since, ix));
        }
        self.served.extend(standing.served.map(|at| (at, ix)));
    }

    fn take(&mut self, ix: TaskRunIx, standing: &Standing) {
        if let Some((rank, since)) = standing.ready {
            let key = (rank, standing.pool.slots);
            if let Some(tasks) = self.ready.get_mut(&key) {
                tasks.remove(&(since, ix));
                if tasks.is_empty() {
                    self.ready.remove(&key);
                }
            }
        }
        if let Some(at) = standing.served {
            self.served.remove(&(at, ix));
        }
    }

    fn is_empty(&self) -> bool {
        self.served.is_empty() && self.ready.is_empty()
    }
}

impl Line {
    /// Looks at one task run again.
    pub(super) fn look(&mut self, place: Place, task: &TaskDefinition, run: &TaskRun, lane: Lane) {
        let now = Standing::of(task, run, lane);
        if self.standings.get(&place) == now.as_ref() {
            return;
        }
        self.forget(&place);
        let Some(now) = now else { return };
        self.within(&place.0, &now.pool.name, |party| party.put(place.1, &now));
        let launching = run.live().is_some_and(|attempt| {
            matches!(attempt.state, super::attempt::AttemptState::Launching(_))
        });
        if now.slot && !(launching && planted::is(Bug::SlotIsNotCounted)) {
            self.slots.insert(place.clone());
        }
        if now.live && !now.pool.is_default() && !planted::is(Bug::PoolIsNotCounted) {
            let held = self.pools.entry(now.pool.name.clone()).or_default();
            held.insert(place.clone(), now.pool.slots);
        }
        self.standings.insert(place, now);
    }

    /// Counts what a task run holds of its pool, of a run that nobody here acts on.
    pub(super) fn look_from_afar(&mut self, place: Place, task: &TaskDefinition, run: &TaskRun) {
        if run.live().is_some() && !task.pool.is_default() {
            let held = self.pools.entry(task.pool.name.clone()).or_default();
            held.insert(place, task.pool.slots);
        }
    }

    /// Forgets one task run.
    pub(super) fn forget(&mut self, place: &Place) {
        let Some(old) = self.standings.remove(place) else {
            return;
        };
        self.within(&place.0, &old.pool.name, |party| party.take(place.1, &old));
        if !planted::is(Bug::SlotLeaks) {
            self.slots.remove(place);
        }
        if let Some(held) = self.pools.get_mut(&old.pool.name) {
            held.remove(place);
            if held.is_empty() {
                self.pools.remove(&old.pool.name);
            }
        }
    }

    /// Changes a party, and its turns with it.
    fn within(&mut self, run: &RunId, pool: &Arc<str>, change: impl FnOnce(&mut Party)) {
        let mut party = self
            .parties
            .remove(&(run.clone(), pool.clone()))
            .unwrap_or_default();
        for ((rank, slots), turn) in party.turns(run) {
            let group = (rank, pool.clone(), slots);
            if let Some(turns) = self.turns.get_mut(&group) {
                turns.remove(&turn);
                if turns.is_empty() {
                    self.turns.remove(&group);
                }
            }
        }
        change(&mut party);
        for ((rank, slots), turn) in party.turns(run) {
            let group = (rank, pool.clone(), slots);
            self.turns.entry(group).or_default().insert(turn);
        }
        if !party.is_empty() {
            self.parties.insert((run.clone(), pool.clone()), party);
        }
    }

    /// The tasks that get a slot now.
    pub(super) fn admissible(&self, limits: Limits<'_>) -> Admission {
        let free = limits.slots.saturating_sub(self.slots.len());
        self.admit(free, limits.pools)
    }

    /// Every ready task that its pool has room for, in the order in which they get slots.
    pub(super) fn in_line(&self, limits: Limits<'_>) -> Vec<Place> {
        self.admit(usize::MAX, limits.pools).places
    }

    fn admit(&self, free: usize, pools: &BTreeMap<String, u32>) -> Admission {
        let mut hall = Hall::new(self, pools, free);
        let mut groups = self.turns.iter().peekable();
        while let Some((group, turns)) = groups.next() {
            let rank = group.0;
            let mut equals = vec![(group, turns)];
            while let Some(more) = groups.next_if(|(group, _)| group.0 == rank) {
                equals.push(more);
            }
            if hall.is_full() {
                break;
            }
            hall.serve(&equals);
        }
        hall.admission()
    }

    /// The task that gets the next room of a pool of this size.
    pub(super) fn first_of_pool(&self, pool: &str, size: u32) -> Option<(Place, u32)> {
        let fits = |group: &&Group| &*group.1 == pool && group.2 <= size;
        let best = self.turns.keys().find(fits)?.0;
        let equals = self
            .turns
            .iter()
            .filter(|(group, _)| fits(group) && group.0 == best);
        let (turn, group) = equals
            .filter_map(|(group, turns)| Some((turns.first()?, group)))
            .min()?;
        Some(((turn.run.clone(), turn.first), group.2))
    }

    /// Who holds how much of a pool.
    pub(super) fn holding_of(&self, pool: &str) -> Vec<(Place, u32)> {
        let held = self.pools.get(pool).into_iter().flatten();
        held.map(|(place, slots)| (place.clone(), *slots)).collect()
    }

    /// Who holds a slot.
    pub(super) fn holding(&self) -> Vec<Place> {
        self.slots.iter().cloned().collect()
    }

    /// How many tasks are ready.
    pub(super) fn waiting(&self) -> usize {
        let parties = self.parties.values();
        parties
            .flat_map(|party| party.ready.values())
            .map(BTreeSet::len)
            .sum()
    }
}
