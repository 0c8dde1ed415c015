//! Pausing and resuming a DAG.

use axum::response::Response;
use noctule_core::ask::Wish;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Acted;
use crate::access::{Need, Role};
use crate::operation::{Call, Nothing, Operation, Verb, found};
use crate::problem::Problem;
use crate::web::Web;

/// `POST /api/v1/dags/{dag}/pause`.
pub(crate) struct Pause;
/// `POST /api/v1/dags/{dag}/resume`.
pub(crate) struct Resume;

/// Why a DAG is paused.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseBody {
    /// In your words; kept with the DAG.
    #[serde(default)]
    #[schemars(length(max = 1_000))]
    pub reason: Option<String>,
}

/// How a DAG is resumed.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeBody {
    /// Runs for the ticks of the pause, too.
    #[serde(default)]
    pub catchup: bool,
}

impl Operation for Pause {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/api/v1/dags/{dag}/pause";
    const NEED: Need = Need::Role(Role::Operator);
    const NAME: &'static str = "pause_dag";
    const SUMMARY: &'static str = "Let no ticks of a DAG become runs";
    type Query = Nothing;
    type Body = PauseBody;
    type Answer = Acted;

    async fn answer(web: Web, call: Call<Nothing, PauseBody>) -> Result<Response, Problem> {
        let dag = call.dag()?;
        web.record(&dag).await?;
        let reason = super::reason(call.body.reason)?;
        let done = web.ask(&call.caller, Wish::Pause { dag, reason }).await?;
        found(&Acted::did(done, Vec::new()))
    }
}

impl Operation for Resume {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/api/v1/dags/{dag}/resume";
    const NEED: Need = Need::Role(Role::Operator);
    const NAME: &'static str = "resume_dag";
    const SUMMARY: &'static str = "Let ticks of a DAG become runs again";
    type Query = Nothing;
    type Body = ResumeBody;
    type Answer = Acted;

    async fn answer(web: Web, call: Call<Nothing, ResumeBody>) -> Result<Response, Problem> {
        let dag = call.dag()?;
        web.record(&dag).await?;
        let catchup = call.body.catchup;
        let done = web.ask(&call.caller, Wish::Resume { dag, catchup }).await?;
        found(&Acted::did(done, Vec::new()))
    }
}
