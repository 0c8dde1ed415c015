//! Those who do not see the pages well, or have no pointer: every page, on a night on which everything went wrong.

use serde_json::json;

use crate::browser::{Browser, Window};
use crate::night::bad_night;
use crate::run::{broken, url};
use crate::seed::{stage, wide};

/// What would be in the way; the body of a function that gives one line a fault.
const RULES: &str = include_str!("rules.js");

async fn open(browser: &Browser, address: &str) {
    browser.go(address).await;
    browser
        .until("(document.getElementById('stream')?.dataset.state ?? 'opening') !== 'opening'")
        .await;
    browser
        .until("!document.getElementById('log') || /^(complete|empty|live)/.test(document.getElementById('log-state').textContent)")
        .await;
}

/// Walks all pages in a window.
async fn is_read(window: Window, dark: bool) {
    let (stage, pages) = bad_night().await;
    let mut faults = Vec::new();
    let browser = Browser::open(window, dark).await;
    for (path, page) in &pages {
        open(&browser, &url(&stage, path)).await;
        let found: Vec<String> = serde_json::from_value(browser.run(RULES).await).unwrap();
        faults.extend(found.iter().map(|fault| format!("{page}: {fault}")));
        let kind = if dark { "dark" } else { "light" };
        let name = format!("night-{page}-{window:?}-{kind}").to_lowercase();
        browser.picture(&name, true).await;
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let mut said = browser.console().await;
    said.retain(|line| !line.contains("/dags/none"));
    assert_eq!(said, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_of_a_bad_night_can_be_read_and_used_in_light() {
    is_read(Window::Desk, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_of_a_bad_night_can_be_read_and_used_in_dark() {
    is_read(Window::Desk, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_of_a_bad_night_can_be_read_and_used_on_the_smallest_phone() {
    is_read(Window::Small, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_of_a_bad_night_can_be_read_and_used_at_twice_the_size() {
    is_read(Window::Zoomed, true).await;
}

const FOCUSED: &str =
    "return document.activeElement.getAttribute('aria-label') || document.activeElement.id";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_links_of_a_picture_are_one_stop_and_the_arrows_go_through_them() {
    let text = wide("nightly", 60);
    let stage = stage(&[&text], &[(0, 30)]).await;
    let browser = Browser::open(Window::Desk, false).await;
    open(&browser, &url(&stage, "/dags/nightly")).await;
    browser
        .run("document.getElementById('picking').focus(); return 1")
        .await;
    browser.press("\u{E004}").await;
    let newest = browser.run(FOCUSED).await;
    browser.press("\u{E012}").await;
    let before = browser.run(FOCUSED).await;
    assert!(newest.as_str().unwrap().starts_with("Run 2"), "{newest}");
    assert!(
        before.as_str().unwrap() < newest.as_str().unwrap(),
        "{before} {newest}"
    );
    // Where one was stays the stop when the page is brought up to date.
    browser
        .run("window.fresh = 0; window.noctule.onRefresh(() => { window.fresh += 1; }); window.noctule.refresh(true); return 1")
        .await;
    browser.until("window.fresh > 0").await;
    let stops = "return [...document.querySelectorAll('.bars a')].filter((link) => link.tabIndex === 0).map((link) => link.getAttribute('aria-label'))";
    assert_eq!(browser.run(stops).await, json!([before]));
    browser.press("\u{E004}").await;
    assert_eq!(
        browser.run("return document.activeElement.id").await,
        "here",
        "the next stop is the grid itself"
    );
    // In a graph they go where they point.
    open(&browser, &url(&stage, "/dags/nightly/graph")).await;
    browser
        .run("document.getElementById('canvas').focus(); return 1")
        .await;
    let task = "return document.activeElement.closest('[data-task]')?.dataset.task";
    browser.press("\u{E004}").await;
    assert_eq!(browser.run(task).await, "load_table_000");
    browser.press("\u{E014}").await;
    assert_eq!(browser.run(task).await, "load_table_010");
    browser.press("\u{E015}").await;
    assert_eq!(browser.run(task).await, "load_table_011");
    browser.press("\u{E004}").await;
    assert_eq!(
        browser.run(task).await,
        json!(null),
        "it is left by the next Tab"
    );
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_address_leads_to_is_not_under_the_bar() {
    let (stage, pages) = bad_night().await;
    let run = pages
        .iter()
        .find(|(_, name)| *name == "run-failed")
        .unwrap();
    for window in [Window::Desk, Window::Small, Window::Zoomed] {
        let browser = Browser::open(window, false).await;
        open(&browser, &url(&stage, &format!("{}#tasks", run.0))).await;
        browser.until("scrollY > 0").await;
        let clear = "return document.getElementById('tasks').getBoundingClientRect().top >= document.querySelector('.bar').getBoundingClientRect().bottom";
        assert_eq!(browser.run(clear).await, json!(true), "{window:?}");
    }
}

const TAB: &str = "\u{E004}";
const ENTER: &str = "\u{E007}";

/// Presses Tab until something has the focus; how often.
async fn tab_to(browser: &Browser, css: &str) -> usize {
    let there = format!("return document.activeElement.matches({})", json!(css));
    for presses in 1..=30 {
        browser.press(TAB).await;
        if browser.run(&there).await == json!(true) {
            return presses;
        }
    }
    panic!("no Tab leads to {css}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_notification_to_a_retry_with_the_keyboard_alone() {
    let (stage, run) = broken().await;
    let browser = Browser::open(Window::Desk, false).await;
    open(&browser, &url(&stage, &format!("/runs/{run}"))).await;
    assert_eq!(tab_to(&browser, ".skip").await, 1);
    browser.press(ENTER).await;
    let presses = tab_to(&browser, "#failed a").await;
    assert!(presses <= 4, "{presses} from the content to what failed");
    browser.press(ENTER).await;
    browser
        .until("location.pathname.endsWith('/attempts/1') && document.getElementById('stream')?.dataset.state === 'live'")
        .await;
    tab_to(&browser, "#again [type=submit]").await;
    browser.press(ENTER).await;
    browser
        .until("document.querySelector('#again output.preview:not([hidden])')?.textContent.includes('2 tasks: score, tell')")
        .await;
    browser.press(ENTER).await;
    let done = stage
        .until(&run, |run| run.round == 2 && run.is_over())
        .await;
    assert_eq!(done.phase.word(), "succeeded");
}
