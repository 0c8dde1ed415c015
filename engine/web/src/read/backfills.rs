//! Backfills: lists in pages, one with its nights.

use axum::response::Response;
use noctule_core::backfill::{Around, Backfill};
use noctule_core::explain::{Reason, explain_backfill};
use noctule_core::name::{BackfillId, DagId};
use noctule_core::run::{Instant, Run};
use noctule_core::view::{BackfillView, NightView, NightsView};
use noctule_store::{BackfillFilter, RunFilter};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::access::{Need, Role};
use crate::operation::{Call, Nothing, Operation, Verb, found};
use crate::page::{BackfillList, LARGEST, cursor_after, read_cursor, size};
use crate::problem::{Code, Problem};
use crate::web::Web;

/// `GET /api/v1/backfills`.
pub(crate) struct ListBackfills;
/// `GET /api/v1/backfills/{backfill}`.
pub(crate) struct ShowBackfill;

/// Which backfills.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackfillsQuery {
    /// Of this DAG.
    dag: Option<String>,
    /// Only those of which something is under way, or will be.
    #[serde(default)]
    live: bool,
    /// `next` of the page before.
    cursor: Option<String>,
    /// At most so many.
    #[schemars(range(min = 1, max = LARGEST))]
    limit: Option<u32>,
}

impl Web {
    /// What stands around the backfills of a DAG.
    pub(crate) async fn around(&self, dag: &DagId) -> Result<Around, Problem> {
        let record = self.store().dag_record(dag).await?;
        let current = record.filter(|record| !record.withdrawn);
        let max_active_runs = match current.and_then(|record| record.version) {
            Some(version) => Some(self.dag(&version).await?.definition().max_active_runs),
            None => None,
        };
        Ok(Around {
            max_active_runs,
            running: self.count(dag, "running").await?,
            queued: self.count(dag, "queued").await?,
        })
    }

    async fn count(&self, dag: &DagId, state: &str) -> Result<usize, Problem> {
        let filter = RunFilter {
            dag: Some(dag.clone()),
            state: Some(state.to_owned()),
            limit: 1_000,
            ..RunFilter::default()
        };
        Ok(self.store().find_runs(&filter).await?.len())
    }

    fn say(&self, at: Instant) -> String {
        at.with_timezone(&self.settings().zone)
            .format("%Y-%m-%d %H:%M:%S %Z")
            .to_string()
    }

    pub(crate) async fn backfill_view(&self, head: &Backfill) -> Result<BackfillView, Problem> {
        let around = self.around(&head.dag).await?;
        Ok(BackfillView::of(head, around, &|at| self.say(at)))
    }

    pub(crate) async fn backfill_head(&self, id: &BackfillId) -> Result<Backfill, Problem> {
        let none = || Problem::new(Code::NoSuchBackfill, format!("there is no backfill {id}"));
        self.store().backfill(id).await?.ok_or_else(none)
    }

    pub(crate) async fn nights_view(&self, id: &BackfillId) -> Result<NightsView, Problem> {
        let head = self.backfill_head(id).await?;
        let nights = self.store().nights(id).await?;
        let seen = nights.iter().map(|night| NightView::of(night, &head.phase));
        Ok(NightsView {
            nights: seen.collect(),
            head: self.backfill_view(&head).await?,
            left: Vec::new(),
            dry_run: false,
        })
    }

    /// Which backfills a run waits for.
    pub(crate) async fn backfill_reasons(&self, run: &Run) -> Result<Vec<Reason>, Problem> {
        let filter = BackfillFilter {
            dag: Some(run.facts.dag.clone()),
            live: true,
            ..BackfillFilter::default()
        };
        let mut reasons = Vec::new();
        if !run.is_over() {
            return Ok(reasons);
        }
        for head in self.store().find_backfills(&filter).await? {
            let nights = self.store().nights(&head.id).await?;
            let around = self.around(&head.dag).await?;
            let say = |at| self.say(at);
            reasons.extend(explain_backfill(run, &head, &nights, around, &say));
        }
        Ok(reasons)
    }
}

impl Operation for ListBackfills {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/backfills";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "list_backfills";
    const SUMMARY: &'static str = "Backfills, newest first, in pages";
    type Query = BackfillsQuery;
    type Body = Nothing;
    type Answer = BackfillList;

    async fn answer(web: Web, call: Call<BackfillsQuery, Nothing>) -> Result<Response, Problem> {
        let limit = size(call.query.limit)?;
        let wrong = |error| Problem::new(Code::InvalidParameter, format!("dag: {error}"));
        let dag: Result<Option<DagId>, noctule_core::name::NameError> =
            call.query.dag.map(|dag| dag.parse()).transpose();
        let before = match call.query.cursor.as_deref() {
            Some(cursor) => Some(place(&web, cursor).await?),
            None => None,
        };
        let filter = BackfillFilter {
            dag: dag.map_err(wrong)?,
            live: call.query.live,
            before,
            // One more tells whether there is another page.
            limit: limit + 1,
        };
        let heads = web.store().find_backfills(&filter).await?;
        let more = heads.len() > limit as usize;
        let mut items = Vec::new();
        for head in heads.iter().take(limit as usize) {
            items.push(web.backfill_view(head).await?);
        }
        let last = items.last().filter(|_| more);
        found(&BackfillList {
            next: last.map(|head| cursor_after(&head.id)),
            items,
        })
    }
}

/// The backfill that a cursor stands after.
async fn place(web: &Web, cursor: &str) -> Result<BackfillId, Problem> {
    let gone = || Problem::new(Code::InvalidParameter, "cursor: this is none of ours");
    let id: BackfillId = read_cursor(cursor)?.as_str().parse().map_err(|_| gone())?;
    match web.store().backfill(&id).await? {
        Some(_) => Ok(id),
        None => Err(gone()),
    }
}

impl Operation for ShowBackfill {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/backfills/{backfill}";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "show_backfill";
    const SUMMARY: &'static str =
        "One backfill: how far it is, why it waits, and each of its nights";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = NightsView;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        found(&web.nights_view(&call.backfill()?).await?)
    }
}
