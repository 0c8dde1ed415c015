//! Runs past the time by which they were to end, and those that have it ahead.

use chrono_tz::Tz;
use serde_json::json;

use super::*;
use crate::run::{Actor, Phase, Run, RunEnding, Trigger};
use crate::view::{DagStanding, TonightView};
use crate::word::lateness;

/// At 23:00 in Seoul, which is 14:00 UTC, and by 06:00 there, which is 21:00 UTC.
const TICK: &str = "2026-01-13T14:00:00Z";
const BY: &str = "2026-01-13T21:00:00Z";

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn dag(must_end_by: Option<&str>) -> Dag {
    let definition = serde_json::from_value(json!({
        "id": "nightly", "description": null, "owner": null, "tags": [], "timeout": null, "max_active_runs": 2,
        "schedule": {
            "cron": ["0 23 * * *"], "timezone": "Asia/Seoul", "enabled": true, "start": null, "end": null,
            "catchup": "none", "catchup_window": null, "overlap": "queue", "max_queued": 1,
            "dst_gap": "fire_after", "dst_fold": "first",
        },
        "must_end_by": must_end_by, "ingestion": null, "params": {}, "not_yet": [], "tasks": [],
    }));
    Dag::new(definition.unwrap()).unwrap()
}

fn scheduled() -> Trigger {
    Trigger::Schedule { tick: at(TICK) }
}

fn run(id: &str, trigger: Trigger, phase: Phase) -> Run {
    let facts = json!({
        "id": id, "dag": "nightly", "version": "0".repeat(64), "profile": "local", "trigger": trigger,
        "ingestion_id": "20260113140000", "logical_time": TICK, "params": {}, "vars": {}, "created_at": TICK,
        "previous": { "any": null, "success": null },
    });
    Run {
        facts: serde_json::from_value(facts).unwrap(),
        round: 1,
        phase,
        backfill: None,
        line: Vec::new(),
        tasks: Vec::new(),
    }
}

fn queued() -> Phase {
    Phase::Queued { since: at(TICK) }
}

fn night(now: &str, dag: &Dag, runs: &[Run]) -> Night {
    let view = DagView::without_file("nightly".to_owned(), None, DagStanding::default());
    let known = Known {
        view: DagView {
            state: "active",
            ..view
        },
        dag: None,
        decided: None,
    };
    let heads: Vec<RunHead> = runs
        .iter()
        .map(|run| RunHead::of(&run.facts, run.round, &run.phase))
        .collect();
    let mut night = Night::of(at(now), Tz::UTC, vec![known], &heads);
    night.expect(runs.iter().map(|run| (dag, run)));
    night
}

#[test]
fn a_run_has_its_time_ahead_until_it_is_past_and_then_it_is_late() {
    let (dag, runs) = (dag(Some("06:00:00")), [run("r", scheduled(), queued())]);
    let before = night("2026-01-13T20:59:59Z", &dag, &runs);
    assert_eq!((before.due.len(), before.overdue().count()), (1, 0));
    assert_eq!(before.due[0].by, at(BY));
    assert_eq!((before.is_well(), before.lanes[0].tone()), (true, None));
    let due = &TonightView::of(&before, None);
    assert_eq!((due.counts.due, due.counts.overdue), (1, 0));
    assert_eq!((due.due[0].by, due.due[0].past_seconds), (at(BY), None));
    // At the very instant at which people are told.
    let after = night(BY, &dag, &runs);
    assert_eq!(after.overdue().count(), 1);
    assert_eq!(
        (after.is_well(), after.lanes[0].tone()),
        (false, Some("late"))
    );
    let later = TonightView::of(&night("2026-01-13T22:30:00Z", &dag, &runs), None);
    assert_eq!((later.counts.due, later.counts.overdue), (0, 1));
    assert_eq!(later.due[0].past_seconds, Some(5_400));
    assert_eq!(
        (later.due[0].run.as_str(), later.due[0].state),
        ("r", "queued")
    );
    assert!(!later.well);
}

#[test]
fn whoever_is_over_was_asked_for_or_has_no_such_time_is_not_late() {
    let late = dag(Some("06:00:00"));
    let now = "2026-01-13T23:00:00Z";
    let by = Actor::engine;
    let over = Phase::Ended {
        started_at: Some(at(TICK)),
        at: at("2026-01-13T22:00:00Z"),
        ending: RunEnding::Succeeded,
    };
    let mut of_backfill = run("b", scheduled(), queued());
    of_backfill.backfill = Some("b-1".parse().unwrap());
    let runs = [
        run("over", scheduled(), over),
        run("asked", Trigger::Manual { by: by() }, queued()),
        of_backfill,
    ];
    let none = night(now, &late, &runs);
    assert_eq!(
        (none.due.len(), none.is_well()),
        (0, true),
        "{:#?}",
        none.due
    );
    let plain = night(now, &dag(None), &[run("r", scheduled(), queued())]);
    assert_eq!((plain.due.len(), plain.is_well()), (0, true));
}

#[test]
fn a_round_that_somebody_opened_when_the_time_had_passed_is_theirs() {
    let dag = dag(Some("06:00:00"));
    let again = |since: &str| Run {
        round: 2,
        ..run("r", scheduled(), Phase::Queued { since: at(since) })
    };
    let now = "2026-01-13T23:00:00Z";
    let after = night(now, &dag, &[again("2026-01-13T21:00:01Z")]);
    assert_eq!((after.due.len(), after.is_well()), (0, true));
    let before = night(now, &dag, &[again("2026-01-13T20:59:59Z")]);
    assert_eq!(before.overdue().count(), 1);
}

/// The night and the word to people go by one rule.
#[test]
fn people_are_told_of_those_that_tonight_calls_late() {
    let mut told = dag(Some("06:00:00")).definition().clone();
    let rule = json!({ "to": ["oncall"], "on": ["late"] });
    told.notify = Some(serde_json::from_value(rule).unwrap());
    let dag = Dag::new(told).unwrap();
    for (round, since) in [
        (1, TICK),
        (2, "2026-01-13T20:00:00Z"),
        (2, "2026-01-13T22:00:00Z"),
    ] {
        let run = Run {
            round,
            ..run("r", scheduled(), Phase::Queued { since: at(since) })
        };
        let word = lateness(&dag, &run, at(BY), at("2026-01-13T23:00:00Z"));
        let night = night("2026-01-13T23:00:00Z", &dag, &[run]);
        assert_eq!(
            word.is_some(),
            night.overdue().next().is_some(),
            "{round} {since}"
        );
    }
}

#[test]
fn the_longest_past_stands_first_and_what_lies_beyond_the_night_is_not_told() {
    let dag = dag(Some("06:00:00"));
    let of = |id: &str, day: u32| {
        let tick = at(&format!("2026-01-{day}T14:00:00Z"));
        run(id, Trigger::CatchUp { tick }, queued())
    };
    let runs = [
        of("ahead", 14),
        of("late", 13),
        of("later", 12),
        of("beyond", 15),
    ];
    let night = night("2026-01-14T15:00:00Z", &dag, &runs);
    let ids: Vec<&str> = night.due.iter().map(|due| due.run.id.as_str()).collect();
    assert_eq!(ids, ["later", "late", "ahead"]);
    assert_eq!(night.overdue().count(), 2);
}
