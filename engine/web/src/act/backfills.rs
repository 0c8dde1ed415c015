//! Asking for a backfill, planned first if wanted; pausing, resuming and cancelling one.

use axum::http::StatusCode;
use axum::response::Response;
use noctule_core::ask::{Answer, BackfillAct, BackfillWish, Wish};
use noctule_core::backfill::{self, Only, Phase, Plan, PlanError, Range, Tally};
use noctule_core::dag::Dag;
use noctule_core::name::{BackfillId, DagId};
use noctule_core::run::Instant;
use noctule_core::view::{BackfillView, LeftView, NightView, NightsView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DryRun, plain, reason};
use crate::access::{Need, Role};
use crate::operation::{Call, Nothing, Operation, Verb, found, json, located};
use crate::problem::{Code, Problem};
use crate::read::zone_of;
use crate::web::Web;

/// `POST /api/v1/dags/{dag}/backfills`.
pub(crate) struct Backfill;
/// `POST /api/v1/backfills/{backfill}/pause`.
pub(crate) struct PauseBackfill;
/// `POST /api/v1/backfills/{backfill}/resume`.
pub(crate) struct ResumeBackfill;
/// `POST /api/v1/backfills/{backfill}/cancel`.
pub(crate) struct CancelBackfill;

/// Runs for past ticks, asked for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackfillBody {
    /// From this tick, included: RFC 3339, `2026-01-13` or `2026-01-13 23:00` in the DAG's zone, `-2d`, or an ingestion id.
    pub from: String,
    /// To this tick, included; a bare date is the whole day.
    pub to: String,
    /// Which ticks.
    #[serde(default)]
    pub only: Only,
    /// At most so many of its runs at once.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000))]
    pub max_parallel: u32,
    /// In your words; kept with the backfill.
    #[serde(default)]
    #[schemars(length(max = 1_000))]
    pub reason: Option<String>,
    /// Its id, if you want to name it: asked twice, it is the same backfill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$"))]
    pub id: Option<String>,
}

fn one() -> u32 {
    1
}

/// Why it is paused, resumed or cancelled.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackfillActBody {
    /// In your words; kept with the backfill.
    #[serde(default)]
    #[schemars(length(max = 1_000))]
    pub reason: Option<String>,
}

impl Operation for Backfill {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/api/v1/dags/{dag}/backfills";
    const NEED: Need = Need::Role(Role::Operator);
    const NAME: &'static str = "backfill_dag";
    const SUMMARY: &'static str =
        "Ask for runs of past ticks, a few at a time, behind all others; `dry_run` shows the plan";
    const STATUSES: &'static [(u16, &'static str)] = &[
        (202, "it was made"),
        (200, "it was there, or this is its plan"),
    ];
    type Query = DryRun;
    type Body = BackfillBody;
    type Answer = NightsView;

    fn rehearses(query: &DryRun) -> bool {
        query.dry_run
    }

    fn about(body: &BackfillBody) -> Option<String> {
        let only = body.only.word();
        let said = format!("from {} to {}, only {only}", body.from, body.to);
        Some(plain(&said))
    }

    async fn answer(web: Web, call: Call<DryRun, BackfillBody>) -> Result<Response, Problem> {
        let id = call.dag()?;
        let dag = web.current(&id).await?;
        let wish = wish(&web, id, &dag, call.body)?;
        if call.query.dry_run {
            return found(&planned(&web, &dag, wish).await?);
        }
        let backfill = wish.backfill.clone();
        let answer = web.ask(&call.caller, Wish::Backfill(wish)).await?;
        let status = match answer {
            Answer::Done { existing: true, .. } => StatusCode::OK,
            _ => StatusCode::ACCEPTED,
        };
        let response = json(status, &web.nights_view(&backfill).await?)?;
        Ok(located(response, &format!("/api/v1/backfills/{backfill}")))
    }
}

fn wish(web: &Web, id: DagId, dag: &Dag, body: BackfillBody) -> Result<BackfillWish, Problem> {
    let invalid = |said: String| Problem::new(Code::Invalid, said);
    let range = Range::read(&body.from, &body.to, zone_of(dag), web.now()).map_err(invalid)?;
    if !(1..=1_000).contains(&body.max_parallel) {
        return Err(invalid("max_parallel: between 1 and 1000".to_owned()));
    }
    let named = |text: &String| text.parse::<BackfillId>();
    let given = body.id.as_ref().map(named).transpose();
    let given = given.map_err(|error| invalid(format!("id: {error}")))?;
    let fresh = || uuid::Uuid::now_v7().to_string().parse::<BackfillId>();
    let backfill = match given {
        Some(id) => id,
        None => fresh().map_err(|error| Problem::new(Code::Internal, error.to_string()))?,
    };
    Ok(BackfillWish {
        backfill,
        dag: id,
        version: None,
        from: range.from,
        to: range.to,
        only: body.only,
        max_parallel: body.max_parallel,
        reason: reason(body.reason)?,
    })
}

/// What the engine would make of it as things are.
async fn planned(web: &Web, dag: &Dag, wish: BackfillWish) -> Result<NightsView, Problem> {
    let range = Range {
        from: wish.from,
        to: wish.to,
    };
    let now = web.now();
    // Counted before anything is read for them.
    let ticks = backfill::ticks(dag, range, now).map_err(unplanned)?;
    let over = Range::over(&ticks);
    let existing = web.store().runs_of_ticks(&wish.dag, over).await?;
    let plan = backfill::plan(dag, range, wish.only, now, &existing).map_err(unplanned)?;
    let head = head(wish, &plan, now);
    Ok(NightsView {
        nights: plan
            .nights
            .iter()
            .map(|night| NightView::of(night, &head.phase))
            .collect(),
        left: plan.left.iter().map(LeftView::from).collect(),
        head: web.backfill_view(&head).await?,
        dry_run: true,
    })
}

fn unplanned(error: PlanError) -> Problem {
    let code = match error {
        PlanError::NoTick => Code::Conflict,
        _ => Code::Invalid,
    };
    Problem::new(code, error.to_string())
}

fn head(wish: BackfillWish, plan: &Plan, now: Instant) -> backfill::Backfill {
    backfill::Backfill {
        id: wish.backfill,
        dag: wish.dag,
        from: wish.from,
        to: wish.to,
        only: wish.only,
        max_parallel: wish.max_parallel,
        by: noctule_core::run::Actor::engine(),
        reason: wish.reason,
        created_at: now,
        phase: Phase::Running,
        tally: Tally {
            waiting: u32::try_from(plan.nights.len()).unwrap_or(u32::MAX),
            ..Tally::default()
        },
    }
}

async fn act(
    web: Web,
    call: Call<Nothing, BackfillActBody>,
    act: BackfillAct,
) -> Result<Response, Problem> {
    let backfill = call.backfill()?;
    web.backfill_head(&backfill).await?;
    let wish = Wish::ActOnBackfill {
        backfill: backfill.clone(),
        act,
        reason: reason(call.body.reason)?,
    };
    web.ask(&call.caller, wish).await?;
    let head = web.backfill_head(&backfill).await?;
    found(&web.backfill_view(&head).await?)
}

macro_rules! acting {
    ($name:ident, $act:ident, $path:literal, $operation:literal, $summary:literal) => {
        impl Operation for $name {
            const VERB: Verb = Verb::Post;
            const PATH: &'static str = $path;
            const NEED: Need = Need::Role(Role::Operator);
            const NAME: &'static str = $operation;
            const SUMMARY: &'static str = $summary;
            type Query = Nothing;
            type Body = BackfillActBody;
            type Answer = BackfillView;

            async fn answer(
                web: Web,
                call: Call<Nothing, BackfillActBody>,
            ) -> Result<Response, Problem> {
                act(web, call, BackfillAct::$act).await
            }
        }
    };
}

acting!(
    PauseBackfill,
    Pause,
    "/api/v1/backfills/{backfill}/pause",
    "pause_backfill",
    "Begin no more nights of a backfill; what is under way goes on"
);
acting!(
    ResumeBackfill,
    Resume,
    "/api/v1/backfills/{backfill}/resume",
    "resume_backfill",
    "Begin nights of a backfill again"
);
acting!(
    CancelBackfill,
    Cancel,
    "/api/v1/backfills/{backfill}/cancel",
    "cancel_backfill",
    "End a backfill: no more nights, and its runs are cancelled"
);
