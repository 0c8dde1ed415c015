//! Answers of a database that are lost, late or no: a commit was made once, or never will be.

use std::sync::Arc;

use noctule_core::name::RunId;
use noctule_store::{Lease, Store, StoreError, Write, Written};
use noctule_test_postgres::{Cluster, Proxy};
use sqlx::{Executor as _, PgPool};

use crate::bed::Bed;
use crate::sample::{
    chain, create, hop, id, manual, minutes, owner, run, scheduled, unknown_version, version,
};

/// A store over a road, taken, whose DAG `d` is pinned.
struct Far {
    road: Proxy,
    store: Store,
    lease: Lease,
    dag: noctule_core::dag::Dag,
    eye: PgPool,
    bed: Bed,
}

async fn far(ttl: &str) -> Far {
    let database = noctule_test_postgres::database().await.unwrap();
    let road = Proxy::to(&database).await.unwrap();
    let url = format!("{}&lease_ttl={ttl}", road.url());
    let eye = database.pool().await.unwrap();
    let bed = Bed::at(database, url);
    let (store, lease, dag) = crate::sample::pinned(&bed, 3).await;
    Far {
        road,
        store,
        lease,
        dag,
        eye,
        bed,
    }
}

impl Far {
    async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query)
            .fetch_one(&self.eye)
            .await
            .unwrap()
    }

    async fn runs(&self) -> i64 {
        self.count("SELECT count(*) FROM noctule.runs").await
    }

    async fn commits(&self) -> i64 {
        self.count("SELECT commits FROM noctule.store").await
    }
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_told_as_made_and_counts_once() {
    let far = far("15").await;
    let (mut one, step) = run(&far.dag, "r", manual());
    let before = far.commits().await;
    far.road.lose_answer("SELECT 1");
    let written = far.store.commit(&far.lease, &[create(&one, &step)]).await;
    assert!(!far.road.is_armed(), "the answer was lost");
    let written = written.unwrap();
    assert!(matches!(&written[..], [Written::Done]), "{written:?}");
    assert_eq!(far.commits().await, before + 1);

    let begun = crate::sample::begin(&mut one);
    let write = Write::Step {
        run: &one,
        step: &begun,
    };
    far.road.lose_answer("SELECT 1");
    far.store.commit(&far.lease, &[write]).await.unwrap();
    assert!(!far.road.is_armed(), "the answer was lost");
    let hopped = hop(&mut one, 0);
    let write = Write::Step {
        run: &one,
        step: &hopped,
    };
    far.store.commit(&far.lease, &[write]).await.unwrap();
    let records = [step.records, begun.records, hopped.records].concat();
    let read = far.store.records(&id("r"), 0, 100).await.unwrap();
    let read: Vec<_> = read.into_iter().map(|(_, record)| record).collect();
    assert_eq!(read, records, "each once, in order");
}

#[tokio::test]
async fn what_was_there_already_is_told_also_when_the_answer_is_lost() {
    let far = far("15").await;
    let (first, step) = run(&far.dag, "first", scheduled(minutes(0)));
    far.store
        .commit(&far.lease, &[create(&first, &step)])
        .await
        .unwrap();
    let (second, second_step) = run(&far.dag, "second", scheduled(minutes(0)));
    let (third, third_step) = run(&far.dag, "third", scheduled(minutes(1)));
    let writes = [create(&second, &second_step), create(&third, &third_step)];
    far.road.lose_answer("SELECT 1");
    let written = far.store.commit(&far.lease, &writes).await.unwrap();
    assert!(!far.road.is_armed(), "the answer was lost");
    assert!(
        matches!(&written[..], [Written::Existing(there), Written::Done] if *there == id("first")),
        "{written:?}"
    );
}

#[tokio::test]
async fn writes_of_which_one_is_refused_are_told_right_when_the_last_answer_is_lost() {
    let far = far("15").await;
    let (good, good_step) = run(&far.dag, "good", manual());
    let (mut orphan, orphan_step) = run(&far.dag, "orphan", manual());
    orphan.facts.version = unknown_version();
    let writes = [create(&orphan, &orphan_step), create(&good, &good_step)];
    far.road.lose_answer("COMMIT");
    let written = far.store.commit(&far.lease, &writes).await.unwrap();
    assert!(!far.road.is_armed(), "the answer was lost");
    assert!(
        matches!(&written[..], [Written::Failed(_), Written::Done]),
        "{written:?}"
    );
    assert_eq!(far.runs().await, 1);
}

#[tokio::test]
async fn a_commit_that_never_arrived_is_told_as_not_made_and_can_never_land() {
    let far = far("15").await;
    let (one, step) = run(&far.dag, "lost-on-its-way", manual());
    let (before, epoch) = (far.commits().await, far.lease.epoch());
    far.road.lose_request("lost-on-its-way");
    let refused = far.store.commit(&far.lease, &[create(&one, &step)]).await;
    assert!(!far.road.is_armed(), "the request was lost");
    let refused = refused.unwrap_err();
    assert!(refused.is_passing(), "{refused:?}");
    assert_eq!(far.runs().await, 0);
    // It arrives after all, as the server would see it.
    let late = "UPDATE noctule.store SET commits = commits + 1 WHERE epoch = $1 AND commits = $2";
    let late = sqlx::query(late).bind(epoch).bind(before);
    let late = late.execute(&far.eye).await.unwrap().rows_affected();
    assert_eq!(late, 0, "the way is barred");
    far.store
        .commit(&far.lease, &[create(&one, &step)])
        .await
        .unwrap();
    assert_eq!(far.runs().await, 1);
}

#[tokio::test]
async fn a_commit_that_lands_while_it_is_in_doubt_is_told_as_it_is() {
    let far = far("15").await;
    for round in 0..4 {
        let name = format!("r{round}");
        let (one, step) = run(&far.dag, &name, manual());
        let mut lock = far.eye.begin().await.unwrap();
        lock.execute("SELECT FROM noctule.store FOR UPDATE")
            .await
            .unwrap();
        let (store, lease) = (far.store.clone(), far.lease.clone());
        let (there, sent) = (one.clone(), step.clone());
        let commit =
            tokio::spawn(async move { store.commit(&lease, &[create(&there, &sent)]).await });
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
            AND datname = current_database() AND query LIKE '%noctule.store%'";
        while far.count(waiting).await == 0 {
            tokio::task::yield_now().await;
        }
        // The server goes on with what it has got, and nobody hears of it.
        far.road.drop_connections();
        lock.rollback().await.unwrap();
        let told = commit.await.unwrap();
        let there = far.store.run(&id(&name)).await.unwrap();
        match told {
            Ok(written) => {
                assert!(matches!(&written[..], [Written::Done]), "{written:?}");
                assert_eq!(there, Some(one));
            }
            Err(error) => {
                assert!(error.is_passing(), "{error:?}");
                assert_eq!(there, None);
            }
        }
    }
}

#[tokio::test]
async fn what_passes_by_itself_is_told_as_passing_and_leaves_nothing() {
    let far = far("15").await;
    let (one, step) = run(&far.dag, "r", manual());
    for code in [
        "40001", "40P01", "55P03", "57014", "53300", "53200", "53100",
    ] {
        let trigger = format!(
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'as asked' USING ERRCODE = '{code}'; END $$; \
             CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON noctule.records \
             FOR EACH ROW EXECUTE FUNCTION refuse()"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(trigger))
            .execute(&far.eye)
            .await
            .unwrap();
        let refused = far.store.commit(&far.lease, &[create(&one, &step)]).await;
        let refused = refused.unwrap_err();
        assert!(refused.is_passing(), "{code}: {refused:?}");
        assert_eq!(matches!(refused, StoreError::Full(_)), code == "53100");
        assert_eq!(far.runs().await, 0, "{code}");
    }
    far.eye
        .execute("DROP TRIGGER refuse ON noctule.records")
        .await
        .unwrap();
    far.store
        .commit(&far.lease, &[create(&one, &step)])
        .await
        .unwrap();
    assert_eq!(far.runs().await, 1);
}

#[tokio::test]
async fn a_write_that_is_refused_half_way_leaves_nothing_while_the_others_are_durable() {
    let far = far("15").await;
    let trigger = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
        $$ BEGIN RAISE EXCEPTION 'not this one'; END $$; \
        CREATE TRIGGER refuse BEFORE INSERT ON noctule.records \
        FOR EACH ROW WHEN (new.run = 'bad') EXECUTE FUNCTION refuse()";
    sqlx::raw_sql(trigger).execute(&far.eye).await.unwrap();
    let (bad, bad_step) = run(&far.dag, "bad", manual());
    let (good, good_step) = run(&far.dag, "good", manual());
    let writes = [create(&bad, &bad_step), create(&good, &good_step)];
    let written = far.store.commit(&far.lease, &writes).await.unwrap();
    assert!(
        matches!(
            &written[..],
            [Written::Failed(StoreError::Refused(_)), Written::Done]
        ),
        "{written:?}"
    );
    assert_eq!(far.store.live_runs().await.unwrap(), [good]);
}

#[tokio::test]
async fn a_database_that_has_gone_back_in_time_ends_the_engine() {
    let far = far("15").await;
    far.eye
        .execute("UPDATE noctule.store SET commits = 0")
        .await
        .unwrap();
    let refused = far.store.commit(&far.lease, &[]).await.unwrap_err();
    assert!(
        matches!(refused, StoreError::WentBack { .. }) && !refused.is_passing(),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_ask_whose_answer_is_lost_is_one_ask() {
    let far = far("15").await;
    let ask = crate::asks::reload();
    far.road.lose_answer("INSERT 0 1");
    let asked = far.store.ask(&ask).await.unwrap();
    assert!(!far.road.is_armed(), "the answer was lost");
    assert_eq!(far.store.pending_asks().await.unwrap(), [(asked, ask)]);
}

#[tokio::test]
async fn reads_go_on_over_a_road_that_falls() {
    let far = far("15").await;
    let token = far.store.change_token().await.unwrap();
    far.road.drop_connections();
    assert_eq!(far.store.change_token().await.unwrap(), token);
    assert!(far.store.live_runs().await.unwrap().is_empty());
    drop(far.bed);
}

/// Each run is committed until it is told as made; a server that crashes meanwhile loses none and doubles none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_goes_through_a_server_that_crashes_and_counts_exactly() {
    const RUNS: usize = 300;
    let cluster = Cluster::start().await.unwrap();
    let bed = Bed::of(cluster.database().await.unwrap());
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let dag = Arc::new(chain("d", 2));
    let pin = version(&dag);
    store
        .commit(&lease, &[Write::Pin { version: &pin }])
        .await
        .unwrap();
    let load = tokio::spawn({
        let (store, lease, dag) = (store.clone(), lease.clone(), Arc::clone(&dag));
        async move {
            let mut passed = 0;
            for number in 0..RUNS {
                let (run, step) = run(&dag, &format!("r{number}"), manual());
                loop {
                    match store.commit(&lease, &[create(&run, &step)]).await {
                        Ok(written) => {
                            assert!(matches!(&written[..], [Written::Done]), "{written:?}");
                            break;
                        }
                        Err(error) => assert!(error.is_passing(), "{error:?}"),
                    }
                    passed += 1;
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            }
            passed
        }
    });
    for reached in [50, 150, 250] {
        while store
            .run(&id(&format!("r{reached}")))
            .await
            .unwrap()
            .is_none()
        {
            tokio::task::yield_now().await;
        }
        cluster.crash().await.unwrap();
        cluster.launch().await.unwrap();
    }
    let passed = load.await.unwrap();
    assert!(lease.is_trusted(), "it was renewed in between");
    let mut found: Vec<RunId> = Vec::new();
    for run in store.live_runs().await.unwrap() {
        let records = store.records(&run.facts.id, 0, 10).await.unwrap();
        assert_eq!(records.len(), 1, "{}: {records:?}", run.facts.id);
        found.push(run.facts.id);
    }
    assert_eq!(found.len(), RUNS);
    assert!(passed > 0, "a crash struck a commit");
}
