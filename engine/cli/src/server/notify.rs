//! Messages: what came of them, and sending one again.

use noctule_core::view::DeliveryView;
use noctule_web::DeliveryList;

use super::Server;
use crate::error::CliError;

/// Messages of a page.
const PAGE: u32 = 200;

impl Server {
    /// The newest messages.
    pub(crate) async fn deliveries(&self, most: u32) -> Result<Vec<DeliveryView>, CliError> {
        let limit = most.clamp(1, PAGE).to_string();
        let list: DeliveryList = self.get(&["deliveries"], &[("limit", limit)]).await?;
        Ok(list.items)
    }

    /// The ids of the newest messages that were given up, at most so many.
    pub(crate) async fn given_up(&self, most: u32) -> Result<Vec<String>, CliError> {
        let (mut ids, mut cursor) = (Vec::new(), None);
        while ids.len() < most as usize {
            let mut query = vec![
                ("state", "given_up".to_owned()),
                ("limit", PAGE.to_string()),
            ];
            query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let page: DeliveryList = self.get(&["deliveries"], &query).await?;
            ids.extend(page.items.into_iter().map(|message| message.id));
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        ids.truncate(most as usize);
        Ok(ids)
    }

    /// Sends a message again that was given up.
    pub(crate) async fn resend(&self, id: &str) -> Result<(), CliError> {
        let parts = ["deliveries", id, "resend"];
        let sent: DeliveryView = self.post(&parts, false, &serde_json::json!({})).await?;
        drop(sent);
        Ok(())
    }
}
