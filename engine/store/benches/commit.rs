//! How fast an engine's steps become durable: one hop a commit, and many hops in one. Prints, asserts nothing.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench measures time and prints it"
)]

use std::time::{Duration, Instant};

use noctule_core::run::{Run, Step};
use noctule_store::{Lease, Store, Write};

#[path = "../tests/store/bed.rs"]
#[expect(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the tests use more of it"
)]
mod bed;
#[path = "../tests/store/sample.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod sample;

const TASKS: usize = 1_000;

fn main() {
    // Test runners start every target to list its tests: there are none here.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();

    // As an engine does: its loop is a task of the runtime.
    runtime.block_on(async { tokio::spawn(measure()).await.unwrap() });
}

async fn measure() {
    let bed = bed::Bed::file();
    let store = bed.open().await;
    let lease = store.acquire(&sample::owner()).await.unwrap();
    let dag = sample::chain("bench", TASKS);
    store
        .commit(
            &lease,
            &[Write::Pin {
                version: &sample::version(&dag),
            }],
        )
        .await
        .unwrap();

    let begun = Instant::now();
    let mut single = start(&store, &lease, &dag, "single").await;
    println!(
        "create and begin a run of {TASKS} tasks: {:.2?}",
        begun.elapsed()
    );
    let mut times = Vec::new();
    for from in 0..TASKS as u32 - 1 {
        let step = sample::hop(&mut single, from);
        let begun = Instant::now();
        store
            .commit(
                &lease,
                &[Write::Step {
                    run: &single,
                    step: &step,
                }],
            )
            .await
            .unwrap();
        times.push(begun.elapsed());
    }
    say("1 hop a commit", 1, times);

    let mut many: Vec<Run> = Vec::new();
    for number in 0..100 {
        many.push(start(&store, &lease, &dag, &format!("many-{number}")).await);
    }
    for size in [10, 100] {
        let mut times = Vec::new();
        for from in 0..100u32 {
            let from = from + if size == 100 { 100 } else { 0 };
            let steps: Vec<Step> = many[..size]
                .iter_mut()
                .map(|run| sample::hop(run, from))
                .collect();
            let writes: Vec<Write<'_>> = many
                .iter()
                .zip(&steps)
                .map(|(run, step)| Write::Step { run, step })
                .collect();
            let begun = Instant::now();
            store.commit(&lease, &writes).await.unwrap();
            times.push(begun.elapsed());
        }
        say("hops of different runs", size, times);
    }
    let begun = Instant::now();
    let live = store.live_runs().await.unwrap();
    println!(
        "read {} live runs with {} tasks: {:.2?}",
        live.len(),
        live.len() * TASKS,
        begun.elapsed()
    );
    let begun = Instant::now();
    drop(bed.open().await);
    println!("open: {:.2?}", begun.elapsed());
}

async fn start(store: &Store, lease: &Lease, dag: &noctule_core::dag::Dag, id: &str) -> Run {
    let (mut run, mut step) = sample::run(dag, id, sample::manual());
    step.fold(sample::begin(&mut run));
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
    run
}

fn say(what: &str, size: usize, mut times: Vec<Duration>) {
    times.sort();
    let total: Duration = times.iter().sum();
    let (best, median) = (times[times.len() / 10], times[times.len() / 2]);
    let late = times[times.len() * 99 / 100];
    let rate = (times.len() * size) as f64 / total.as_secs_f64();
    println!(
        "{size:>4} {what}: 10 % {best:.2?}, median {median:.2?}, 99 % {late:.2?}, {rate:.0} hops/s"
    );
}
