//! What waits to be told, who listens, what hears of changes, and what became of spans.

use chrono_tz::Tz;
use maud::{Markup, html};

use crate::pages::action::command;
use crate::pages::marks::badge;
use crate::pages::times::when;
use crate::read::{HealthView, ListenerView, MOST_COUNTED, OutboxView, SpansView};

pub(super) fn outbox(outbox: &OutboxView, zone: Tz) -> Markup {
    let waiting = outbox.gathering + outbox.waiting + outbox.sending;
    let most = outbox.gathering.max(outbox.waiting).max(outbox.sending);
    html! {
        section {
            h2 { "Outbox" }
            dl.facts {
                dt { "to be delivered" }
                dd {
                    @if waiting == 0 { "0" }
                    @else { (waiting) @if most >= u64::from(MOST_COUNTED) { " or more" } ": " (counted(outbox.gathering)) " gathering, " (counted(outbox.waiting)) " waiting, " (counted(outbox.sending)) " being sent" }
                }
                @if let Some(oldest) = outbox.oldest { dt { "the oldest is of" } dd { (when(oldest, zone)) } }
                dt { "given up" }
                dd {
                    @if outbox.given_up == 0 { "none" }
                    @else {
                        (badge("failed")) " " (counted(outbox.given_up))
                        ". " (command("noctule notify list --failed"))
                    }
                }
            }
        }
    }
}

/// A count, as far as it was counted.
fn counted(count: u64) -> String {
    let more = count >= u64::from(MOST_COUNTED);
    format!("{count}{}", if more { " or more" } else { "" })
}

/// What the store refuses to write now.
pub(super) fn unwritten(standing: &HealthView) -> Markup {
    let refused = standing.unwritten.as_deref().unwrap_or_default();
    html! {
        @if !refused.is_empty() {
            p.notice role="alert" {
                "The store refuses to write what the engine decided; it tries again, and nothing of it is done before: "
                @for (at, one) in refused.iter().enumerate() {
                    @if at > 0 { ", " }
                    (one.kind.replace('_', " ")) " (" (one.count) ")"
                }
                "."
            }
        }
    }
}

pub(super) fn listeners(standing: &HealthView) -> Markup {
    html! {
        section {
            h2 { "Listeners" }
            p { "Clients of live events: " (standing.events.clients) " of " (standing.events.most) "." }
            @match &standing.listeners {
                None => { p.quiet { "Only the engine itself listens to databases; this server is not it." } },
                Some(known) if known.is_empty() => { p.quiet { "No database is listened to." } },
                Some(known) => { (table(known)) },
            }
            @if let Some(spans) = &standing.spans { (traces(spans)) }
        }
    }
}

fn table(known: &[ListenerView]) -> Markup {
    html! { div.scroll { table {
        thead { tr { th scope="col" { "Connection" } th scope="col" { "Mode" } th.num scope="col" { "Channels" } } }
        tbody { @for one in known { tr {
            th scope="row" { bdi { (one.connection) } }
            td { @if one.mode == "listening" { "listening" } @else { (badge("waiting")) " polling: it does not hear now" } }
            td.num { (one.channels) }
        } } }
    } } }
}

fn traces(spans: &SpansView) -> Markup {
    html! {
        p {
            "Spans of traces: " (spans.exported) " exported, " (spans.waiting) " waiting, "
            (spans.refused) " refused, " (spans.lost) " lost."
        }
    }
}
