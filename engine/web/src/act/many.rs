//! One act over many runs of a DAG: each is an ask of its own, and says what became of it.

use std::time::Duration;

use axum::response::Response;
use noctule_core::backfill::Range;
use noctule_core::many::Act;
use noctule_core::name::{DagId, RunId, TaskTarget};
use noctule_core::run::RetryScope;
use noctule_core::ticks::IngestionId;
use noctule_core::view::{ManyOutcome, ManyRun, ManyView, RUN_STATES};
use noctule_store::{RunFilter, RunSummary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::runs::{MarkedAs, TASKS, targets};
use super::{DryRun, reason};
use crate::access::{Caller, Need, Role};
use crate::operation::{Call, Operation, Verb, found};
use crate::problem::{Code, Problem};
use crate::read::zone_of;
use crate::web::Web;

/// The most runs of one request.
const RUNS: usize = 1_000;

/// `POST /api/v1/dags/{dag}/runs/retry`.
pub(crate) struct RetryMany;
/// `POST /api/v1/dags/{dag}/runs/cancel`.
pub(crate) struct CancelMany;
/// `POST /api/v1/dags/{dag}/runs/mark`.
pub(crate) struct MarkMany;

/// Which runs: those that fit everything that is said; something has to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// With a nominal time from this one on. Only together with `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Up to this one, included; a bare date is the whole day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// In this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "states")]
    pub state: Option<String>,
    /// With one of these ingestion ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = RUNS))]
    pub ingestion_ids: Vec<String>,
    /// Among these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = RUNS))]
    pub runs: Vec<String>,
}

/// What of many runs begins anew.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryManyBody {
    /// Which runs.
    pub which: Which,
    /// Exactly these tasks; empty: what failed, and what follows it.
    #[serde(default)]
    #[schemars(length(max = TASKS))]
    pub tasks: Vec<String>,
    /// Everything after them, too.
    #[serde(default)]
    pub downstream: bool,
    /// Every task.
    #[serde(default)]
    pub all: bool,
    /// In your words; kept with the runs.
    #[serde(default)]
    #[schemars(length(max = 1_000))]
    pub reason: Option<String>,
}

/// Which runs are cancelled, and why.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelManyBody {
    /// Which runs.
    pub which: Which,
    /// In your words; kept with the runs.
    #[serde(default)]
    #[schemars(length(max = 1_000))]
    pub reason: Option<String>,
}

/// How a task of many runs is said to have ended.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkManyBody {
    /// Which runs.
    pub which: Which,
    /// The task, as `task`, `task[KEY]` or `group.task[KEY]`.
    pub task: String,
    /// How.
    pub state: MarkedAs,
    /// Running work is let be, instead of being stopped first.
    #[serde(default)]
    pub leave_running: bool,
    /// In your words; kept with the runs.
    #[serde(default)]
    #[schemars(length(max = 1_000))]
    pub reason: Option<String>,
}

fn states(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": ["string", "null"], "enum": RUN_STATES })
}

fn wrong(said: impl Into<String>) -> Problem {
    Problem::new(Code::Invalid, said)
}

/// An act over many runs, as it was asked for.
struct Asked {
    dag: DagId,
    which: Which,
    act: Act,
    reason: Option<String>,
    dry_run: bool,
}

impl Asked {
    async fn answer(self, web: &Web, caller: &Caller) -> Result<Response, Problem> {
        let reason = reason(self.reason.clone())?;
        let mut runs = Vec::new();
        for summary in self.find(web).await? {
            let (facts, phase) = (&summary.facts, &summary.phase);
            let one = self.one(web, caller, &summary, reason.as_ref()).await;
            // What was done to others before is said all the same.
            runs.push(one.unwrap_or_else(|problem| {
                ManyRun::planned(facts, phase, Ok(Vec::new())).asked(Some(problem.detail))
            }));
        }
        found(&ManyView {
            runs,
            dry_run: self.dry_run,
        })
    }

    async fn one(
        &self,
        web: &Web,
        caller: &Caller,
        summary: &RunSummary,
        reason: Option<&String>,
    ) -> Result<ManyRun, Problem> {
        let story = web.story(&summary.facts.id).await?;
        let touched = self.act.touches(&story.dag, &story.run);
        let planned = ManyRun::planned(&story.run.facts, &story.run.phase, touched);
        if self.dry_run || planned.outcome == ManyOutcome::LeftAlone {
            return Ok(planned);
        }
        let asked = web.ask(caller, self.act.wish(&story.run, reason.cloned()));
        Ok(planned.asked(asked.await.err().map(|problem| problem.detail)))
    }

    /// The runs that fit, by their nominal times.
    async fn find(&self, web: &Web) -> Result<Vec<RunSummary>, Problem> {
        let which = &self.which;
        let filter = RunFilter {
            dag: Some(self.dag.clone()),
            state: state(which)?,
            nominal: self.range(web).await?,
            limit: u32::MAX,
            ..RunFilter::default()
        };
        let (ids, given) = (ids(which)?, given(which)?);
        if filter.nominal.is_none() && filter.state.is_none() && ids.is_empty() && given.is_empty()
        {
            let said = "which: say from when to when, in which state, or which ones";
            return Err(wrong(said));
        }
        let mut runs = web.store().find_runs(&filter).await?;
        runs.retain(|run| {
            let id = run.facts.ingestion_id.as_str();
            let wanted = ids.is_empty() || ids.iter().any(|wanted| wanted.as_str() == id);
            wanted && (given.is_empty() || given.contains(&run.facts.id))
        });
        if runs.len() > RUNS {
            let said = format!("which: {} runs; at most {RUNS} at once", runs.len());
            return Err(wrong(said));
        }
        runs.sort_by(|a, b| {
            let key = |run: &RunSummary| (run.facts.logical_time, run.facts.created_at);
            key(a)
                .cmp(&key(b))
                .then_with(|| a.facts.id.cmp(&b.facts.id))
        });
        Ok(runs)
    }

    async fn range(
        &self,
        web: &Web,
    ) -> Result<Option<(noctule_core::run::Instant, noctule_core::run::Instant)>, Problem> {
        let (from, to) = match (&self.which.from, &self.which.to) {
            (Some(from), Some(to)) => (from, to),
            (None, None) => return Ok(None),
            _ => return Err(wrong("which: `from` and `to` belong together")),
        };
        let zone = match web.record(&self.dag).await?.version {
            Some(hash) => zone_of(&*web.dag(&hash).await?),
            None => chrono_tz::Tz::UTC,
        };
        let range = Range::read(from, to, zone, web.now()).map_err(wrong)?;
        Ok(Some((range.from, range.to)))
    }
}

fn state(which: &Which) -> Result<Option<String>, Problem> {
    match &which.state {
        Some(state) if !RUN_STATES.contains(&state.as_str()) => {
            Err(wrong(format!("state: one of {}", RUN_STATES.join(", "))))
        }
        state => Ok(state.clone()),
    }
}

fn ids(which: &Which) -> Result<Vec<IngestionId>, Problem> {
    let read = |text: &String| {
        IngestionId::given(text).map_err(|error| wrong(format!("ingestion_ids: {error}")))
    };
    which.ingestion_ids.iter().map(read).collect()
}

fn given(which: &Which) -> Result<Vec<RunId>, Problem> {
    let read = |text: &String| {
        text.parse()
            .map_err(|error: noctule_core::name::NameError| wrong(format!("runs: {error}")))
    };
    which.runs.iter().map(read).collect()
}

impl Operation for RetryMany {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/api/v1/dags/{dag}/runs/retry";
    const NEED: Need = Need::Role(Role::Operator);
    const NAME: &'static str = "retry_runs";
    const SUMMARY: &'static str =
        "Run failed tasks of many runs again; each run says what became of it";
    const PATIENCE: Duration = Duration::from_secs(90);
    const BODY_LIMIT: usize = 1024 * 1024;
    type Query = DryRun;
    type Body = RetryManyBody;
    type Answer = ManyView;

    fn rehearses(query: &DryRun) -> bool {
        query.dry_run
    }

    async fn answer(web: Web, call: Call<DryRun, RetryManyBody>) -> Result<Response, Problem> {
        let dag = call.dag()?;
        web.record(&dag).await?;
        let body = call.body;
        if body.all && !body.tasks.is_empty() {
            let said = "tasks: with `all` none is named";
            return Err(Problem::new(Code::InvalidBody, said));
        }
        let act = Act::Retry(RetryScope {
            tasks: targets(&body.tasks)?,
            downstream: body.downstream,
            all: body.all,
        });
        let asked = Asked {
            dag,
            which: body.which,
            act,
            reason: body.reason,
            dry_run: call.query.dry_run,
        };
        asked.answer(&web, &call.caller).await
    }
}

impl Operation for CancelMany {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/api/v1/dags/{dag}/runs/cancel";
    const NEED: Need = Need::Role(Role::Operator);
    const NAME: &'static str = "cancel_runs";
    const SUMMARY: &'static str = "Cancel many runs; each says what became of it";
    const PATIENCE: Duration = Duration::from_secs(90);
    const BODY_LIMIT: usize = 1024 * 1024;
    type Query = DryRun;
    type Body = CancelManyBody;
    type Answer = ManyView;

    fn rehearses(query: &DryRun) -> bool {
        query.dry_run
    }

    async fn answer(web: Web, call: Call<DryRun, CancelManyBody>) -> Result<Response, Problem> {
        let dag = call.dag()?;
        web.record(&dag).await?;
        let asked = Asked {
            dag,
            which: call.body.which,
            act: Act::Cancel,
            reason: call.body.reason,
            dry_run: call.query.dry_run,
        };
        asked.answer(&web, &call.caller).await
    }
}

impl Operation for MarkMany {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/api/v1/dags/{dag}/runs/mark";
    const NEED: Need = Need::Role(Role::Operator);
    const NAME: &'static str = "mark_tasks";
    const SUMMARY: &'static str =
        "Say by hand how a task of many runs ended; each run says what became of it";
    const PATIENCE: Duration = Duration::from_secs(90);
    const BODY_LIMIT: usize = 1024 * 1024;
    type Query = DryRun;
    type Body = MarkManyBody;
    type Answer = ManyView;

    fn rehearses(query: &DryRun) -> bool {
        query.dry_run
    }

    async fn answer(web: Web, call: Call<DryRun, MarkManyBody>) -> Result<Response, Problem> {
        let dag = call.dag()?;
        web.record(&dag).await?;
        let body = call.body;
        let task: Vec<TaskTarget> = targets(std::slice::from_ref(&body.task))?;
        let Some(task) = task.into_iter().next() else {
            return Err(wrong("task: one is named"));
        };
        let asked = Asked {
            dag,
            which: body.which,
            act: Act::Mark {
                task,
                verdict: body.state.verdict(),
                leave_running: body.leave_running,
            },
            reason: body.reason,
            dry_run: call.query.dry_run,
        };
        asked.answer(&web, &call.caller).await
    }
}
