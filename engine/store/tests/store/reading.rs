//! Reads: filters, pages, and the times of earlier runs.

use noctule_core::run::{Phase, Previous, RunEnding, Step};
use noctule_core::scheduling::{DropReason, Dropped};
use noctule_store::{DagRecord, DroppedTicks, Lease, Pause, RunFilter, Store, Write};

use crate::bed::{Bed, on_every_store};
use crate::sample::{begin, chain, minutes, noon, owner, run, scheduled, version};

/// Five runs of `d`, a minute apart; the first two ended, well and badly.
async fn five(store: &Store, lease: &Lease) {
    let dag = chain("d", 1);
    store
        .commit(
            lease,
            &[Write::Pin {
                version: &version(&dag),
            }],
        )
        .await
        .unwrap();
    for number in 0..5 {
        let (mut run, mut step) = run(&dag, &format!("r{number}"), scheduled(minutes(number)));
        step.fold(begin(&mut run));
        let ending = [RunEnding::Succeeded, RunEnding::Failed]
            .get(usize::try_from(number).unwrap())
            .copied();
        store
            .commit(
                lease,
                &[Write::Create {
                    run: &run,
                    step: &step,
                    idempotency_key: None,
                }],
            )
            .await
            .unwrap();
        if let Some(ending) = ending {
            run.phase = Phase::Ended {
                ending,
                started_at: None,
                at: minutes(10),
            };
            let step = Step {
                run_changed: true,
                ..Step::default()
            };
            store
                .commit(
                    lease,
                    &[Write::Step {
                        run: &run,
                        step: &step,
                    }],
                )
                .await
                .unwrap();
        }
    }
}

async fn found(store: &Store, filter: RunFilter) -> Vec<String> {
    store
        .find_runs(&filter)
        .await
        .unwrap()
        .into_iter()
        .map(|run| run.facts.id.to_string())
        .collect()
}

async fn runs_are_found_newest_first_by_each_filter_and_page_by_page(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    five(&store, &lease).await;
    let all = RunFilter::default();
    assert_eq!(
        found(&store, all.clone()).await,
        ["r4", "r3", "r2", "r1", "r0"]
    );
    assert_eq!(
        found(
            &store,
            RunFilter {
                limit: 2,
                ..all.clone()
            }
        )
        .await,
        ["r4", "r3"]
    );
    let next = RunFilter {
        limit: 2,
        before: Some("r3".parse().unwrap()),
        ..all.clone()
    };
    assert_eq!(found(&store, next).await, ["r2", "r1"]);
    assert_eq!(
        found(
            &store,
            RunFilter {
                state: Some("failed".to_owned()),
                ..all.clone()
            }
        )
        .await,
        ["r1"]
    );
    assert_eq!(
        found(
            &store,
            RunFilter {
                since: Some(minutes(3)),
                ..all.clone()
            }
        )
        .await,
        ["r4", "r3"]
    );
    assert_eq!(
        found(
            &store,
            RunFilter {
                dag: Some("e".parse().unwrap()),
                ..all.clone()
            }
        )
        .await,
        [""; 0]
    );
    let by_id = RunFilter {
        dag: Some("d".parse().unwrap()),
        ingestion_id: Some("20260113120000".to_owned()),
        ..all.clone()
    };
    assert_eq!(found(&store, by_id).await.len(), 5);
    let hostile = RunFilter {
        state: Some("' OR 1=1 --".to_owned()),
        ..all
    };
    assert_eq!(found(&store, hostile).await, [""; 0]);
    let live: Vec<_> = store
        .live_runs()
        .await
        .unwrap()
        .into_iter()
        .map(|run| run.facts.id.to_string())
        .collect();
    assert_eq!(live, ["r2", "r3", "r4"]);
}

async fn the_times_of_earlier_runs_are_exact_and_strictly_before(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    five(&store, &lease).await;
    let dag = "d".parse().unwrap();
    assert_eq!(
        store.previous_times(&dag, minutes(0)).await.unwrap(),
        Previous::default()
    );
    let previous = Previous {
        any: Some(minutes(2)),
        success: Some(minutes(0)),
    };
    assert_eq!(
        store.previous_times(&dag, minutes(3)).await.unwrap(),
        previous
    );
}

async fn what_is_known_of_a_dag_is_kept_and_replaced_and_its_dropped_ticks_add_up(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let dag: noctule_core::name::DagId = "d".parse().unwrap();
    let mut record = DagRecord {
        dag: dag.clone(),
        version: None,
        file: "dags/d.toml".to_owned(),
        error: None,
        withdrawn: false,
        pause: None,
        trouble: None,
        unborn: Vec::new(),
        schedule_fingerprint: "f".to_owned(),
        considered_until: Some(noon()),
        first_seen: noon(),
    };
    store
        .commit(&lease, &[Write::Dag { record: &record }])
        .await
        .unwrap();
    record.pause = Some(Pause {
        by: noctule_core::run::Actor::engine(),
        why: Some("night".to_owned()),
        since: noon(),
    });
    let drop = |count, reason| {
        let dropped = Dropped {
            first: minutes(0),
            last: minutes(1),
            count,
            reason,
        };
        DroppedTicks {
            dag: dag.clone(),
            dropped,
            at: noon(),
        }
    };
    let (one, two) = (drop(2, DropReason::Paused), drop(3, DropReason::Window));
    let writes = [
        Write::Dag { record: &record },
        Write::Dropped { dropped: &one },
        Write::Dropped { dropped: &two },
    ];
    store.commit(&lease, &writes).await.unwrap();
    assert_eq!(store.dag_record(&dag).await.unwrap(), Some(record.clone()));
    assert_eq!(store.dag_records().await.unwrap(), [record]);
    assert_eq!(store.dropped_ticks(&dag, 10).await.unwrap(), [two, one]);
}

/// Runs of `d` a minute apart, each pinned to the chain of so many tasks.
async fn the_versions_of_a_dag_are_those_of_its_latest_runs_newest_first(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    for (number, tasks) in [1, 2, 1, 3, 3].into_iter().enumerate() {
        let dag = chain("d", tasks);
        let tick = minutes(i64::try_from(number).unwrap());
        let (run, step) = run(&dag, &format!("r{number}"), scheduled(tick));
        let pinned = version(&dag);
        let writes = [
            Write::Pin { version: &pinned },
            Write::Create {
                run: &run,
                step: &step,
                idempotency_key: None,
            },
        ];
        store.commit(&lease, &writes).await.unwrap();
    }
    let of = |tasks| chain("d", tasks).hash().clone();
    for (runs, versions) in [
        (10, vec![of(3), of(1), of(2)]),
        (4, vec![of(3), of(1), of(2)]),
        (3, vec![of(3), of(1)]),
        (2, vec![of(3)]),
    ] {
        let id = "d".parse().unwrap();
        let found = store.versions_of_runs(&id, runs).await.unwrap();
        assert_eq!(found, versions, "of {runs} runs");
    }
    let other = "e".parse().unwrap();
    assert_eq!(store.versions_of_runs(&other, 10).await.unwrap(), vec![]);
}

on_every_store!(
    runs_are_found_newest_first_by_each_filter_and_page_by_page,
    the_versions_of_a_dag_are_those_of_its_latest_runs_newest_first,
    the_times_of_earlier_runs_are_exact_and_strictly_before,
    what_is_known_of_a_dag_is_kept_and_replaced_and_its_dropped_ticks_add_up,
);
