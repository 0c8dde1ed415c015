//! How soon a page is seen in a browser: the grid of fifty nights of 500 tasks with a long history behind it, and others.
//!
//! Each load is one of a browser that has nothing of the site, in its own time from the address to the paint.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::Options;
use crate::browser::{Browser, Window};
use crate::figures::Times;
use crate::http::Connection;
use crate::project::{Project, Serving};

/// Loads of each page after its first one.
const LOADS: usize = 20;

/// What a browser knows of a load: milliseconds from the beginning, and bytes.
const KNOWN: &str = "
    const [page] = performance.getEntriesByType('navigation');
    const paint = performance.getEntriesByName('first-contentful-paint')[0] || performance.getEntriesByName('first-paint')[0];
    if (!paint || !page.loadEventEnd) return null;
    const all = [page, ...performance.getEntriesByType('resource')];
    const sum = (of) => all.reduce((sum, one) => sum + one[of], 0);
    return [page.responseEnd, paint.startTime, page.loadEventEnd, sum('transferSize'), sum('decodedBodySize')];";

/// One load.
struct Load {
    answered: Duration,
    painted: Duration,
    loaded: Duration,
    sent: f64,
    unpacked: f64,
}

pub(crate) async fn measure(options: &Options) {
    let project = Project::make(options, options.runs).await;
    let serving = project.serve(&options.binary);
    let pages = pages(&serving).await;
    let browser = Browser::open(Window::Desk, false).await;
    browser.devtools("Network.enable", json!({})).await;
    let nothing_kept = json!({ "cacheDisabled": true });
    browser
        .devtools("Network.setCacheDisabled", nothing_kept)
        .await;
    for (name, path) in pages {
        let url = format!("http://{}{path}", serving.address);
        println!("{name}: {path}");
        let first = load(&browser, &url).await;
        first.say();
        let (mut answers, mut paints, mut loads) =
            (Times::default(), Times::default(), Times::default());
        for _ in 0..LOADS {
            let load = load(&browser, &url).await;
            answers.add(load.answered);
            paints.add(load.painted);
            loads.add(load.loaded);
        }
        answers.say("the whole page has come");
        paints.say("FIRST PAINT WITH CONTENT");
        loads.say("everything is loaded");
    }
}

impl Load {
    /// The first of a page: the server had not made it before, either.
    fn say(&self) {
        let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
        println!(
            "  first: paint with content {:.0} ms, the whole page had come after {:.0} ms, loaded {:.0} ms; {:.0} bytes on the line, {:.0} unpacked",
            ms(self.painted),
            ms(self.answered),
            ms(self.loaded),
            self.sent,
            self.unpacked
        );
    }
}

/// The grid first, while the server has just begun.
async fn pages(serving: &Serving) -> [(&'static str, String); 4] {
    let mut connection = Connection::open(serving.address).await;
    let end = Instant::now() + Duration::from_secs(60);
    while connection.get("/readyz").await.status != 200 {
        assert!(Instant::now() < end, "it never was ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let runs = connection.get("/api/v1/runs?dag=nightly&limit=1").await;
    let run = runs.json()["items"][0]["id"].as_str().unwrap().to_owned();
    [
        (
            "the grid, 50 runs of 500 tasks",
            "/dags/nightly?runs=50".to_owned(),
        ),
        ("tonight", "/".to_owned()),
        ("a run of 500 tasks", format!("/runs/{run}")),
        ("a graph of 500 tasks", "/dags/nightly/graph".to_owned()),
    ]
}

async fn load(browser: &Browser, url: &str) -> Load {
    browser.go(url).await;
    let end = Instant::now() + Duration::from_secs(60);
    let known: [f64; 5] = loop {
        if let Ok(known) = serde_json::from_value(browser.run(KNOWN).await) {
            break known;
        }
        assert!(Instant::now() < end, "{url} is never painted");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let span = |at: usize| Duration::from_secs_f64(known[at] / 1_000.0);
    Load {
        answered: span(0),
        painted: span(1),
        loaded: span(2),
        sent: known[3],
        unpacked: known[4],
    }
}
