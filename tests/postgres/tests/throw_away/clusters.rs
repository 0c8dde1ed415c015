//! Clusters: private, stopped, started, cleaned up.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use noctule_test_postgres::{Cluster, database};
use sqlx::{Executor as _, PgPool};

use crate::{make_table, number};

/// Set for the process that is to be killed.
const HOLDER: &str = "NOCTULE_TEST_HOLDS_A_CLUSTER";

fn gone(path: &Path) -> bool {
    let started = Instant::now();
    while path.exists() {
        if started.elapsed() > Duration::from_secs(30) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

#[tokio::test]
async fn a_server_listens_on_its_socket_alone() {
    let database = database().await.expect("a database");
    let pool = PgPool::connect(&database.url()).await.expect("a pool");
    let setting = |name: &'static str| {
        sqlx::query_scalar::<_, String>("SELECT current_setting($1)")
            .bind(name)
            .fetch_one(&pool)
    };
    assert_eq!(setting("listen_addresses").await.expect("a setting"), "");
    let data = setting("data_directory").await.expect("a setting");
    let folder = database.cluster().socket_folder();
    assert_eq!(Path::new(&data), folder.join("data"));
}

#[tokio::test]
async fn each_test_has_a_database_of_its_own() {
    let one = database().await.expect("a database");
    let other = database().await.expect("a database");
    let (left, right) = (one.pool().await, other.pool().await);
    make_table(&left.expect("a pool")).await;
    make_table(&right.expect("a pool")).await;
    assert_ne!(one.url(), other.url());
    assert_eq!(
        one.cluster().socket_folder(),
        other.cluster().socket_folder()
    );
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart_and_after_a_crash() {
    let cluster = Cluster::start().await.expect("a cluster");
    let database = cluster.database().await.expect("a database");
    let pool = PgPool::connect(&database.url()).await.expect("a pool");
    make_table(&pool).await;
    pool.execute("INSERT INTO t VALUES (1)")
        .await
        .expect("a row");
    cluster.restart().await.expect("a restart");
    let pool = PgPool::connect(&database.url()).await.expect("a pool");
    pool.execute("INSERT INTO t VALUES (2)")
        .await
        .expect("a row");
    cluster.crash().await.expect("a crash");
    assert!(number(&pool, "SELECT count(*) FROM t").await.is_err());
    assert!(cluster.database().await.is_err(), "the server is stopped");
    cluster.launch().await.expect("a start");
    let pool = PgPool::connect(&database.url()).await.expect("a pool");
    let rows = number(&pool, "SELECT count(*) FROM t").await;
    assert_eq!(rows.expect("an answer"), 2);
}

#[tokio::test]
async fn sessions_can_be_ended() {
    let database = database().await.expect("a database");
    let pool = database.pool().await.expect("a pool");
    let mut session = pool.acquire().await.expect("a session");
    database.terminate_backends().await.expect("an end");
    assert!(session.execute("SELECT 1").await.is_err());
    drop(session);
    assert_eq!(
        number(&pool, "SELECT 1::bigint").await.expect("a new one"),
        1
    );
}

#[tokio::test]
async fn a_role_with_a_password_needs_it() {
    let database = database().await.expect("a database");
    let url = database
        .role_with_password("reader", "right")
        .await
        .expect("a role");
    assert!(PgPool::connect(&url).await.is_ok());
    let wrong = database.url_of("reader:wrong");
    assert!(PgPool::connect(&wrong).await.is_err());
}

#[tokio::test]
async fn nothing_is_left_when_the_cluster_is_dropped() {
    let cluster = Cluster::start().await.expect("a cluster");
    let folder = cluster.socket_folder().to_owned();
    assert!(folder.exists());
    drop(cluster);
    assert!(!folder.exists());
}

/// Run by the next test in a process of its own; alone it holds nothing.
#[tokio::test]
async fn holds_a_cluster_until_it_is_killed() {
    if std::env::var_os(HOLDER).is_none() {
        return;
    }
    let cluster = Cluster::start().await.expect("a cluster");
    println!("\nfolder={}", cluster.socket_folder().display());
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn nothing_is_left_when_the_test_process_is_killed() {
    let mut holder = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "--nocapture"])
        .arg("clusters::holds_a_cluster_until_it_is_killed")
        .env(HOLDER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let lines = BufReader::new(holder.stdout.take().expect("its output")).lines();
    let folder = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("folder=").map(PathBuf::from));
    let folder = folder.expect("the folder of its cluster");
    assert!(folder.exists());
    holder.kill().expect("a kill");
    holder.wait().expect("its end");
    assert!(gone(&folder), "{} is left", folder.display());
}
