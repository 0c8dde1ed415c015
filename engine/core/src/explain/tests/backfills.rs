//! Runs that belong to a backfill.

use super::*;

#[test]
fn a_run_of_a_backfill_is_told_whom_it_lets_pass() {
    let mut story = story();
    story.run.backfill = Some("b-1".parse().unwrap());
    story.begin();
    let reasons = told(&story, None, &CALM);
    let backfill: Vec<&Reason> = reasons
        .iter()
        .filter(|it| it.gate == Gate::Backfill)
        .collect();
    assert_eq!(backfill.len(), 1, "{reasons:#?}");
    assert!(
        backfill[0].text.contains("b-1, which yields"),
        "{reasons:#?}"
    );
    story.run.backfill = None;
    assert!(
        told(&story, None, &CALM)
            .iter()
            .all(|it| it.gate != Gate::Backfill)
    );
}

#[test]
fn a_run_that_a_backfill_is_to_begin_anew_is_told_why_its_turn_has_not_come() {
    let mut story = story();
    story.begin().cancel();
    let run = story.run.facts.id.clone();
    let night = |run: RunId| Night {
        tick: at(0),
        ingestion_id: story.run.facts.ingestion_id.clone(),
        errand: Errand::Retry { run },
        state: NightState::Waiting,
    };
    let nights = [night("other".parse().unwrap()), night(run)];
    let mut head = Backfill {
        id: "b-1".parse().unwrap(),
        dag: story.run.facts.dag.clone(),
        from: at(0),
        to: at(0),
        only: Only::Failed,
        max_parallel: 1,
        by: Actor::engine(),
        reason: None,
        created_at: at(0),
        phase: BackfillPhase::Running,
        tally: Tally {
            waiting: 2,
            ..Tally::default()
        },
    };
    let around = Around {
        max_active_runs: Some(1),
        running: 0,
        queued: 1,
    };
    let text = |head: &Backfill, nights: &[Night]| {
        explain_backfill(&story.run, head, nights, around, &clock).map(|reason| reason.text)
    };
    let yields = text(&head, &nights).unwrap();
    assert!(
        yields.contains("1 of its nights comes before it"),
        "{yields}"
    );
    assert!(yields.contains("is queued, and goes before it"), "{yields}");
    head.phase = BackfillPhase::Paused {
        by: Actor::engine(),
        reason: None,
        since: at(0),
    };
    assert!(
        text(&head, &nights)
            .unwrap()
            .contains("paused it at 14:40:00")
    );
    assert_eq!(text(&head, &nights[..1]), None);
}
