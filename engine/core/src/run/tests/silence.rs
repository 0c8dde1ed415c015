//! Work on a host that says nothing here.

use std::time::Duration;

use noctule_executor::{ErrorClass, Finished, Status};

use super::world::{Engine, Script, World, at, dag, succeeded, task};
use crate::dag::{Dag, OnUnknown};
use crate::run::{
    Attempt, AttemptEnd, AttemptState, Event, Fact, News, Report, Run, RunEnding, Silence,
    TaskRunIx,
};

const LOST_AFTER: Duration = Duration::from_secs(600);
const MINUTE: Duration = Duration::from_secs(60);

fn away(on_unknown: OnUnknown) -> Dag {
    dag(vec![task("t", &[], |task| task.on_unknown = on_unknown)])
}

/// An engine whose one task runs, for ever as far as it can see.
fn running(dag: &Dag) -> Engine<'_> {
    let script = Script {
        lasts: None,
        ..Script::default()
    };
    let mut engine = Engine::new(dag, World::default().with("t", script));
    engine.until(2);
    assert!(matches!(last(&engine.run).state, AttemptState::Running(_)));
    engine
}

fn last(run: &Run) -> &Attempt {
    run.tasks[0].attempts.last().unwrap()
}

fn news(news: News) -> Event {
    Event::News {
        task: TaskRunIx(0),
        attempt: 1,
        news,
    }
}

fn unheard(listened: Duration) -> Event {
    news(News::Unheard {
        host: "far".to_owned(),
        listened,
        lost_after: LOST_AFTER,
    })
}

fn silence(run: &Run) -> Option<&Silence> {
    match &last(run).state {
        AttemptState::Running(running) => running.silence.as_ref(),
        _ => None,
    }
}

fn class(run: &Run) -> Option<ErrorClass> {
    match &last(run).state {
        AttemptState::Ended(ended) => match &ended.end {
            AttemptEnd::Failed { class, .. } => Some(*class),
            _ => None,
        },
        _ => None,
    }
}

#[test]
fn a_host_that_is_silent_for_too_long_makes_its_work_unknown_and_nothing_runs_twice() {
    let dag = away(OnUnknown::Fail);
    let mut engine = running(&dag);
    engine.happen(unheard(Duration::ZERO));
    for _ in 0..9 {
        engine.happen(unheard(MINUTE));
        assert_eq!(class(&engine.run), None, "not before the time is over");
    }
    engine.happen(unheard(MINUTE));
    assert_eq!(class(&engine.run), Some(ErrorClass::Unknown));
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    assert_eq!(engine.world.ledger.len(), 1);
    let alarms = engine
        .facts
        .iter()
        .filter(|fact| matches!(fact, Fact::Alarm { .. }));
    assert_eq!(alarms.count(), 1);
}

#[test]
fn a_wall_clock_that_jumps_ends_nothing() {
    let dag = away(OnUnknown::Fail);
    let mut engine = running(&dag);
    engine.happen(unheard(Duration::ZERO));
    for second in [86_400, -86_400, 3 * 86_400] {
        engine.now = at(second);
        engine.happen(unheard(MINUTE));
        assert_eq!(class(&engine.run), None);
    }
    assert_eq!(silence(&engine.run).unwrap().listened, 3 * MINUTE);
}

#[test]
fn what_was_listened_before_the_first_silence_does_not_count() {
    let dag = away(OnUnknown::Fail);
    let mut engine = running(&dag);
    engine.happen(unheard(LOST_AFTER));
    assert_eq!(silence(&engine.run).unwrap().listened, Duration::ZERO);
}

#[test]
fn one_sign_ends_the_silence_and_it_is_counted_anew() {
    let dag = away(OnUnknown::Fail);
    let mut engine = running(&dag);
    for _ in 0..10 {
        engine.happen(unheard(MINUTE));
    }
    let status = Status::Running {
        started_at: None,
        poll_after: None,
    };
    engine.happen(news(News::Polled { status }));
    assert_eq!(silence(&engine.run), None);
    assert!(engine.facts.contains(&Fact::AlarmOver));
    for _ in 0..10 {
        engine.happen(unheard(MINUTE));
        assert_eq!(class(&engine.run), None);
    }
    engine.happen(unheard(MINUTE));
    assert_eq!(class(&engine.run), Some(ErrorClass::Unknown));
}

#[test]
fn only_on_unknown_runs_it_again() {
    let dag = away(OnUnknown::Retry);
    let mut engine = running(&dag);
    for _ in 0..11 {
        engine.happen(unheard(MINUTE));
    }
    engine.until(30);
    assert_eq!(engine.run.tasks[0].attempts.len(), 2, "{:?}", engine.facts);
}

#[test]
fn a_report_is_believed_of_this_attempt_on_that_host_alone() {
    let dag = away(OnUnknown::Fail);
    let mut engine = running(&dag);
    let report = Report {
        run: engine.run.facts.id.clone(),
        task: TaskRunIx(0),
        attempt: 1,
        key: last(&engine.run).key.clone(),
        host: "far".to_owned(),
        status: Status::Finished(Finished::now(succeeded())),
    };
    assert!(
        report.is_believed(&engine.run).is_err(),
        "it is not waited for"
    );
    engine.happen(unheard(Duration::ZERO));
    assert_eq!(report.is_believed(&engine.run), Ok(()));
    let with = |change: fn(&mut Report)| {
        let mut other = report.clone();
        change(&mut other);
        other.is_believed(&engine.run)
    };
    let wrong: [fn(&mut Report); 5] = [
        |report| report.key = noctule_executor::AttemptKey::from_text("n1-00000000-other"),
        |report| report.host = "near".to_owned(),
        |report| report.attempt = 2,
        |report| report.task = TaskRunIx(7),
        |report| report.status = Status::Launching,
    ];
    for change in wrong {
        assert!(with(change).is_err());
    }
    engine.happen(news(News::Polled {
        status: report.status.clone(),
    }));
    assert!(report.is_believed(&engine.run).is_err(), "it is over");
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
}
