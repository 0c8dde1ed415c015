//! A message as JSON, for webhooks and callbacks: names and values of ours, in an order that does not change.

use noctule_core::word::{Letter, Message, Recipient};
use serde_json::{Value, json};

/// The body of a webhook. A callback gets what whoever asked for the run may know: no log, no address of inside.
pub(crate) fn document(message: &Message, letter: &Letter) -> Value {
    let first = &message.first;
    let own = matches!(message.to, Recipient::Receiver { .. });
    let mut data = json!({
        "dag": first.dag,
        "run": first.run,
        "ingestion_id": first.ingestion_id,
        "outcome": first.occasion.word(),
        "class": first.class,
        "summary": letter.outcome,
    });
    if own && let Some(table) = data.as_object_mut() {
        let links: serde_json::Map<String, Value> = letter
            .links
            .iter()
            .map(|(label, url)| (label.replace(' ', "_"), json!(url)))
            .collect();
        table.insert("subject".into(), json!(letter.subject));
        table.insert(
            "task".into(),
            json!(first.task.as_ref().map(|task| &task.name)),
        );
        table.insert(
            "attempt".into(),
            json!(first.task.as_ref().and_then(|task| task.attempt)),
        );
        table.insert("through".into(), json!(first.through));
        table.insert("cause".into(), json!(message.cause));
        table.insert("count".into(), json!(message.count));
        table.insert("others".into(), json!(message.names));
        table.insert("reminds_of".into(), json!(message.follows));
        table.insert("changed_since_last_good".into(), json!(letter.changes));
        table.insert("log_tail".into(), json!(letter.log));
        table.insert("log_absent".into(), json!(letter.log_absent));
        table.insert("links".into(), links.into());
        table.insert("retry".into(), json!(letter.retry));
        let tick = letter.facts.iter().find(|(label, _)| *label == "next tick");
        table.insert("next_tick".into(), json!(tick.map(|(_, value)| value)));
    }
    let kind = if own { "notification" } else { "run" };
    json!({
        "type": format!("{kind}.{}", first.occasion.word()),
        "id": message.id,
        "event_id": first.id,
        "timestamp": first.at,
        "data": data,
    })
}
