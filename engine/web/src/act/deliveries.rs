//! Sending a message again that was given up.

use axum::response::Response;
use noctule_core::ask::Wish;
use noctule_core::view::DeliveryView;
use noctule_core::word::{Message, MessageId};

use crate::access::{Need, Role};
use crate::operation::{Call, Nothing, Operation, Verb, found};
use crate::problem::{Code, Problem};
use crate::web::Web;

/// `POST /api/v1/deliveries/{delivery}/resend`.
pub(crate) struct ResendDelivery;

impl Operation for ResendDelivery {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/api/v1/deliveries/{delivery}/resend";
    const NEED: Need = Need::Role(Role::Operator);
    const NAME: &'static str = "resend_delivery";
    const SUMMARY: &'static str = "Send a message again that was given up, under its id";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = DeliveryView;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let message = message(&web, call.text("delivery")).await?.id;
        web.ask(&call.caller, Wish::Resend { message }).await?;
        let message = self::message(&web, call.text("delivery")).await?;
        found(&DeliveryView::of(&message))
    }
}

async fn message(web: &Web, id: &str) -> Result<Message, Problem> {
    let none = || Problem::new(Code::NoSuchDelivery, "there is no such message");
    // No store has to be asked for what is no id.
    let is_id = id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !is_id {
        return Err(none());
    }
    let found = web.store().message(&MessageId(id.to_owned())).await?;
    found.ok_or_else(none)
}
