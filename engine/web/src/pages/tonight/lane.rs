//! A DAG on the time line: its runs as bars, its coming ticks as strokes, the present in the middle.

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use maud::{Markup, html};
use noctule_core::tonight::{Lane, Night, REACH};

use crate::pages::marks::{mark, words};
use crate::pages::times::span;

/// Runs that are drawn of one DAG.
const DRAWN: usize = 120;
/// The least width of a bar, in percent of the line.
const LEAST: f64 = 0.45;
/// Hours from one word of the axis to the next.
const STEP: u32 = 6;

/// Where an instant is, in percent of the line.
fn place(now: DateTime<Utc>, at: DateTime<Utc>) -> f64 {
    let whole = REACH.num_milliseconds() as f64 * 2.0;
    let from = (at - (now - REACH)).num_milliseconds() as f64;
    (from / whole * 100.0).clamp(0.0, 100.0)
}

fn percent(place: f64) -> String {
    format!("{place:.2}%")
}

/// On a phone there is no room for a word so near to the present.
fn is_near(place: f64) -> bool {
    (place - 50.0).abs() < 15.0
}

/// The hours above the lanes.
pub(super) fn axis(night: &Night, zone: Tz) -> Markup {
    let mut marks = Vec::new();
    let mut hour = (night.now - REACH).with_timezone(&zone);
    while hour.with_timezone(&Utc) < night.now + REACH {
        if hour.hour().is_multiple_of(STEP) && hour.with_timezone(&Utc) > night.now - REACH {
            let whole = hour.with_minute(0).and_then(|hour| hour.with_second(0));
            marks.extend(whole);
        }
        hour += TimeDelta::hours(1);
    }
    html! {
        svg.axis width="100%" height="18" aria-hidden="true" {
            @for at in marks {
                @let x = place(night.now, at.with_timezone(&Utc));
                @if x > 1.0 && x < 97.0 && (x - 50.0).abs() > 4.0 {
                    text.near[is_near(x)] x=(percent(x)) y="13" text-anchor="middle" {
                        @if at.hour() == 0 { (at.format("%a %-d")) } @else { (at.format("%H:%M")) }
                    }
                }
            }
            text.now x="50%" y="13" text-anchor="middle" { "now" }
        }
    }
}

/// The lane of a DAG.
pub(super) fn lane(night: &Night, lane: &Lane) -> Markup {
    html! {
        svg.line width="100%" height="26" role="group" data-roving="" aria-label={
            (lane.dag.dag) ": " (lane.runs.len()) " runs in the past day, " (lane.ticks.len()) " ticks in the coming one"
        } {
            rect.past x="0" y="3" width="50%" height="20" {}
            @for tick in &lane.ticks {
                @let x = percent(place(night.now, tick.utc));
                line.tick x1=(x) x2=(x) y1="8" y2="18" { title {
                    (tick.local) @if let Some(id) = &tick.ingestion_id { " " (id) }
                } }
            }
            @if let Some(late) = lane.late {
                @let x = percent(place(night.now, late));
                line.late x1=(x) x2=(x) y1="2" y2="24" { title { "late" } }
            }
            @for run in lane.runs.iter().take(DRAWN).rev() {
                @let from = run.started_at.unwrap_or(run.created_at);
                @let to = run.ended_at.unwrap_or(night.now);
                @let (left, right) = (place(night.now, from), place(night.now, to));
                @let (tone, outline) = mark(run.state);
                a href={ "/runs/" (run.id) } class=(tone.class()) aria-label={
                    (lane.dag.dag) " run " (run.ingestion_id) ", " (words(run.state)) ", " (span(to - from))
                } {
                    rect x=(percent(left.min(100.0 - LEAST))) y="4" width=(percent((right - left).max(LEAST))) height="18" rx="2" {}
                    @if run.state != "succeeded" && run.state != "running" {
                        rect x=(percent(left)) y="4" width="18" height="18" rx="2" {}
                        svg.sign x=(percent(left)) y="5" width="18" height="16" viewBox="0 0 16 16" overflow="visible" { path d=(outline) {} }
                    }
                    title { (run.ingestion_id) ": " (words(run.state)) ", " (span(to - from)) }
                }
            }
            line.now x1="50%" x2="50%" y1="0" y2="26" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_present_is_in_the_middle_and_nothing_leaves_the_line() {
        let now = "2026-01-13T02:00:00Z".parse().unwrap();
        assert!((place(now, now) - 50.0).abs() < 1e-9);
        assert!((place(now, now - TimeDelta::hours(12)) - 25.0).abs() < 1e-9);
        assert!(place(now, now - TimeDelta::days(9)).abs() < 1e-9);
        assert!((place(now, now + TimeDelta::days(9)) - 100.0).abs() < 1e-9);
    }
}
