//! Backfills: written with the commit that does what they say, found again, and never half.

use std::collections::BTreeSet;

use noctule_core::backfill::{Backfill, Errand, Night, NightState, Only, Phase, Range, Tally};
use noctule_core::name::{BackfillId, DagId};
use noctule_core::run::{Actor, RunEnding, Trigger};
use noctule_core::ticks::IngestionId;
use noctule_store::{BackfillFilter, Selection, Store, StoreError, Write, Written};

use crate::bed::{Bed, on_every_store};
use crate::sample::{begin, create, id, manual, minutes, owner, pinned, run, scheduled};

on_every_store!(
    a_backfill_is_read_as_it_was_written_and_changed_night_by_night,
    backfills_are_found_newest_first_by_dag_and_by_whether_they_are_over,
    a_commit_that_is_refused_leaves_nothing_of_a_backfill,
    runs_are_found_by_their_nominal_time_both_ends_included,
    a_run_keeps_the_backfill_that_it_is_for,
    a_backfill_is_forgotten_with_its_nights_and_only_when_it_is_over,
    runs_are_selected_in_pages_and_never_more_than_asked_for,
    runs_of_one_nominal_time_are_each_selected_once_however_many_they_are,
);

pub(crate) fn head(name: &str, dag: &str, minute: i64) -> Backfill {
    Backfill {
        id: name.parse().unwrap(),
        dag: dag.parse().unwrap(),
        from: minutes(0),
        to: minutes(5),
        only: Only::Missing,
        max_parallel: 2,
        by: Actor::engine(),
        reason: Some("a \"quote\", ü and \u{0}".to_owned()),
        created_at: minutes(minute),
        phase: Phase::Running,
        tally: Tally::default(),
    }
}

pub(crate) fn night(minute: i64, state: NightState) -> Night {
    Night {
        tick: minutes(minute),
        ingestion_id: IngestionId::given("20260113120000").unwrap(),
        errand: Errand::Make,
        state,
    }
}

fn name(text: &str) -> BackfillId {
    text.parse().unwrap()
}

async fn a_backfill_is_read_as_it_was_written_and_changed_night_by_night(bed: Bed) {
    let (store, lease, _) = pinned(&bed, 1).await;
    let mut backfill = head("b-1", "d", 0);
    let nights = [
        (0, night(0, NightState::Waiting)),
        (1, night(1, NightState::Waiting)),
    ];
    let write = Write::Backfill {
        backfill: &backfill,
        nights: &nights,
    };
    store.commit(&lease, &[write]).await.unwrap();
    backfill.tally.succeeded = 1;
    let done = night(
        1,
        NightState::Ended {
            run: id("r-1"),
            ending: RunEnding::Succeeded,
            at: minutes(9),
        },
    );
    let begun = night(
        1,
        NightState::Running {
            run: id("r-1"),
            round: Some(1),
            since: minutes(8),
        },
    );
    // Of two words on one night the last counts.
    let changed = [(1, begun), (1, done.clone())];
    let write = Write::Backfill {
        backfill: &backfill,
        nights: &changed,
    };
    store.commit(&lease, &[write]).await.unwrap();
    drop(store);
    let store = bed.open().await;
    assert_eq!(store.backfill(&name("b-1")).await.unwrap(), Some(backfill));
    let read = store.nights(&name("b-1")).await.unwrap();
    assert_eq!(read, [night(0, NightState::Waiting), done]);
    assert_eq!(store.backfill(&name("b-2")).await.unwrap(), None);
    store.check().await.unwrap();
}

async fn backfills_are_found_newest_first_by_dag_and_by_whether_they_are_over(bed: Bed) {
    let (store, lease, _) = pinned(&bed, 1).await;
    let mut all = [
        head("b-1", "d", 1),
        head("b-2", "e", 2),
        head("b-3", "d", 3),
        head("b-4", "d", 4),
    ];
    all[0].phase = Phase::Ended { at: minutes(9) };
    let cancelled = |running| {
        let phase = Phase::Cancelled {
            by: Actor::engine(),
            reason: None,
            at: minutes(9),
        };
        let tally = Tally {
            running,
            ..Tally::default()
        };
        (phase, tally)
    };
    (all[2].phase, all[2].tally) = cancelled(1);
    (all[3].phase, all[3].tally) = cancelled(0);
    let writes: Vec<Write<'_>> = all
        .iter()
        .map(|backfill| Write::Backfill {
            backfill,
            nights: &[],
        })
        .collect();
    store.commit(&lease, &writes).await.unwrap();
    let found = async |filter: BackfillFilter| {
        let found = store.find_backfills(&filter).await.unwrap();
        found
            .iter()
            .map(|head| head.id.to_string())
            .collect::<Vec<_>>()
    };
    let every = BackfillFilter::default();
    assert_eq!(found(every.clone()).await, ["b-4", "b-3", "b-2", "b-1"]);
    let of_d = BackfillFilter {
        dag: Some("d".parse().unwrap()),
        limit: 2,
        ..every.clone()
    };
    assert_eq!(found(of_d.clone()).await, ["b-4", "b-3"]);
    let next = BackfillFilter {
        before: Some(name("b-3")),
        ..of_d
    };
    assert_eq!(found(next).await, ["b-1"]);
    let live = BackfillFilter {
        live: true,
        ..every
    };
    assert_eq!(
        found(live.clone()).await,
        ["b-3", "b-2"],
        "one is still stopping"
    );
    all[2].tally.running = 0;
    let write = Write::Backfill {
        backfill: &all[2],
        nights: &[],
    };
    store.commit(&lease, &[write]).await.unwrap();
    assert_eq!(found(live).await, ["b-2"]);
}

async fn a_commit_that_is_refused_leaves_nothing_of_a_backfill(bed: Bed) {
    let (store, lease, _) = pinned(&bed, 1).await;
    lease.release().await.unwrap();
    let second = bed.open().await;
    let other = second
        .acquire_when_free(&owner(), crate::bed::SOON)
        .await
        .unwrap();
    let backfill = head("b-1", "d", 1);
    let nights = [(0, night(0, NightState::Waiting))];
    let write = Write::Backfill {
        backfill: &backfill,
        nights: &nights,
    };
    let refused = store.commit(&lease, &[write]).await;
    assert!(
        matches!(
            refused,
            Err(StoreError::Fenced(_) | StoreError::LeaseLost(_))
        ),
        "{refused:?}"
    );
    assert_eq!(second.backfill(&name("b-1")).await.unwrap(), None);
    assert_eq!(second.nights(&name("b-1")).await.unwrap(), []);
    // A run that cannot be made takes its backfill's other writes down no more than those of other runs.
    let strange = crate::sample::chain("strange", 1);
    let (unborn, step) = run(&strange, "r-1", manual());
    let written = second
        .commit(&other, &[write, create(&unborn, &step)])
        .await;
    let written = written.unwrap();
    assert!(
        matches!(written[..], [Written::Done, Written::Failed(_)]),
        "{written:?}"
    );
    assert!(second.backfill(&name("b-1")).await.unwrap().is_some());
}

async fn ticks(store: &Store, dag: &DagId, from: i64, to: i64) -> Vec<String> {
    let selection = Selection {
        dag: dag.clone(),
        nominal: Some((minutes(from), minutes(to))),
        state: None,
        ingestion_ids: Vec::new(),
        runs: Vec::new(),
    };
    let found = store.select_runs(&selection, 10).await.unwrap().unwrap();
    found.iter().map(|run| run.facts.id.to_string()).collect()
}

async fn runs_are_found_by_their_nominal_time_both_ends_included(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 1).await;
    for minute in 1..5 {
        let (one, step) = run(&dag, &format!("r-{minute}"), scheduled(minutes(minute)));
        store.commit(&lease, &[create(&one, &step)]).await.unwrap();
    }
    let id = dag.definition().id.clone();
    assert_eq!(ticks(&store, &id, 2, 3).await, ["r-2", "r-3"]);
    assert_eq!(ticks(&store, &id, 3, 3).await, ["r-3"]);
    assert_eq!(ticks(&store, &id, 6, 9).await, Vec::<String>::new());
}

async fn a_run_keeps_the_backfill_that_it_is_for(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 1).await;
    let trigger = Trigger::Backfill {
        tick: minutes(1),
        by: Actor::engine(),
        backfill: name("b-1"),
    };
    let (mut night, step) = run(&dag, "r-1", trigger);
    store
        .commit(&lease, &[create(&night, &step)])
        .await
        .unwrap();
    let of = async |which: &str| {
        let whole = store.run(&id(which)).await.unwrap().unwrap();
        let summary = store.summary(&id(which)).await.unwrap().unwrap();
        assert_eq!(whole.backfill, summary.backfill);
        whole.backfill
    };
    assert_eq!(of("r-1").await, Some(name("b-1")));
    night.backfill = None;
    let step = begin(&mut night);
    let write = Write::Step {
        run: &night,
        step: &step,
    };
    store.commit(&lease, &[write]).await.unwrap();
    assert_eq!(of("r-1").await, None);
    assert_eq!(store.live_runs().await.unwrap()[0].backfill, None);
}

async fn a_backfill_is_forgotten_with_its_nights_and_only_when_it_is_over(bed: Bed) {
    let (store, lease, _) = pinned(&bed, 1).await;
    let mut backfill = head("b-1", "d", 0);
    let other = head("b-2", "d", 1);
    let nights = [(0, night(0, NightState::Waiting))];
    for backfill in [&backfill, &other] {
        let nights = &nights;
        let write = Write::Backfill { backfill, nights };
        store.commit(&lease, &[write]).await.unwrap();
    }
    store.forget_backfill(&lease, &backfill.id).await.unwrap();
    assert_eq!(store.nights(&backfill.id).await.unwrap().len(), 1);
    backfill.phase = Phase::Ended { at: minutes(9) };
    let write = Write::Backfill {
        backfill: &backfill,
        nights: &[],
    };
    store.commit(&lease, &[write]).await.unwrap();
    store.forget_backfill(&lease, &backfill.id).await.unwrap();
    assert_eq!(store.backfill(&backfill.id).await.unwrap(), None);
    assert_eq!(store.nights(&backfill.id).await.unwrap(), []);
    assert_eq!(store.nights(&other.id).await.unwrap().len(), 1);
    lease.release().await.unwrap();
    assert!(store.forget_backfill(&lease, &other.id).await.is_err());
}

async fn runs_are_selected_in_pages_and_never_more_than_asked_for(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 1).await;
    let count: i64 = 1_101;
    let made: Vec<_> = (0..count)
        .map(|n| run(&dag, &format!("r{n}"), scheduled(minutes(n))))
        .collect();
    let writes: Vec<Write<'_>> = made.iter().map(|(run, step)| create(run, step)).collect();
    store.commit(&lease, &writes).await.unwrap();
    let id = dag.definition().id.clone();
    let all = Selection {
        dag: id.clone(),
        nominal: None,
        state: Some("queued".to_owned()),
        ingestion_ids: Vec::new(),
        runs: Vec::new(),
    };
    assert_eq!(store.select_runs(&all, 1_000).await.unwrap(), None);
    let found = store.select_runs(&all, 2_000).await.unwrap().unwrap();
    let names: BTreeSet<_> = found.iter().map(|run| run.facts.id.clone()).collect();
    assert_eq!((found.len(), names.len()), (1_101, 1_101), "each once");
    let range = Range {
        from: minutes(100),
        to: minutes(899),
    };
    let ticks = store.runs_of_ticks(&id, range).await.unwrap();
    let each: BTreeSet<_> = ticks.iter().map(|one| one.run().clone()).collect();
    assert_eq!((ticks.len(), each.len()), (800, 800), "each once");
    let span = Selection {
        nominal: Some((range.from, range.to)),
        ..all.clone()
    };
    assert_eq!(store.select_runs(&span, 799).await.unwrap(), None);
    let found = store.select_runs(&span, 800).await.unwrap().unwrap();
    let times: Vec<_> = found.iter().map(|run| run.facts.logical_time).collect();
    assert_eq!(times, (100..900).map(minutes).collect::<Vec<_>>());
    let named = Selection {
        nominal: Some((minutes(0), minutes(5))),
        runs: ["r3", "r9", "none"]
            .map(|name| name.parse().unwrap())
            .to_vec(),
        ..all
    };
    let found = store.select_runs(&named, 10).await.unwrap().unwrap();
    let names: Vec<_> = found.iter().map(|run| run.facts.id.as_str()).collect();
    assert_eq!(names, ["r3"], "what is said narrows together");
}

async fn runs_of_one_nominal_time_are_each_selected_once_however_many_they_are(bed: Bed) {
    let (store, lease, dag) = pinned(&bed, 1).await;
    let made: Vec<_> = (0..1_001)
        .map(|n| run(&dag, &format!("r{n}"), manual()))
        .collect();
    let writes: Vec<Write<'_>> = made.iter().map(|(run, step)| create(run, step)).collect();
    store.commit(&lease, &writes).await.unwrap();
    let time = made[0].0.facts.logical_time;
    let id = dag.definition().id.clone();
    let selection = Selection {
        dag: id.clone(),
        nominal: Some((time, time)),
        state: Some("queued".to_owned()),
        ingestion_ids: Vec::new(),
        runs: Vec::new(),
    };
    let found = store.select_runs(&selection, 1_001).await.unwrap().unwrap();
    let names: BTreeSet<_> = found.iter().map(|run| run.facts.id.clone()).collect();
    assert_eq!((found.len(), names.len()), (1_001, 1_001));
    let range = Range {
        from: time,
        to: time,
    };
    assert_eq!(
        store.runs_of_ticks(&id, range).await.unwrap(),
        [],
        "they are for no tick"
    );
}
