//! How long the first paint takes. Asked for by name, for it measures this machine and not a promise:
//! `cargo nextest run --workspace --test browser --run-ignored only`.

use std::time::{Duration, Instant};

use crate::browser::{Browser, Window};
use crate::client::Ask;
use crate::seed::{ages, fate, known, nights, wide};
use crate::stage::{Stage, settings};

/// Runs of history behind the fifty that are shown.
const HISTORY: usize = 100_000;

async fn fetched(stage: &Stage, target: &str) -> (Duration, usize) {
    let began = Instant::now();
    let page = Ask::get(target).send(stage.address).await;
    assert_eq!(page.status, 200);
    (began.elapsed(), page.body.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn first_paint_of_500_tasks_by_50_runs_with_100_000_runs_of_history() {
    let text = wide("nightly", 500);
    let now = known(&text);
    let earlier = known(&wide("nightly", 1));
    let texts = [text.as_str()];
    let stage = Stage::after(&texts, settings(), async |store| {
        ages(store, &earlier, HISTORY).await;
        nights(store, &now, 50, fate).await;
    });
    let stage = stage.await.attached(&texts).await;
    for time in ["cold", "again", "again"] {
        let (took, size) = fetched(&stage, "/dags/nightly").await;
        eprintln!("{time}: {size} bytes in {took:?}");
    }
    let (took, size) = fetched(&stage, "/").await;
    eprintln!("tonight: {size} bytes in {took:?}");
    let browser = Browser::open(Window::Desk, false).await;
    for _ in 0..3 {
        browser
            .go(&format!("http://{}/dags/nightly", stage.address))
            .await;
        browser
            .until("performance.getEntriesByType('paint').length")
            .await;
        let paint = "return performance.getEntriesByType('paint').map((one) => one.name + ' ' + Math.round(one.startTime) + ' ms').join(', ')";
        eprintln!("{}", browser.run(paint).await);
    }
}
