//! Attempts that are under way.

use super::*;

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
