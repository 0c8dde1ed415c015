//! Whether clients that listen to live events slow the scheduling: the same work with none and with many, in turn.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::Options;
use crate::figures::Times;
use crate::http::Connection;
use crate::project::{Project, TICKING, ticking_name};

/// Runs that are triggered in a second, where nobody says otherwise.
const RATE: f64 = 4.0;
/// How long the last events may take to everybody.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Counted {
    events: AtomicU64,
    gaps: AtomicU64,
}

pub(crate) async fn measure(options: &Options) {
    let project = Project::make(options, options.runs).await;
    let serving = project.serve(&options.binary);
    let address = serving.address;
    // Once to warm up.
    round(address, options, 0, options.time / 4).await;
    for listeners in [0, options.listeners, 0, options.listeners] {
        println!("--- {listeners} listeners");
        round(address, options, listeners, options.time).await;
    }
}

async fn round(address: SocketAddr, options: &Options, listeners: usize, time: Duration) {
    let listening = listen(address, listeners).await;
    let since = Utc::now();
    let mut connection = Connection::open(address).await;
    let before = commits(&mut connection).await;
    let (runs, mut asked) = trigger(&mut connection, options.rate.unwrap_or(RATE), time).await;
    let (mut launches, mut hops) = (Times::default(), Times::default());
    for run in &runs {
        let run = connection
            .get(&format!("/api/v1/runs/{run}?wait=30s"))
            .await
            .json();
        phases(&run, &mut launches, &mut hops);
    }
    asked.say("asked for a run until it is durable");
    launches.say("a run is made until its first task is launched");
    hops.say("the end of a task until the next is intended");
    lateness(&mut connection, since)
        .await
        .say("a tick until its run");
    let after = commits(&mut connection).await;
    println!(
        "{:>7}  mean {:7.2} ms  commits",
        after.0 - before.0,
        (after.1 - before.1) * 1_000.0 / (after.0 - before.0)
    );
    delivered(listening, time).await;
}

async fn trigger(connection: &mut Connection, rate: f64, time: Duration) -> (Vec<String>, Times) {
    let (mut runs, mut asked) = (Vec::new(), Times::default());
    let (began, every) = (Instant::now(), Duration::from_secs_f64(1.0 / rate));
    let mut due = began;
    while due < began + time {
        tokio::time::sleep_until(due.into()).await;
        let made = connection.post("/api/v1/dags/busy/runs", &json!({})).await;
        asked.add(due.elapsed());
        runs.push(made.json()["id"].as_str().unwrap().to_owned());
        due += every;
    }
    (runs, asked)
}

fn instant(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str()?.parse().ok()
}

fn between(from: &Value, to: &Value) -> Option<Duration> {
    Some((instant(to)? - instant(from)?).to_std().unwrap_or_default())
}

fn phases(run: &Value, launches: &mut Times, hops: &mut Times) {
    let tasks = run["tasks"].as_array().unwrap();
    let launched = between(&run["created_at"], &tasks[0]["attempts"][0]["launched_at"]);
    launched.into_iter().for_each(|time| launches.add(time));
    for pair in tasks.windows(2) {
        let hop = between(&pair[0]["ended_at"], &pair[1]["attempts"][0]["intended_at"]);
        hop.into_iter().for_each(|time| hops.add(time));
    }
}

async fn lateness(connection: &mut Connection, since: DateTime<Utc>) -> Times {
    let mut times = Times::default();
    for number in 0..TICKING {
        let since = since.format("%Y-%m-%dT%H:%M:%SZ");
        let target = format!("/api/v1/runs?dag={}&since={since}", ticking_name(number));
        let runs = connection.get(&target).await.json();
        for run in runs["items"].as_array().unwrap() {
            let late = between(&run["logical_time"], &run["created_at"]);
            late.into_iter().for_each(|time| times.add(time));
        }
    }
    times
}

/// How many commits there were, and the seconds that they took.
async fn commits(connection: &mut Connection) -> (f64, f64) {
    let text = String::from_utf8(connection.get("/metrics").await.body).unwrap();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().parse().unwrap()
    };
    (
        value("noctule_commit_seconds_count "),
        value("noctule_commit_seconds_sum "),
    )
}

type Listening = Vec<(Arc<Counted>, JoinHandle<()>)>;

async fn listen(address: SocketAddr, listeners: usize) -> Listening {
    let mut all = Vec::new();
    for _ in 0..listeners {
        let stream = Connection::open(address)
            .await
            .listen("/api/v1/events")
            .await;
        let counted = Arc::new(Counted::default());
        all.push((Arc::clone(&counted), tokio::spawn(count(stream, counted))));
    }
    all
}

async fn count(mut stream: TcpStream, counted: Arc<Counted>) {
    let (mut bytes, mut line) = (vec![0; 16 * 1024], Vec::new());
    while let Ok(read @ 1..) = stream.read(&mut bytes).await {
        for byte in &bytes[..read] {
            if *byte != b'\n' {
                line.push(*byte);
                continue;
            }
            if line.starts_with(b"data: {\"run\"") {
                counted.events.fetch_add(1, Ordering::Relaxed);
            } else if line.starts_with(b"event: reset") {
                counted.gaps.fetch_add(1, Ordering::Relaxed);
            }
            line.clear();
        }
    }
}

/// Waits until everybody heard the same, and says how much that was.
async fn delivered(listening: Listening, time: Duration) {
    if listening.is_empty() {
        return;
    }
    let of = |(counted, _): &(Arc<Counted>, JoinHandle<()>)| counted.events.load(Ordering::Relaxed);
    let (began, mut span) = (Instant::now(), (0, 0));
    loop {
        let heard = listening.iter().map(of);
        let now = (heard.clone().min().unwrap_or(0), heard.max().unwrap_or(0));
        if (now.0 == now.1 && now == span) || began.elapsed() >= PATIENCE {
            break;
        }
        span = now;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let gaps: u64 = listening
        .iter()
        .map(|(counted, _)| counted.gaps.load(Ordering::Relaxed))
        .sum();
    let rate = span.1 as f64 * listening.len() as f64 / time.as_secs_f64();
    println!(
        "{:>7}  to {} events heard by each client, {gaps} gaps, {rate:.0} events/s delivered",
        span.0, span.1
    );
    listening.iter().for_each(|(_, task)| task.abort());
}
