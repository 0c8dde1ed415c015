//! How long the runs of a DAG took, one after the other, and how its days went.

use std::collections::BTreeMap;

use axum::response::Response;
use chrono::{Datelike, Days, NaiveDate, TimeDelta};
use maud::{Markup, html};
use noctule_core::view::RunHead;
use noctule_store::RunFilter;

use super::frame::{DagSheet, Tab, no_runs};
use crate::access::{Need, Role};
use crate::operation::{Call, Nothing, Operation, Verb};
use crate::pages::marks::{badge, mark, words};
use crate::pages::times::span;
use crate::problem::Problem;
use crate::web::Web;

/// Runs that are looked at for the days.
const RUNS: u32 = 1_000;
/// Runs whose durations are drawn.
const DRAWN: usize = 100;
/// Weeks of the calendar.
const WEEKS: u64 = 26;
/// Pixels of a day.
const DAY: u64 = 20;
/// Pixels of the durations.
const TALL: i64 = 160;

/// `GET /dags/{dag}/history`.
pub(crate) struct ShowHistory;

impl Operation for ShowHistory {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/dags/{dag}/history";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "history_page";
    const SUMMARY: &'static str = "How long runs took, and how the days went";
    const MEDIA: &'static str = "text/html";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let id = call.dag()?;
        let dag = web.dag_view(web.record(&id).await?).await?;
        let filter = RunFilter {
            dag: Some(id),
            limit: RUNS,
            ..RunFilter::default()
        };
        let found = web.store().find_runs(&filter).await?;
        let seen = |run: &noctule_store::RunSummary| RunHead::of(&run.facts, run.round, &run.phase);
        let runs: Vec<RunHead> = found.iter().map(seen).collect();
        let below = html! {
            div id="history" data-live data-pause="4000" {
                @if runs.is_empty() { (no_runs(&dag.dag, call.caller.may_act())) }
                @else { (durations(&runs)) (calendar(&web, &runs)) }
            }
        };
        let sheet = DagSheet {
            who: &call.caller,
            dag: &dag,
            tab: Tab::History,
            scripts: &[],
            below,
        };
        Ok(sheet.answer(&web))
    }
}

fn took(run: &RunHead) -> Option<TimeDelta> {
    Some(run.ended_at? - run.started_at?)
}

/// The duration below which a share of the runs stayed.
fn quantile(sorted: &[TimeDelta], share: usize) -> Option<TimeDelta> {
    let place = (sorted.len() * share).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied()
}

fn durations(runs: &[RunHead]) -> Markup {
    let mut ended: Vec<(&RunHead, TimeDelta)> = runs
        .iter()
        .filter_map(|run| Some((run, took(run)?)))
        .take(DRAWN)
        .collect();
    ended.reverse();
    let good = ended.iter().filter(|(run, _)| run.state == "succeeded");
    let mut sorted: Vec<TimeDelta> = good.map(|(_, took)| *took).collect();
    sorted.sort_unstable();
    let longest = ended.iter().map(|(_, took)| *took).max();
    let longest = longest.unwrap_or_default().num_milliseconds().max(1);
    let height = |took: TimeDelta| (took.num_milliseconds().max(0) * TALL / longest).max(2);
    let wide = ended.len() * 12;
    html! {
        section aria-labelledby="durations" {
            h2 id="durations" { "Durations of the last " (ended.len()) " runs that ended" }
            @if let (Some(half), Some(most)) = (quantile(&sorted, 50), quantile(&sorted, 95)) {
                p.quiet { "Of those that succeeded, half took at most " strong { (span(half)) } ", 95 of 100 at most " strong { (span(most)) } ". The highest bar is " (span(TimeDelta::milliseconds(longest))) "." }
            }
            div.scroll { svg.durations width=(wide.max(12)) height=(TALL + 18) role="group" data-roving="" aria-label="Durations" {
                @if let Some(half) = quantile(&sorted, 50) {
                    line.half x1="0" x2=(wide) y1=(TALL - height(half)) y2=(TALL - height(half)) {}
                }
                @for (place, (run, took)) in ended.iter().enumerate() {
                    @let (tone, _) = mark(run.state);
                    a href={ "/runs/" (run.id) } class=(tone.class()) aria-label={ "Run " (run.ingestion_id) ", " (words(run.state)) ", " (span(*took)) } {
                        rect x=(place * 12 + 1) y=(TALL - height(*took)) width="10" height=(height(*took)) rx="1" {}
                        @if run.state != "succeeded" { path.x d={ "M" (place * 12 + 3) " " (TALL + 5) "l6 6m0-6l-6 6" } {} }
                        title { (run.ingestion_id) ": " (words(run.state)) ", " (span(*took)) }
                    }
                }
            } }
        }
    }
}

/// How a day went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Day {
    runs: usize,
    bad: usize,
    live: usize,
}

impl Day {
    fn word(self) -> &'static str {
        match self {
            Self { bad: 1.., .. } => "failed",
            Self { live: 1.., .. } => "running",
            _ => "succeeded",
        }
    }
}

fn calendar(web: &Web, runs: &[RunHead]) -> Markup {
    let zone = web.settings().zone;
    let mut days: BTreeMap<NaiveDate, Day> = BTreeMap::new();
    for run in runs {
        let date = run.logical_time.with_timezone(&zone).date_naive();
        let day = days.entry(date).or_default();
        day.runs += 1;
        match run.state {
            "failed" | "timed_out" | "cancelled" => day.bad += 1,
            "running" | "queued" => day.live += 1,
            _ => {}
        }
    }
    let today = web.now().with_timezone(&zone).date_naive();
    let monday = today - Days::new(u64::from(today.weekday().num_days_from_monday()));
    let first = monday - Days::new((WEEKS - 1) * 7);
    let all: Vec<(u64, NaiveDate)> = (0..WEEKS * 7)
        .map(|number| (number, first + Days::new(number)))
        .filter(|(_, date)| *date <= today)
        .collect();
    html! {
        section aria-labelledby="calendar" {
            h2 id="calendar" { "The last " (WEEKS) " weeks" }
            p.quiet {
                "By nominal time, in " (zone.name()) ". A day is " (badge("failed")) " if any of its runs did not succeed."
                @if runs.len() >= RUNS as usize { " Only the latest " (RUNS) " runs are counted." }
            }
            div.scroll tabindex="0" role="region" aria-label="Calendar" { svg.calendar width=(WEEKS * DAY + 40) height=(DAY * 7 + 20) role="group" aria-label="Days" {
                @for (row, name) in ["Mon", "Wed", "Fri"].into_iter().enumerate() {
                    text x="0" y=(20 + (row as u64 * 2) * DAY + 13) { (name) }
                }
                @for (number, date) in all {
                    @let (x, y) = (40 + number / 7 * DAY, 20 + number % 7 * DAY);
                    @if date.day() <= 7 && number % 7 == 0 { text x=(x) y="12" { (date.format("%b")) } }
                    @match days.get(&date) {
                        None => { rect.empty x=(x) y=(y) width=(DAY - 4) height=(DAY - 4) rx="3" {} },
                        Some(day) => {
                            @let (tone, outline) = mark(day.word());
                            g class=(tone.class()) role="img" aria-label={ (date) ": " (day.runs) " runs, " (day.bad) " not well" } {
                                rect x=(x) y=(y) width=(DAY - 4) height=(DAY - 4) rx="3" {}
                                svg.sign x=(x + 1) y=(y + 1) width="14" height="14" viewBox="0 0 16 16" { path d=(outline) {} }
                                title { (date.format("%a %-d %b %Y")) ": " (day.runs) " runs, " (day.bad) " not well" }
                            }
                        },
                    }
                }
            } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_runs_took_at_most_the_median() {
        let all: Vec<TimeDelta> = (1..=10).map(TimeDelta::seconds).collect();
        assert_eq!(quantile(&all, 50), Some(TimeDelta::seconds(5)));
        assert_eq!(quantile(&all, 95), Some(TimeDelta::seconds(10)));
        assert_eq!(quantile(&all[..1], 50), Some(TimeDelta::seconds(1)));
        assert_eq!(quantile(&[], 50), None);
    }

    #[test]
    fn a_day_is_as_bad_as_its_worst_run() {
        let day = |runs, bad, live| Day { runs, bad, live }.word();
        assert_eq!(day(3, 1, 1), "failed");
        assert_eq!(day(3, 0, 1), "running");
        assert_eq!(day(3, 0, 0), "succeeded");
    }
}
