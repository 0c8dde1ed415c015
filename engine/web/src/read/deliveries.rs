//! What is told to whom, and what came of it.

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use noctule_core::view::DeliveryView;
use noctule_store::MessageFilter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::{Need, Role};
use crate::operation::{Call, Nothing, Operation, Verb, found};
use crate::page::{LARGEST, size};
use crate::problem::{Code, Problem};
use crate::web::Web;

/// The states of a message.
const STATES: [&str; 6] = [
    "gathering",
    "waiting",
    "sending",
    "sent",
    "given_up",
    "kept",
];
/// The mark of our cursors over messages.
const MARK: &str = "m1:";

/// `GET /api/v1/deliveries`.
pub(crate) struct ListDeliveries;

/// Which messages.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliveriesQuery {
    /// gathering, waiting, sending, sent, given_up or kept.
    state: Option<String>,
    /// Only those that a receiver did not take when they were last sent: given up, or to be sent again.
    failed: Option<bool>,
    /// At most so many.
    #[schemars(range(min = 1, max = LARGEST))]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Messages, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryList {
    /// The messages.
    pub items: Vec<DeliveryView>,
    /// `cursor` of the next page; none: this was the last.
    pub next: Option<String>,
}

impl Operation for ListDeliveries {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/deliveries";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "list_deliveries";
    const SUMMARY: &'static str = "Messages and what came of them, newest first, in pages";
    type Query = DeliveriesQuery;
    type Body = Nothing;
    type Answer = DeliveryList;

    async fn answer(web: Web, call: Call<DeliveriesQuery, Nothing>) -> Result<Response, Problem> {
        let limit = size(call.query.limit)?;
        let state = call.query.state;
        if let Some(state) = state.as_deref()
            && !STATES.contains(&state)
        {
            let said = format!("state: one of {}", STATES.join(", "));
            return Err(Problem::new(Code::InvalidParameter, said));
        }
        let before = call.query.cursor.as_deref().map(read_cursor).transpose()?;
        let filter = MessageFilter {
            state,
            failed: call.query.failed.unwrap_or(false),
            before,
            // One more tells whether there is another page.
            limit: limit + 1,
        };
        let messages = web.store().find_messages(&filter).await?;
        let more = messages.len() > limit as usize;
        let items: Vec<DeliveryView> = messages
            .iter()
            .take(limit as usize)
            .map(DeliveryView::of)
            .collect();
        let last = items.last().filter(|_| more);
        found(&DeliveryList {
            next: last.map(cursor_after),
            items,
        })
    }
}

fn cursor_after(message: &DeliveryView) -> String {
    let at = message.created_at.to_rfc3339();
    URL_SAFE_NO_PAD.encode(format!("{MARK}{at} {}", message.id))
}

fn read_cursor(text: &str) -> Result<(DateTime<Utc>, String), Problem> {
    let inside = URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let parts = inside.as_deref().and_then(|inside| {
        let (at, id) = inside.strip_prefix(MARK)?.split_once(' ')?;
        let at = DateTime::parse_from_rfc3339(at).ok()?;
        let is_id = id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        is_id.then(|| (at.to_utc(), id.to_owned()))
    });
    parts.ok_or_else(|| Problem::new(Code::InvalidParameter, "cursor: this is none of ours"))
}
