//! Tokens, sessions and audit events of a server.

use noctule_web::{AuditList, AuditView, IssuedToken, List, SessionView, TokenBody, TokenView};
use serde_json::json;

use super::Server;
use crate::error::CliError;

/// The most of a page.
const PAGE: u32 = 200;

impl Server {
    pub(crate) async fn tokens(&self) -> Result<Vec<TokenView>, CliError> {
        let list: List<TokenView> = self.get(&["tokens"], &[]).await?;
        Ok(list.items)
    }

    pub(crate) async fn issue(&self, body: &TokenBody) -> Result<IssuedToken, CliError> {
        self.post(&["tokens"], false, body).await
    }

    pub(crate) async fn revoke(&self, id: &str) -> Result<(), CliError> {
        let path = ["tokens", id, "revoke"];
        let revoked: TokenView = self.post(&path, false, &json!({})).await?;
        drop(revoked);
        Ok(())
    }

    pub(crate) async fn sessions(&self) -> Result<Vec<SessionView>, CliError> {
        let list: List<SessionView> = self.get(&["sessions"], &[]).await?;
        Ok(list.items)
    }

    pub(crate) async fn end_session(&self, id: &str) -> Result<(), CliError> {
        let path = ["sessions", id, "end"];
        let ended: SessionView = self.post(&path, false, &json!({})).await?;
        drop(ended);
        Ok(())
    }

    /// Audit events, newest first, page by page.
    pub(crate) async fn audit(
        &self,
        mut before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditView>, CliError> {
        let mut events = Vec::new();
        loop {
            let left = limit.saturating_sub(u32::try_from(events.len()).unwrap_or(limit));
            let mut query = vec![("limit", left.clamp(1, PAGE).to_string())];
            query.extend(before.map(|before| ("before", before.to_string())));
            let page: AuditList = self.get(&["audit"], &query).await?;
            events.extend(page.items);
            before = page.next;
            if before.is_none() || events.len() >= limit as usize {
                return Ok(events);
            }
        }
    }
}
