//! The road to a database: cut, held, and losing one answer.

use std::time::Duration;

use noctule_test_postgres::{Database, Proxy, database};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool};

use crate::{make_table, number};

async fn road() -> (Database, Proxy) {
    let database = database().await.expect("a database");
    let road = Proxy::to(&database).await.expect("a road");
    (database, road)
}

fn pool(road: &Proxy) -> PgPool {
    PgPoolOptions::new()
        .acquire_timeout(Duration::from_millis(200))
        .connect_lazy(&road.url())
        .expect("a url")
}

#[tokio::test]
async fn a_cut_road_lets_nobody_through_until_it_is_restored() {
    let (_database, road) = road().await;
    let mut session = PgConnection::connect(&road.url()).await.expect("a session");
    road.cut();
    assert!(session.ping().await.is_err(), "the connection fell");
    let pool = pool(&road);
    assert!(number(&pool, "SELECT 1::bigint").await.is_err());
    road.restore();
    assert_eq!(number(&pool, "SELECT 1::bigint").await.expect("again"), 1);
}

#[tokio::test]
async fn a_cut_that_is_mended_at_once_still_ends_connections() {
    let (_database, road) = road().await;
    let mut session = PgConnection::connect(&road.url()).await.expect("a session");
    road.cut();
    road.restore();
    assert!(session.ping().await.is_err());
}

#[tokio::test]
async fn dropped_connections_may_come_back() {
    let (_database, road) = road().await;
    let mut session = PgConnection::connect(&road.url()).await.expect("a session");
    road.drop_connections();
    assert!(session.ping().await.is_err());
    assert!(PgConnection::connect(&road.url()).await.is_ok());
    assert_eq!(road.connections(), 2);
}

#[tokio::test]
async fn a_held_road_keeps_bytes_and_gives_them_later() {
    let (_database, road) = road().await;
    let mut session = PgConnection::connect(&road.url()).await.expect("a session");
    road.hold();
    let mut ping = Box::pin(session.ping());
    let held = tokio::time::timeout(Duration::from_millis(50), &mut ping).await;
    assert!(held.is_err(), "nothing passes");
    road.restore();
    assert!(ping.await.is_ok());
}

#[tokio::test]
async fn a_silenced_connection_is_dead_and_a_new_one_lives() {
    let (_database, road) = road().await;
    let mut session = PgConnection::connect(&road.url()).await.expect("a session");
    road.silence();
    let silent = tokio::time::timeout(Duration::from_millis(50), session.ping()).await;
    assert!(silent.is_err(), "nothing passes, nothing falls");
    assert!(PgConnection::connect(&road.url()).await.is_ok());
}

#[tokio::test]
async fn a_lost_answer_means_that_the_server_has_done_it() {
    let (database, road) = road().await;
    let seen = database.pool().await.expect("a pool");
    make_table(&seen).await;
    let mut session = PgConnection::connect(&road.url()).await.expect("a session");
    road.lose_answer("INSERT 0 1");
    let lost = session.execute("INSERT INTO t VALUES (1)").await;
    assert!(lost.is_err() && !road.is_armed());
    assert_eq!(
        number(&seen, "SELECT count(*) FROM t")
            .await
            .expect("a count"),
        1
    );
}

#[tokio::test]
async fn a_lost_request_means_that_the_server_has_not_seen_it() {
    let (database, road) = road().await;
    let seen = database.pool().await.expect("a pool");
    make_table(&seen).await;
    let mut session = PgConnection::connect(&road.url()).await.expect("a session");
    road.lose_request("INSERT INTO t");
    let lost = session.execute("INSERT INTO t VALUES (1)").await;
    assert!(lost.is_err() && !road.is_armed());
    assert_eq!(
        number(&seen, "SELECT count(*) FROM t")
            .await
            .expect("a count"),
        0
    );
}
