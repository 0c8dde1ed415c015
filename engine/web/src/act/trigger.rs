//! Asking for a run. The same idempotency key gives the same run, however many ask at once.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use noctule_core::ask::{Answer, TriggerWish, Wish};
use noctule_core::ticks::parse_moment;
use noctule_core::view::RunView;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::access::{Need, Role};
use crate::operation::{Call, Operation, Verb, json, located};
use crate::problem::{Code, Problem};
use crate::read::{WaitQuery, read_wait, until_over, zone_of};
use crate::web::Web;

/// The longest idempotency key.
const KEY: usize = 200;

/// `POST /api/v1/dags/{dag}/runs`.
pub(crate) struct Trigger;

/// A run that is asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggerBody {
    /// Parameters; a text is read as the parameter's type.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// An ingestion id of 8 or 14 digits, instead of the one of the nominal time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingestion_id: Option<String>,
    /// The nominal time: RFC 3339, `2026-01-13` or `2026-01-13 23:00` in the DAG's zone, `-2h`, or an ingestion id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The same key gives the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = KEY))]
    pub idempotency_key: Option<String>,
    /// Where to call back, signed, each time the run ends: https or http, not into a private network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
}

impl Operation for Trigger {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/api/v1/dags/{dag}/runs";
    const NEED: Need = Need::Role(Role::Operator);
    const NAME: &'static str = "trigger_run";
    const SUMMARY: &'static str = "Ask for a run; `wait` answers when it is over";
    const STATUSES: &'static [(u16, &'static str)] = &[
        (202, "the run was made"),
        (200, "the idempotency key had made it before"),
    ];
    const PATIENCE: Duration = Duration::from_secs(90);
    const BODY_LIMIT: usize = 4 * 1024 * 1024;
    type Query = WaitQuery;
    type Body = TriggerBody;
    type Answer = RunView;

    async fn answer(web: Web, call: Call<WaitQuery, TriggerBody>) -> Result<Response, Problem> {
        let dag = call.dag()?;
        let wait = read_wait(&call.query)?;
        let caller = call.caller.clone();
        let wish = wish(&web, dag, call.body).await?;
        let has_key = wish.idempotency_key.is_some();
        let answer = web.ask(&caller, Wish::Trigger(wish)).await;
        let answer = answer.map_err(|problem| match problem.code {
            // The version is whatever the engine has, so a conflict can only be about the key.
            Code::Conflict if has_key => Problem::new(Code::KeyTaken, problem.detail),
            _ => problem,
        })?;
        let Answer::Done {
            run: Some(run),
            existing,
            ..
        } = answer
        else {
            return Err(Problem::new(Code::Internal, "the engine gave no run"));
        };
        let status = if existing {
            StatusCode::OK
        } else {
            StatusCode::ACCEPTED
        };
        let made = until_over(&web, &run, wait).await?;
        let dag = web.dag(&made.facts.version).await?;
        let response = json(status, &RunView::of(&dag, &made))?;
        Ok(located(response, &format!("/api/v1/runs/{run}")))
    }
}

async fn wish(
    web: &Web,
    dag: noctule_core::name::DagId,
    body: TriggerBody,
) -> Result<TriggerWish, Problem> {
    let wrong = |said: String| Problem::new(Code::Invalid, said);
    let key = body.idempotency_key;
    let is_key = |key: &String| {
        (1..=KEY).contains(&key.chars().count()) && !key.chars().any(char::is_control)
    };
    if key.as_ref().is_some_and(|key| !is_key(key)) {
        return Err(wrong(format!(
            "idempotency_key: 1 to {KEY} characters, and no control character"
        )));
    }
    let record = web.record(&dag).await?;
    let logical_time = match (&body.at, record.version) {
        (None, _) => web.now(),
        (Some(text), version) => {
            let zone = match version {
                Some(hash) => zone_of(&*web.dag(&hash).await?),
                None => chrono_tz::Tz::UTC,
            };
            parse_moment(text, zone, web.now()).map_err(|error| wrong(format!("at: {error}")))?
        }
    };
    Ok(TriggerWish {
        dag,
        version: None,
        params: body.params,
        ingestion_id: body.ingestion_id,
        logical_time,
        idempotency_key: key,
        callback_url: body.callback_url,
    })
}
