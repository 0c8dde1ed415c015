//! Sending a message again that was given up, since somebody asks for it.

use noctule_core::ask::{Answer, Refusal};
use noctule_core::run::Actor;
use noctule_core::word::MessageId;

use crate::asking::{done, refused};
use crate::engine::Engine;
use crate::error::RuntimeError;

impl Engine {
    /// The message waits again, under its id; it is durable with the answer, and sent after it.
    pub(crate) async fn resend(
        &mut self,
        id: &MessageId,
        by: &Actor,
    ) -> Result<Answer, RuntimeError> {
        let Some(message) = self.store.message(id).await? else {
            let none = format!("there is no message {id}");
            return Ok(refused(Refusal::NotFound, none));
        };
        let stands = message.standing.word();
        let now = self.options.clock.now();
        if !self.telling.outbox.resend(message, now) {
            let message =
                format!("message {id} is {stands}: only one that was given up is sent again");
            return Ok(refused(Refusal::Conflict, message));
        }
        tracing::info!(message = %id, by = %by.name, "a message that was given up is sent again");
        Ok(done(None))
    }
}
