//! The outbox and the rules, on histories made by hand.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use noctule_executor::ErrorClass;

use super::*;
use crate::run::Instant;

mod lasting;

const GATHER: Duration = Duration::from_secs(30);

fn at(second: i64) -> Instant {
    DateTime::<Utc>::from_timestamp(1_768_315_200 + second, 0).expect("an instant")
}

fn rule(on: &[Occasion]) -> Option<Rule> {
    Some(Rule {
        to: vec!["oncall".to_owned()],
        on: on.to_vec(),
    })
}

fn notice(dag: &str, run: &str, occasion: Occasion, class: ErrorClass, what: &str) -> Notice {
    Notice {
        id: Notice::id_of(&[dag, run, occasion.word()]),
        occasion,
        at: at(0),
        dag: dag.parse().expect("a name"),
        run: Some(run.parse().expect("a name")),
        ingestion_id: None,
        task: None,
        class: Some(class),
        through: Some("gcp".to_owned()),
        what: what.to_owned(),
    }
}

fn failed(dag: &str, run: &str) -> Told {
    let what = format!("the backend said 503 for request {}", run.len());
    let notice = notice(
        dag,
        run,
        Occasion::Failed,
        ErrorClass::Infrastructure,
        &what,
    );
    Told {
        notice,
        rule: rule(&Occasion::USUAL),
        callback: None,
    }
}

fn of(dag: &str, run: &str, occasion: Occasion) -> Told {
    Told {
        notice: notice(dag, run, occasion, ErrorClass::User, "exited with 1"),
        rule: rule(&Occasion::USUAL),
        callback: None,
    }
}

fn outbox() -> Outbox {
    Outbox::of("0123abcd".parse().expect("a store"), Vec::new(), at(0))
}

fn hear(outbox: &mut Outbox, told: &Told, second: i64) {
    outbox.hear(told, |_| GATHER, at(second));
}

/// Sends what is due, and says that it arrived.
fn delivered(outbox: &mut Outbox, second: i64) -> Vec<Message> {
    let mut delivered = Vec::new();
    loop {
        outbox.turn(at(second));
        // One after the other, to each receiver.
        let sending: Vec<Message> = outbox.sending().cloned().collect();
        if sending.is_empty() {
            return delivered;
        }
        for message in &sending {
            outbox.sent(&message.id, Ok(()), at(second));
        }
        outbox.changes();
        delivered.extend(sending);
    }
}

#[test]
fn two_hundred_failures_of_one_cause_are_one_message_that_counts_them() {
    let mut outbox = outbox();
    for i in 0..200 {
        hear(
            &mut outbox,
            &failed(&format!("dag-{i}"), &format!("r{i}")),
            i / 10,
        );
    }
    assert!(
        delivered(&mut outbox, 48).is_empty(),
        "its time begins anew with each"
    );
    let messages = delivered(&mut outbox, 49);
    let [message] = messages.as_slice() else {
        panic!("{messages:#?}");
    };
    assert_eq!((message.count, message.names.len()), (200, 10));
    let letter = compose(message, &nothing());
    assert_eq!(
        letter.subject,
        "dag-0 failed, and 199 more of the same cause"
    );
    assert_eq!((letter.others.len(), letter.unnamed), (10, 189));
}

fn nothing() -> Findings<'static> {
    Findings {
        run: None,
        good: None,
        next_tick: None,
        public_url: None,
        log: &LogTail::None,
    }
}

#[test]
fn gathering_ends_at_ten_times_its_time_however_many_still_come() {
    let mut outbox = outbox();
    for second in 0..300 {
        hear(&mut outbox, &failed("d", &format!("r{second}")), second);
        assert!(delivered(&mut outbox, second).is_empty());
    }
    assert_eq!(delivered(&mut outbox, 300).len(), 1);
}

#[test]
fn other_causes_are_other_messages() {
    let mut outbox = outbox();
    hear(&mut outbox, &failed("a", "r1"), 0);
    let mut other = failed("a", "r2");
    other.notice.class = Some(ErrorClass::Permission);
    hear(&mut outbox, &other, 0);
    let mut elsewhere = failed("a", "r3");
    elsewhere.notice.through = Some("aws".to_owned());
    hear(&mut outbox, &elsewhere, 0);
    let mut said = failed("a", "r4");
    said.notice.what = "the quota is used up".to_owned();
    hear(&mut outbox, &said, 0);
    assert_eq!(delivered(&mut outbox, 30).len(), 4);
}

#[test]
fn more_of_a_cause_within_the_hour_are_one_reminder_at_its_end() {
    let mut outbox = outbox();
    hear(&mut outbox, &failed("a", "r1"), 0);
    let first = delivered(&mut outbox, 30).remove(0);
    for minute in 1..50 {
        hear(
            &mut outbox,
            &failed("b", &format!("r1{minute}")),
            60 * minute,
        );
        assert!(delivered(&mut outbox, 60 * minute + 59).is_empty());
    }
    let reminders = delivered(&mut outbox, 3_630);
    assert_eq!(reminders.len(), 1);
    assert_eq!(reminders[0].follows.as_ref(), Some(&first.id));
    assert_eq!(reminders[0].count, 49);
}

#[test]
fn the_work_of_another_dag_that_fails_alike_is_told_at_once() {
    let mut outbox = outbox();
    hear(&mut outbox, &of("a", "r1", Occasion::Failed), 0);
    delivered(&mut outbox, 30);
    hear(&mut outbox, &of("b", "r2", Occasion::Failed), 100);
    assert_eq!(delivered(&mut outbox, 130).len(), 1);
    hear(&mut outbox, &of("a", "r3", Occasion::Failed), 200);
    assert!(delivered(&mut outbox, 230).is_empty(), "that one was told");
}

#[test]
fn a_recovery_is_told_once_and_makes_the_next_failure_news() {
    let mut outbox = outbox();
    hear(&mut outbox, &of("a", "r0", Occasion::Succeeded), 0);
    assert_eq!(outbox.backlog().oldest, None, "nothing had been wrong");
    hear(&mut outbox, &of("a", "r1", Occasion::Failed), 0);
    delivered(&mut outbox, 30);
    hear(&mut outbox, &of("a", "r2", Occasion::Succeeded), 100);
    let well = delivered(&mut outbox, 130);
    assert_eq!(well.len(), 1);
    assert_eq!(well[0].first.occasion, Occasion::Recovered);
    hear(&mut outbox, &of("a", "r3", Occasion::Succeeded), 200);
    assert!(delivered(&mut outbox, 230).is_empty());
    hear(&mut outbox, &of("a", "r4", Occasion::Failed), 300);
    let again = delivered(&mut outbox, 330);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].follows, None);
}

#[test]
fn who_only_asks_for_recoveries_hears_those_and_nothing_else() {
    let mut outbox = outbox();
    let only = |mut told: Told| {
        told.rule = rule(&[Occasion::Recovered]);
        told
    };
    hear(&mut outbox, &only(of("a", "r1", Occasion::Failed)), 0);
    hear(&mut outbox, &only(of("a", "r2", Occasion::Failed)), 1);
    assert!(delivered(&mut outbox, 60).is_empty());
    hear(&mut outbox, &only(of("a", "r3", Occasion::Succeeded)), 100);
    assert_eq!(delivered(&mut outbox, 130).len(), 1);
}

#[test]
fn a_rule_that_does_not_match_tells_nothing() {
    let mut outbox = outbox();
    let mut told = of("a", "r1", Occasion::Failed);
    told.rule = rule(&[Occasion::Late, Occasion::Succeeded]);
    hear(&mut outbox, &told, 0);
    told.rule = None;
    hear(&mut outbox, &told, 0);
    assert!(outbox.changes().is_empty());
}

#[test]
fn a_time_out_is_a_failure_to_those_who_ask_for_failures() {
    let failures = rule(&[Occasion::Failed]).expect("a rule");
    assert!(failures.tells(Occasion::TimedOut));
    assert!(!failures.tells(Occasion::Cancelled));
    let timeouts = rule(&[Occasion::TimedOut]).expect("a rule");
    assert!(!timeouts.tells(Occasion::Failed));
}

#[test]
fn a_message_that_is_not_taken_goes_again_under_its_id_ever_later_and_is_given_up_after_a_day() {
    let mut outbox = outbox();
    hear(&mut outbox, &failed("a", "r1"), 0);
    let (mut now, mut ids, mut pauses) = (at(30), Vec::new(), Vec::new());
    loop {
        outbox.turn(now);
        let sending: Vec<Message> = outbox.sending().cloned().collect();
        let [message] = sending.as_slice() else { break };
        ids.push(message.id.clone());
        assert_eq!(
            message.tries as usize,
            ids.len(),
            "counted before it is sent"
        );
        let refused = Undelivered::Later {
            error: "connection refused".to_owned(),
            after: None,
        };
        outbox.sent(&message.id, Err(refused), now);
        let Some(next) = outbox.next_due() else { break };
        pauses.push(next - now);
        now = next;
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert!(pauses[0] <= TimeDelta::seconds(5) && pauses[0] >= TimeDelta::milliseconds(2_500));
    assert!(pauses.iter().all(|pause| *pause <= TimeDelta::hours(1)));
    assert!((20..60).contains(&pauses.len()), "{}", pauses.len());
    let given_up = outbox.changes();
    assert!(matches!(given_up[0].standing, Standing::GivenUp { .. }));
    assert_eq!(given_up[0].error.as_deref(), Some("connection refused"));
    assert!(now - at(30) >= TimeDelta::hours(24));
}

#[test]
fn a_receiver_that_asks_for_a_pause_gets_it_and_one_that_never_takes_it_is_left_alone() {
    let mut outbox = outbox();
    hear(&mut outbox, &failed("a", "r1"), 0);
    outbox.turn(at(30));
    let id = outbox.sending().next().expect("a message").id.clone();
    let busy = Undelivered::Later {
        error: "429".to_owned(),
        after: Some(Duration::from_secs(120)),
    };
    outbox.sent(&id, Err(busy), at(30));
    assert_eq!(outbox.next_due(), Some(at(150)));
    outbox.turn(at(150));
    let gone = Undelivered::Never {
        error: "410 Gone".to_owned(),
    };
    outbox.sent(&id, Err(gone), at(150));
    assert_eq!(outbox.next_due(), None);
}

#[test]
fn what_was_being_sent_is_counted_and_sent_again_under_the_same_id_by_a_fresh_outbox() {
    let mut first = outbox();
    hear(&mut first, &failed("a", "r1"), 0);
    first.turn(at(30));
    let sending = first.sending().next().expect("a message").clone();
    let stored = first.changes();
    let mut second = Outbox::of("0123abcd".parse().expect("a store"), stored, at(40));
    assert_eq!(
        second.sending().count(),
        0,
        "not before it is counted, durably"
    );
    second.turn(at(40));
    let again = second.sending().next().expect("a message");
    assert_eq!((&again.id, again.tries), (&sending.id, 2));
}

#[test]
fn hostile_words_end_no_line_and_are_bounded() {
    let mut told = failed("a", "r1");
    let hostile = format!("x\r\nBcc: everyone\u{202e}\u{2028}{}", "y".repeat(10_000));
    told.notice.what = notice::line(&hostile);
    let mut outbox = outbox();
    hear(&mut outbox, &told, 0);
    let message = delivered(&mut outbox, 30).remove(0);
    let log = LogTail::Bytes(b"one\r\n\x1b[31mtwo\0\n\xff\n".to_vec());
    let letter = compose(
        &message,
        &Findings {
            log: &log,
            ..nothing()
        },
    );
    let lines = [&letter.subject, &letter.outcome];
    let all = lines.into_iter().chain(&letter.log);
    for line in all {
        assert!(!line.chars().any(notice::is_hidden), "{line:?}");
        assert!(line.chars().count() <= 700);
    }
    assert_eq!(letter.log.len(), 3);
}

#[test]
fn only_the_last_twenty_lines_of_a_log_are_told() {
    let text: String = (0..100).map(|n| format!("line {n}\n")).collect();
    let mut outbox = outbox();
    hear(&mut outbox, &failed("a", "r1"), 0);
    let message = delivered(&mut outbox, 30).remove(0);
    let log = LogTail::Bytes(text.into_bytes());
    let letter = compose(
        &message,
        &Findings {
            log: &log,
            ..nothing()
        },
    );
    assert_eq!(letter.log.first().map(String::as_str), Some("line 80"));
    assert_eq!(letter.log.len(), 20);
    assert_eq!(letter.retry.as_deref(), Some("noctule retry r1"));
}

#[test]
fn a_callback_is_not_gathered_and_goes_to_the_address_that_was_given() {
    let mut outbox = outbox();
    let mut told = of("a", "r1", Occasion::Succeeded);
    told.rule = None;
    told.callback = Some("https://caller.example/done".to_owned());
    hear(&mut outbox, &told, 0);
    outbox.turn(at(0));
    let message = outbox.sending().next().expect("a message");
    assert_eq!(
        message.to,
        Recipient::Callback {
            url: "https://caller.example/done".to_owned()
        }
    );
}
