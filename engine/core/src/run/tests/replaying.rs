//! Whole journals, heard once more: everything that can happen to a run, and everything that can happen to a journal.

use noctule_executor::{ErrorClass, ExecutorError, Finished, Outcome, Request, Status};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::world::{Engine, Script, Send, World, at, dag, failed, succeeded, task};
use crate::dag::{Dag, HoldUntil, MapRule, MinSuccess, Retries};
use crate::replay::{Difference, Numbered, Replayed, fold};
use crate::run::{
    Activity, Actor, AttemptEnd, AttemptState, Event, Fact, News, PortAnswer, RetryScope, Run,
    RunEnding, TaskRunIx, TaskState, Verdict, plan_retry,
};

/// A list, work that is held for others, a judged output, a condition, retries.
fn everything() -> Dag {
    let retries = Retries {
        max: 1,
        ..Retries::default()
    };
    dag(vec![
        task("held", &[], |task| {
            task.hold_until = Some(HoldUntil::Tasks(vec!["each".parse().unwrap()]));
        }),
        task("each", &["held"], |task| {
            task.retries = retries.clone();
            task.map = Some(MapRule {
                items: json!(["x", "y", "z"]),
                key: None,
                max_parallel: Some(2),
                min_success: MinSuccess::default(),
            });
        }),
        task("judged", &["held"], |task| {
            task.success = Some("good".to_owned());
            task.when = Some("wanted".to_owned());
        }),
        task("refused", &["judged"], |task| {
            task.with.insert("bad".to_owned(), Value::Null);
        }),
    ])
}

fn eventful(dag: &Dag) -> Engine<'_> {
    let lossy = Script {
        sends: vec![Send::LostAnswer, Send::LostRequest],
        outcomes: vec![failed(ErrorClass::User), succeeded()],
        ..Script::default()
    };
    let world = World::default().with("each", lossy).stubborn(2);
    let mut engine = Engine::new(dag, world);
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    let all = RetryScope {
        all: true,
        ..RetryScope::default()
    };
    let tasks = plan_retry(dag, &engine.run, &all).unwrap();
    engine.happen(Event::Retry {
        tasks,
        by: Actor::engine(),
        reason: Some("again".to_owned()),
        backfill: Some("b-1".parse().unwrap()),
        definition: None,
    });
    engine.until((engine.now - at(0)).num_seconds() + 8);
    engine.happen(Event::Mark {
        task: TaskRunIx(1),
        verdict: Verdict::Skipped,
        leave_running: false,
        by: Actor::engine(),
        reason: None,
    });
    engine.happen(Event::Cancel {
        by: Actor::engine(),
        reason: None,
    });
    engine.run_to_end();
    engine
}

fn written<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

/// A run as it comes from the store: its row, and a row for each task.
fn as_stored(run: &Run) -> Run {
    Run {
        tasks: run.tasks.iter().map(written).collect(),
        ..written(run)
    }
}

fn refold(
    engine: &Engine<'_>,
    change: impl FnOnce(&mut Vec<Numbered>, &mut Run),
) -> Result<Replayed, Difference> {
    let (mut records, mut stored) = (written(&engine.journal.records), as_stored(&engine.stored));
    let last = records.last().map_or(0, |(seq, _)| *seq);
    change(&mut records, &mut stored);
    fold(std::slice::from_ref(engine.dag), &stored, &records, last)
}

fn renumber(records: &mut [Numbered]) {
    (1..).zip(records).for_each(|(seq, record)| record.0 = seq);
}

#[test]
fn a_run_to_which_everything_happened_replays_with_the_same_decisions_and_the_same_end() {
    let dag = everything();
    let engine = eventful(&dag);
    let replayed = refold(&engine, |_, _| {}).unwrap();
    let told: Vec<_> = replayed.events.iter().flat_map(|it| &it.records).collect();
    assert_eq!(replayed.decisions(), told.len());
    // The creation is heard from nobody; a change without news has a record for what was heard alone.
    let facts: Vec<_> = told.iter().map(|(_, record)| &record.fact).collect();
    let kept = engine.facts.iter().filter(|fact| **fact != Fact::Noted);
    assert_eq!(facts, kept.collect::<Vec<_>>());
    assert_eq!(replayed.run, engine.stored);
    let heard = |wanted: fn(&Event) -> bool| replayed.events.iter().any(|it| wanted(&it.event));
    assert!(heard(|event| matches!(event, Event::Retry { .. })));
    assert!(heard(|event| matches!(event, Event::Mark { .. })));
    assert!(heard(|event| matches!(event, Event::Cancel { .. })));
    assert!(heard(|event| matches!(event, Event::Cleared { .. })));
    let wishes: Vec<Value> = replayed
        .events
        .iter()
        .flat_map(|it| &it.wishes)
        .map(|it| serde_json::to_value(it.wish).unwrap()["activity"].clone())
        .collect();
    for wanted in ["launch", "look", "watch", "cancel", "clear"] {
        assert!(wishes.contains(&json!(wanted)), "{wanted}: {wishes:?}");
    }
}

#[test]
fn what_an_event_leads_to_is_told_beside_it() {
    let dag = dag(vec![task("t", &[], |_| {})]);
    let mut engine = Engine::new(&dag, World::default());
    engine.run_to_end();
    let replayed = refold(&engine, |_, _| {}).unwrap();
    let admitted = &replayed.events[1];
    assert!(matches!(&admitted.event, Event::Admit { tasks } if *tasks == [TaskRunIx(0)]));
    assert!(matches!(admitted.records[0].1.fact, Fact::Intended { .. }));
    assert_eq!(
        serde_json::to_value(admitted.wishes[0].wish).unwrap(),
        serde_json::to_value(Activity::Launch { tries: 1 }).unwrap()
    );
    let last = replayed.events.last().unwrap();
    assert!(last.wishes.is_empty());
}

#[test]
fn a_request_and_an_output_stand_once_and_the_journal_knows_them_by_their_digests() {
    let dag = dag(vec![task("t", &[], |_| {})]);
    let long = "a secret place ".repeat(100);
    let script = Script {
        outcomes: vec![Outcome::Succeeded {
            output: json!({ "text": long }),
        }],
        ..Script::default()
    };
    let mut engine = Engine::new(&dag, World::default().with("t", script));
    engine.run_to_end();
    let text = serde_json::to_string(&engine.journal.records).unwrap();
    assert!(!text.contains("a secret place"), "{text}");
    assert!(!text.contains("\"request\""), "{text}");
    let changed = refold(&engine, |_, stored| {
        stored.tasks[0].attempts[0].prepared.request = Request(json!("another"));
    });
    assert!(
        changed
            .unwrap_err()
            .to_string()
            .contains("/heard/answers/0/prepared")
    );
    let changed = refold(&engine, |_, stored| {
        let AttemptState::Ended(ended) = &mut stored.tasks[0].attempts[0].state else {
            panic!("not ended");
        };
        ended.end = AttemptEnd::Succeeded { output: json!(1) };
    });
    let told = changed.unwrap_err().to_string();
    assert!(told.contains("is not the one that was heard"), "{told}");
}

#[test]
fn an_output_that_is_null_is_judged_again_as_it_was() {
    let dag = dag(vec![task("t", &[], |task| {
        task.skip_when = Some("missing".to_owned());
    })]);
    let script = Script {
        outcomes: vec![Outcome::failed(ErrorClass::User, "no", Some(Value::Null))],
        ..Script::default()
    };
    let world = World::default()
        .with("t", script)
        .when("missing", Ok(false));
    let mut engine = Engine::new(&dag, world);
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    refold(&engine, |_, _| {}).unwrap();
}

#[test]
fn a_late_answer_replays_as_late() {
    let dag = dag(vec![task("t", &[], |_| {})]);
    let mut engine = Engine::new(&dag, World::default());
    engine.run_to_end();
    let finished = Finished::now(Outcome::failed(ErrorClass::User, "no", Some(json!([1]))));
    for news in [
        News::LaunchFailed {
            error: ExecutorError::unknown("reset"),
        },
        News::Polled {
            status: Status::Finished(finished),
        },
    ] {
        engine.happen(Event::News {
            task: TaskRunIx(0),
            attempt: 1,
            news,
        });
    }
    engine.run_to_end();
    let replayed = refold(&engine, |_, _| {}).unwrap();
    let late = |(_, record): &Numbered| matches!(record.fact, Fact::LateAnswer { .. });
    let late = replayed
        .events
        .iter()
        .flat_map(|it| &it.records)
        .filter(|it| late(it));
    assert_eq!(late.count(), 2);
}

#[test]
fn a_journal_with_a_gap_or_another_order_or_another_word_does_not_replay() {
    let dag = everything();
    let engine = eventful(&dag);
    let transitions: Vec<usize> = (0..engine.journal.records.len())
        .filter(|place| engine.journal.records[*place].1.heard.is_some())
        .collect();
    let mut found = 0;
    for pair in transitions.windows(3) {
        let [from, middle, to] = *pair else { continue };
        let gap = refold(&engine, |records, _| drop(records.drain(from..middle)));
        assert!(
            gap.unwrap_err()
                .to_string()
                .contains("the journal goes from")
        );
        let lost = refold(&engine, |records, _| {
            records.drain(from..middle);
            renumber(records);
        });
        // What one event changed, a later one may change again; and two of one instant may have nothing to do with each other.
        let swapped = refold(&engine, |records, _| {
            records[from..to].rotate_left(middle - from);
            renumber(records);
        });
        found += usize::from(lost.is_err()) + usize::from(swapped.is_err());
        let unheard = refold(&engine, |records, _| records[from].1.heard = None);
        assert!(unheard.is_err(), "{from} without what was heard");
    }
    let most = 2 * transitions.len();
    assert!(found * 3 > most * 2, "{found} of {most} were found");
    for place in 1..engine.journal.records.len() {
        let other = refold(&engine, |records, _| {
            records[place].1.fact = Fact::TaskMapped { items: 77 };
        });
        assert!(other.is_err(), "{place} says another thing");
    }
}

#[test]
fn an_answer_of_the_surroundings_that_is_lost_or_another_is_found() {
    let dag = everything();
    let engine = eventful(&dag);
    let answered: Vec<(usize, usize)> = (0..)
        .zip(&engine.journal.records)
        .filter_map(|(place, (_, record))| Some((place, record.heard.as_ref()?.answers.len())))
        .filter(|(_, answers)| *answers > 0)
        .collect();
    let (mut held, mut items, mut refused) = (0, 0, 0);
    for (place, count) in answered {
        for answer in 0..count {
            let lost = refold(&engine, |records, _| {
                let heard = records[place].1.heard.as_mut().unwrap();
                heard.answers.remove(answer);
            });
            assert!(lost.is_err(), "record {place} without answer {answer}");
            let other = refold(&engine, |records, _| {
                let heard = records[place].1.heard.as_mut().unwrap();
                let answer = &mut heard.answers[answer];
                *answer = match answer {
                    PortAnswer::Held(it) => {
                        held += 1;
                        PortAnswer::Held(!*it)
                    }
                    PortAnswer::Items(list) => {
                        items += 1;
                        list[0].0.push('!');
                        PortAnswer::Items(list.clone())
                    }
                    PortAnswer::Refused(message) => {
                        refused += 1;
                        PortAnswer::Refused(format!("{message}!"))
                    }
                    PortAnswer::Prepared(_) => PortAnswer::Refused("no".to_owned()),
                };
            });
            assert!(
                other.is_err(),
                "record {place} with another answer {answer}"
            );
        }
    }
    assert!(
        held > 1 && items == 2 && refused > 0,
        "{held} {items} {refused}"
    );
}

#[test]
fn a_state_that_nobody_decided_is_found_wherever_it_stands() {
    let dag = everything();
    let engine = eventful(&dag);
    let whole = refold(&engine, |_, stored| stored.round += 1).unwrap_err();
    let Difference::State { place, stored, .. } = &whole else {
        panic!("{whole}");
    };
    assert_eq!((place.as_str(), stored.as_str()), ("the run/round", "3"));
    for ix in 0..engine.stored.tasks.len() {
        let changed = refold(&engine, |_, stored| {
            stored.tasks[ix].state = TaskState::Ready { since: at(1) };
        });
        let told = changed.unwrap_err().to_string();
        assert!(told.starts_with("task "), "{told}");
    }
    assert!(refold(&engine, |_, stored| drop(stored.tasks.pop())).is_err());
}

#[test]
fn a_journal_of_an_earlier_noctule_is_said_to_be_one() {
    let dag = everything();
    let engine = eventful(&dag);
    let old = refold(&engine, |records, _| {
        records.retain(|(_, record)| record.fact != Fact::Noted);
        for (_, record) in records.iter_mut() {
            record.heard = None;
        }
        renumber(records);
    });
    assert_eq!(old.unwrap_err(), Difference::Earlier);
    assert_eq!(
        refold(&engine, |records, _| records.clear()).unwrap_err(),
        Difference::Earlier
    );
}

#[test]
fn a_run_that_was_read_while_its_journal_grew_is_folded_as_far_as_it_was() {
    let dag = everything();
    let engine = eventful(&dag);
    let mut young = Engine::new(&dag, World::default());
    young.until(3);
    let (read, settled) = (young.stored.clone(), young.journal.records.len() as u64);
    young.until(9);
    let journal = &young.journal.records;
    assert!(journal.len() as u64 > settled + 4);
    for settled in [1, settled / 2, settled] {
        let replayed = fold(
            std::slice::from_ref(&dag),
            &as_stored(&read),
            journal,
            settled,
        )
        .unwrap();
        assert_eq!(replayed.run, read);
    }
    // A run that is none of its journal is none of it at any place.
    assert!(
        fold(
            std::slice::from_ref(&dag),
            &as_stored(&engine.stored),
            journal,
            1
        )
        .is_err()
    );
}
