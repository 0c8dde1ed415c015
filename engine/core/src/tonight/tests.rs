//! What a night comes to: late, failed, in want of a person, well.

use noctule_executor::{ErrorClass, ExecutorError};
use serde_json::json;

use super::*;
use crate::explain::{Gate, Stage};
use crate::run::{Actor, Event, News, TaskRunIx, Verdict};
use crate::view::sample::{Story, at as second, dag, task};
use crate::view::{DagStanding, TonightView, TroubleView};

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn run(id: &str, dag: &str, state: &str) -> RunHead {
    let instant = "2026-01-13T02:00:00.000Z";
    let over = !matches!(state, "running" | "queued");
    serde_json::from_value(json!({
        "id": id, "dag": dag, "state": state, "trigger": "manual", "ingestion_id": "20260113020000",
        "logical_time": instant, "created_at": instant, "started_at": instant, "ended_at": over.then_some(instant),
        "profile": "p", "version": "v", "round": 1, "params": {},
    }))
    .unwrap()
}

fn known(id: &str, standing: DagStanding) -> Known {
    let view = DagView::without_file(id.to_owned(), None, standing);
    Known {
        view: DagView {
            state: "active",
            ..view
        },
        dag: None,
        decided: None,
    }
}

#[test]
fn a_dag_is_late_from_a_minute_after_a_tick_until_an_engine_decided_about_it() {
    let schedule = Schedule::new(vec!["0 2 * * *".parse().unwrap()], chrono_tz::UTC).unwrap();
    let tick = at("2026-01-13T02:00:00Z");
    let before = Some(at("2026-01-12T02:00:00Z"));
    assert_eq!(overdue(&schedule, before, at("2026-01-13T02:00:59Z")), None);
    assert_eq!(
        overdue(&schedule, before, at("2026-01-13T02:01:00Z")),
        Some(tick)
    );
    assert_eq!(
        overdue(&schedule, Some(tick), at("2026-01-13T09:00:00Z")),
        None
    );
    assert_eq!(overdue(&schedule, None, at("2026-01-13T09:00:00Z")), None);
}

#[test]
fn a_failure_stands_until_a_later_run_of_its_dag_goes_well() {
    let runs = [
        run("6", "other", "succeeded"),
        run("5", "d", "running"),
        run("4", "d", "timed_out"),
        run("3", "d", "failed"),
        run("2", "d", "succeeded"),
        run("1", "d", "failed"),
    ];
    let dags = vec![
        known("d", DagStanding::default()),
        known("other", DagStanding::default()),
    ];
    let night = Night::of(second(0), Tz::UTC, dags, &runs);
    let failed: Vec<&str> = night.failed.iter().map(|run| run.id.as_str()).collect();
    assert_eq!(
        failed,
        ["4", "3"],
        "a run that went well elsewhere says nothing"
    );
    assert!(!night.is_well());
    let dags = vec![known("d", DagStanding::default())];
    assert!(Night::of(second(0), Tz::UTC, dags, &runs[4..]).is_well());
    let unread = Night::of(second(0), Tz::UTC, Vec::new(), &runs);
    assert_eq!(unread.failed.len(), 2, "no engine has read this DAG yet");
}

#[test]
fn what_is_under_way_stands_oldest_first_and_is_nothing_to_look_at() {
    let runs = [run("2", "d", "queued"), run("1", "d", "running")];
    let dags = vec![known("d", DagStanding::default())];
    let night = Night::of(second(0), Tz::UTC, dags, &runs);
    let live: Vec<&str> = night.live.iter().map(|run| run.id.as_str()).collect();
    assert_eq!(live, ["1", "2"]);
    assert!(night.is_well());
    let cut = Night { cut: true, ..night };
    assert!(!cut.is_well(), "what was not read may have failed");
}

#[test]
fn a_file_or_a_trigger_that_makes_no_runs_wants_a_person() {
    let broken = DagStanding {
        error: Some("no such task".to_owned()),
        ..DagStanding::default()
    };
    let broken = Known {
        view: DagView::without_file("b".to_owned(), None, broken),
        dag: None,
        decided: None,
    };
    let mut troubled = known("t", DagStanding::default());
    troubled.view.trouble = Some(TroubleView {
        what: "the table is gone".to_owned(),
        since: second(-9),
    });
    let mut unborn = known("u", DagStanding::default());
    unborn.view.refused_ticks = Some(TroubleView {
        what: "the disk says no".to_owned(),
        since: second(-9),
    });
    let night = Night::of(second(0), Tz::UTC, vec![broken, troubled, unborn], &[]);
    let tones: Vec<Option<&str>> = night.lanes.iter().map(Lane::tone).collect();
    assert_eq!(tones[1..], [Some("trouble"), Some("trouble")]);
    let needs: Vec<(&str, &str, &str)> = night
        .needs
        .iter()
        .map(|need| (need.dag.as_str(), need.why, need.text.as_str()))
        .collect();
    assert_eq!(
        needs,
        [
            ("b", "broken", "no such task"),
            ("t", "trigger", "the table is gone"),
            ("u", "refused_tick", "the disk says no")
        ]
    );
    assert!(!night.is_well());
    // Whoever asks a server knows each word.
    for need in night.needs {
        let told = serde_json::to_value(&need).expect("a document");
        let read: Result<NeedView, _> = serde_json::from_value(told);
        assert_eq!(read.expect("a known word"), need);
    }
}

fn story() -> Story {
    Story::of(dag(vec![task("a", &[], 0), task("b", &["a"], 0)]))
}

#[test]
fn work_that_cannot_be_watched_wants_a_person_until_it_can() {
    let mut story = story();
    story.begin().admit("a").working("a");
    assert_eq!(needs_of_run(&story.dag, &story.run), []);
    story.news(
        "a",
        News::PollFailed {
            error: ExecutorError::alarm("403 for everybody"),
        },
    );
    let needs = needs_of_run(&story.dag, &story.run);
    assert_eq!(needs.len(), 1, "{needs:#?}");
    assert_eq!(
        (needs[0].why, needs[0].task.as_deref()),
        ("alarm", Some("a"))
    );
    assert!(needs[0].text.contains("403"), "{needs:#?}");
    story.working("a");
    assert_eq!(needs_of_run(&story.dag, &story.run), []);
}

#[test]
fn an_end_that_nobody_knows_wants_a_person_until_somebody_says_how_it_was() {
    let mut unknown = story();
    unknown.begin().admit("a").working("a");
    unknown.failed("a", ErrorClass::Unknown, "nobody can say");
    let needs = needs_of_run(&unknown.dag, &unknown.run);
    assert_eq!(needs.len(), 1, "{needs:#?}");
    assert_eq!(
        (needs[0].why, needs[0].text.as_str()),
        ("unknown", "nobody can say")
    );
    unknown.happen(Event::Mark {
        task: TaskRunIx(0),
        verdict: Verdict::Failed,
        leave_running: false,
        by: Actor::engine(),
        reason: None,
    });
    assert_eq!(needs_of_run(&unknown.dag, &unknown.run), []);
    let mut plain = story();
    plain.begin().admit("a").working("a");
    plain.failed("a", ErrorClass::User, "exit 3");
    assert_eq!(needs_of_run(&plain.dag, &plain.run), []);
}

#[test]
fn each_task_under_way_is_a_line_and_what_waits_for_it_is_none() {
    let mut story = story();
    story.begin();
    let lines = |story: &Story| {
        let (id, now) = (story.run.facts.id.clone(), second(story.second));
        let live = vec![(Arc::new(story.dag.clone()), story.run.clone())];
        let around = Surrounded {
            now,
            engine: None,
            slots: 4,
            say: &|at| at.to_string(),
        };
        work(&Stage::of(live, &[].into(), &[].into()), &[id], around)
    };
    let (ready, cut) = lines(&story);
    assert_eq!((ready.len(), cut), (1, false), "{ready:#?}");
    assert_eq!(
        (ready[0].task.as_deref(), ready[0].gate, ready[0].attempt),
        (Some("a"), Gate::Slot, None)
    );
    story.admit("a").working("a");
    let (running, _) = lines(&story);
    assert_eq!(running.len(), 1, "{running:#?}");
    assert_eq!(
        (running[0].gate, running[0].attempt),
        (Gate::Running, Some(1))
    );
    assert!(running[0].since.is_some(), "since it began");
}

#[test]
fn however_much_there_is_a_list_is_short_and_its_count_is_whole() {
    let runs: Vec<RunHead> = (0..300)
        .map(|n| run(&n.to_string(), "d", "failed"))
        .collect();
    let dags = vec![known("d", DagStanding::default())];
    let night = Night::of(second(0), Tz::UTC, dags, &runs);
    let view = TonightView::of(&night, None);
    assert_eq!((view.counts.failed, view.failed.len()), (300, 200));
    let text = serde_json::to_string(&view).unwrap();
    let again: TonightView = serde_json::from_str(&text).unwrap();
    assert_eq!(again, view, "whoever asks a server has the same night");
}
