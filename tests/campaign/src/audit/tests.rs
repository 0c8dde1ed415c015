//! Each rule finds the breach that it is for, and finds nothing in a campaign where all went well.

use std::time::Duration;

use super::*;

fn at(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_700_000_000_000 + millis).unwrap()
}

fn deed(word: Word, key: &str, task: &str, millis: i64) -> Deed {
    Deed {
        word,
        key: key.to_owned(),
        run: "r".to_owned(),
        task: task.to_owned(),
        attempt: 1,
        pid: 1,
        at: at(millis),
    }
}

/// Work of 10 ms that ended well.
fn work(key: &str, task: &str, millis: i64) -> [Deed; 2] {
    [
        deed(Word::Began, key, task, millis),
        deed(Word::Ended(0), key, task, millis + 10),
    ]
}

fn attempt(key: &str, task: &str, ended: i64) -> AttemptRow {
    AttemptRow {
        run: "r".to_owned(),
        task: task.to_owned(),
        upstream: Vec::new(),
        kind: "process".to_owned(),
        blocks: true,
        number: 1,
        key: key.to_owned(),
        state: "succeeded",
        class: None,
        message: String::new(),
        intended_at: at(0),
        ended_at: Some(at(ended)),
    }
}

fn failed(attempt: AttemptRow, class: ErrorClass) -> AttemptRow {
    AttemptRow {
        state: "failed",
        class: Some(class),
        ..attempt
    }
}

fn run(attempts: Vec<AttemptRow>) -> RunRow {
    RunRow {
        id: "r".to_owned(),
        dag: "d".to_owned(),
        state: "succeeded",
        over: true,
        round: 1,
        tick: None,
        created_at: at(0),
        attempts,
        gaps: Vec::new(),
    }
}

fn found(run: RunRow, deeds: Vec<Deed>, excuses: &[(DateTime<Utc>, DateTime<Utc>)]) -> Vec<String> {
    breaches(&Evidence {
        runs: &[run],
        works: &works(deeds),
        excuses,
        slots: 1,
        time: (at(0), at(0)),
    })
}

#[track_caller]
fn assert_one(found: &[String], what: &str) {
    assert!(found.len() == 1 && found[0].contains(what), "{found:#?}");
}

#[test]
fn where_all_went_well_there_is_nothing_to_find() {
    let second = AttemptRow {
        upstream: vec!["a".to_owned()],
        ..attempt("k2", "b", 40)
    };
    let run = run(vec![attempt("k1", "a", 20), second]);
    let deeds = [work("k1", "a", 5), work("k2", "b", 25)].concat();
    assert_eq!(found(run, deeds, &[]), Vec::<String>::new());
}

#[test]
fn two_launches_of_one_key_are_found() {
    let mut deeds = work("k1", "a", 5).to_vec();
    deeds.push(deed(Word::Began, "k1", "a", 7));
    let run = run(vec![failed(
        attempt("k1", "a", 20),
        ErrorClass::Infrastructure,
    )]);
    assert_one(&found(run, deeds, &[]), "launched 2 times");
}

#[test]
fn work_that_the_store_knows_nothing_of_is_found() {
    let deeds = work("k9", "a", 5).to_vec();
    assert_one(&found(run(Vec::new()), deeds, &[]), "knows no attempt");
}

#[test]
fn a_success_without_work_or_before_its_end_is_found() {
    let nothing = run(vec![attempt("k1", "a", 20)]);
    assert_one(&found(nothing, Vec::new(), &[]), "without any work");
    let early = run(vec![attempt("k1", "a", 8)]);
    assert_one(
        &found(early, work("k1", "a", 5).to_vec(), &[]),
        "before its work ended",
    );
    let unfinished = run(vec![attempt("k1", "a", 20)]);
    let begun = vec![deed(Word::Began, "k1", "a", 5)];
    assert_one(&found(unfinished, begun, &[]), "the work says");
}

#[test]
fn a_failure_that_did_not_happen_and_lost_work_are_found() {
    let lie = run(vec![failed(attempt("k1", "a", 20), ErrorClass::User)]);
    assert_one(&found(lie, work("k1", "a", 5).to_vec(), &[]), "failed as");
    let lost = run(vec![failed(attempt("k1", "a", 20), ErrorClass::Lost)]);
    assert_one(&found(lost, Vec::new(), &[]), "lost");
}

#[test]
fn an_unknown_end_needs_an_excuse_of_its_own_time() {
    let unknown = || run(vec![failed(attempt("k1", "a", 20), ErrorClass::Unknown)]);
    assert_one(
        &found(unknown(), Vec::new(), &[]),
        "unknown without a cause",
    );
    let later = [(at(30), at(40))];
    assert_one(
        &found(unknown(), Vec::new(), &later),
        "unknown without a cause",
    );
    let then = [(at(10), at(15))];
    assert_eq!(found(unknown(), Vec::new(), &then), Vec::<String>::new());
}

#[test]
fn a_run_that_never_ends_and_a_gap_between_attempts_are_found() {
    let live = RunRow {
        over: false,
        gaps: vec!["a: attempt 3 stands in place 2".to_owned()],
        ..run(Vec::new())
    };
    let found = found(live, Vec::new(), &[]);
    assert!(
        found.len() == 2 && found[0].contains("never ended"),
        "{found:?}"
    );
}

#[test]
fn a_dependant_that_begins_early_is_found() {
    let early = AttemptRow {
        upstream: vec!["a".to_owned()],
        blocks: false,
        ..attempt("k2", "b", 40)
    };
    let run = run(vec![attempt("k1", "a", 20), early]);
    let deeds = [work("k1", "a", 5), work("k2", "b", 12)].concat();
    assert_one(&found(run, deeds, &[]), "began before a had ended");
}

#[test]
fn a_minute_without_a_run_or_with_two_is_found() {
    let of = |minute: i64| RunRow {
        tick: Some(at(minute * 60_000)),
        ..run(Vec::new())
    };
    let breaches = |runs: &[RunRow]| {
        every_tick_has_one_run(&Evidence {
            runs,
            works: &BTreeMap::new(),
            excuses: &[],
            slots: 1,
            time: (at(0), at(130_000)),
        })
    };
    assert_eq!(breaches(&[of(1), of(2)]), Vec::<String>::new());
    assert_one(&breaches(&[of(1)]), "has 0 runs");
    assert_one(&breaches(&[of(1), of(2), of(2)]), "has 2 runs");
    assert!(lateness(&[of(1)]) < TimeDelta::zero());
}

#[test]
fn more_at_once_than_a_pool_or_the_slots_hold_is_found() {
    let polled = |key, task| AttemptRow {
        blocks: false,
        ..attempt(key, task, 40)
    };
    let both = || [work("k1", "x_pool_a", 5), work("k2", "x_pool_b", 10)].concat();
    let pool = run(vec![polled("k1", "x_pool_a"), polled("k2", "x_pool_b")]);
    assert_one(&found(pool, both(), &[]), "in a pool of 1");
    let slots = run(vec![attempt("k1", "a", 40), attempt("k2", "b", 40)]);
    let deeds = [work("k1", "a", 5), work("k2", "b", 10)].concat();
    assert_one(&found(slots, deeds, &[]), "with 1 slots");
}

#[test]
fn what_a_cloud_has_twice_or_still_runs_is_found() {
    let known = HashSet::from(["k1".to_owned()]);
    let has = |key: &str, running| (key.to_owned(), running);
    assert_eq!(
        clouds(&[has("k1", false)], &known, "C"),
        Vec::<String>::new()
    );
    assert_eq!(
        clouds(&[has("k1", false), has("k1", false)], &known, "C").len(),
        1
    );
    assert_eq!(
        clouds(&[has("k1", true), has("k2", false)], &known, "C").len(),
        2
    );
}

#[test]
fn a_millisecond_of_rounding_is_no_breach() {
    let just = attempt("k1", "a", 14);
    assert!(ROUNDING.to_std().unwrap() <= Duration::from_millis(2));
    let found = found(run(vec![just]), work("k1", "a", 5).to_vec(), &[]);
    assert_eq!(found, Vec::<String>::new());
}
