//! The suite itself: the scripted executor keeps every rule, and each broken one is caught by the right rule.

mod broken;
mod fault;
mod subject;

use std::collections::BTreeSet;
use std::time::Duration;

use noctule_executor::{Recovery, Wait};
use noctule_executor_testing::{Scripted, ScriptedWorld, TestingError, conformance, judge};

use crate::broken::{Broken, Loose};
use crate::fault::Fault;
use crate::subject::ScriptedSubject;

fn search() -> Recovery {
    Recovery::Search {
        after: vec![Duration::from_secs(1), Duration::from_secs(5)],
    }
}

#[tokio::test(start_paused = true)]
async fn scripted_keeps_every_rule_when_it_resends() -> Result<(), TestingError> {
    let subject = ScriptedSubject::new(Scripted::new(ScriptedWorld::new()));
    let report = conformance(&subject).await?;
    let skipped: Vec<_> = report.skipped().collect();
    assert_eq!(
        skipped,
        ["adopt_finds_running_work", "adopt_finds_finished_work"],
        "only the rules of a search do not apply"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn scripted_keeps_every_rule_when_it_searches() -> Result<(), TestingError> {
    let scripted = Scripted::new(ScriptedWorld::new()).recovery(search());
    let report = conformance(&ScriptedSubject::new(scripted)).await?;
    assert_eq!(report.skipped().count(), 0, "{report}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn scripted_keeps_every_rule_when_nobody_can_tell() -> Result<(), TestingError> {
    let scripted = Scripted::new(ScriptedWorld::new()).recovery(Recovery::Never);
    conformance(&ScriptedSubject::new(scripted)).await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_sensor_gets_the_rules_that_apply() -> Result<(), TestingError> {
    let mut capabilities =
        noctule_executor::Executor::capabilities(&Scripted::new(ScriptedWorld::new()));
    capabilities.sensor = true;
    capabilities.default_wait = Wait::Poll;
    let scripted = Scripted::new(ScriptedWorld::new()).capabilities(capabilities);
    let report = conformance(&ScriptedSubject::new(scripted)).await?;
    assert!(
        report
            .skipped()
            .any(|rule| rule == "launch_twice_is_one_work")
    );
    assert!(report.iter().any(|(rule, j)| {
        rule == "poll_answers_in_input_order" && *j == noctule_executor_testing::Judgement::Kept
    }));
    Ok(())
}

#[tokio::test]
async fn scripted_keeps_every_rule_on_disk() -> Result<(), TestingError> {
    let folder = tempfile::tempdir().unwrap();
    let world = ScriptedWorld::on_disk(folder.path())?;
    let subject = ScriptedSubject::new(Scripted::new(world)).without_paused_clock();
    conformance(&subject).await?;
    Ok(())
}

async fn broken_rules(fault: Fault) -> Vec<&'static str> {
    let recovery = if fault.concerns_search() {
        search()
    } else {
        Recovery::Resend
    };
    let inner = Scripted::new(ScriptedWorld::new()).recovery(recovery);
    let subject = if fault == Fault::LooseConfig {
        ScriptedSubject::broken(Broken::<Loose>::new(inner, fault))
    } else {
        ScriptedSubject::broken(Broken::<noctule_executor_testing::Script>::new(
            inner, fault,
        ))
    };
    judge(&subject).await.broken().collect()
}

#[tokio::test(start_paused = true)]
async fn every_broken_executor_is_caught_by_the_right_rule() {
    for (fault, rule) in Fault::ALL {
        let broken = broken_rules(fault).await;
        assert!(
            broken.contains(&rule),
            "{fault:?} broke {broken:?}, not {rule}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn every_rule_is_broken_by_some_fault() {
    let subject = ScriptedSubject::new(Scripted::new(ScriptedWorld::new()));
    let rules: BTreeSet<_> = judge(&subject).await.iter().map(|(rule, _)| rule).collect();
    let caught: BTreeSet<_> = Fault::ALL.iter().map(|(_, rule)| *rule).collect();
    assert_eq!(rules, caught);
}

#[tokio::test(start_paused = true)]
async fn a_healthy_wrapper_breaks_nothing() {
    assert_eq!(broken_rules(Fault::None).await, [""; 0]);
}
