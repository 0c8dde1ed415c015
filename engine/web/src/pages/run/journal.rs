//! What happened in a run, newest first, in pages.

use maud::{Markup, html};
use noctule_core::run::Fact;
use noctule_core::view::{EventView, fact_in_words};

use super::ways::RunQuery;
use crate::known::Story;
use crate::pages::times::time;
use crate::problem::Problem;
use crate::web::Web;

/// Entries of a page.
const ENTRIES: u64 = 25;

pub(super) async fn section(web: &Web, story: &Story, query: &RunQuery) -> Result<Markup, Problem> {
    let id = &story.run.facts.id;
    let last = web.store().last_records(std::slice::from_ref(id)).await?;
    let last = last.first().map_or(0, |(_, last)| *last);
    let end = query
        .before
        .map_or(last, |before| before.saturating_sub(1).min(last));
    let after = end.saturating_sub(ENTRIES);
    let limit = u32::try_from(end - after).unwrap_or(u32::MAX);
    let records = web.store().records(id, after, limit).await?;
    let news = records
        .iter()
        .rev()
        .filter(|(_, record)| record.fact != Fact::Noted);
    let events: Vec<EventView> = news
        .map(|(seq, record)| EventView::of(&story.dag, &story.run, *seq, record))
        .collect();
    let older = (after > 0).then_some(after + 1);
    let way = |before| {
        RunQuery {
            before,
            ..RunQuery::default()
        }
        .way(id.as_str(), "events")
    };
    Ok(html! {
        section id="events" {
            h2 { "Events" }
            div id="event-list" data-live {
                @if events.is_empty() { p.quiet { "None." } }
                div.scroll { table.events { thead { tr { th scope="col" { "When" } th scope="col" { "Task" } th scope="col" { "What happened" } } } tbody { @for event in &events { (row(web, event)) } } } }
                p.pages {
                    @if query.before.is_some() { a.button href=(way(None)) { "Newest" } " " }
                    @if older.is_some() { a.button href=(way(older)) { "Older" } }
                }
            }
        }
    })
}

fn row(web: &Web, event: &EventView) -> Markup {
    let zone = web.settings().zone;
    let say =
        |at: noctule_core::run::Instant| at.with_timezone(&zone).format("%H:%M:%S %Z").to_string();
    html! {
        tr id={ "e-" (event.seq) } {
            td.nowrap.quiet { (time(event.at, zone, "%H:%M:%S")) }
            td {
                @if let Some(task) = &event.task {
                    bdi { (task) @if let Some(key) = &event.map_key { "[" (key) "]" } }
                    @if let Some(number) = event.attempt { span.quiet { " attempt " (number) } }
                }
            }
            td { bdi { (fact_in_words(&event.fact, &say)) } }
        }
    }
}
