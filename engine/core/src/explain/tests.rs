//! The sentences, over runs in every kind of wait.

use noctule_executor::{ErrorClass, ExecutorError};

use super::{
    Gate, Holder, Known, Other, Pool, Rate, Reason, explain, explain_ask, explain_backfill,
};
use crate::ask::{Ask, TriggerWish, Wish};
use crate::backfill::{
    Around, Backfill, Errand, Night, NightState, Only, Phase as BackfillPhase, Tally,
};
use crate::name::RunId;
use crate::run::TaskRunIx;
use crate::run::{Actor, Event, Instant, News};
use crate::view::sample::{Story, at, dag, task};

fn clock(at: Instant) -> String {
    at.format("%H:%M:%S").to_string()
}

const CALM: Known<'_> = Known {
    now: Instant::UNIX_EPOCH,
    engine: Some("`noctule serve`, pid 7"),
    slots: 2,
    holding: &[],
    pools: &[],
    rates: &[],
    ready_before: 0,
    running: &[],
    queued_before: 0,
    say: &clock,
};

fn told(story: &Story, name: Option<&str>, known: &Known<'_>) -> Vec<Reason> {
    let task = name.map(|name| TaskRunIx(story.dag.find(name).unwrap().0));
    explain(
        &story.dag,
        &story.run,
        task,
        &Known {
            now: at(story.second),
            ..*known
        },
    )
}

fn only(story: &Story, name: Option<&str>, known: &Known<'_>) -> Reason {
    let mut all = told(story, name, known);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

fn story() -> Story {
    let tasks = vec![
        task("a", &[], 3),
        task("b", &[], 3),
        task("join", &["a", "b"], 0),
        task("last", &["join"], 0),
    ];
    Story::of(dag(tasks))
}

#[test]
fn a_queued_run_names_the_run_that_has_its_place() {
    let story = story();
    let running = [Other {
        run: "r-0".to_owned(),
        since: at(-60),
    }];
    let reason = only(
        &story,
        None,
        &Known {
            running: &running,
            queued_before: 2,
            ..CALM
        },
    );
    assert_eq!(reason.gate, Gate::MaxActiveRuns);
    assert_eq!(
        reason.text,
        "the run is queued: `max_active_runs` is 1, and under way is r-0 (since 14:39:00); 2 runs are queued before it"
    );
    assert_eq!(
        reason.next.unwrap(),
        "it begins when that has ended; `noctule explain r-0` says what that waits for"
    );
    assert_eq!(reason.since, Some(at(0)));
}

#[test]
fn without_an_engine_it_is_said_that_nothing_watches() {
    let mut story = story();
    story.begin().admit("a").working("a");
    let reasons = told(
        &story,
        Some("a"),
        &Known {
            engine: None,
            ..CALM
        },
    );
    assert_eq!(reasons[0].gate, Gate::NoEngine);
    assert!(
        reasons[0]
            .text
            .contains("the remote work of 1 task goes on by itself, nothing watches it")
    );
    assert!(
        reasons[0]
            .next
            .as_ref()
            .unwrap()
            .contains("`noctule follow r-1`")
    );
}

#[test]
fn a_waiting_task_names_each_task_it_waits_for_and_how_that_stands() {
    let mut story = story();
    story
        .begin()
        .admit("a")
        .working("a")
        .admit("b")
        .working("b");
    story.failed("b", ErrorClass::Infrastructure, "no capacity in r1");
    let reasons = told(&story, Some("join"), &CALM);
    assert_eq!(
        reasons[0].text,
        "`join` waits for `a` (running since 14:40:03), `b` (next try at 14:41:08, attempt 2 of 4, the last was infrastructure)"
    );
    let gates: Vec<Gate> = reasons.iter().map(|reason| reason.gate).collect();
    assert_eq!(gates, [Gate::Upstream, Gate::Backoff, Gate::Running]);
    assert_eq!(
        reasons[1].text,
        "`b` waits for its next try: attempt 1 failed (infrastructure): no capacity in r1"
    );
    assert_eq!(
        reasons[1].next.as_deref(),
        Some("attempt 2 of 4 begins at 14:41:08")
    );
}

#[test]
fn a_task_far_behind_leads_to_what_holds_it_in_the_end() {
    let mut story = story();
    story.begin().admit("a").working("a");
    let reasons = told(&story, Some("last"), &CALM);
    assert_eq!(reasons[0].text, "`last` waits for `join` (waiting itself)");
    let tasks: Vec<&str> = reasons
        .iter()
        .filter_map(|reason| reason.task.as_deref())
        .collect();
    assert_eq!(tasks, ["last", "b", "a"]);
}

#[test]
fn a_ready_task_names_who_holds_the_slots() {
    let mut story = story();
    story.begin();
    let holder = |task: &str| Holder {
        run: "r-9".to_owned(),
        dag: "other".to_owned(),
        task: task.to_owned(),
        since: at(-3_600),
    };
    let holding = [holder("x"), holder("y")];
    let reason = only(
        &story,
        Some("a"),
        &Known {
            holding: &holding,
            ready_before: 1,
            ..CALM
        },
    );
    assert_eq!(reason.gate, Gate::Slot);
    assert_eq!(
        reason.text,
        "`a` is ready and waits for a slot: 2 of 2 are held, by `x` of other r-9 (since 13:40:00), `y` of other r-9 (since 13:40:00)"
    );
    assert_eq!(
        reason.next.unwrap(),
        "1 ready task is before it, by priority and by turn"
    );
}

fn with_pool(slots: u32) -> Story {
    let mut uses = task("a", &[], 0);
    uses.pool = crate::dag::PoolUse {
        name: "gpu".into(),
        slots,
    };
    let mut story = Story::of(dag(vec![uses]));
    story.begin();
    story
}

fn pool(size: Option<u32>, held: &[(&str, u32)], first: Option<(&str, u32)>) -> [Pool; 1] {
    let holder = |task: &str| Holder {
        run: "r-9".to_owned(),
        dag: "other".to_owned(),
        task: task.to_owned(),
        since: at(-3_600),
    };
    let held = held.iter().map(|(task, slots)| (holder(task), *slots));
    [Pool {
        name: "gpu".to_owned(),
        slots: size,
        held: held.collect(),
        first: first.map(|(task, slots)| (holder(task), slots)),
    }]
}

fn of_pool(story: &Story, pools: &[Pool]) -> Reason {
    let reason = only(story, Some("a"), &Known { pools, ..CALM });
    assert_eq!(reason.gate, Gate::Pool, "{reason:?}");
    assert_eq!(reason.since, Some(at(1)));
    reason
}

#[test]
fn a_task_that_waits_for_its_pool_names_who_holds_it_and_since_when() {
    let reason = of_pool(&with_pool(1), &pool(Some(1), &[("train[k7]", 1)], None));
    assert_eq!(
        reason.text,
        "`a` is ready and waits for pool `gpu`: 1 of 1 held, by `train[k7]` of other r-9 (since 13:40:00)"
    );
    assert_eq!(
        reason.next.as_deref(),
        Some("it is the first in line: it starts when enough is given back")
    );
    let reason = of_pool(&with_pool(2), &pool(Some(4), &[("x", 3)], Some(("y", 4))));
    assert_eq!(
        reason.text,
        "`a` is ready and waits for 2 of pool `gpu`: 3 of 4 held, by `x` of other r-9 (3 since 13:40:00)"
    );
}

#[test]
fn a_task_for_which_there_is_room_names_for_whom_that_is_kept() {
    let reason = of_pool(
        &with_pool(1),
        &pool(Some(4), &[("x", 3)], Some(("large", 4))),
    );
    assert_eq!(
        reason.next.as_deref(),
        Some("`large` of other r-9 is before it and takes 4: what is free is kept for that")
    );
}

#[test]
fn a_use_that_its_pool_is_too_small_for_says_how_large_the_pool_must_be() {
    let reason = of_pool(&with_pool(2), &pool(Some(1), &[], None));
    assert_eq!(
        reason.text,
        "`a` is ready and cannot start: it takes 2 of pool `gpu`, which has 1"
    );
    let reason = of_pool(&with_pool(2), &[]);
    assert!(
        reason
            .text
            .ends_with("which is not in the project any more"),
        "{}",
        reason.text
    );
    assert!(
        reason
            .next
            .expect("a cure")
            .contains("[pools] to 2 or more")
    );
}

#[test]
fn a_pool_with_room_is_not_what_a_task_waits_for() {
    let story = with_pool(1);
    let own = pool(Some(4), &[("x", 3)], None);
    let known = Known {
        pools: &own,
        ..CALM
    };
    assert_eq!(only(&story, Some("a"), &known).gate, Gate::Slot);
}

#[test]
fn a_launch_is_told_by_what_is_known_of_it() {
    let mut story = story();
    story.begin().admit("a");
    let reason = only(&story, Some("a"), &CALM);
    assert_eq!(reason.gate, Gate::Launching);
    assert!(
        reason
            .text
            .contains("handed to `cloud_run` and no answer has come yet (attempt 1 of 4)"),
        "{}",
        reason.text
    );
    story.refused(
        "a",
        ExecutorError::Throttled {
            retry_after: None,
            message: "429 slow down".to_owned(),
        },
    );
    let reason = only(&story, Some("a"), &CALM);
    assert_eq!(reason.gate, Gate::LaunchTrouble);
    assert_eq!(reason.text, "`a` is not started yet: 429 slow down");
    assert!(reason.next.unwrap().contains("this uses up no retry"));
}

#[test]
fn a_launch_that_waits_for_the_rate_of_its_connection_says_so() {
    let mut story = story();
    story.begin().admit("a");
    let attempt = story.run.tasks[0].attempts.last_mut().unwrap();
    attempt.prepared.connection = Some("gcp".to_owned());
    let said = |connection: &str, launching| {
        let rates = [Rate {
            connection: connection.to_owned(),
            launch: "20/s".to_owned(),
            launching,
        }];
        let known = Known {
            rates: &rates,
            ..CALM
        };
        only(&story, Some("a"), &known).text
    };
    let waits = "; connection `gcp` lets 20/s launches through, and 134 are under way: it may wait for its turn";
    assert!(said("gcp", 134).ends_with(waits), "{}", said("gcp", 134));
    assert!(!said("gcp", 20).contains("lets"));
    assert!(!said("other", 134).contains("lets"));
}

#[test]
fn a_run_that_was_started_and_is_queued_leads_to_its_own_explanation() {
    let mut story = story();
    story.begin().admit("a");
    let public = serde_json::json!({ "dag": "child", "run": "r-7" });
    let handle = crate::run::Handle {
        advances: 0,
        raw: serde_json::Value::Null,
        public,
    };
    story.news("a", News::Launched { handle });
    let reason = only(&story, Some("a"), &CALM);
    assert!(
        reason.text.starts_with(
            "`a` waits for the run that it started, which has not begun (dag child, run r-7)"
        ),
        "{}",
        reason.text
    );
    assert_eq!(
        reason.next.as_deref(),
        Some("`noctule explain r-7` says what that waits for")
    );
}

#[test]
fn an_unknown_launch_tells_the_key_and_the_next_look() {
    let mut story = story();
    story.begin().admit("a").refused(
        "a",
        ExecutorError::Unknown {
            message: "the connection was cut".to_owned(),
        },
    );
    let reason = only(&story, Some("a"), &CALM);
    assert_eq!(reason.gate, Gate::LaunchUnknown);
    assert_eq!(
        reason.text,
        "nobody knows whether the launch of `a` came through: the connection was cut"
    );
    let next = reason.next.unwrap();
    assert!(
        next.contains("by its key n1-00000000-0-1: look 1 of 2 at 14:40:04"),
        "{next}"
    );
    assert_eq!(reason.next_at, Some(at(4)));
}

#[test]
fn work_that_runs_names_its_handle_and_its_deadline() {
    let mut story = story();
    story.begin().admit("a").launched("a");
    let reason = only(&story, Some("a"), &CALM);
    assert!(
        reason.text.contains("was accepted and has not begun"),
        "{}",
        reason.text
    );
    story.working("a");
    let reason = only(&story, Some("a"), &CALM);
    assert!(
        reason
            .text
            .contains("(execution_name x-1, region r1; attempt 1 of 4)"),
        "{}",
        reason.text
    );
    assert_eq!(
        reason.next.as_deref(),
        Some("it is stopped if it has not ended by 15:40:02")
    );
    assert_eq!(reason.next_at, Some(at(3_602)));
}

#[test]
fn an_alarm_says_that_somebody_has_to_act() {
    let mut story = story();
    story.begin().admit("a").working("a");
    let error = ExecutorError::Unavailable {
        message: "403 run.executions.get is missing".to_owned(),
        alarm: true,
    };
    story.news("a", News::PollFailed { error });
    let reason = only(&story, Some("a"), &CALM);
    assert_eq!(reason.gate, Gate::Alarm);
    assert!(reason.text.starts_with(
        "`a` cannot be watched: 403 run.executions.get is missing. Its work is left alone"
    ));
    assert!(reason.next.unwrap().starts_with("somebody has to act"));
}

#[test]
fn a_cancelled_run_tells_who_why_and_how_long_its_work_is_awaited() {
    let mut story = story();
    story.begin().admit("a").working("a").cancel();
    let reasons = told(&story, None, &CALM);
    assert_eq!(reasons[0].gate, Gate::Stopping);
    assert!(
        reasons[0]
            .text
            .starts_with("operator cancelled the run: wrong day;"),
        "{}",
        reasons[0].text
    );
    assert!(
        reasons[0].text.contains("1 task is still to end"),
        "{}",
        reasons[0].text
    );
    assert_eq!(reasons[1].gate, Gate::Cancelling);
    assert!(
        reasons[1]
            .next
            .as_ref()
            .unwrap()
            .contains("after that it is called unknown")
    );
}

#[test]
fn an_ended_run_tells_what_failed_and_how_to_go_on() {
    let mut story = Story::of(dag(vec![task("a", &[], 0), task("b", &["a"], 0)]));
    story
        .begin()
        .admit("a")
        .working("a")
        .failed("a", ErrorClass::User, "exit code 3");
    let reasons = told(&story, None, &CALM);
    assert_eq!(reasons[0].text, "the run failed at 14:40:05; nothing waits");
    assert!(
        reasons[0]
            .next
            .as_ref()
            .unwrap()
            .starts_with("`noctule retry r-1`")
    );
    assert_eq!(
        reasons[1].text,
        "`a` failed at 14:40:05: attempt 1 failed (user): exit code 3"
    );
    let b = told(&story, Some("b"), &CALM);
    assert_eq!(b[1].text, "`b` could not start at 14:40:05: a failed");
}

#[test]
fn tasks_behind_live_ones_are_counted() {
    let mut story = story();
    story.begin().admit("a").admit("b");
    let reasons = told(&story, None, &CALM);
    assert_eq!(
        reasons.last().unwrap().text,
        "2 tasks wait behind them: join, last"
    );
    story.happen(Event::Due);
    assert_eq!(told(&story, None, &CALM), reasons);
}

#[test]
fn an_ask_without_an_engine_tells_when_it_is_dropped() {
    let wish = TriggerWish {
        dag: "nightly".parse().unwrap(),
        version: None,
        params: serde_json::Map::new(),
        ingestion_id: None,
        logical_time: at(0),
        idempotency_key: None,
        callback_url: None,
    };
    let ask = Ask {
        profile: "default".parse().unwrap(),
        by: Actor {
            name: "operator".to_owned(),
            via: "cli".to_owned(),
        },
        at: at(0),
        valid_until: at(86_400),
        wish: Wish::Trigger(wish),
    };
    let reason = explain_ask(&ask, None, &clock);
    assert_eq!(
        reason.text,
        "operator asked for a run of `nightly`, and nobody has answered"
    );
    assert!(
        reason
            .next
            .unwrap()
            .contains("without one the ask is dropped at 14:40:00")
    );
}

#[test]
fn a_run_of_a_backfill_is_told_whom_it_lets_pass() {
    let mut story = story();
    story.run.backfill = Some("b-1".parse().unwrap());
    story.begin();
    let reasons = told(&story, None, &CALM);
    let backfill: Vec<&Reason> = reasons
        .iter()
        .filter(|it| it.gate == Gate::Backfill)
        .collect();
    assert_eq!(backfill.len(), 1, "{reasons:#?}");
    assert!(
        backfill[0].text.contains("b-1, which yields"),
        "{reasons:#?}"
    );
    story.run.backfill = None;
    assert!(
        told(&story, None, &CALM)
            .iter()
            .all(|it| it.gate != Gate::Backfill)
    );
}

#[test]
fn a_run_that_a_backfill_is_to_begin_anew_is_told_why_its_turn_has_not_come() {
    let mut story = story();
    story.begin().cancel();
    let run = story.run.facts.id.clone();
    let night = |run: RunId| Night {
        tick: at(0),
        ingestion_id: story.run.facts.ingestion_id.clone(),
        errand: Errand::Retry { run },
        state: NightState::Waiting,
    };
    let nights = [night("other".parse().unwrap()), night(run)];
    let mut head = Backfill {
        id: "b-1".parse().unwrap(),
        dag: story.run.facts.dag.clone(),
        from: at(0),
        to: at(0),
        only: Only::Failed,
        max_parallel: 1,
        by: Actor::engine(),
        reason: None,
        created_at: at(0),
        phase: BackfillPhase::Running,
        tally: Tally {
            waiting: 2,
            ..Tally::default()
        },
    };
    let around = Around {
        max_active_runs: Some(1),
        running: 0,
        queued: 1,
    };
    let text = |head: &Backfill, nights: &[Night]| {
        explain_backfill(&story.run, head, nights, around, &clock).map(|reason| reason.text)
    };
    let yields = text(&head, &nights).unwrap();
    assert!(
        yields.contains("1 of its nights comes before it"),
        "{yields}"
    );
    assert!(yields.contains("is queued, and goes before it"), "{yields}");
    head.phase = BackfillPhase::Paused {
        by: Actor::engine(),
        reason: None,
        since: at(0),
    };
    assert!(
        text(&head, &nights)
            .unwrap()
            .contains("paused it at 14:40:00")
    );
    assert_eq!(text(&head, &nights[..1]), None);
}
