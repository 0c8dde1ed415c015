//! Every tick once, none forgotten, in order, never more at once than was said.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::dag::{Dag, Definition};
use crate::run::{RunFacts, Trigger};

const VECTORS: &str = include_str!("../../tests/vectors/ticks.json");

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn dag(cron: &Value, zone: &str, gap: &Value, fold: &Value) -> Dag {
    let cron = match cron {
        Value::String(one) => json!([one]),
        several => several.clone(),
    };
    let definition: Definition = serde_json::from_value(json!({
        "id": "nightly", "description": null, "owner": null, "tags": [], "timeout": null, "max_active_runs": 2,
        "schedule": {
            "cron": cron, "timezone": zone, "enabled": true, "start": null, "end": null, "catchup": "none",
            "catchup_window": null, "overlap": "queue", "max_queued": 1, "dst_gap": gap, "dst_fold": fold,
        },
        "ingestion": null, "params": {}, "not_yet": [], "tasks": [],
    }))
    .unwrap();
    Dag::new(definition).unwrap()
}

fn nightly() -> Dag {
    let (gap, fold) = (json!("fire_after"), json!("first"));
    dag(&json!("0 23 * * *"), "Asia/Seoul", &gap, &fold)
}

fn by() -> Actor {
    Actor {
        name: "operator".to_owned(),
        via: "cli".to_owned(),
    }
}

fn existing(tick: Instant, ix: usize, ending: Option<RunEnding>) -> Existing {
    let facts: RunFacts = serde_json::from_value(json!({
        "id": format!("r-{ix}"), "dag": "nightly", "version": "0".repeat(64), "profile": "local",
        "trigger": Trigger::Schedule { tick }, "ingestion_id": "20260113140000", "logical_time": tick,
        "params": {}, "vars": {}, "created_at": tick, "previous": { "any": null, "success": null },
    }))
    .unwrap();
    let phase = match ending {
        Some(ending) => crate::run::Phase::Ended {
            ending,
            started_at: Some(tick),
            at: tick,
        },
        None => crate::run::Phase::Queued { since: tick },
    };
    Existing::of(&facts, &phase).unwrap()
}

fn range(from: Instant, to: Instant) -> Range {
    Range { from, to }
}

fn head(only: Only, max_parallel: u32) -> Backfill {
    Backfill {
        id: "b-1".parse().unwrap(),
        dag: "nightly".parse().unwrap(),
        from: at("2026-01-01T00:00:00Z"),
        to: at("2026-02-01T00:00:00Z"),
        only,
        max_parallel,
        by: by(),
        reason: None,
        created_at: at("2026-02-02T00:00:00Z"),
        phase: Phase::Running,
        tally: Tally::default(),
    }
}

/// Nobody else is there.
const FREE: Around = Around {
    max_active_runs: Some(1_000),
    running: 0,
    queued: 0,
};

#[test]
fn a_plan_has_the_ticks_of_the_vectors_each_once_and_both_ends() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let mut looked = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let ticks: Vec<DateTime<Utc>> = case["expect"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tick| at(tick["utc"].as_str().unwrap()))
            .collect();
        let (Some(first), Some(last)) = (ticks.first(), ticks.last()) else {
            continue;
        };
        let zone = case["timezone"].as_str().unwrap();
        let dag = dag(&case["cron"], zone, &case["dst_gap"], &case["dst_fold"]);
        let plan = plan(&dag, range(*first, *last), Only::All, *last, &[]).unwrap();
        let planned: Vec<DateTime<Utc>> = plan.nights.iter().map(|night| night.tick).collect();
        assert_eq!(planned, ticks, "{}", case["name"]);
        looked += 1;
    }
    assert!(looked > 90, "only {looked} cases");
}

#[test]
fn each_night_carries_the_id_of_its_own_tick() {
    let dag = nightly();
    let week = Range::read(
        "2026-01-10",
        "2026-01-13",
        chrono_tz::Asia::Seoul,
        at("2026-02-01T00:00:00Z"),
    );
    let plan = plan(
        &dag,
        week.unwrap(),
        Only::Missing,
        at("2026-02-01T00:00:00Z"),
        &[],
    )
    .unwrap();
    let ids: Vec<&str> = plan
        .nights
        .iter()
        .map(|night| night.ingestion_id.as_str())
        .collect();
    assert_eq!(
        ids,
        [
            "20260110140000",
            "20260111140000",
            "20260112140000",
            "20260113140000"
        ],
        "a bare date as the end is the whole day"
    );
}

#[test]
fn what_is_done_for_a_tick_follows_from_its_run() {
    let dag = nightly();
    let now = at("2026-02-01T00:00:00Z");
    let tick = |day: u32| at(&format!("2026-01-{day:02}T14:00:00Z"));
    let runs = [
        existing(tick(1), 1, Some(RunEnding::Succeeded)),
        existing(tick(2), 2, Some(RunEnding::Failed)),
        existing(tick(3), 3, None),
        existing(tick(4), 4, Some(RunEnding::Cancelled)),
    ];
    let days = |only: Only| {
        let plan = plan(&dag, range(tick(1), tick(5)), only, now, &runs).unwrap();
        let seen = plan.nights.iter().map(|night| {
            let run = night.errand.run().map(ToString::to_string);
            (night.tick, night.errand.word(), run.unwrap_or_default())
        });
        (seen.collect::<Vec<_>>(), plan.left.len())
    };
    let run = |ix: usize| format!("r-{ix}");
    assert_eq!(
        days(Only::Missing),
        (vec![(tick(5), "make", String::new())], 4)
    );
    assert_eq!(
        days(Only::Failed),
        (
            vec![(tick(2), "retry", run(2)), (tick(4), "retry", run(4))],
            3
        )
    );
    let all = vec![
        (tick(1), "again", run(1)),
        (tick(2), "again", run(2)),
        (tick(4), "again", run(4)),
        (tick(5), "make", String::new()),
    ];
    assert_eq!(days(Only::All), (all, 1));
}

#[test]
fn a_range_that_cannot_be_is_refused_and_the_future_is_none_of_it() {
    let dag = nightly();
    let now = at("2026-01-13T15:00:00Z");
    let of = |from: &str, to: &str| plan(&dag, range(at(from), at(to)), Only::Missing, now, &[]);
    let far = "2026-03-01T00:00:00Z";
    let past = of("2026-01-12T00:00:00Z", far).unwrap();
    assert_eq!(past.nights.len(), 2, "{past:?}");
    assert_eq!(of(far, "2026-02-01T00:00:00Z"), Err(PlanError::UpsideDown));
    assert_eq!(of(far, far), Err(PlanError::Future));
    assert_eq!(
        of("2026-01-12T15:00:00Z", "2026-01-12T16:00:00Z"),
        Err(PlanError::NoTick)
    );
    let Err(PlanError::TooMany { last }) = of("1990-01-01T00:00:00Z", far) else {
        panic!("a range of 13,000 ticks");
    };
    let most = plan(
        &dag,
        range(at("1990-01-01T00:00:00Z"), last),
        Only::Missing,
        now,
        &[],
    );
    assert_eq!(most.unwrap().nights.len(), LARGEST, "what it says would do");
    let half = of("2026-01-12T14:00:00.500Z", "2026-01-12T16:00:00Z");
    assert_eq!(half, Err(PlanError::NoTick), "a tick before the beginning");
    let unscheduled = crate::view::sample::dag(Vec::new());
    let none = plan(&unscheduled, range(now, now), Only::All, now, &[]);
    assert!(matches!(none, Err(PlanError::NoSchedule(_))));
}

#[test]
fn what_holds_a_backfill_is_named_and_everything_else_goes_first() {
    let mut head = head(Only::Missing, 2);
    head.tally.waiting = 5;
    assert_eq!(hold(&head, FREE), None);
    let tonight = Around { queued: 1, ..FREE };
    assert_eq!(hold(&head, tonight), Some(Hold::Yields(1)));
    let full = Around {
        max_active_runs: Some(3),
        running: 3,
        queued: 0,
    };
    assert_eq!(hold(&head, full), Some(Hold::MaxActiveRuns(3)));
    let gone = Around {
        max_active_runs: None,
        ..FREE
    };
    assert_eq!(hold(&head, gone), Some(Hold::NoDag));
    head.tally.running = 2;
    assert_eq!(hold(&head, FREE), Some(Hold::Limit(2)));
    head.phase = Phase::Paused {
        by: by(),
        reason: Some("month end".to_owned()),
        since: at("2026-01-13T15:00:00Z"),
    };
    let words = hold(&head, FREE).unwrap().words(&|at| at.to_string());
    assert!(
        words.contains("operator paused it") && words.ends_with("month end"),
        "{words}"
    );
    head.phase = Phase::Running;
    head.tally = Tally::default();
    assert_eq!(hold(&head, FREE), Some(Hold::Nothing));
}

#[test]
fn a_cancelled_backfill_begins_nothing_and_is_over_with_its_last_run() {
    let mut work = Work::new(head(Only::Missing, 2), nights(3));
    let now = at("2026-02-02T00:00:00Z");
    work.begin(0, "r-0".parse().unwrap(), 1, now);
    assert!(work.cancel(by(), None, now));
    assert!(!work.cancel(by(), None, now) && !work.resume() && !work.pause(by(), None, now));
    assert_eq!(hold(work.head(), FREE), Some(Hold::Nothing));
    assert!(!work.head().is_over());
    work.end(0, RunEnding::Cancelled, now);
    assert!(work.head().is_over());
    assert_eq!(work.head().phase.word(), "cancelled");
}

fn nights(count: usize) -> Vec<Night> {
    let dag = nightly();
    let from = at("2026-01-01T14:00:00Z");
    let to = from + TimeDelta::days(i64::try_from(count).unwrap() - 1);
    let plan = plan(&dag, range(from, to), Only::All, to, &[]).unwrap();
    assert_eq!(plan.nights.len(), count);
    plan.nights
}

/// What a store has of it.
#[derive(Default)]
struct Rows {
    head: Option<String>,
    nights: std::collections::BTreeMap<u32, String>,
}

impl Rows {
    fn commit(&mut self, work: &mut Work) {
        if let Some((head, nights)) = work.take_changes() {
            self.head = Some(serde_json::to_string(&head).unwrap());
            for (ix, night) in nights {
                self.nights
                    .insert(ix, serde_json::to_string(&night).unwrap());
            }
        }
    }

    fn load(&self) -> Work {
        let head = serde_json::from_str(self.head.as_ref().unwrap()).unwrap();
        let nights = self.nights.values();
        Work::stored(
            head,
            nights
                .map(|night| serde_json::from_str(night).unwrap())
                .collect(),
        )
    }
}

proptest! {
    /// Whatever happens in whatever order, with kills before and after every commit.
    #[test]
    fn no_night_is_begun_twice_or_forgotten_or_out_of_order(
        count in 1usize..12,
        most in 1u32..5,
        happenings in prop::collection::vec((0u8..8, 0usize..8), 0..200),
    ) {
        let mut rows = Rows::default();
        let mut work = Work::new(head(Only::All, most), nights(count));
        rows.commit(&mut work);
        let mut begun = Vec::new();
        let mut second = 0;
        let finish = (0..4 * count).flat_map(|_| [(5, 0), (0, 0), (1, 0)]);
        for (what, which) in happenings.into_iter().chain(finish) {
            second += 1;
            let now = at("2026-02-02T00:00:00Z") + TimeDelta::seconds(second);
            match what {
                0 | 6 if hold(work.head(), FREE).is_none() => {
                    let (ix, night) = work.first_waiting().unwrap();
                    begun.push(night.tick);
                    work.begin(ix, format!("r-{ix}").parse().unwrap(), 1, now);
                    rows.commit(&mut work);
                }
                1 | 7 => {
                    let under_way = work.under_way();
                    if let Some((ix, ..)) = under_way.get(which % under_way.len().max(1)) {
                        work.end(*ix, RunEnding::Succeeded, now);
                        rows.commit(&mut work);
                    }
                }
                2 => if let Some((ix, _)) = work.first_waiting() {
                    begun.push(work.nights()[ix as usize].tick);
                    work.leave(ix, None, "no".to_owned(), now);
                    rows.commit(&mut work);
                },
                3 => {
                    work.pause(by(), None, now);
                    rows.commit(&mut work);
                }
                5 => {
                    work.resume();
                    rows.commit(&mut work);
                }
                // A kill: what stands in the store is all there is.
                _ => {
                    let loaded = rows.load();
                    prop_assert_eq!(loaded.head(), work.head());
                    prop_assert_eq!(loaded.nights(), work.nights());
                    work = loaded;
                }
            }
            prop_assert!(work.under_way().len() <= most as usize);
            prop_assert_eq!(work.head().tally.all() as usize, count);
            prop_assert_eq!(work.head().tally.running as usize, work.under_way().len());
        }
        let ticks: Vec<Instant> = work.nights().iter().map(|night| night.tick).collect();
        prop_assert_eq!(begun, ticks, "each once, in order, none forgotten");
        prop_assert_eq!(work.head().phase.word(), "ended");
    }
}
