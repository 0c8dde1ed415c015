//! The night as one answer, and what is under way now: for the page, for programs, and for the terminal, which are told the
//! same by the same functions.
//!
//! Guarantees: whoever is limited to some DAGs is told of no other, and of no room that all DAGs share.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use axum::response::Response;
use chrono::{DateTime, Utc};
use noctule_core::access::Scope;
use noctule_core::dag::Dag;
use noctule_core::explain::{Gate, Stage};
use noctule_core::name::RunId;
use noctule_core::run::{Instant, Phase, Run, TaskState, holds_slot};
use noctule_core::tonight::{Known, Night, REACH, Surrounded, needs_of_run, work};
use noctule_core::view::{RoomView, RunHead, TonightView, WorkItem, WorkView};
use noctule_executor::Connection;
use noctule_store::{DagRecord, RunFilter, RunSummary};

use crate::access::{Need, Role, Scoped};
use crate::operation::{Call, Nothing, Operation, Verb, found};
use crate::problem::{Code, Problem};
use crate::web::Web;

/// Runs that are read of the past.
const RUNS: u32 = 2_000;
/// Runs under way that are read.
const LIVE: u32 = 500;
/// Failed runs of which is read what nobody knows, newest first.
const ASKED: usize = 20;

/// `GET /api/v1/tonight`.
pub(crate) struct Tonight;
/// `GET /api/v1/work`.
pub(crate) struct Work;

/// What of a project bounds its work.
#[derive(Debug, Clone, Default)]
pub struct Rooms {
    /// The sizes of its pools.
    pub pools: BTreeMap<String, u32>,
    /// Its connections.
    pub connections: BTreeMap<String, Connection>,
}

impl Operation for Tonight {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/tonight";
    const NEED: Need = Need::Role(Role::Viewer);
    const SCOPED: Scoped = Scoped::Filtered;
    const NAME: &'static str = "tonight";
    const SUMMARY: &'static str =
        "What is late, stands failed, wants a person, is under way, and comes";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = TonightView;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let night = web.night(call.caller.limits()).await?;
        found(&TonightView::of(&night, web.holder().await?))
    }
}

impl Operation for Work {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/work";
    const NEED: Need = Need::Role(Role::Viewer);
    const SCOPED: Scoped = Scoped::Filtered;
    const NAME: &'static str = "work";
    const SUMMARY: &'static str = "Every task that is under way or may begin, with what it waits for, and the rooms they share";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = WorkView;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let around = web.engine().and_then(|engine| Ok(engine.surroundings()?));
        let rooms = around.map_or_else(
            |_| Rooms::default(),
            |around| Rooms {
                pools: around.pools.as_ref().clone(),
                connections: around.desk.connections.clone(),
            },
        );
        found(&web.under_way(&rooms, call.caller.limits()).await?)
    }
}

impl Web {
    /// The night of the DAGs in a scope; none: of every DAG.
    pub(crate) async fn night(&self, scope: Option<&Scope>) -> Result<Night, Problem> {
        let now = self.now();
        let (runs, cut) = self.runs_of_night(now, scope).await?;
        let mut known = Vec::new();
        for record in self.store().dag_records().await? {
            if scope.is_none_or(|scope| scope.holds(record.dag.as_str())) {
                known.push(self.known(record).await?);
            }
        }
        let head = |run: &RunSummary| RunHead::of(&run.facts, run.round, &run.phase);
        let heads: Vec<RunHead> = runs.iter().map(head).collect();
        let mut night = Night::of(now, self.settings().zone, known, &heads);
        night.cut = cut;
        let mut live = self.live(scope).await?;
        night.expect(live.values().map(|(dag, run)| (&**dag, run)));
        // What nobody knows is not settled by a later run that went well.
        let is_bad = |head: &&RunHead| matches!(head.state, "failed" | "timed_out");
        let mut asked: Vec<&RunHead> = heads.iter().filter(is_bad).take(ASKED).collect();
        asked.extend(&night.live);
        let mut needs = Vec::new();
        for head in asked {
            let Ok(id) = head.id.parse::<RunId>() else {
                continue;
            };
            let story = match live.remove(&id) {
                Some(story) => Some(story),
                None => self.whole(&id).await?,
            };
            if let Some((dag, run)) = story {
                needs.extend(needs_of_run(&dag, &run));
            }
        }
        needs.append(&mut night.needs);
        night.needs = needs;
        Ok(night)
    }

    async fn known(&self, record: DagRecord) -> Result<Known, Problem> {
        let (version, decided) = (record.version.clone(), record.considered_until);
        let view = self.dag_view(record).await?;
        let dag = match &version {
            Some(hash) => Some(self.dag(hash).await?),
            None => None,
        };
        Ok(Known { view, dag, decided })
    }

    /// A run with all its tasks; none: it was forgotten meanwhile.
    async fn whole(&self, id: &RunId) -> Result<Option<(Arc<Dag>, Run)>, Problem> {
        let Some(run) = self.store().run(id).await? else {
            return Ok(None);
        };
        Ok(Some((self.dag(&run.facts.version).await?, run)))
    }

    /// The runs under way, with their tasks.
    async fn live(
        &self,
        scope: Option<&Scope>,
    ) -> Result<BTreeMap<RunId, (Arc<Dag>, Run)>, Problem> {
        let mut live = BTreeMap::new();
        for run in self.store().live_runs().await? {
            if scope.is_none_or(|scope| scope.holds(run.facts.dag.as_str())) {
                let dag = self.dag(&run.facts.version).await?;
                live.insert(run.facts.id.clone(), (dag, run));
            }
        }
        Ok(live)
    }

    /// Runs of the past day, and all that are under way, newest first; and whether there were more.
    async fn runs_of_night(
        &self,
        now: DateTime<Utc>,
        scope: Option<&Scope>,
    ) -> Result<(Vec<RunSummary>, bool), Problem> {
        let since = RunFilter {
            among: scope.cloned(),
            since: Some(now - REACH),
            limit: RUNS,
            ..RunFilter::default()
        };
        let mut runs = self.store().find_runs(&since).await?;
        let mut cut = runs.len() >= RUNS as usize;
        let known: HashSet<RunId> = runs.iter().map(|run| run.facts.id.clone()).collect();
        for state in ["running", "queued"] {
            let filter = RunFilter {
                among: scope.cloned(),
                state: Some(state.to_owned()),
                limit: LIVE,
                ..RunFilter::default()
            };
            let older = self.store().find_runs(&filter).await?;
            cut |= older.len() >= LIVE as usize;
            let new = older
                .into_iter()
                .filter(|run| !known.contains(&run.facts.id));
            runs.extend(new);
        }
        // Of earlier days, and retried or ended only tonight.
        for state in ["failed", "timed_out"] {
            let filter = RunFilter {
                among: scope.cloned(),
                state: Some(state.to_owned()),
                limit: LIVE,
                ..RunFilter::default()
            };
            let ended = self.store().find_runs(&filter).await?;
            runs.extend(ended.into_iter().filter(|run| {
                ended_at(run).is_some_and(|at| at >= now - REACH) && !known.contains(&run.facts.id)
            }));
        }
        runs.sort_by_key(|run| std::cmp::Reverse(run.facts.created_at));
        Ok((runs, cut))
    }

    /// What is under way in a scope, and the rooms that it shares with all the rest.
    pub(crate) async fn under_way(
        &self,
        rooms: &Rooms,
        scope: Option<&Scope>,
    ) -> Result<WorkView, Problem> {
        let now = self.now();
        let live = self.live(None).await?;
        let mut shown: Vec<(Instant, RunId)> = live
            .values()
            .filter(|(_, run)| scope.is_none_or(|scope| scope.holds(run.facts.dag.as_str())))
            .map(|(_, run)| (run.facts.created_at, run.facts.id.clone()))
            .collect();
        shown.sort();
        let ids: Vec<RunId> = shown.into_iter().map(|(_, id)| id).collect();
        let slots = self.settings().slots;
        let (held, pools) = held(live.values(), &rooms.pools);
        let stage = Stage::of(
            live.into_values().collect(),
            &rooms.pools,
            &rooms.connections,
        );
        let engine = self.holder().await?;
        let zone = self.settings().zone;
        let of_all = scope.is_none();
        let (runs, holder) = (ids.len(), engine.clone());
        // The engine is not to wait for it.
        let told = tokio::task::spawn_blocking(move || {
            let say = |at: Instant| {
                let local = at.with_timezone(&zone);
                local.format("%Y-%m-%d %H:%M:%S %Z").to_string()
            };
            let around = Surrounded {
                now,
                engine: holder.as_deref(),
                slots,
                say: &say,
            };
            work(&stage, &ids, around)
        });
        let (mut items, cut) = told.await.map_err(|error| {
            tracing::error!(%error, "what is under way could not be told");
            Problem::new(Code::Internal, "what is under way could not be told")
        })?;
        if !of_all {
            items.iter_mut().for_each(tell_of_no_other);
        }
        Ok(WorkView {
            at: now,
            runs,
            items,
            cut,
            slots: of_all.then(|| RoomView {
                name: "slots".to_owned(),
                held,
                size: u64::try_from(slots).ok(),
            }),
            pools: if of_all { pools } else { Vec::new() },
            engine,
        })
    }
}

/// What waits for a room says who is in it: to whoever is limited to some DAGs, only that it waits.
fn tell_of_no_other(item: &mut WorkItem) {
    let room = match item.gate {
        Gate::Slot => "a slot",
        Gate::Pool => "room in its pool",
        _ => return,
    };
    item.text = format!("waits for {room}");
    item.next = None;
}

fn ended_at(run: &RunSummary) -> Option<Instant> {
    match run.phase {
        Phase::Ended { at, .. } => Some(at),
        _ => None,
    }
}

/// Slots that are held, and every pool with what is held of it.
fn held<'a>(
    live: impl Iterator<Item = &'a (Arc<Dag>, Run)>,
    sizes: &BTreeMap<String, u32>,
) -> (u64, Vec<RoomView>) {
    let mut slots = 0;
    let sized = |(name, size): (&String, &u32)| (name.clone(), (0, Some(u64::from(*size))));
    let mut pools: BTreeMap<String, (u64, Option<u64>)> = sizes.iter().map(sized).collect();
    for (dag, run) in live {
        for task in &run.tasks {
            if !matches!(task.state, TaskState::Active) {
                continue;
            }
            slots += u64::from(task.attempts.last().is_some_and(holds_slot));
            let pool = &task.definition(dag).pool;
            if !pool.is_default() {
                pools.entry(pool.name.to_string()).or_default().0 += u64::from(pool.slots);
            }
        }
    }
    let room = |(name, (held, size))| RoomView { name, held, size };
    (slots, pools.into_iter().map(room).collect())
}

/// The night of every DAG, without a request: for whoever has the store.
///
/// # Errors
/// The store cannot be read.
pub async fn tonight(web: &Web) -> Result<TonightView, crate::WebError> {
    let night = web.night(None).await.map_err(unread)?;
    let engine = web.holder().await.map_err(unread)?;
    Ok(TonightView::of(&night, engine))
}

/// What is under way, without a request.
///
/// # Errors
/// The store cannot be read.
pub async fn under_way(web: &Web, rooms: &Rooms) -> Result<WorkView, crate::WebError> {
    web.under_way(rooms, None).await.map_err(unread)
}

fn unread(problem: Problem) -> crate::WebError {
    crate::WebError::Unread(problem.detail)
}
