//! Runs and tasks that have not begun, asks that nobody has answered, and runs that are over.

use super::*;

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
