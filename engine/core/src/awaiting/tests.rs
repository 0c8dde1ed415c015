//! The table: each thing that may be seen, and what follows from it.

use crate::dag::{
    Catchup, Dag, Definition, FoldRule, GapRule, IngestionTable, Overlap, ScheduleRule,
};
use crate::run::Instant;
use crate::ticks::IngestionId;

use super::{Found, Other, Sight, judge};

fn at(text: &str) -> Instant {
    text.parse().expect("an instant")
}

/// 21:00 in Seoul is 12:00 UTC.
fn nightly(change: impl FnOnce(&mut Definition)) -> Dag {
    let mut definition = crate::view::sample::dag(vec![crate::view::sample::task("a", &[], 0)])
        .definition()
        .clone();
    definition.schedule = Some(ScheduleRule {
        cron: vec!["0 21 * * *".to_owned()],
        timezone: "Asia/Seoul".to_owned(),
        enabled: true,
        start: None,
        end: None,
        catchup: Catchup::Latest,
        catchup_window: None,
        overlap: Overlap::Queue,
        max_queued: 1,
        dst_gap: GapRule::FireAfter,
        dst_fold: FoldRule::First,
    });
    change(&mut definition);
    Dag::new(definition).expect("a graph")
}

/// Now: 2026-01-13 11:30 UTC; the tick of the 13th is half an hour ahead.
fn outlook(dag: &Dag, id: &str, considered: Option<&str>) -> Sight {
    let wanted = IngestionId::given(id).expect("an id");
    let considered = considered.map(at);
    let other = Other::Known { dag, considered };
    judge(
        &wanted,
        &["succeeded"],
        None,
        other,
        at("2026-01-13T11:30:00Z"),
    )
}

fn why(sight: Sight) -> (String, Vec<String>) {
    match sight {
        Sight::InVain { why, next } => {
            let next = next.iter().map(|id| id.as_str().to_owned()).collect();
            (why, next)
        }
        other => panic!("not in vain: {other:?}"),
    }
}

const CONSIDERED: Option<&str> = Some("2026-01-13T11:29:59Z");

#[test]
fn a_run_that_is_there_decides_by_its_state() {
    let wanted = IngestionId::given("20260113120000").expect("an id");
    let dag = nightly(|_| {});
    let other = Other::Known {
        dag: &dag,
        considered: None,
    };
    let now = at("2026-01-13T13:00:00Z");
    let sight = |states: &[&str], state, is_over| {
        judge(&wanted, states, Some(Found { state, is_over }), other, now)
    };
    let otherwise = |state: &str| Sight::Otherwise(state.to_owned());
    let good = ["succeeded"];
    for (states, state, is_over, expected) in [
        (&good[..], Some("succeeded"), true, Sight::Holds),
        (&good, Some("queued"), false, Sight::Waits),
        (&good, Some("running"), false, Sight::Waits),
        (&good, Some("failed"), true, otherwise("failed")),
        (&good, Some("cancelled"), true, otherwise("cancelled")),
        (&["succeeded", "failed"], Some("failed"), true, Sight::Holds),
        (&["running"], Some("running"), false, Sight::Holds),
        (&["failed"], Some("succeeded"), true, otherwise("succeeded")),
    ] {
        assert_eq!(
            sight(states, state, is_over),
            expected,
            "{state:?} in {states:?}"
        );
    }
    assert_eq!(why(sight(&good, None, false)).0, "its run has no such task");
}

#[test]
fn without_a_run_waiting_goes_on_while_its_tick_is_to_come() {
    let dag = nightly(|_| {});
    assert_eq!(outlook(&dag, "20260113120000", CONSIDERED), Sight::Waits);
    assert_eq!(outlook(&dag, "20260301120000", CONSIDERED), Sight::Waits);
    // A tick that has passed and is not decided yet: catch-up may make its run.
    let behind = Some("2026-01-12T11:00:00Z");
    assert_eq!(outlook(&dag, "20260112120000", behind), Sight::Waits);
}

#[test]
fn an_id_that_no_tick_has_is_in_vain_and_the_next_ids_are_named() {
    let dag = nightly(|_| {});
    let (text, next) = why(outlook(&dag, "20260113130000", CONSIDERED));
    assert_eq!(text, "no tick of its schedule has that ingestion id");
    assert_eq!(next, ["20260113120000", "20260114120000", "20260115120000"]);
    let (text, _) = why(outlook(&dag, "20260113", CONSIDERED));
    assert_eq!(text, "no tick of its schedule has that ingestion id");
}

#[test]
fn a_tick_that_was_decided_without_a_run_is_in_vain() {
    let dag = nightly(|_| {});
    for considered in [CONSIDERED, None] {
        let (text, next) = why(outlook(&dag, "20260112120000", considered));
        assert!(
            text.starts_with("its tick at 2026-01-12T12:00:00Z was decided without a run"),
            "{text}"
        );
        assert_eq!(next[0], "20260113120000");
    }
}

#[test]
fn ids_follow_the_ingestion_rule_and_not_the_tick() {
    let dag = nightly(|definition| {
        definition.ingestion = Some(IngestionTable {
            transform_schedule: vec!["10".to_owned()],
            day_of_week: "*".to_owned(),
            digits: 14,
            timezone: "UTC".to_owned(),
            allow_lag: true,
        });
    });
    assert_eq!(outlook(&dag, "20260113100000", CONSIDERED), Sight::Waits);
    let (_, next) = why(outlook(&dag, "20260113120000", CONSIDERED));
    assert_eq!(next[0], "20260113100000");
}

#[test]
fn a_schedule_that_has_ended_brings_nothing_more() {
    let dag = nightly(|definition| {
        if let Some(schedule) = &mut definition.schedule {
            schedule.end = Some(at("2026-01-13T00:00:00Z"));
        }
    });
    let (_, next) = why(outlook(&dag, "20260113120000", CONSIDERED));
    assert!(next.is_empty(), "{next:?}");
}

#[test]
fn a_dag_that_others_start_may_get_a_run_at_any_time() {
    let by_hand = nightly(|definition| definition.schedule = None);
    let off = nightly(|definition| {
        if let Some(schedule) = &mut definition.schedule {
            schedule.enabled = false;
        }
    });
    for dag in [by_hand, off] {
        assert_eq!(outlook(&dag, "20260113130000", CONSIDERED), Sight::Waits);
    }
}

#[test]
fn a_dag_that_is_unknown_or_gone_is_in_vain_but_its_runs_still_count() {
    let wanted = IngestionId::given("20260113120000").expect("an id");
    let now = at("2026-01-13T13:00:00Z");
    for (other, expected) in [
        (Other::Unknown, "there is no such DAG"),
        (
            Other::Withdrawn,
            "its file is gone, so it makes no runs any more",
        ),
    ] {
        let sight = judge(&wanted, &["succeeded"], None, other, now);
        assert_eq!(why(sight).0, expected);
        let found = Some(Found {
            state: Some("running"),
            is_over: false,
        });
        assert_eq!(
            judge(&wanted, &["succeeded"], found, other, now),
            Sight::Waits
        );
    }
}
