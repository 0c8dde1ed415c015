//! Who is logged in, and ending that: for administrators.
//!
//! Never: tells what a browser shows, or makes a session; only a login does.

use axum::response::Response;
use chrono::{DateTime, SecondsFormat, Utc};
use noctule_core::access::Role;
use noctule_store::Session;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::Need;
use crate::operation::{Call, Nothing, Operation, Verb, found};
use crate::page::List;
use crate::problem::{Code, Problem};
use crate::web::Web;

/// `GET /api/v1/sessions`.
pub(crate) struct ListSessions;
/// `POST /api/v1/sessions/{session}/end`.
pub(crate) struct EndSession;

/// Somebody who is logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionView {
    /// A short name of its hash.
    pub id: String,
    /// Who.
    pub name: String,
    /// What they may.
    pub role: Role,
    /// The provider that let them in, and its client; where another one is configured now, the session counts no more.
    pub provider: String,
    /// Since when: RFC 3339.
    pub created_at: String,
    /// Until when.
    pub expires_at: String,
}

impl SessionView {
    /// A session under the short name of its hash.
    #[must_use]
    pub fn of(id: String, session: Session) -> Self {
        let at = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        Self {
            id,
            name: session.name,
            role: session.role,
            provider: session.provider,
            created_at: at(session.created_at),
            expires_at: at(session.expires_at),
        }
    }
}

impl Operation for ListSessions {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/sessions";
    const NEED: Need = Need::Role(Role::Admin);
    const NAME: &'static str = "list_sessions";
    const SUMMARY: &'static str = "Who is logged in, newest first";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = List<SessionView>;

    async fn answer(web: Web, _: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let sessions = web.store().sessions(web.now()).await?;
        let items = sessions.into_iter();
        found(&List {
            items: items.map(|(id, of)| SessionView::of(id, of)).collect(),
        })
    }
}

impl Operation for EndSession {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/api/v1/sessions/{session}/end";
    const NEED: Need = Need::Role(Role::Admin);
    const NAME: &'static str = "end_session";
    const SUMMARY: &'static str = "Log somebody out: their browser is nobody from now on";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = SessionView;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let none = || Problem::new(Code::NoSuchSession, "there is no such session");
        let sessions = web.store().sessions(web.now()).await?;
        let mut named = sessions.into_iter().filter(|(id, _)| id == call.session());
        let (id, session) = named.next().ok_or_else(none)?;
        if !web.store().end_session(&id).await? {
            return Err(none());
        }
        found(&SessionView::of(id, session))
    }
}
