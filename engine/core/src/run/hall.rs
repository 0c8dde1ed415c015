//! One handing out of slots over a line: by priority, a turn for each run and then the next, as far as pools have room.
//!
//! It costs what is handed out and the number of priorities and pools, whatever the length of the line.

use std::cmp::Reverse;
use std::collections::btree_set::Iter;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::line::{Admission, Group, Line, Turn};
use super::state::{Instant, TaskRunIx};
use crate::dag::DEFAULT_POOL;
use crate::name::RunId;

/// One handing out of slots: what is given in it counts as held at once.
pub(super) struct Hall<'l> {
    line: &'l Line,
    pools: &'l BTreeMap<String, u32>,
    /// What is left of each pool that was asked for; none: its first in line did not fit.
    rooms: BTreeMap<Arc<str>, Option<u32>>,
    /// Who had a turn in it already, and in which order.
    served: HashMap<(&'l RunId, Arc<str>), usize>,
    free: usize,
    admission: Admission,
}

/// The next task of one run in one group; the order is that of turns.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Next<'l> {
    /// Its run's last turn in this handing out; 0: none yet, and then the stored turn counts.
    served: usize,
    after: Option<Instant>,
    since: Instant,
    run: &'l RunId,
    ix: TaskRunIx,
    group: usize,
    /// It stands for the next run of its group, too.
    fresh: bool,
}

impl<'l> Hall<'l> {
    /// So many slots are free.
    pub(super) fn new(line: &'l Line, pools: &'l BTreeMap<String, u32>, free: usize) -> Self {
        Self {
            line,
            pools,
            rooms: BTreeMap::new(),
            served: HashMap::new(),
            free,
            admission: Admission::default(),
        }
    }

    /// Every slot is given out.
    pub(super) fn is_full(&self) -> bool {
        self.free == 0
    }

    /// Who got one.
    pub(super) fn admission(self) -> Admission {
        self.admission
    }

    /// Serves the groups of one priority, a turn for each run and then the next.
    pub(super) fn serve(&mut self, equals: &[(&'l Group, &'l BTreeSet<Turn>)]) {
        let mut fresh: Vec<Iter<'l, Turn>> = equals.iter().map(|(_, turns)| turns.iter()).collect();
        let mut heap = BinaryHeap::new();
        for (at, (group, _)) in equals.iter().enumerate() {
            if self.size(&group.1) >= group.2 {
                heap.extend(next_run(&mut fresh, at));
            }
        }
        while self.free > 0
            && let Some(Reverse(next)) = heap.pop()
        {
            self.admission.looked += 1;
            let group = equals[next.group].0;
            let served = self.served.get(&(next.run, group.1.clone()));
            let served = served.copied().unwrap_or(0);
            if next.fresh && served > 0 {
                heap.extend(next_run(&mut fresh, next.group));
            }
            if served != next.served {
                heap.push(Reverse(next.again(served)));
                continue;
            }
            if !self.enter(group) {
                continue;
            }
            let order = self.admission.places.len() + 1;
            self.admission.places.push((next.run.clone(), next.ix));
            self.served.insert((next.run, group.1.clone()), order);
            self.free -= 1;
            if next.fresh {
                heap.extend(next_run(&mut fresh, next.group));
            }
            heap.extend(self.next_task(group, &next, order).map(Reverse));
        }
    }

    fn next_task(&self, group: &Group, next: &Next<'l>, served: usize) -> Option<Next<'l>> {
        let after = (Bound::Excluded((next.since, next.ix)), Bound::Unbounded);
        let party = self
            .line
            .parties
            .get(&(next.run.clone(), group.1.clone()))?;
        let tasks = party.ready.get(&(group.0, group.2))?;
        let (since, ix) = *tasks.range(after).next()?;
        Some(Next {
            since,
            ix,
            ..next.again(served)
        })
    }

    fn size(&self, pool: &str) -> u32 {
        match pool {
            DEFAULT_POOL => u32::MAX,
            named => self.pools.get(named).copied().unwrap_or(0),
        }
    }

    /// Takes room in the group's pool. Once one did not fit, the pool is closed to whoever comes after.
    fn enter(&mut self, group: &Group) -> bool {
        let (_, pool, slots) = group;
        if &**pool == DEFAULT_POOL {
            return true;
        }
        let room = match self.rooms.get(pool) {
            Some(room) => *room,
            None => {
                let held = self.line.pools.get(pool).into_iter().flatten();
                let held: u64 = held.map(|(_, slots)| u64::from(*slots)).sum();
                let left = u64::from(self.size(pool)).saturating_sub(held);
                Some(u32::try_from(left).unwrap_or(u32::MAX))
            }
        };
        let left = room.and_then(|room| room.checked_sub(*slots));
        self.rooms.insert(pool.clone(), left);
        left.is_some()
    }
}

impl<'l> Next<'l> {
    /// The same behind whoever has had no turn since.
    fn again(&self, served: usize) -> Self {
        Self {
            served,
            after: None,
            fresh: false,
            ..*self
        }
    }
}

/// The next run of a group, by its stored turn.
fn next_run<'l>(fresh: &mut [Iter<'l, Turn>], group: usize) -> Option<Reverse<Next<'l>>> {
    let turn = fresh[group].next()?;
    Some(Reverse(Next {
        served: 0,
        after: Some(turn.after),
        since: turn.since,
        run: &turn.run,
        ix: turn.first,
        group,
        fresh: true,
    }))
}
