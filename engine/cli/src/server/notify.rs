//! Messages: what came of them, and sending one again.

use noctule_core::view::DeliveryView;
use noctule_web::DeliveryList;

use super::Server;
use crate::error::CliError;

/// Messages of a page.
const PAGE: usize = 200;

impl Server {
    /// The newest messages, at most so many; only those that did not arrive, if that is asked for.
    pub(crate) async fn deliveries(
        &self,
        failed: bool,
        most: u32,
    ) -> Result<Vec<DeliveryView>, CliError> {
        let only = failed.then(|| ("failed", true.to_string()));
        self.messages(only, most).await
    }

    /// The ids of the newest messages that were given up, at most so many.
    pub(crate) async fn given_up(&self, most: u32) -> Result<Vec<String>, CliError> {
        let only = ("state", "given_up".to_owned());
        let found = self.messages(Some(only), most).await?;
        Ok(found.into_iter().map(|message| message.id).collect())
    }

    /// Messages, page after page.
    async fn messages(
        &self,
        only: Option<(&str, String)>,
        most: u32,
    ) -> Result<Vec<DeliveryView>, CliError> {
        let (mut found, mut cursor) = (Vec::new(), None);
        while found.len() < most as usize {
            let left = most as usize - found.len();
            let mut query = vec![("limit", left.min(PAGE).to_string())];
            query.extend(only.clone());
            query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let page: DeliveryList = self.get(&["deliveries"], &query).await?;
            found.extend(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        found.truncate(most as usize);
        Ok(found)
    }

    /// Sends a message again that was given up.
    pub(crate) async fn resend(&self, id: &str) -> Result<(), CliError> {
        let parts = ["deliveries", id, "resend"];
        let sent: DeliveryView = self.post(&parts, false, &serde_json::json!({})).await?;
        drop(sent);
        Ok(())
    }
}
