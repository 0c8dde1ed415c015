//! The rule of spans, on records and runs made by hand.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use noctule_executor::{AttemptKey, ErrorClass, Recovery, Request, Wait};
use serde_json::{Map, json};

use super::*;
use crate::name::RunId;
use crate::run::{
    Event, Heard, NewRun, Prepared, Previous, Repin, TaskRunIx, TaskState, Trigger, create,
};
use crate::ticks::IngestionId;
use crate::view::sample;

const ID: &str = "0198a6f0-1234-7abc-8def-0123456789ab";

fn at(second: i64) -> Instant {
    chrono::DateTime::from_timestamp(1_768_315_200 + second, 0).expect("an instant")
}

fn dag() -> Dag {
    sample::dag(vec![sample::task("etl", &[], 0)])
}

fn run(dag: &Dag) -> Run {
    let new = NewRun {
        id: ID.parse().expect("a run id"),
        profile: "test".parse().expect("a profile"),
        trigger: Trigger::Schedule { tick: at(-1) },
        ingestion_id: IngestionId::given("20260113140000").expect("an id"),
        logical_time: at(-1),
        params: Map::new(),
        vars: Map::new(),
        previous: Previous::default(),
        callback: None,
    };
    create(dag, new, at(0)).0
}

fn attempt(number: u32, end: AttemptEnd, (began, ended): (i64, i64)) -> Attempt {
    Attempt {
        number,
        key: AttemptKey::from_text(format!("n1-0123abcd-{number}")),
        intended_at: at(began),
        deadline: None,
        start_by: None,
        prepared: Prepared {
            request: Request(json!({})),
            config: json!({}),
            connection: Some("gcp".to_owned()),
            wait: Wait::Poll,
            recovery: Recovery::Never,
            nature: Nature::Remote,
            local: false,
            obliges: false,
        },
        state: AttemptState::Ended(Ended {
            end,
            handle: None,
            launched_at: Some(at(began + 1)),
            started_at: Some(at(began + 2)),
            ended_at: at(ended),
        }),
    }
}

fn failed() -> AttemptEnd {
    AttemptEnd::Failed {
        class: ErrorClass::User,
        message: "exited with 3".to_owned(),
        output: Some(json!({ "exit_code": 3, "secret": "canary" })),
    }
}

fn succeeded() -> AttemptEnd {
    AttemptEnd::Succeeded {
        output: json!({ "exit_code": 0 }),
    }
}

fn record(second: i64, attempt: Option<u32>, fact: Fact) -> Record {
    Record::new(at(second), attempt.map(|_| TaskRunIx(0)), attempt, fact)
}

fn ended(second: i64, number: u32, end: &AttemptEnd) -> Record {
    let class = matches!(end, AttemptEnd::Failed { .. }).then_some(ErrorClass::User);
    let fact = Fact::AttemptEnded {
        state: end.word().to_owned(),
        class,
        message: None,
    };
    record(second, Some(number), fact)
}

/// Two rounds: in the first an attempt fails, in the second another one succeeds.
fn history(dag: &Dag) -> (Run, Vec<Record>) {
    let mut run = run(dag);
    run.round = 2;
    run.phase = Phase::Ended {
        ending: RunEnding::Succeeded,
        started_at: Some(at(101)),
        at: at(110),
    };
    run.tasks[0].state = TaskState::Active;
    run.tasks[0].attempts = vec![
        attempt(1, failed(), (3, 10)),
        attempt(2, succeeded(), (102, 109)),
    ];
    let by = crate::run::Actor {
        name: "o".to_owned(),
        via: "cli".to_owned(),
    };
    let retried = Fact::RunRetried {
        by,
        reason: None,
        tasks: 1,
        backfill: None,
        definition: None,
    };
    let over = |ending| Fact::RunEnded { ending };
    let records = vec![
        record(2, None, Fact::RunStarted { round: 1 }),
        ended(11, 1, &failed()),
        record(11, None, over(RunEnding::Failed)),
        record(100, None, retried),
        record(101, None, Fact::RunStarted { round: 2 }),
        ended(110, 2, &succeeded()),
        record(110, None, over(RunEnding::Succeeded)),
    ];
    (run, records)
}

fn attribute<'a>(span: &'a Span, name: &str) -> Option<&'a Attribute> {
    let mut known = span.attributes.iter();
    known
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

#[test]
fn ids_are_these_for_ever() {
    let run: RunId = ID.parse().expect("a run id");
    let key = AttemptKey::from_text("n1-0123abcd-0123456789abcdef0123456789abcdef01234567");
    assert_eq!(
        TraceId::of(&run).to_string(),
        "0198a6f012347abc8def0123456789ab"
    );
    assert_eq!(SpanId::of_round(&run, 1).to_string(), "417790d8100aaabf");
    assert_eq!(SpanId::of_round(&run, 2).to_string(), "b8d716b7dee700f9");
    assert_eq!(SpanId::of_attempt(&key).to_string(), "d032b4bf6469cfc7");
    assert_eq!(
        traceparent(&run, &key),
        "00-0198a6f012347abc8def0123456789ab-d032b4bf6469cfc7-01"
    );
    let named: RunId = "by-hand".parse().expect("a run id");
    assert_eq!(
        TraceId::of(&named).to_string(),
        "9512715f78da0d60fb3d29c5f63b9c5d"
    );
}

#[test]
fn runs_with_different_ids_have_different_traces_and_none_is_all_zero() {
    let ids = [
        ID,
        "0198A6F0-1234-7ABC-8DEF-0123456789AB",
        "0198a6f012347abc8def0123456789ab",
        "0198a6f0-1234-7abc-8def-0123456789ag",
        "00000000-0000-0000-0000-000000000000",
        "r1",
        "r2",
    ];
    let traces: BTreeSet<String> = ids
        .iter()
        .map(|id| TraceId::of(&id.parse().expect("a run id")).to_string())
        .collect();
    assert_eq!(traces.len(), ids.len(), "{traces:?}");
    assert!(!traces.contains(&"0".repeat(32)));
    assert!(traces.iter().all(|trace| trace.len() == 32));
}

#[test]
fn an_attempt_is_a_span_from_its_intent_to_its_end_below_its_round() {
    let dag = dag();
    let (run, records) = history(&dag);
    let all = spans(&dag, &run, 1, &records);
    let span = &all[0];
    assert_eq!(span.name, "etl");
    assert_eq!((span.began, span.ended), (at(3), at(10)));
    assert_eq!(span.moments, [("launched", at(4)), ("started", at(5))]);
    assert_eq!(span.trace, TraceId::of(&run.facts.id));
    assert_eq!(span.parent, Some(SpanId::of_round(&run.facts.id, 1)));
    assert_eq!(span.fault.as_deref(), Some("exited with 3"));
    assert!(span.is_call);
    for (name, value) in [
        ("noctule.dag", "nightly".into()),
        ("noctule.run", ID.into()),
        ("noctule.ingestion_id", "20260113140000".into()),
        ("noctule.task", "etl".into()),
        ("noctule.executor", "cloud_run".into()),
        ("noctule.attempt", 1.into()),
        ("noctule.attempt_key", "n1-0123abcd-1".into()),
        ("noctule.state", "failed".into()),
        ("noctule.connection", "gcp".into()),
        ("error.type", "user".into()),
        ("noctule.exit_code", Attribute::Whole(3)),
    ] {
        assert_eq!(attribute(span, name), Some(&value), "{name}");
    }
    assert!(!format!("{all:?}").contains("canary"), "outputs stay here");
}

#[test]
fn a_round_is_a_span_the_first_at_the_top_and_later_ones_below_it() {
    let dag = dag();
    let (run, records) = history(&dag);
    let all = spans(&dag, &run, 1, &records);
    let [_, first, second_attempt, second] = all.as_slice() else {
        panic!("{all:#?}");
    };
    let id = &run.facts.id;
    assert_eq!((first.parent, first.id), (None, SpanId::of_round(id, 1)));
    assert_eq!((first.began, first.ended), (at(0), at(11)));
    assert_eq!(first.moments, [("started", at(2))]);
    assert_eq!(attribute(first, "noctule.state"), Some(&"failed".into()));
    assert!(first.fault.is_some() && second.fault.is_none());
    assert_eq!(second.parent, Some(first.id));
    assert_eq!((second.began, second.ended), (at(101), at(110)));
    assert_eq!(attribute(second, "noctule.round"), Some(&2.into()));
    assert_eq!(second_attempt.parent, Some(second.id));
    let ids: BTreeSet<SpanId> = all.iter().map(|span| span.id).collect();
    assert_eq!(ids.len(), 4);
}

#[test]
fn the_journal_read_at_once_gives_the_spans_that_its_steps_gave() {
    let dag = dag();
    let (last, records) = history(&dag);
    let whole = spans(&dag, &last, 1, &records);
    let mut run = last.clone();
    let mut pieces = Vec::new();
    // As the engine sees it: each step with the run as it is then.
    for step in [&records[..1], &records[1..3], &records[3..5], &records[5..]] {
        if step.iter().any(|record| record.at <= at(11)) {
            run.round = 1;
            run.phase = Phase::Ended {
                ending: RunEnding::Failed,
                started_at: Some(at(2)),
                at: at(11),
            };
        } else {
            run.clone_from(&last);
        }
        let round = round_before(&run, step);
        pieces.extend(spans(&dag, &run, round, step));
    }
    assert_eq!(pieces, whole);
}

#[test]
fn a_span_never_ends_before_it_began_whatever_the_clock_of_a_backend_says() {
    let dag = dag();
    let (mut run, _) = history(&dag);
    run.tasks[0].attempts = vec![attempt(1, succeeded(), (50, 20))];
    let all = spans(&dag, &run, 1, &[ended(60, 1, &succeeded())]);
    assert_eq!((all[0].began, all[0].ended), (at(50), at(50)));
    assert!(all[0].moments.is_empty());
    // And a run that never began has a span all the same.
    let over = Fact::RunEnded {
        ending: RunEnding::Cancelled,
    };
    run.phase = Phase::Ended {
        ending: RunEnding::Cancelled,
        started_at: None,
        at: at(5),
    };
    for round in [1, 2] {
        run.round = round;
        let all = spans(&dag, &run, round, &[record(5, None, over.clone())]);
        assert!(all[0].ended == at(5) && all[0].began <= all[0].ended);
        assert!(all[0].ended - all[0].began <= TimeDelta::seconds(5));
    }
}

#[test]
fn a_round_names_the_version_that_it_ran_under_whatever_the_run_took_later() {
    let dag = dag();
    let (mut run, mut records) = history(&dag);
    let (earlier, later) = (DagHash::of(b"earlier"), DagHash::of(b"later"));
    let repin = Repin {
        from: earlier.clone(),
        to: later.clone(),
        line: vec![TaskRunIx(0)],
        gone: Vec::new(),
    };
    let event = Event::Retry {
        tasks: vec![TaskRunIx(0)],
        by: crate::run::Actor::engine(),
        reason: None,
        backfill: None,
        definition: Some(Box::new(repin)),
    };
    records[3].heard = Some(Box::new(Heard {
        event,
        answers: Vec::new(),
        output: None,
    }));
    run.facts.version = later.clone();
    let versions = |run: &Run, round, records: &[Record]| {
        let all = spans(&dag, run, round, records);
        let named = all
            .iter()
            .filter_map(|span| attribute(span, "noctule.version"));
        named.cloned().collect::<Vec<_>>()
    };
    let both = [earlier.as_str().into(), later.as_str().into()];
    assert_eq!(versions(&run, 1, &records), both);
    assert_eq!(versions(&run, 2, &records[4..]), both[1..]);
    // The run was read before it took the later one, its journal after that.
    run.facts.version = earlier;
    assert_eq!(versions(&run, 1, &records), both);
}
