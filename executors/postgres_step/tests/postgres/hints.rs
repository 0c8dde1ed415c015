//! Notifications are hints: dropped, doubled, out of order or never sent, the row is the truth and is always found.

use std::time::Duration;

use noctule_executor::{Outcome, Status};
use noctule_postgres::{Pacing, PostgresStep};
use noctule_test_postgres::Cluster;
use serde_json::{Value, json};

use crate::step::{insert, with_tables};
use crate::world::{World, output, pacing, until};

const HOUR: Duration = Duration::from_hours(1);
/// Longer than any machine needs, and far from an hour.
const SOON: Duration = Duration::from_secs(60);

/// Without the timer: only a hint can be the reason of a look.
fn only_hints() -> Pacing {
    Pacing {
        look_every: HOUR,
        ..pacing()
    }
}

fn with() -> Value {
    let mut with = insert("j1");
    with["channel"] = json!("requests_changed");
    with
}

const DONE: &str = "UPDATE requests SET status = 'done'";
const NOTIFY: &str = "SELECT pg_notify('requests_changed', '')";

async fn launched(world: World) -> (World, PostgresStep, Value) {
    let world = with_tables(world).await;
    let executor = PostgresStep::new(&world.databases);
    let handle = world.launch(&executor, with()).await.expect("it starts");
    (world, executor, handle)
}

/// Until the listener listens and the look that follows is over.
async fn settled(world: &World) {
    let listens =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN \"requests_changed\"%'";
    until("it listens", async || world.number(listens).await == 1).await;
    looked(world).await;
}

/// Until a look is over and no other has begun: a line that dies under a look is what the look tells.
async fn looked(world: &World) {
    let looked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'noctule' AND state = 'idle'
        AND query = 'ROLLBACK' AND now() - state_change > '100 ms'";
    until("it has looked", async || world.number(looked).await >= 1).await;
}

/// Waits for the end as one long poll, while `meanwhile` happens.
async fn end_while(
    (world, executor, handle): &(World, PostgresStep, Value),
    meanwhile: impl Future<Output = ()>,
) -> Outcome {
    let poll = world.poll(executor, handle, HOUR);
    let both = async { tokio::join!(poll, meanwhile).0 };
    let answer = tokio::time::timeout(SOON, both).await;
    match answer.expect("a hint, not the timer") {
        Ok(Status::Finished(finished)) => finished.outcome,
        other => panic!("no end: {other:?}"),
    }
}

#[tokio::test]
async fn a_notification_makes_the_next_look_immediate() {
    let slow_pings = Pacing {
        ping_every: HOUR,
        ..only_hints()
    };
    let work = launched(World::new().await.pacing(slow_pings)).await;
    let world = &work.0;
    let outcome = end_while(&work, async {
        settled(world).await;
        world.run(DONE).await;
        world.run(NOTIFY).await;
    });
    output(&outcome.await);
}

#[tokio::test]
async fn without_notifications_the_timer_finds_the_end() {
    let work = launched(World::new().await.with("notifications", json!(false))).await;
    let world = &work.0;
    let connections = world.road.connections();
    output(&end_while(&work, world.run(DONE)).await);
    assert_eq!(world.road.connections(), connections, "nobody listens");
}

#[tokio::test]
async fn a_change_that_nobody_notified_is_found_by_the_timer() {
    let work = launched(World::new().await).await;
    output(&end_while(&work, work.0.run(DONE)).await);
}

#[tokio::test]
async fn notifications_that_say_nothing_or_come_twice_change_nothing() {
    let work = launched(World::new().await.pacing(only_hints())).await;
    let world = &work.0;
    for _ in 0..20 {
        world.run(NOTIFY).await;
    }
    let (executor, handle) = (&work.1, &work.2);
    let early = world
        .poll(executor, handle, Duration::from_millis(300))
        .await;
    assert_eq!(early, Ok(Status::Launching));
    let outcome = end_while(&work, async {
        for _ in 0..20 {
            world.run(NOTIFY).await;
        }
        world.run(DONE).await;
        world.run(NOTIFY).await;
        world.run(NOTIFY).await;
    });
    output(&outcome.await);
}

#[tokio::test]
async fn what_was_notified_while_nobody_listened_is_found_on_the_way_back() {
    let work = launched(World::new().await.pacing(only_hints())).await;
    let world = &work.0;
    let outcome = end_while(&work, async {
        let pinged =
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_notify($1%'";
        until("it listens", async || world.number(pinged).await == 1).await;
        looked(world).await;
        world.road.cut();
        world.run(DONE).await;
        world.run(NOTIFY).await;
        world.road.restore();
    });
    output(&outcome.await);
}

#[tokio::test]
async fn a_listener_whose_session_was_ended_is_built_anew() {
    let work = launched(World::new().await.pacing(only_hints())).await;
    let world = &work.0;
    let outcome = end_while(&work, async {
        let pinged =
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_notify($1%'";
        until("it listens", async || world.number(pinged).await == 1).await;
        looked(world).await;
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'noctule'";
        world.run(&format!("{DONE}; {end}")).await;
    });
    output(&outcome.await);
}

#[tokio::test]
async fn a_dead_line_is_noticed_by_the_listener_itself() {
    let work = launched(World::new().await.pacing(Pacing {
        answer: Duration::from_secs(1),
        ..only_hints()
    }))
    .await;
    let world = &work.0;
    let outcome = end_while(&work, async {
        let pinged =
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_notify($1%'";
        until("it listens", async || world.number(pinged).await == 1).await;
        looked(world).await;
        world.road.silence();
        world.run(DONE).await;
        world.run(NOTIFY).await;
    });
    output(&outcome.await);
}

#[tokio::test]
async fn a_poll_without_news_ends_with_its_patience() {
    let (world, executor, handle) = launched(World::new().await.pacing(only_hints())).await;
    let patience = Duration::from_millis(100);
    let answer = world.poll(&executor, &handle, patience).await;
    assert_eq!(answer, Ok(Status::Launching));
}

#[tokio::test]
async fn a_server_that_is_down_for_a_while_costs_nothing_but_time() {
    let cluster = Cluster::start().await.expect("a cluster");
    let database = cluster.database().await.expect("a database");
    let work = launched(World::of(database).await).await;
    let (world, executor, handle) = &work;
    world.run("UPDATE requests SET status = 'running'").await;
    let end = world.end(executor, handle);
    let down = async {
        cluster.crash().await.expect("a crash");
        let answer = world.poll(executor, handle, Duration::ZERO).await;
        assert!(
            answer.is_err(),
            "nothing is said while it is down: {answer:?}"
        );
        cluster.launch().await.expect("a start");
        until("it answers", async || {
            sqlx::query(DONE).execute(&world.pool).await.is_ok()
        })
        .await;
    };
    output(&tokio::join!(end, down).0);
}
