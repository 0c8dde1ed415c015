//! `retry`, `cancel` and `mark` over many runs: the plan first, then each run as an ask of its own.
//!
//! Guarantees: what was shown is what is asked for; a run that is refused stops no other, and is told at the end.

use std::collections::BTreeSet;
use std::time::Duration;

use noctule_core::ask::{Ask, Wish};
use noctule_core::backfill::Range;
use noctule_core::many::Act;
use noctule_core::name::{DagId, RunId, TaskTarget};
use noctule_core::run::{RetryScope, Verdict};
use noctule_core::ticks::IngestionId;
use noctule_core::view::{ManyOutcome, ManyRun, ManyView};
use noctule_store::{RunSummary, Selection, Store};

use super::asking::{ANSWER, actor};
use super::following::ask_and_wait;
use super::many_shown::{announce, confirmed, print, tell};
use crate::args::{Format, ManyArgs, MarkArgs};
use crate::console::remark;
use crate::error::CliError;
use crate::exit::Exit;
use crate::looking::pinned;
use crate::output::{document, printable};
use crate::project::OpenProject;
use crate::server::Server;
use crate::surface::Surface;
use crate::times::{self, Zone};

/// The most runs of one command, as of one request to a server.
const RUNS: usize = 1_000;
/// How often it is looked whether one of those that were asked for is over.
const LOOK: Duration = Duration::from_secs(1);

/// An act over many runs, as it was typed.
pub(super) struct Many {
    args: ManyArgs,
    act: Act,
    reason: Option<String>,
    dry_run: bool,
}

/// Whom is asked.
enum Way {
    Store(Box<Here>),
    Server(Server),
}

/// The project and its store.
struct Here {
    open: OpenProject,
    store: Store,
    attended: bool,
}

/// Reads the names of tasks that many runs may have.
pub(super) fn targets(names: &[String]) -> Result<Vec<TaskTarget>, CliError> {
    let read = |name: &String| {
        let wrong = |_| CliError::usage(format!("`{}` is no name of a task", printable(name)));
        name.parse().map_err(wrong)
    };
    names.iter().map(read).collect()
}

/// The words of `mark`: the run, unless there are many, the task, and how it ended.
pub(super) fn marked(args: &MarkArgs) -> Result<(Option<&str>, &str, Verdict), CliError> {
    let (run, task, state) = match (args.words.as_slice(), args.many.dag.is_some()) {
        ([run, task, state], false) => (Some(run.as_str()), task, state),
        ([task, state], true) => (None, task, state),
        (_, false) => return Err(CliError::usage("name the run, the task, and how it ended")),
        (_, true) => {
            return Err(CliError::usage(
                "with --dag, name the task and how it ended",
            ));
        }
    };
    let verdict = match state.as_str() {
        "succeeded" => Verdict::Succeeded,
        "failed" => Verdict::Failed,
        "skipped" => Verdict::Skipped,
        other => {
            let other = printable(other);
            let error = CliError::usage(format!("a task cannot be marked `{other}`"));
            return Err(error.help("it can be succeeded, failed or skipped"));
        }
    };
    Ok((run, task, verdict))
}

/// The scope of a retry of many.
pub(super) fn scope(tasks: &[String], downstream: bool, all: bool) -> Result<RetryScope, CliError> {
    Ok(RetryScope {
        tasks: targets(tasks)?,
        downstream,
        all,
    })
}

impl Many {
    pub(super) fn new(args: ManyArgs, act: Act, reason: Option<String>, dry_run: bool) -> Self {
        Self {
            args,
            act,
            reason,
            dry_run,
        }
    }

    /// Plans, and does it if it is to be done.
    pub(super) async fn act(self, surface: &Surface) -> Result<Exit, CliError> {
        let args = &self.args;
        let named = args.from.is_some() || args.state.is_some() || !args.ingestion_id.is_empty();
        if !named {
            return Err(CliError::usage(
                "--dag: say which of its runs, with --from and --to, --state or --ingestion-id",
            ));
        }
        let way = match Server::of(surface)? {
            Some(server) => Way::Server(server),
            None => Way::Store(Box::new(Here::open(surface).await?)),
        };
        let plan = way.plan(&self, surface).await?;
        if plan.runs.is_empty() {
            return Err(CliError::not_found("no run fits"));
        }
        if self.dry_run {
            print(surface, &plan)?;
            return Ok(Exit::Success);
        }
        let count = plan.count(ManyOutcome::Planned);
        announce(&plan);
        if count == 0 {
            let error = CliError::conflict("there is nothing to do for any of these runs");
            return Err(error.help("`--dry-run` says why, for each"));
        }
        confirmed(surface, args.yes, &format!("{} {count} runs?", self.verb()))?;
        let (done, exit) = self.each(&way, plan, surface).await?;
        if surface.format() == Format::Table {
            tell(&done);
        } else {
            document(surface.format(), &done)?;
        }
        Ok(exit)
    }

    fn verb(&self) -> &'static str {
        match self.act {
            Act::Retry(_) => "retry",
            Act::Cancel => "cancel",
            Act::Mark { .. } => "mark the task of",
        }
    }

    async fn each(
        &self,
        way: &Way,
        plan: ManyView,
        surface: &Surface,
    ) -> Result<(ManyView, Exit), CliError> {
        let mut exit = Exit::Success;
        let mut live = BTreeSet::new();
        let mut runs = Vec::with_capacity(plan.runs.len());
        for planned in plan.runs {
            if planned.outcome != ManyOutcome::Planned {
                runs.push(planned);
                continue;
            }
            let run: RunId = planned
                .run
                .parse()
                .map_err(|_| CliError::unreachable("a run without a name"))?;
            self.wait_for_room(way, &mut live).await?;
            let refused = way.ask(self, &run, surface).await.err();
            if let Some(error) = &refused {
                exit = worse(exit, error.exit());
            } else {
                live.insert(run);
            }
            runs.push(planned.asked(refused.map(|error| error.to_string())));
        }
        let done = ManyView {
            runs,
            dry_run: false,
        };
        Ok((done, exit))
    }

    /// Waits until fewer than `--max-parallel` of those that were asked for are under way.
    async fn wait_for_room(&self, way: &Way, live: &mut BTreeSet<RunId>) -> Result<(), CliError> {
        let Some(most) = self.args.max_parallel else {
            return Ok(());
        };
        loop {
            let mut over = Vec::new();
            if live.len() >= most as usize {
                for run in live.iter() {
                    if way.is_over(run).await? {
                        over.push(run.clone());
                    }
                }
            }
            over.iter().for_each(|run| {
                live.remove(run);
            });
            if live.len() < most as usize {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// The graver of two exit codes.
pub(super) fn worse(one: Exit, other: Exit) -> Exit {
    if (other as u8) > (one as u8) {
        other
    } else {
        one
    }
}

impl Way {
    async fn plan(&self, many: &Many, surface: &Surface) -> Result<ManyView, CliError> {
        match self {
            Self::Store(here) => here.plan(many, surface).await,
            Self::Server(server) => {
                let which = which(&many.args)?;
                server
                    .many(dag_id(&many.args)?.as_str(), &many.act, which, None, true)
                    .await
            }
        }
    }

    async fn ask(&self, many: &Many, run: &RunId, surface: &Surface) -> Result<(), CliError> {
        match self {
            Self::Store(here) => here.ask(many, run, surface).await,
            Self::Server(server) => {
                let which = noctule_web::Which {
                    runs: vec![run.to_string()],
                    ..noctule_web::Which::default()
                };
                let dag = dag_id(&many.args)?;
                let reason = many.reason.clone();
                let done = server
                    .many(dag.as_str(), &many.act, which, reason, false)
                    .await?;
                match done.runs.into_iter().next() {
                    Some(run) if run.outcome == ManyOutcome::Done => Ok(()),
                    Some(run) => Err(CliError::conflict(run.why.unwrap_or_default())),
                    None => Err(CliError::not_found(format!("there is no run {run}"))),
                }
            }
        }
    }

    async fn is_over(&self, run: &RunId) -> Result<bool, CliError> {
        Ok(match self {
            Self::Store(here) => {
                let summary = here.store.summary(run).await?;
                summary
                    .is_none_or(|run| matches!(run.phase, noctule_core::run::Phase::Ended { .. }))
            }
            Self::Server(server) => server.run(run).await?.head.ended_at.is_some(),
        })
    }
}

fn dag_id(args: &ManyArgs) -> Result<DagId, CliError> {
    let named = args.dag.as_deref().unwrap_or_default();
    let wrong = |_| CliError::usage(format!("--dag: `{}` is no id of a DAG", printable(named)));
    named.parse().map_err(wrong)
}

fn which(args: &ManyArgs) -> Result<noctule_web::Which, CliError> {
    Ok(noctule_web::Which {
        from: args.from.clone(),
        to: args.to.clone(),
        state: args.state.clone(),
        ingestion_ids: args.ingestion_id.clone(),
        runs: Vec::new(),
    })
}

impl Here {
    async fn open(surface: &Surface) -> Result<Self, CliError> {
        let open = OpenProject::read(surface, &[])?;
        let nothing = || CliError::not_found("nothing has run here yet: there is no store");
        let store = open.store(surface).await?.ok_or_else(nothing)?;
        let attended = store.holder().await?.is_some();
        Ok(Self {
            open,
            store,
            attended,
        })
    }

    async fn plan(&self, many: &Many, surface: &Surface) -> Result<ManyView, CliError> {
        let mut runs = Vec::new();
        for summary in self.find(&many.args, surface).await? {
            let Some(run) = self.store.run(&summary.facts.id).await? else {
                continue;
            };
            let dag = pinned(&self.store, &run).await?;
            let touched = many.act.touches(&dag, &run);
            runs.push(ManyRun::planned(&run.facts, &run.phase, touched));
        }
        Ok(ManyView {
            runs,
            dry_run: true,
        })
    }

    /// The runs that fit, by their nominal times.
    async fn find(&self, args: &ManyArgs, surface: &Surface) -> Result<Vec<RunSummary>, CliError> {
        let dag = dag_id(args)?;
        let own = self.open.loaded_dag(dag.as_str());
        let zone = own.map_or(Zone(chrono_tz::Tz::UTC), |dag| {
            Zone::of_dag(&dag.definition)
        });
        let nominal = match (&args.from, &args.to) {
            (Some(from), Some(to)) => {
                let range = range(from, to, zone, surface)?;
                Some((range.from, range.to))
            }
            _ => None,
        };
        let ids: Vec<IngestionId> = args
            .ingestion_id
            .iter()
            .map(|id| IngestionId::given(id).map_err(|error| CliError::usage(error.to_string())))
            .collect::<Result<_, _>>()?;
        let selection = Selection {
            dag,
            nominal,
            state: args.state.clone(),
            ingestion_ids: ids.iter().map(|id| id.as_str().to_owned()).collect(),
            runs: Vec::new(),
        };
        let found = self.store.select_runs(&selection, RUNS).await?;
        found.ok_or_else(|| {
            let error = CliError::usage(format!("more than {RUNS} runs fit"));
            error.help("take a shorter range, and do one after the other")
        })
    }

    async fn ask(&self, many: &Many, run: &RunId, surface: &Surface) -> Result<(), CliError> {
        let gone = || CliError::not_found(format!("there is no run {run}"));
        let run = self.store.run(run).await?.ok_or_else(gone)?;
        let ask = ask_of(
            &self.open,
            surface,
            many.act.wish(&run, many.reason.clone()),
        )?;
        if !self.attended {
            self.store.ask(&ask).await?;
            return Ok(());
        }
        match ask_and_wait(&self.store, &ask, ANSWER).await? {
            Some(_) => Ok(()),
            None => Err(CliError::unreachable(
                "the engine holds the store and does not answer; the ask is kept",
            )),
        }
    }
}

/// Reads a range, and says how it was understood.
pub(super) fn range(
    from: &str,
    to: &str,
    zone: Zone,
    surface: &Surface,
) -> Result<Range, CliError> {
    let range = Range::read(from, to, zone.0, surface.now)
        .map_err(|error| CliError::usage(format!("--{error}")))?;
    let (from, to) = (times::json(range.from), times::json(range.to));
    remark(surface, &format!("--from is {from}"));
    remark(surface, &format!("--to is {to}"));
    Ok(range)
}

/// An ask of whoever types this.
pub(super) fn ask_of(open: &OpenProject, surface: &Surface, wish: Wish) -> Result<Ask, CliError> {
    let at = chrono::Utc::now();
    Ok(Ask {
        profile: open.project()?.profile.clone(),
        by: actor(surface),
        at,
        valid_until: at + chrono::Duration::hours(24),
        wish,
    })
}
