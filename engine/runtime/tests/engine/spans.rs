//! Spans of what is over: offered once it is durable, again after a kill, and in nobody's way. What the work is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use noctule_core::ask::{Answer, Take, Wish};
use noctule_core::run::RunEnding;
use noctule_core::trace::{Attribute, Span, SpanId, TraceId, traceparent};
use noctule_executor_testing::Effect;
use noctule_runtime::{SpanCounts, SpanSink};

use tokio::sync::watch;

use crate::harness::{Stage, ask, ending};

/// Nothing here takes so long unless it is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

const TWO: &str = r#"
id = "d"
[tasks.a]
executor = "scripted"
[tasks.b]
executor = "scripted"
depends_on = ["a"]
"#;

/// Keeps what it is offered, or loses it.
#[derive(Default)]
struct Shelf {
    loses: bool,
    spans: Mutex<Vec<Span>>,
    bell: watch::Sender<()>,
}

impl Shelf {
    fn spans(&self) -> Vec<Span> {
        let spans = self.spans.lock();
        spans.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn by_id(&self) -> BTreeMap<SpanId, Span> {
        let spans = self.spans().into_iter();
        spans.map(|span| (span.id, span)).collect()
    }

    /// Waits until it has so many, by their ids.
    async fn holds(&self, count: usize) {
        let mut bell = self.bell.subscribe();
        let enough = bell.wait_for(|()| self.by_id().len() >= count);
        let waited = tokio::time::timeout(PATIENCE, enough).await;
        drop(waited.unwrap().unwrap());
    }
}

impl SpanSink for Shelf {
    fn offer(&self, spans: Vec<Span>) {
        if !self.loses {
            let mut all = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(spans);
            drop(all);
            self.bell.send_replace(());
        }
    }

    fn counts(&self) -> SpanCounts {
        SpanCounts::default()
    }
}

fn stage(shelf: &Arc<Shelf>) -> Stage {
    let mut stage = Stage::of(&[TWO]);
    stage.spans = Some(Arc::clone(shelf) as Arc<dyn SpanSink>);
    stage
}

fn losing() -> Arc<Shelf> {
    Arc::new(Shelf {
        loses: true,
        ..Shelf::default()
    })
}

#[tokio::test]
async fn a_run_and_each_of_its_attempts_become_one_span_of_one_trace() {
    let shelf = Arc::<Shelf>::default();
    let stage = stage(&shelf);
    let engine = stage.start().await;
    let id = engine.trigger().await;
    let run = engine.over(&id).await;
    engine.drain().await;
    let spans = shelf.spans();
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "run d"]);
    assert!(spans.iter().all(|span| span.trace == TraceId::of(&id)));
    let round = SpanId::of_round(&id, 1);
    assert_eq!(spans[2].id, round);
    for (span, task) in spans.iter().zip(&run.tasks) {
        let attempt = task.attempts.last().unwrap();
        assert_eq!(span.id, SpanId::of_attempt(&attempt.key));
        assert_eq!(span.parent, Some(round));
        assert_eq!(span.began, attempt.intended_at);
    }
}

#[tokio::test]
async fn what_a_killed_engine_did_not_export_is_exported_by_the_next_under_the_same_ids() {
    let shelf = Arc::<Shelf>::default();
    let mut stage = stage(&shelf);
    let engine = stage.start().await;
    let first = engine.trigger().await;
    engine.over(&first).await;
    engine.kill().await;
    let exported = shelf.by_id();
    assert_eq!(exported.len(), 3);
    // The same happens to an engine whose exporter lost everything.
    stage.spans = Some(losing());
    let engine = stage.start().await;
    let second = engine.trigger().await;
    engine.over(&second).await;
    engine.kill().await;
    let found = Arc::<Shelf>::default();
    stage.spans = Some(Arc::clone(&found) as Arc<dyn SpanSink>);
    let engine = stage.start().await;
    found.holds(6).await;
    engine.drain().await;
    let again = found.by_id();
    assert_eq!(again.len(), 6);
    for (id, span) in exported {
        assert_eq!(again.get(&id), Some(&span));
    }
    let of_second = again
        .values()
        .filter(|span| span.trace == TraceId::of(&second));
    assert_eq!(of_second.count(), 3);
}

#[tokio::test]
async fn an_exporter_that_loses_everything_changes_nothing() {
    let mut stage = stage(&Arc::default());
    stage.spans = Some(losing());
    let engine = stage.start().await;
    let id = engine.trigger().await;
    assert_eq!(ending(&engine.over(&id).await), Some(RunEnding::Succeeded));
    engine.drain().await;
}

#[tokio::test]
async fn the_work_is_told_of_its_trace_exactly_where_there_is_one() {
    let shelf = Arc::<Shelf>::default();
    let mut stage = stage(&shelf);
    let engine = stage.start().await;
    let traced = engine.trigger().await;
    let run = engine.over(&traced).await;
    engine.drain().await;
    stage.spans = None;
    let engine = stage.start().await;
    let untraced = engine.trigger().await;
    engine.over(&untraced).await;
    engine.drain().await;
    let sends = stage.world.look(|ledger| ledger.sends.clone());
    let key = &run.tasks[0].attempts[0].key;
    let wanted = traceparent(&traced, key);
    let sent = sends.iter().find(|sent| sent.key == *key).unwrap();
    assert!(sent.request.contains(&wanted), "{}", sent.request);
    let of_untraced = sends.iter().filter(|sent| sent.run == untraced.as_str());
    let of_untraced: Vec<_> = of_untraced.collect();
    assert_eq!(of_untraced.len(), 2);
    assert!(
        of_untraced
            .iter()
            .all(|sent| !sent.request.contains("traceparent"))
    );
}

/// A backend may refuse a changed request under one key: what was intended with a trace is sent with it, and what was
/// intended without is sent without, whatever the next engine is told.
#[tokio::test]
async fn a_request_that_is_sent_again_is_the_same_whether_runs_are_still_traced_or_not() {
    for traced_first in [true, false] {
        let shelf = Arc::<Shelf>::default();
        let mut stage = stage(&shelf);
        if !traced_first {
            stage.spans = None;
        }
        stage.world.freeze(Some(Effect::Launch), 0);
        let engine = stage.start().await;
        let id = engine.trigger().await;
        engine.until(&id, |run| run.tasks[0].live().is_some()).await;
        engine.kill().await;
        stage.world.thaw();
        stage.spans = if traced_first {
            None
        } else {
            Some(Arc::clone(&shelf) as Arc<dyn SpanSink>)
        };
        let engine = stage.start().await;
        engine.over(&id).await;
        engine.drain().await;
        let sends = stage.world.look(|ledger| ledger.sends.clone());
        let of_a: Vec<_> = sends.iter().filter(|sent| sent.task == "a").collect();
        assert!(!of_a.is_empty());
        for sent in &of_a {
            assert_eq!(sent.request.contains("traceparent"), traced_first);
        }
    }
}

#[tokio::test]
async fn a_round_that_is_offered_again_names_the_version_that_it_ran_under() {
    let shelf = Arc::<Shelf>::default();
    let mut stage = Stage::new(
        "id = \"d\"\n[tasks.t]\nexecutor = \"scripted\"\nwith = { ends = [\"failed\", \"succeeded\"] }\n",
    );
    stage.spans = Some(losing());
    let engine = stage.start().await;
    let id = engine.trigger().await;
    let earlier = engine.over(&id).await.facts.version;
    engine.drain().await;
    stage.dags = stage.read(
        "id = \"d\"\ndescription = \"later\"\n[tasks.t]\nexecutor = \"scripted\"\nwith = { ends = [\"failed\", \"succeeded\"] }\n",
    );
    let engine = stage.start().await;
    let again = Wish::Retry {
        run: id.clone(),
        tasks: Vec::new(),
        downstream: false,
        all: false,
        reason: None,
        definition: Take::Latest { version: None },
    };
    let answer = engine.control.ask(ask(again)).await.unwrap();
    assert!(matches!(answer, Answer::Done { .. }), "{answer:?}");
    let run = engine
        .until(&id, |run| run.round == 2 && run.is_over())
        .await;
    assert_ne!(run.facts.version, earlier);
    engine.kill().await;
    stage.spans = Some(Arc::clone(&shelf) as Arc<dyn SpanSink>);
    let engine = stage.start().await;
    shelf.holds(4).await;
    engine.drain().await;
    let spans = shelf.by_id();
    for (round, version) in [(1, earlier), (2, run.facts.version)] {
        let span = &spans[&SpanId::of_round(&id, round)];
        let named = Attribute::from(version.as_str());
        assert!(
            span.attributes.contains(&("noctule.version", named)),
            "{span:?}"
        );
    }
}
