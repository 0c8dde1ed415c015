//! How long lists take while many ask, and the engine works.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Options;
use crate::figures::Times;
use crate::http::Connection;
use crate::project::{Project, table_name};

/// What the engine has to do meanwhile: a run of three tasks each so often.
const WORK: Duration = Duration::from_millis(500);

pub(crate) async fn measure(options: &Options) {
    let project = Project::make(options, options.runs).await;
    let serving = project.serve(&options.binary);
    let targets = targets(serving.address).await;
    warm(serving.address, &targets).await;
    let end = Instant::now() + options.time;
    let work = tokio::spawn(work(serving.address, end));
    let every = options
        .rate
        .map(|rate| Duration::from_secs_f64(options.clients as f64 / rate));
    let asking: Vec<_> = (0..options.clients)
        .map(|number| {
            let targets = targets.clone();
            tokio::spawn(ask(serving.address, targets, number, every, end))
        })
        .collect();
    let mut times = vec![Times::default(); targets.len()];
    for client in asking {
        for (all, one) in times.iter_mut().zip(client.await.unwrap()) {
            all.extend(one);
        }
    }
    let mut all = Times::default();
    for (times, (name, _)) in times.iter_mut().zip(&targets) {
        times.say(name);
        all.extend(times.clone());
    }
    all.say("ALL LISTS");
    work.await
        .unwrap()
        .say("a run is triggered, durably, meanwhile");
}

async fn work(address: SocketAddr, end: Instant) -> Times {
    let mut connection = Connection::open(address).await;
    let mut times = Times::default();
    while Instant::now() < end {
        let began = Instant::now();
        let made = connection.post("/api/v1/dags/busy/runs", &json!({})).await;
        assert_eq!(made.status, 202);
        times.add(began.elapsed());
        tokio::time::sleep(WORK.saturating_sub(began.elapsed())).await;
    }
    times
}

/// One client: at its own pace, measured from when it wanted to ask; or again as soon as it was answered.
async fn ask(
    address: SocketAddr,
    targets: Vec<(String, String)>,
    number: usize,
    every: Option<Duration>,
    end: Instant,
) -> Vec<Times> {
    let mut connection = Connection::open(address).await;
    let mut times = vec![Times::default(); targets.len()];
    let mut due = Instant::now()
        + every
            .unwrap_or_default()
            .mul_f64(number as f64 / 64.0 % 1.0);
    for turn in number.. {
        match every {
            Some(every) => {
                tokio::time::sleep_until(due.into()).await;
                due += every;
            }
            None => due = Instant::now(),
        }
        let began = match every {
            Some(every) => due - every,
            None => due,
        };
        if began >= end {
            break;
        }
        let place = turn * 7 % targets.len();
        let answer = connection.get(&targets[place].1).await;
        assert_eq!(answer.status, 200, "{}", targets[place].1);
        times[place].add(began.elapsed());
    }
    times
}

async fn warm(address: SocketAddr, targets: &[(String, String)]) {
    let mut connection = Connection::open(address).await;
    for (name, target) in targets {
        for time in ["cold", "warm"] {
            let began = Instant::now();
            let answer = connection.get(target).await;
            println!(
                "{:9.2?} {time} {:7} bytes  {name}",
                began.elapsed(),
                answer.body.len()
            );
        }
    }
}

/// The next page of a list, so many pages on.
async fn walked(connection: &mut Connection, list: &str, pages: usize) -> String {
    let mut target = list.to_owned();
    for _ in 0..pages {
        let page = connection.get(&target).await.json();
        match page["next"].as_str() {
            Some(next) => target = format!("{list}&cursor={next}"),
            None => break,
        }
    }
    target
}

async fn targets(address: SocketAddr) -> Vec<(String, String)> {
    let mut connection = Connection::open(address).await;
    let first = |page: Value, name: &str| page["items"][0][name].as_str().unwrap().to_owned();
    let one = connection
        .get("/api/v1/runs?dag=table03&limit=1")
        .await
        .json();
    let (old, ingestion) = (first(one.clone(), "id"), first(one, "ingestion_id"));
    let nightly = connection
        .get("/api/v1/runs?dag=nightly&limit=1")
        .await
        .json();
    let wide = first(nightly, "id");
    let table = table_name(7);
    let whole = walked(&mut connection, "/api/v1/runs?limit=200", 20).await;
    let of_dag = walked(
        &mut connection,
        &format!("/api/v1/runs?dag={table}&limit=50"),
        20,
    )
    .await;
    let since = (chrono::Utc::now() - chrono::TimeDelta::days(2_990)).format("%Y-%m-%dT%H:%M:%SZ");
    let all = [
        ("runs", "/api/v1/runs".to_owned()),
        ("runs, 200 of them", "/api/v1/runs?limit=200".to_owned()),
        ("runs, 200 of them, 20 pages on", whole),
        ("runs of a DAG", format!("/api/v1/runs?dag={table}")),
        ("runs of a DAG, 20 pages on", of_dag),
        (
            "runs of a DAG in a state that few have",
            format!("/api/v1/runs?dag={table}&state=failed"),
        ),
        (
            "runs of a DAG in a state that all have",
            format!("/api/v1/runs?dag={table}&state=succeeded"),
        ),
        (
            "runs in a state that few have",
            "/api/v1/runs?state=failed".to_owned(),
        ),
        (
            "runs in a state that most have",
            "/api/v1/runs?state=succeeded".to_owned(),
        ),
        ("runs under way", "/api/v1/runs?state=running".to_owned()),
        (
            "runs since, in a state that few have",
            format!("/api/v1/runs?state=failed&since={since}"),
        ),
        (
            "runs with an ingestion id",
            format!("/api/v1/runs?ingestion_id={ingestion}"),
        ),
        (
            "runs with an ingestion id that none has",
            "/api/v1/runs?ingestion_id=19700101000000".to_owned(),
        ),
        ("DAGs", "/api/v1/dags".to_owned()),
        ("a DAG", "/api/v1/dags/nightly".to_owned()),
        (
            "versions of a DAG",
            format!("/api/v1/dags/{table}/versions"),
        ),
        ("ticks of a DAG", "/api/v1/dags/ticking03/ticks".to_owned()),
        ("backfills", "/api/v1/backfills".to_owned()),
        ("a run of 1 task", format!("/api/v1/runs/{old}")),
        ("a run of 500 tasks", format!("/api/v1/runs/{wide}")),
        (
            "a task of 500, with its attempts",
            format!("/api/v1/runs/{wide}/tasks?task=load_table_123"),
        ),
        ("a journal", format!("/api/v1/runs/{wide}/events")),
    ];
    all.map(|(name, target)| (name.to_owned(), target)).into()
}
