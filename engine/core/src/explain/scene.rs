//! What is known around a run: the live runs side by side, as an engine sees them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use noctule_executor::Connection;

use super::{Holder, Known, Other, Pool, Rate};
use crate::dag::Dag;
use crate::name::RunId;
use crate::run::{AttemptState, Board, Instant, Limits, Phase, Run, TaskRun, TaskRunIx, TaskState};

type Live = HashMap<RunId, (Arc<Dag>, Run)>;

/// What all runs share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Shared {
    holding: Vec<Holder>,
    pools: Vec<Pool>,
    rates: Vec<Rate>,
}

/// What is known of other runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scene {
    shared: Arc<Shared>,
    ready_before: usize,
    running: Vec<Other>,
    queued_before: usize,
}

/// The live runs side by side, from which the scene of each of them is made.
#[derive(Debug, Clone, Default)]
pub struct Stage {
    live: Live,
    board: Board,
    shared: Arc<Shared>,
    /// How many ready tasks get a slot before the first of each run.
    before: HashMap<RunId, usize>,
}

impl Stage {
    /// The live runs, each with the version that it is pinned to.
    #[must_use]
    pub fn of(
        runs: Vec<(Arc<Dag>, Run)>,
        pools_of_project: &BTreeMap<String, u32>,
        connections: &BTreeMap<String, Connection>,
    ) -> Self {
        let mut live = Live::new();
        let mut board = Board::default();
        for (dag, run) in runs {
            board.look_run(&run);
            for ix in (0u32..).map(TaskRunIx).take(run.tasks.len()) {
                board.look(&dag, &run, ix);
            }
            live.insert(run.facts.id.clone(), (dag, run));
        }
        let mut holding: Vec<Holder> = board
            .holding()
            .iter()
            .filter_map(|(id, ix)| holder(live.get(id)?, *ix))
            .collect();
        holding.sort_by_key(|holder| holder.since);
        let shared = Shared {
            holding,
            pools: pools(&live, &board, pools_of_project),
            rates: rates(&live, connections),
        };
        Self {
            before: ready_before(&board, pools_of_project),
            shared: Arc::new(shared),
            live,
            board,
        }
    }

    /// One of them.
    #[must_use]
    pub fn run(&self, id: &RunId) -> Option<(&Dag, &Run)> {
        self.live.get(id).map(|(dag, run)| (&**dag, run))
    }

    /// What all of them are to one run.
    #[must_use]
    pub fn scene(&self, own: &Run) -> Scene {
        let Self { live, board, .. } = self;
        let (id, dag) = (&own.facts.id, &own.facts.dag);
        let running = board.running(dag).filter(|other| *other != id);
        let queued_before = board.queued(dag).take_while(|other| *other != id).count();
        Scene {
            shared: Arc::clone(&self.shared),
            ready_before: self.before.get(id).copied().unwrap_or(0),
            running: running.filter_map(|id| other(&live.get(id)?.1)).collect(),
            queued_before: if matches!(own.phase, Phase::Queued { .. }) {
                queued_before
            } else {
                0
            },
        }
    }
}

impl Scene {
    /// What the live runs, each with the version that it is pinned to, are to one run.
    #[must_use]
    pub fn of(
        runs: Vec<(Arc<Dag>, Run)>,
        own: &Run,
        pools_of_project: &BTreeMap<String, u32>,
        connections: &BTreeMap<String, Connection>,
    ) -> Self {
        Stage::of(runs, pools_of_project, connections).scene(own)
    }

    /// The same with what is known of the engine.
    #[must_use]
    pub fn known<'a>(
        &'a self,
        now: Instant,
        engine: Option<&'a str>,
        slots: usize,
        say: &'a dyn Fn(Instant) -> String,
    ) -> Known<'a> {
        Known {
            now,
            engine,
            slots,
            holding: &self.shared.holding,
            pools: &self.shared.pools,
            rates: &self.shared.rates,
            ready_before: self.ready_before,
            running: &self.running,
            queued_before: self.queued_before,
            say,
        }
    }
}

fn holder((dag, run): &(Arc<Dag>, Run), ix: TaskRunIx) -> Option<Holder> {
    let task = run.tasks.get(ix.index())?;
    let attempt = task.live()?;
    let since = match &attempt.state {
        AttemptState::Running(work) => work.launched_at,
        _ => attempt.intended_at,
    };
    Some(named(dag, run, ix, since))
}

fn named(dag: &Dag, run: &Run, ix: TaskRunIx, since: Instant) -> Holder {
    Holder {
        run: run.facts.id.to_string(),
        dag: run.facts.dag.to_string(),
        task: run.name_of(dag, ix),
        since,
    }
}

/// Each pool of the project, who holds it and who is first in line.
fn pools(live: &Live, board: &Board, sizes: &BTreeMap<String, u32>) -> Vec<Pool> {
    let pool = |(name, slots): (&String, &u32)| {
        let held = board.holding_of(name);
        let mut held: Vec<(Holder, u32)> = held
            .iter()
            .filter_map(|((id, ix), slots)| Some((holder(live.get(id)?, *ix)?, *slots)))
            .collect();
        held.sort_by_key(|(holder, _)| holder.since);
        let first = board.first_of_pool(name, *slots);
        let first = first.and_then(|((id, ix), slots)| {
            let (dag, run) = live.get(&id)?;
            let task = run.tasks.get(ix.index())?;
            let TaskState::Ready { since } = task.state else {
                return None;
            };
            Some((named(dag, run, ix, since), slots))
        });
        Pool {
            name: name.clone(),
            slots: Some(*slots),
            held,
            first,
        }
    };
    sizes.iter().map(pool).collect()
}

fn other(run: &Run) -> Option<Other> {
    let Phase::Running { started_at, .. } = run.phase else {
        return None;
    };
    Some(Other {
        run: run.facts.id.to_string(),
        since: started_at,
    })
}

/// The connections with a rate for launches, and how many are being launched through each.
fn rates(live: &Live, connections: &BTreeMap<String, Connection>) -> Vec<Rate> {
    let launching = |name: &str| {
        let tasks = live.values().flat_map(|(_, run)| &run.tasks);
        let attempts = tasks.filter_map(TaskRun::live);
        attempts
            .filter(|attempt| attempt.prepared.connection.as_deref() == Some(name))
            .filter(|attempt| matches!(attempt.state, AttemptState::Launching(_)))
            .count()
    };
    let rate = |(name, connection): (&String, &Connection)| {
        Some(Rate {
            connection: name.clone(),
            launch: connection
                .settings
                .get("rate")?
                .get("launch")?
                .as_str()?
                .to_owned(),
            launching: launching(name),
        })
    };
    connections.iter().filter_map(rate).collect()
}

/// How many ready tasks of other runs get a slot before any of a run.
fn ready_before(board: &Board, pools: &BTreeMap<String, u32>) -> HashMap<RunId, usize> {
    let limits = Limits { slots: 0, pools };
    let mut before = HashMap::new();
    for (place, (run, _)) in board.in_line(limits).into_iter().enumerate() {
        before.entry(run).or_insert(place);
    }
    before
}
