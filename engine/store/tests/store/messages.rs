//! The outbox: written with what it is about, kept until it is delivered, and part of every copy.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use noctule_core::retention::Horizon;
use noctule_core::run::RunEnding;
use noctule_core::word::{Cause, Message, MessageId, Notice, Occasion, Recipient, Standing};
use noctule_store::{Arrival, MessageCounts, MessageFilter, RunFilter, Write};

use crate::bed::{Bed, on_every_store};
use crate::forgetting::ended;
use crate::sample::{chain, create, minutes, owner, run, scheduled, unknown_version, version};

on_every_store!(
    a_message_stands_as_its_last_write_left_it,
    a_message_is_written_with_its_run_or_not_at_all,
    messages_are_listed_in_pages_newest_first,
    what_a_receiver_did_not_take_is_listed_whatever_came_after_it,
    messages_are_counted_by_state_up_to_a_limit,
    a_run_whose_message_is_under_way_is_not_forgotten,
    what_is_remembered_outlives_its_retention_however_it_was_delivered,
    a_copy_has_the_messages,
);

pub(crate) fn message(id: &str, run: Option<&str>, at: DateTime<Utc>) -> Message {
    Message {
        id: MessageId(id.to_owned()),
        to: Recipient::Receiver {
            name: "oncall".to_owned(),
        },
        cause: Cause("failed|user|-|x".to_owned()),
        first: Notice {
            id: format!("evt_{id}"),
            occasion: Occasion::Failed,
            at,
            dag: "a".parse().unwrap(),
            run: run.map(|run| run.parse().unwrap()),
            ingestion_id: None,
            task: None,
            class: None,
            through: None,
            what: "it said \"no\" \u{1f987} and \u{0}".to_owned(),
        },
        count: 1,
        names: Vec::new(),
        open: BTreeSet::new(),
        follows: None,
        created_at: at,
        latest_at: at,
        sealed_at: None,
        tries: 0,
        tried_at: None,
        tried_for: 0,
        error: None,
        standing: Standing::Waiting { not_before: at },
    }
}

fn all() -> MessageFilter {
    MessageFilter {
        state: None,
        failed: false,
        before: None,
        limit: 100,
    }
}

async fn a_message_stands_as_its_last_write_left_it(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let first = message("m1", None, minutes(1));
    let mut second = first.clone();
    second.count = 2;
    let writes = [
        Write::Message { message: &first },
        Write::Message { message: &second },
    ];
    store.commit(&lease, &writes).await.unwrap();
    assert_eq!(store.live_messages().await.unwrap(), [second.clone()]);
    assert_eq!(
        store.message(&second.id).await.unwrap(),
        Some(second.clone())
    );
    second.standing = Standing::Sent { at: minutes(2) };
    second.open.insert("a".to_owned());
    let write = [Write::Message { message: &second }];
    store.commit(&lease, &write).await.unwrap();
    assert_eq!(store.live_messages().await.unwrap(), [second.clone()]);
    second.open.clear();
    let write = [Write::Message { message: &second }];
    store.commit(&lease, &write).await.unwrap();
    assert_eq!(store.live_messages().await.unwrap(), []);
    assert_eq!(store.find_messages(&all()).await.unwrap(), [second]);
}

async fn a_message_is_written_with_its_run_or_not_at_all(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let dag = chain("a", 1);
    let version = version(&dag);
    let (new, step) = run(&dag, "a1", scheduled(minutes(1)));
    let told = message("m1", Some("a1"), minutes(1));
    let writes = [
        Write::Pin { version: &version },
        create(&new, &step),
        Write::Message { message: &told },
    ];
    let next = store.acquire(&owner()).await;
    assert!(next.is_err(), "the lease is held");
    lease.release().await.unwrap();
    assert!(store.commit(&lease, &writes).await.is_err());
    assert_eq!(store.find_messages(&all()).await.unwrap(), []);
    let lease = store
        .acquire_when_free(&owner(), crate::bed::SOON)
        .await
        .unwrap();
    store.commit(&lease, &writes).await.unwrap();
    assert_eq!(store.find_messages(&all()).await.unwrap().len(), 1);
    // A run that breaks a rule takes no message down with it.
    let (mut wrong, step) = run(&dag, "a2", scheduled(minutes(2)));
    wrong.facts.version = unknown_version();
    let other = message("m2", None, minutes(2));
    let writes = [create(&wrong, &step), Write::Message { message: &other }];
    store.commit(&lease, &writes).await.unwrap();
    assert_eq!(store.find_messages(&all()).await.unwrap().len(), 2);
}

async fn messages_are_listed_in_pages_newest_first(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let messages: Vec<Message> = (0..5)
        .map(|n| message(&format!("m{n}"), None, minutes(n / 2)))
        .collect();
    let writes: Vec<Write<'_>> = messages
        .iter()
        .map(|message| Write::Message { message })
        .collect();
    store.commit(&lease, &writes).await.unwrap();
    let mut filter = MessageFilter { limit: 2, ..all() };
    let mut seen = Vec::new();
    loop {
        let page = store.find_messages(&filter).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.before = Some((last.created_at, last.id.0.clone()));
        seen.extend(page.into_iter().map(|message| message.id.0));
    }
    assert_eq!(seen, ["m4", "m3", "m2", "m1", "m0"]);
    let sent = MessageFilter {
        state: Some("sent".to_owned()),
        ..all()
    };
    assert_eq!(store.find_messages(&sent).await.unwrap(), []);
}

/// Messages of every standing, each the only one of its kind but for `sent`, with which all others are buried.
fn of_every_kind() -> Vec<Message> {
    let mut all: Vec<Message> = Vec::new();
    let mut put = |minute: i64, standing: Standing, error: Option<&str>| {
        let mut message = message(&format!("m{minute:02}"), None, minutes(minute));
        message.standing = standing;
        message.error = error.map(ToOwned::to_owned);
        all.push(message);
    };
    let at = minutes(1);
    put(1, Standing::GivenUp { at }, Some("410 \u{0}"));
    put(2, Standing::Waiting { not_before: at }, Some("no answer"));
    put(3, Standing::Sending, Some("no answer"));
    put(4, Standing::GivenUp { at }, None);
    put(5, Standing::Waiting { not_before: at }, None);
    put(6, Standing::Sending, None);
    let (until, longest) = (at, at);
    put(7, Standing::Gathering { until, longest }, None);
    put(8, Standing::Kept, None);
    for minute in 9..20 {
        put(minute, Standing::Sent { at }, None);
    }
    all
}

async fn written(store: &noctule_store::Store, messages: &[Message]) {
    let lease = store.acquire(&owner()).await.unwrap();
    let writes: Vec<Write<'_>> = messages
        .iter()
        .map(|message| Write::Message { message })
        .collect();
    store.commit(&lease, &writes).await.unwrap();
}

async fn what_a_receiver_did_not_take_is_listed_whatever_came_after_it(bed: Bed) {
    let store = bed.open().await;
    let mut messages = of_every_kind();
    written(&store, &messages).await;
    let mut filter = MessageFilter {
        failed: true,
        limit: 3,
        ..all()
    };
    let ids = |page: Vec<Message>| -> Vec<String> {
        page.into_iter().map(|message| message.id.0).collect()
    };
    let page = store.find_messages(&filter).await.unwrap();
    filter.before = page.last().map(|last| (last.created_at, last.id.0.clone()));
    assert_eq!(ids(page), ["m04", "m03", "m02"]);
    assert_eq!(ids(store.find_messages(&filter).await.unwrap()), ["m01"]);
    let waiting = MessageFilter {
        state: Some("waiting".to_owned()),
        before: None,
        ..filter.clone()
    };
    assert_eq!(ids(store.find_messages(&waiting).await.unwrap()), ["m02"]);
    // A copy knows it too, and what arrives after all is no failure any more.
    let other = bed.another().await;
    let copy = other.open().await;
    let lease = copy.acquire(&owner()).await.unwrap();
    let moved = store.copy_into(&copy, &lease, Arrival::Moved);
    moved.await.unwrap();
    filter.before = None;
    filter.limit = 100;
    let failed = store.find_messages(&filter).await.unwrap();
    assert_eq!(copy.find_messages(&filter).await.unwrap(), failed);
    messages.truncate(3);
    for message in &mut messages {
        message.error = None;
        message.standing = Standing::Sent { at: minutes(1) };
    }
    drop(lease);
    let lease = copy
        .acquire_when_free(&owner(), crate::bed::SOON)
        .await
        .unwrap();
    let writes: Vec<Write<'_>> = messages
        .iter()
        .map(|message| Write::Message { message })
        .collect();
    copy.commit(&lease, &writes).await.unwrap();
    assert_eq!(ids(copy.find_messages(&filter).await.unwrap()), ["m04"]);
}

async fn messages_are_counted_by_state_up_to_a_limit(bed: Bed) {
    let store = bed.open().await;
    assert_eq!(
        store.count_messages(10).await.unwrap(),
        MessageCounts::default()
    );
    written(&store, &of_every_kind()).await;
    let counts = MessageCounts {
        gathering: 1,
        waiting: 2,
        sending: 2,
        given_up: 2,
        oldest: DateTime::from_timestamp_millis(minutes(2).timestamp_millis()),
    };
    assert_eq!(store.count_messages(10).await.unwrap(), counts);
    let first = MessageCounts {
        waiting: 1,
        sending: 1,
        given_up: 1,
        ..counts
    };
    assert_eq!(store.count_messages(1).await.unwrap(), first);
}

async fn a_run_whose_message_is_under_way_is_not_forgotten(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    ended(&store, &lease, "a", &[(RunEnding::Succeeded, 1)]).await;
    let mut told = message("m1", Some("a0"), minutes(1));
    let write = [Write::Message { message: &told }];
    store.commit(&lease, &write).await.unwrap();
    let horizon = Horizon {
        succeeded_before: minutes(100),
        others_before: minutes(100),
        logs_before: minutes(100),
        keep_last: 0,
    };
    assert_eq!(store.forgettable(&horizon, 100).await.unwrap(), []);
    let ids = ["a0".parse().unwrap()];
    store.forget(&lease, &horizon, &ids).await.unwrap();
    store.forget_loose_ends(&lease, &horizon).await.unwrap();
    let runs = store.find_runs(&RunFilter::default()).await.unwrap();
    assert_eq!(
        runs.len(),
        1,
        "also where it was seen before the message was"
    );
    told.standing = Standing::GivenUp { at: minutes(2) };
    let write = [Write::Message { message: &told }];
    store.commit(&lease, &write).await.unwrap();
    assert_eq!(store.forgettable(&horizon, 100).await.unwrap().len(), 1);
    store.forget_loose_ends(&lease, &horizon).await.unwrap();
    assert_eq!(store.find_messages(&all()).await.unwrap(), []);
}

async fn what_is_remembered_outlives_its_retention_however_it_was_delivered(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let mut all = Vec::new();
    for (name, standing) in [
        ("m1", Standing::Sent { at: minutes(2) }),
        ("m2", Standing::Kept),
        ("m3", Standing::GivenUp { at: minutes(2) }),
    ] {
        let mut message = message(name, None, minutes(1));
        message.standing = standing;
        message.open.insert("a".to_owned());
        all.push(message);
    }
    let write = async |all: &[Message]| {
        let writes = all.iter().map(|message| Write::Message { message });
        let writes: Vec<Write<'_>> = writes.collect();
        store.commit(&lease, &writes).await.unwrap();
    };
    write(&all).await;
    let horizon = Horizon {
        succeeded_before: minutes(100),
        others_before: minutes(100),
        logs_before: minutes(100),
        keep_last: 0,
    };
    store.forget_loose_ends(&lease, &horizon).await.unwrap();
    assert_eq!(store.live_messages().await.unwrap(), all);
    all.iter_mut().for_each(|message| message.open.clear());
    write(&all).await;
    store.forget_loose_ends(&lease, &horizon).await.unwrap();
    assert_eq!(store.find_messages(&self::all()).await.unwrap(), []);
}

async fn a_copy_has_the_messages(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let told = message("m1", None, minutes(1));
    let write = [Write::Message { message: &told }];
    store.commit(&lease, &write).await.unwrap();
    let other = bed.another().await;
    let copy = other.open().await;
    let of_copy = copy.acquire(&owner()).await.unwrap();
    store
        .copy_into(&copy, &of_copy, Arrival::Moved)
        .await
        .unwrap();
    assert_eq!(copy.live_messages().await.unwrap(), [told]);
}
