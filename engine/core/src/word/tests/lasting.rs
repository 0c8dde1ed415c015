//! What lasts: over days without an engine, over troubles that never end, over receivers that hang.

use super::*;

#[test]
fn after_days_without_an_engine_a_message_is_tried_for_a_day_all_the_same() {
    let mut first = outbox();
    hear(&mut first, &failed("a", "r1"), 0);
    first.turn(at(30));
    let id = first.sending().next().expect("a message").id.clone();
    let down = || Undelivered::Later {
        error: "connection refused".to_owned(),
        after: None,
    };
    first.sent(&id, Err(down()), at(30));
    let stored = first.changes();
    // Two days later, an engine that is started again and again, for a try each.
    let mut now = at(2 * 86_400);
    let mut outbox = Outbox::of("0123abcd".parse().expect("a store"), stored, now);
    for _ in 0..10 {
        outbox.turn(now);
        assert_eq!(outbox.sending().count(), 1, "it was given up untried");
        outbox.sent(&id, Err(down()), now);
        now += TimeDelta::days(2);
        outbox = Outbox::of("0123abcd".parse().expect("a store"), outbox.changes(), now);
    }
    // With an engine that stays it is a day from here on, less the hours that count.
    let began = now;
    while outbox.next_due().is_some() {
        now = now.max(outbox.next_due().expect("a time"));
        outbox.turn(now);
        outbox.sent(&id, Err(down()), now);
    }
    assert!(now - began >= TimeDelta::hours(12), "{}", now - began);
    assert!(now - began <= TimeDelta::hours(25), "{}", now - began);
    let given_up = outbox.changes();
    assert!(matches!(given_up[0].standing, Standing::GivenUp { .. }));
}

#[test]
fn what_was_given_up_is_sent_again_when_somebody_asks_for_it_and_nothing_else_is() {
    let mut outbox = outbox();
    hear(&mut outbox, &failed("a", "r1"), 0);
    outbox.turn(at(30));
    let mut sending = outbox.sending().next().expect("a message").clone();
    assert!(!outbox.resend(sending.clone(), at(31)), "it is under way");
    let gone = Undelivered::Never {
        error: "410 Gone".to_owned(),
    };
    outbox.sent(&sending.id, Err(gone), at(31));
    sending = outbox.changes().remove(0);
    // An engine that has let go of it takes it from the store.
    let mut second = self::outbox();
    for outbox in [&mut outbox, &mut second] {
        assert!(outbox.resend(sending.clone(), at(100)));
        assert_eq!(outbox.changes().len(), 1, "it is durable before it is sent");
        outbox.turn(at(100));
        let again = outbox.sending().next().expect("a message");
        assert_eq!((&again.id, again.tries), (&sending.id, 2));
        outbox.sent(&sending.id, Ok(()), at(101));
        let sent = outbox.changes().remove(0);
        assert!(!outbox.resend(sent, at(102)), "it has arrived");
    }
}

#[test]
fn a_trouble_that_is_told_every_night_for_years_is_remembered_once() {
    let mut outbox = outbox();
    for night in 0..1_000 {
        let second = night * 86_400;
        let mut told = failed("a", &format!("r{night}"));
        // Another cause every night.
        told.notice.what = format!(
            "odd {}",
            "x".repeat(usize::try_from(night % 50).expect("small"))
        );
        hear(&mut outbox, &told, second);
        assert_eq!(delivered(&mut outbox, second + 30).len(), 1);
    }
    assert_eq!(outbox.remembered().count(), 1);
    hear(
        &mut outbox,
        &of("a", "r-good", Occasion::Succeeded),
        90_000_000,
    );
    let well = delivered(&mut outbox, 90_000_030);
    assert_eq!(well[0].first.occasion, Occasion::Recovered);
    assert_eq!(outbox.remembered().count(), 0);
}

#[test]
fn troubles_that_never_end_are_let_go_of_by_number_and_by_age_a_few_at_a_time() {
    let mut outbox = outbox();
    for i in 0..5_250 {
        let told = of(&format!("dag-{i}"), &format!("r{i}"), Occasion::Failed);
        hear(&mut outbox, &told, 0);
        // Each is a message of its own.
        delivered(&mut outbox, 30);
    }
    assert_eq!(outbox.remembered().count(), 5_250);
    outbox.changes();
    outbox.shed(at(60));
    assert_eq!(outbox.changes().len(), 100, "a commit stays small");
    outbox.shed(at(61));
    outbox.shed(at(62));
    outbox.changes();
    assert_eq!(outbox.remembered().count(), 5_000);
    outbox.shed(at(63));
    assert!(outbox.changes().is_empty(), "nothing is to be done");
    let year = 400 * 86_400;
    outbox.shed(at(year - 60));
    assert!(outbox.changes().is_empty(), "a year is not too long");
    outbox.shed(at(year + 60));
    assert_eq!(outbox.changes().len(), 100);
    assert_eq!(outbox.remembered().count(), 4_900);
}

#[test]
fn a_turn_in_which_nothing_is_due_changes_nothing_however_much_is_remembered() {
    let mut outbox = outbox();
    for i in 0..1_000 {
        hear(&mut outbox, &of(&format!("d{i}"), "r", Occasion::Failed), 0);
        delivered(&mut outbox, 30);
    }
    assert_eq!(outbox.remembered().count(), 1_000);
    assert_eq!(outbox.next_due(), None, "no turn is asked for");
    outbox.turn(at(31));
    assert!(outbox.changes().is_empty());
}

#[test]
fn callbacks_have_places_of_their_own_and_one_server_has_one_of_them() {
    let mut outbox = outbox();
    let callback = |url: String, run: &str| {
        let mut told = of("a", run, Occasion::Succeeded);
        told.rule = None;
        told.callback = Some(url);
        told
    };
    // Fifty servers that hang, and fifty callbacks to one of them.
    for i in 0..50 {
        let url = format!("https://slow-{i}.example/done");
        hear(&mut outbox, &callback(url, &format!("r{i}")), 0);
        let url = format!("https://slow-0.example/done/{i}?x");
        hear(&mut outbox, &callback(url, &format!("s{i}")), 0);
    }
    outbox.turn(at(1));
    let sending: Vec<String> = outbox.sending().map(address).collect();
    assert_eq!(sending.len(), 8, "{sending:?}");
    let one_server = sending.iter().filter(|url| url.contains("slow-0."));
    assert!(one_server.count() <= 1, "{sending:?}");
    hear(&mut outbox, &failed("b", "r-bad"), 2);
    outbox.turn(at(32));
    let people = |message: &&Message| message.receiver() == Some("oncall");
    assert_eq!(
        outbox.sending().filter(people).count(),
        1,
        "people are told"
    );
    assert_eq!(outbox.sending().count(), 9);
}

#[test]
fn a_message_that_could_not_be_written_is_not_sent_until_it_is() {
    let mut outbox = outbox();
    hear(&mut outbox, &failed("a", "r1"), 0);
    outbox.turn(at(30));
    let sending = outbox.changes().remove(0);
    let stands = outbox.unwritten(&sending.id, at(40)).expect("a message");
    assert_eq!(outbox.sending().count(), 0);
    let not_before = at(40);
    assert_eq!(stands.standing, Standing::Waiting { not_before });
    outbox.turn(at(40));
    assert_eq!(outbox.sending().count(), 1);
    assert_eq!(outbox.changes().len(), 1, "written again before it is sent");
}

#[test]
fn a_notice_of_another_round_has_another_id() {
    let definition: crate::dag::Definition = serde_json::from_value(serde_json::json!({
        "id": "nightly", "description": null, "owner": null, "tags": [], "timeout": null, "max_active_runs": 2,
        "schedule": {
            "cron": ["0 23 * * *"], "timezone": "Asia/Seoul", "enabled": true, "start": null, "end": null,
            "catchup": "none", "catchup_window": null, "overlap": "queue", "max_queued": 1,
            "dst_gap": "fire_after", "dst_fold": "first",
        },
        "notify": { "to": ["oncall"], "on": ["late", "failed", "cancelled"] }, "must_end_by": "06:00:00",
        "ingestion": null, "params": {}, "not_yet": [], "tasks": [],
    }))
    .expect("a definition");
    let dag = crate::dag::Dag::new(definition).expect("a DAG");
    let tick: Instant = "2026-01-13T14:00:00Z".parse().expect("an instant");
    let facts = serde_json::from_value(serde_json::json!({
        "id": "r-1", "dag": "nightly", "version": "0".repeat(64), "profile": "local",
        "trigger": crate::run::Trigger::Schedule { tick }, "ingestion_id": "20260113140000", "logical_time": tick,
        "params": {}, "vars": {}, "created_at": tick, "previous": { "any": null, "success": null },
    }))
    .expect("facts");
    let phase = crate::run::Phase::Queued { since: tick };
    let first = crate::run::Run {
        facts,
        round: 1,
        phase,
        backfill: None,
        line: Vec::new(),
        tasks: Vec::new(),
    };
    let second = crate::run::Run {
        round: 2,
        ..first.clone()
    };
    let by = late_at(&dag, &first).expect("an instant");
    let late = |run| lateness(&dag, run, by, by).expect("a notice").id;
    assert_ne!(late(&first), late(&second));
    assert_eq!(late(&first), late(&first.clone()));
    let record = |ending| {
        let fact = crate::run::Fact::RunEnded { ending };
        crate::run::Record::new(by, None, None, fact)
    };
    for ending in [
        crate::run::RunEnding::Failed,
        crate::run::RunEnding::Cancelled,
    ] {
        let ended = |run| notices(&dag, run, &[record(ending)]).remove(0).notice.id;
        assert_ne!(ended(&first), ended(&second), "{ending:?}");
        assert_eq!(ended(&first), ended(&first.clone()));
    }
}

fn address(message: &Message) -> String {
    match &message.to {
        Recipient::Callback { url } => url.clone(),
        Recipient::Receiver { name } => name.clone(),
    }
}

/// The counts that nobody walks for are those that a walk would give, whatever happened.
#[test]
fn what_is_to_be_delivered_is_counted_as_it_stands() {
    let mut outbox = outbox();
    let counts = |outbox: &Outbox| {
        let backlog = outbox.backlog();
        let oldest = backlog.oldest.map(|made| (made - at(0)).num_seconds());
        let counts = (backlog.gathering, backlog.waiting, backlog.sending);
        (counts, oldest)
    };
    assert_eq!(counts(&outbox), ((0, 0, 0), None));
    hear(&mut outbox, &failed("a", "r1"), 0);
    hear(&mut outbox, &of("b", "r2", Occasion::Failed), 5);
    assert_eq!(counts(&outbox), ((2, 0, 0), Some(0)));
    outbox.turn(at(30));
    assert_eq!(counts(&outbox), ((1, 0, 1), Some(0)));
    // One of a line at a time: the other waits.
    outbox.turn(at(35));
    assert_eq!(counts(&outbox), ((0, 1, 1), Some(0)));
    let first = outbox.sending().next().expect("a message").id.clone();
    let later = Undelivered::Later {
        error: "no answer".to_owned(),
        after: None,
    };
    outbox.sent(&first, Err(later), at(36));
    assert_eq!(counts(&outbox), ((0, 2, 0), Some(0)));
    let stored = outbox.changes();
    let failing: Vec<bool> = stored.iter().map(Message::has_failed).collect();
    assert_eq!(failing.iter().filter(|failed| **failed).count(), 1);
    let again = Outbox::of("0123abcd".parse().expect("a store"), stored, at(36));
    assert_eq!(counts(&again), counts(&outbox), "as it is read again");
    while outbox.backlog().oldest.is_some() {
        let next = outbox.next_due().expect("a time");
        outbox.turn(next);
        let sending: Vec<Message> = outbox.sending().cloned().collect();
        for message in sending {
            outbox.sent(&message.id, Ok(()), next);
        }
    }
    assert_eq!(
        counts(&outbox),
        ((0, 0, 0), None),
        "what only remembers is not counted"
    );
}
