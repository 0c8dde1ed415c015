//! Word of what happened, over kills: what is committed is told, under one id, and nothing else is.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use noctule_core::ask::{Answer, Refusal, Wish};
use noctule_core::run::{Run, RunEnding};
use noctule_core::word::{Message, Occasion, Recipient, Undelivered};
use noctule_executor::async_trait;
use noctule_runtime::{Clock, Courier};
use noctule_store::{MessageFilter, RunFilter, Store};
use tokio::sync::watch;

use crate::harness::{Stage, ending, trigger, until};

mod lateness;

pub(crate) const FAILING: &str = r#"
id = "d"
notify = { to = ["oncall"], on = ["failed", "recovered"] }
[tasks.t]
executor = "scripted"
wait = "block"
with = { ends = ["failed", "succeeded"], class = "infrastructure" }
"#;

/// A receiver in this process. It outlives engines, as receivers do.
pub(crate) struct Letterbox {
    got: Mutex<Vec<Message>>,
    refusals: AtomicUsize,
    bell: watch::Sender<usize>,
    beats: watch::Sender<usize>,
    gather: Duration,
}

impl Letterbox {
    pub(crate) fn new(gather: Duration) -> Arc<Self> {
        Arc::new(Self {
            got: Mutex::default(),
            refusals: AtomicUsize::new(0),
            bell: watch::Sender::new(0),
            beats: watch::Sender::new(0),
            gather,
        })
    }

    pub(crate) fn got(&self) -> Vec<Message> {
        self.got.lock().unwrap().clone()
    }

    pub(crate) async fn holds(&self, count: usize) {
        let mut bell = self.bell.subscribe();
        bell.wait_for(|got| *got >= count).await.unwrap();
    }
}

#[async_trait]
impl Courier for Letterbox {
    fn gather(&self, _receiver: &str) -> Option<Duration> {
        Some(self.gather)
    }

    fn takes_callback(&self, url: &str) -> Result<(), String> {
        match url.starts_with("https://") {
            true => Ok(()),
            false => Err("only https".to_owned()),
        }
    }

    async fn deliver(
        &self,
        message: &Message,
        _next: Option<DateTime<Utc>>,
    ) -> Result<(), Undelivered> {
        let refuses = |left: usize| left.checked_sub(1);
        let refused = self
            .refusals
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, refuses);
        if refused.is_ok() {
            return Err(Undelivered::Later {
                error: format!("down, {} tries", message.tries),
                after: None,
            });
        }
        self.got.lock().unwrap().push(message.clone());
        self.bell.send_modify(|got| *got += 1);
        Ok(())
    }

    fn heartbeat(&self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }

    async fn beat(&self) {
        self.beats.send_modify(|beats| *beats += 1);
    }
}

/// Waits until every message of a store is as it should be.
pub(crate) async fn until_all(store: &Store, holds: impl Fn(&[Message]) -> bool) -> Vec<Message> {
    let filter = MessageFilter {
        state: None,
        failed: false,
        before: None,
        limit: 1_000,
    };
    let mut token = store.change_token().await.unwrap();
    loop {
        let messages = store.find_messages(&filter).await.unwrap();
        if holds(&messages) {
            return messages;
        }
        token = store
            .changed_since(token, Duration::from_millis(200))
            .await
            .unwrap();
    }
}

pub(crate) fn all_sent(messages: &[Message]) -> bool {
    let sent = |message: &Message| message.standing.word() == "sent";
    !messages.is_empty() && messages.iter().all(sent)
}

/// One failing run with one kill at a place; tells whether the kill struck, and how often the message arrived.
async fn fail_with_a_kill(place: usize) -> (bool, usize) {
    let letterbox = Letterbox::new(Duration::ZERO);
    let mut stage = Stage::new(FAILING);
    stage.courier = Some(letterbox.clone());
    let mut first = stage.start().await;
    let run = first.trigger().await;
    stage.killer.kill_at(place);
    let store = first.store.clone();
    let struck = tokio::select! {
        _ = until_all(&store, all_sent) => false,
        // The engine dies at the place: nothing is told to anybody.
        _ = &mut first.task => true,
    };
    stage.killer.kill_at(0);
    first.task.abort();
    drop((first, store));
    let second = stage.start().await;
    let over = second.over(&run).await;
    assert_eq!(ending(&over), Some(RunEnding::Failed));
    let stored = until_all(&second.store, all_sent).await;
    assert_eq!(stored.len(), 1, "killed at {place}: {stored:#?}");
    let got = letterbox.got();
    let ids: BTreeSet<_> = got.iter().map(|message| message.id.clone()).collect();
    assert_eq!(ids.len(), 1, "killed at {place}");
    assert_eq!(got[0].first.occasion, Occasion::Failed);
    assert_eq!(got[0].first.run.as_ref(), Some(&run));
    second.drain().await;
    (struck, got.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_told_over_a_kill_at_every_commit_and_under_one_id() {
    let (mut struck, mut twice) = (0, 0);
    for place in 2.. {
        let (strikes, arrived) = fail_with_a_kill(place).await;
        if !strikes {
            assert_eq!(arrived, 1);
            break;
        }
        struck += 1;
        assert!(
            arrived <= 2,
            "killed at {place}: it arrived {arrived} times"
        );
        twice += usize::from(arrived == 2);
    }
    assert!(struck >= 5, "only {struck} kills struck");
    // Only a kill between the arrival and the commit that says so can repeat it.
    assert!(twice <= 2, "{twice} kills of {struck} repeated the message");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_failures_of_one_cause_are_one_message_and_a_success_is_a_recovery() {
    let dags: Vec<String> = (0..200)
        .map(|i| FAILING.replace("id = \"d\"", &format!("id = \"d{i}\"")))
        .collect();
    let dags: Vec<&str> = dags.iter().map(String::as_str).collect();
    let letterbox = Letterbox::new(Duration::from_secs(3));
    let mut stage = Stage::of(&dags);
    stage.slots = 50;
    stage.courier = Some(letterbox.clone());
    let engine = stage.start().await;
    for i in 0..200 {
        let asked = engine
            .control
            .ask(crate::harness::trigger_of(&format!("d{i}"), None));
        assert!(matches!(asked.await.unwrap(), Answer::Done { .. }));
    }
    letterbox.holds(1).await;
    let got = letterbox.got();
    assert_eq!((got.len(), got[0].count), (1, 200));
    let again = crate::harness::ask(Wish::Retry {
        run: got[0].first.run.clone().unwrap(),
        tasks: Vec::new(),
        downstream: false,
        all: false,
        reason: None,
        definition: noctule_core::ask::Take::Pinned,
    });
    engine.control.ask(again).await.unwrap();
    letterbox.holds(2).await;
    assert_eq!(letterbox.got()[1].first.occasion, Occasion::Recovered);
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_down_gets_the_message_later_under_the_same_id() {
    let letterbox = Letterbox::new(Duration::ZERO);
    letterbox.refusals.store(1, Ordering::SeqCst);
    let mut stage = Stage::new(FAILING);
    stage.courier = Some(letterbox.clone());
    let engine = stage.start().await;
    engine.trigger().await;
    let refused = until_all(&engine.store, |messages| {
        messages.iter().any(|message| message.error.is_some())
    });
    let refused = refused.await;
    assert_eq!(refused[0].standing.word(), "waiting");
    letterbox.holds(1).await;
    assert_eq!(letterbox.got()[0].id, refused[0].id);
    assert_eq!(letterbox.got()[0].tries, 2);
    until_all(&engine.store, all_sent).await;
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_what_no_rule_asks_for() {
    let letterbox = Letterbox::new(Duration::ZERO);
    let quiet = FAILING.replace("[\"failed\", \"recovered\"]", "[\"succeeded\", \"late\"]");
    let mut stage = Stage::new(&quiet);
    stage.courier = Some(letterbox.clone());
    let engine = stage.start().await;
    let run = engine.trigger().await;
    engine.over(&run).await;
    until_all(&engine.store, <[Message]>::is_empty).await;
    engine.drain().await;
    assert!(letterbox.got().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_engine_without_a_courier_saw_is_told_by_the_next_one_that_has_one() {
    let mut stage = Stage::new(FAILING);
    let engine = stage.start().await;
    let run = engine.trigger().await;
    engine.over(&run).await;
    engine.drain().await;
    let letterbox = Letterbox::new(Duration::ZERO);
    stage.courier = Some(letterbox.clone());
    let engine = stage.start_with(|options| {
        options.clock = Clock::starting_at(Utc::now() + chrono::Duration::minutes(10));
    });
    let engine = engine.await;
    letterbox.holds(1).await;
    assert_eq!(letterbox.got()[0].first.run, Some(run));
    until_all(&engine.store, all_sent).await;
    engine.drain().await;
}

const LATE: &str = r#"
id = "d"
must_end_by = "00:30"
notify = { to = ["oncall"], on = ["late"] }
[schedule]
cron = "0 0 * * *"
timezone = "Asia/Seoul"
[tasks.t]
executor = "scripted"
wait = "block"
with = { hold = true }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asked_for_a_run_is_called_back_when_it_ends() {
    let letterbox = Letterbox::new(Duration::from_secs(600));
    let mut stage = Stage::new(FAILING);
    stage.courier = Some(letterbox.clone());
    let engine = stage.start().await;
    let with = |url: &str| {
        let mut ask = trigger(None);
        if let Wish::Trigger(wish) = &mut ask.wish {
            wish.callback_url = Some(url.to_owned());
        }
        ask
    };
    let refused = engine.control.ask(with("http://169.254.169.254/")).await;
    assert!(matches!(
        refused.unwrap(),
        Answer::Refused {
            kind: Refusal::Invalid,
            ..
        }
    ));
    let url = "https://caller.example/done";
    engine.control.ask(with(url)).await.unwrap();
    letterbox.holds(1).await;
    let url = url.to_owned();
    assert_eq!(letterbox.got()[0].to, Recipient::Callback { url });
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_heart_beats_while_commits_come_through_and_rests_while_they_do_not() {
    let letterbox = Letterbox::new(Duration::ZERO);
    let mut stage = Stage::new(FAILING);
    stage.courier = Some(letterbox.clone());
    let engine = stage.start().await;
    let mut beats = letterbox.beats.subscribe();
    beats.wait_for(|beats| *beats >= 2).await.unwrap();
    stage.killer.fill_disk(usize::MAX);
    // One may have been on its way.
    let run = tokio::spawn({
        let control = engine.control.clone();
        async move { control.ask(trigger(None)).await }
    });
    run.await.unwrap().unwrap();
    let before = *beats.borrow_and_update();
    let rests = tokio::time::timeout(
        Duration::from_secs(3),
        beats.wait_for(|now| *now > before + 1),
    );
    assert!(
        rests.await.is_err(),
        "it beats while nothing can be written"
    );
    stage.killer.fill_disk(0);
    beats.wait_for(|now| *now > before + 1).await.unwrap();
    engine.drain().await;
}
