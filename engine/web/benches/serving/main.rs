//! A server under load, measured from outside, with the program whose path is given: how long lists take over a store with
//! a long history, how soon pages are seen in a browser, and whether a thousand clients that listen to live events slow the
//! scheduling down.
//!
//! ```sh
//! cargo bench --workspace --bench serving -- lists     --binary target/release/noctule
//! cargo bench --workspace --bench serving -- paint     --binary target/release/noctule
//! cargo bench --workspace --bench serving -- listeners --binary target/release/noctule
//! ```
//!
//! `--runs 100000`, `--clients 32`, `--rate 200` (requests a second; without it each client asks again at once),
//! `--seconds 30`, `--listeners 1000`, `--folder F` (kept, and used again as it is), `--postgres` (a cluster of its own).
//! Prints, asserts nothing: no test depends on a time.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a bench measures time and prints it"
)]

#[path = "../../tests/browser/browser.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod browser;
#[path = "../../tests/web/client.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod client;
mod figures;
mod http;
mod listeners;
mod lists;
mod paint;
mod project;
#[path = "../../tests/browser/seed.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod seed;
#[path = "../../tests/web/stage.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod stage;

use std::path::PathBuf;
use std::time::Duration;

/// What is measured, and how hard.
struct Options {
    what: String,
    binary: PathBuf,
    folder: Option<PathBuf>,
    runs: usize,
    clients: usize,
    /// Requests a second, of all clients together.
    rate: Option<f64>,
    time: Duration,
    listeners: usize,
    postgres: bool,
}

impl Options {
    fn read() -> Option<Self> {
        let given: Vec<String> = std::env::args().skip(1).collect();
        // Test runners start every target to list its tests: there are none here.
        if !given.iter().any(|argument| argument == "--bench") {
            return None;
        }
        let after = |name: &str| {
            let at = given.iter().position(|argument| argument == name)?;
            given.get(at + 1).cloned()
        };
        let number = |name: &str, otherwise: usize| {
            after(name).map_or(otherwise, |text| text.parse().unwrap())
        };
        let what = given
            .iter()
            .find(|word| ["lists", "paint", "listeners"].contains(&word.as_str()));
        let binary = after("--binary").and_then(|path| found(&path));
        let (Some(what), Some(binary)) = (what, binary) else {
            eprintln!(
                "say what to measure, `lists`, `paint` or `listeners`, and with which program: --binary PATH"
            );
            return None;
        };
        Some(Self {
            what: what.clone(),
            binary,
            folder: after("--folder").map(PathBuf::from),
            runs: number("--runs", 100_000),
            clients: number("--clients", 32),
            rate: after("--rate").map(|text| text.parse().unwrap()),
            time: Duration::from_secs(number("--seconds", 30) as u64),
            listeners: number("--listeners", 1_000),
            postgres: given.iter().any(|argument| argument == "--postgres"),
        })
    }
}

/// A path as it was given: cargo starts benches in the folder of their crate, and people say it as seen from the repository.
fn found(path: &str) -> Option<PathBuf> {
    let repository = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::canonicalize(path)
        .or_else(|_| std::fs::canonicalize(repository.join(path)))
        .map_err(|error| eprintln!("{path}: {error}"))
        .ok()
}

fn main() {
    let Some(options) = Options::read() else {
        return;
    };
    // One thread: the cores are for the server.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        match options.what.as_str() {
            "lists" => lists::measure(&options).await,
            "paint" => paint::measure(&options).await,
            _ => listeners::measure(&options).await,
        }
    });
}
