//! What was asked, by whom, and what came of it: written before it is done and completed after it.
//!
//! Guarantees: where the event cannot be written, the act is not done. An event without an outcome says that nobody lived,
//! or stayed, to hear of it.

use std::collections::BTreeMap;
use std::future::Future;

use axum::http::header::LOCATION;
use axum::response::Response;
use noctule_core::view::TaskRunId;
use noctule_store::{AuditEvent, AuditId, Audited};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::{Need, Role};
use crate::operation::{Call, Nothing, Operation, Verb, found};
use crate::page::{LARGEST, size};
use crate::problem::{Code, Problem};
use crate::web::Web;

/// `GET /api/v1/audit`.
pub(crate) struct ListAudit;

/// Which events.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    /// Before the event of this number: `next` of the page before.
    before: Option<i64>,
    /// At most so many.
    #[schemars(range(min = 1, max = LARGEST))]
    limit: Option<u32>,
}

/// Audit events, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditList {
    /// The events.
    pub items: Vec<AuditView>,
    /// `before` of the next page; none: this was the last.
    pub next: Option<i64>,
}

/// That somebody asked for a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditView {
    /// Its number.
    pub id: i64,
    /// When: RFC 3339.
    pub at: String,
    /// Who.
    pub actor: String,
    /// How they came: `api`, `web`, `cli`.
    pub via: String,
    /// From which address; none: on the machine of the store.
    pub from: Option<String>,
    /// What, by the name of the operation.
    pub act: String,
    /// On what.
    pub on: Option<String>,
    /// What came of it: `done`, a stable code, or nothing where nobody heard of it.
    pub outcome: Option<String>,
}

impl From<Audited> for AuditView {
    fn from((AuditId(id), event, outcome): Audited) -> Self {
        Self {
            id,
            at: event
                .at
                .to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            actor: event.by.name,
            via: event.by.via,
            from: event.from,
            act: event.act,
            on: event.on,
            outcome,
        }
    }
}

impl Operation for ListAudit {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/audit";
    const NEED: Need = Need::Role(Role::Admin);
    const NAME: &'static str = "list_audit";
    const SUMMARY: &'static str = "What was asked by whom, newest first, in pages";
    type Query = AuditQuery;
    type Body = Nothing;
    type Answer = AuditList;

    async fn answer(web: Web, call: Call<AuditQuery, Nothing>) -> Result<Response, Problem> {
        let limit = size(call.query.limit)?;
        if call.query.before.is_some_and(|before| before < 1) {
            return Err(Problem::new(
                Code::InvalidParameter,
                "before: this is none of ours",
            ));
        }
        let before = call.query.before.map(AuditId);
        let mut events = web.store().audit(before, limit + 1).await?;
        let more = events.len() > limit as usize;
        events.truncate(limit as usize);
        let last = events.last().filter(|_| more).map(|(id, ..)| id.0);
        found(&AuditList {
            items: events.into_iter().map(AuditView::from).collect(),
            next: last,
        })
    }
}

impl Web {
    /// Does something that leaves an audit event.
    ///
    /// # Errors
    /// It was not done; also where the event could not be written.
    pub(crate) async fn audited(
        &self,
        event: AuditEvent,
        doing: impl Future<Output = Result<Response, Problem>>,
    ) -> Result<Response, Problem> {
        let id = self.store().begin_audit(&event).await?;
        let done = doing.await;
        let outcome = match &done {
            Ok(response) => did(response),
            Err(problem) => problem.code.as_str().to_owned(),
        };
        if let Err(error) = self.store().end_audit(id, &outcome).await {
            tracing::error!(%error, act = event.act, outcome, "an audit event stays without its outcome");
        }
        done
    }
}

/// What an operation says of what it did, for its audit event.
#[derive(Debug, Clone)]
pub(crate) struct Did(pub(crate) String);

fn did(response: &Response) -> String {
    if let Some(Did(what)) = response.extensions().get() {
        return format!("done: {what}");
    }
    match response.headers().get(LOCATION).map(|to| to.to_str()) {
        Some(Ok(to)) => format!("done: {to}"),
        _ => "done".to_owned(),
    }
}

/// What a path names, in one text.
pub(crate) fn named(path: &BTreeMap<&'static str, String>) -> Option<String> {
    let shown = |(name, value): (&&str, &String)| {
        if let Ok(TaskRunId { run, target }) = value.parse() {
            return format!("run {run}, task {target}");
        }
        let value: String = value
            .chars()
            .filter(|c| !c.is_control())
            .take(300)
            .collect();
        format!("{name} {value}")
    };
    let all: Vec<String> = path.iter().map(shown).collect();
    (!all.is_empty()).then(|| all.join(", "))
}
