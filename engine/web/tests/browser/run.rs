//! A run and its attempts, in the middle of the night and on a phone.

use serde_json::json;

use crate::browser::{Browser, Window};
use crate::client::Ask;
use crate::seed::{stage, wide};
use crate::stage::{HELD, Stage};

/// The second of three fails once.
const BROKEN: &str = r#"id = "broken"
description = "Loads the day, scores it and tells everybody"
[tasks.load]
executor = "scripted"
wait = "block"
[tasks.score]
executor = "scripted"
wait = "block"
retries = 0
depends_on = ["load"]
with = { ends = ["failed", "succeeded"], message = "the model of the day is missing", log = "reading the day\nno model found\n" }
[tasks.tell]
executor = "scripted"
wait = "block"
depends_on = ["score"]
"#;

/// A night with everything in it, and one failure.
const NIGHT: &str = r#"
id = "nightly"
description = "Loads the day of every shop, scores it and tells everybody"
owner = "data"
[tasks.load]
executor = "scripted"
with = { starts_after = "60ms", after = "300ms" }
[tasks.prices]
executor = "scripted"
with = { after = "450ms" }
[tasks.convert]
executor = "scripted"
depends_on = ["load"]
map = ["de", "fr", "it"]
map_key = "{{ item }}"
with = { starts_after = "80ms", after = "400ms" }
[groups.tenants]
depends_on = ["load"]
map = ["north", "south"]
map_key = "{{ item }}"
[groups.tenants.tasks.copy]
executor = "scripted"
with = { after = "250ms" }
[groups.tenants.tasks.check]
executor = "scripted"
depends_on = ["copy"]
with = { after = "150ms" }
[tasks.score]
executor = "scripted"
retries = { max = 1, delay = "200ms" }
depends_on = ["convert", "prices"]
with = { ends = ["failed", "failed", "succeeded"], class = "infrastructure", after = "350ms", message = "the model of the day is missing", log = "reading 3 shops\nshop de: 48,112 rows\nshop fr: 51,734 rows\nshop it: 39,020 rows\nloading the model of the day\nerror: model 2026-01-13 was not found in the bucket\n" }
[tasks.publish]
executor = "scripted"
depends_on = ["score", "tenants"]
[tasks.tell]
executor = "scripted"
depends_on = ["publish", "prices"]
"#;

pub(crate) fn url(stage: &Stage, path: &str) -> String {
    format!("http://{}{path}", stage.address)
}

pub(crate) async fn live(browser: &Browser) {
    browser
        .until("document.getElementById('stream')?.dataset.state === 'live'")
        .await;
}

pub(crate) async fn text(browser: &Browser, id: &str) -> String {
    let script = format!("return document.getElementById('{id}').textContent");
    browser.run(&script).await.as_str().unwrap().to_owned()
}

/// A run whose second task failed.
pub(crate) async fn broken() -> (Stage, String) {
    let stage = Stage::new(&[BROKEN]).await;
    let run = stage.trigger("broken").await;
    stage.over(&run).await;
    (stage, run)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_notification_to_a_retry_are_three_presses_on_a_phone() {
    let (stage, run) = broken().await;
    let browser = Browser::open(Window::Phone, false).await;
    // What a notification links to.
    browser.go(&url(&stage, &format!("/runs/{run}"))).await;
    live(&browser).await;
    let said = text(&browser, "failed").await;
    assert!(
        said.contains("score") && said.contains("the model of the day is missing"),
        "{said}"
    );
    browser.click("#failed a").await;
    browser
        .until("location.pathname.endsWith('/attempts/1')")
        .await;
    browser
        .until("document.getElementById('log')?.textContent.includes('no model found')")
        .await;
    browser.click("#again [type=submit]").await;
    browser
        .until("!document.querySelector('#again output.preview').hidden")
        .await;
    let preview = browser
        .run("return document.querySelector('#again output.preview').textContent")
        .await;
    let preview = preview.as_str().unwrap();
    assert!(preview.contains("2 tasks: score, tell"), "{preview}");
    let before = stage.get(&format!("/api/v1/runs/{run}")).await.json();
    assert_eq!(before["round"], 1, "nothing was touched yet");
    browser.picture("retry-preview-phone", false).await;
    browser.click("#again [type=submit]").await;
    let done = stage
        .until(&run, |run| run.round == 2 && run.is_over())
        .await;
    assert_eq!(done.phase.word(), "succeeded");
    browser
        .until("document.getElementById('head').textContent.includes('attempt 1 of 2')")
        .await;
    browser
        .until("document.getElementById('tries').textContent.includes('succeeded')")
        .await;
    browser
        .until("document.querySelector('#again .command code')")
        .await;
    let command = browser
        .run("return document.querySelector('#again .command code').textContent")
        .await;
    assert_eq!(
        command,
        format!("noctule retry {run} --task score --downstream")
    );
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_ends_is_seen_to_end_in_its_graph_and_in_what_can_be_done() {
    let stage = Stage::new(&[HELD]).await;
    let run = stage.trigger("held").await;
    stage.world.launched("t").await;
    let browser = Browser::open(Window::Desk, false).await;
    browser.go(&url(&stage, &format!("/runs/{run}"))).await;
    live(&browser).await;
    browser
        .run("window.node = document.getElementById('n-0'); return 1")
        .await;
    browser
        .until("window.node.classList.contains('s-running')")
        .await;
    let waits = text(&browser, "waits").await;
    assert!(
        waits.starts_with("What it waits for") && waits.contains("`t`"),
        "{waits}"
    );
    let acts = "return [...document.querySelectorAll('#acts > *')].map((act) => act.id).join()";
    assert_eq!(browser.run(acts).await, "act-cancel");
    stage.world.succeed("t");
    stage.over(&run).await;
    browser
        .until("document.getElementById('top').textContent.includes('succeeded')")
        .await;
    browser
        .until("document.getElementById('n-0').classList.contains('s-succeeded')")
        .await;
    assert_eq!(
        browser
            .run("return window.node === document.getElementById('n-0')")
            .await,
        json!(true),
        "changed in its place"
    );
    assert_eq!(browser.run(acts).await, "act-retry");
    assert!(text(&browser, "chart").await.contains("Critical path: t"));
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_somebody_fills_in_stays_while_the_run_goes_on() {
    let stage = Stage::new(&[HELD]).await;
    let run = stage.trigger("held").await;
    stage.world.launched("t").await;
    let browser = Browser::open(Window::Desk, false).await;
    browser.go(&url(&stage, &format!("/runs/{run}"))).await;
    live(&browser).await;
    browser.click("#act-cancel summary").await;
    browser.type_into("#why-cancel", "wrong day").await;
    browser.click("#act-cancel [type=submit]").await;
    browser
        .until("!document.querySelector('#act-cancel output.preview').hidden")
        .await;
    browser
        .run("document.activeElement.blur(); window.noctule.refresh(true); return 1")
        .await;
    browser
        .run("window.fresh = 0; window.noctule.onRefresh(() => { window.fresh += 1; }); return 1")
        .await;
    browser.run("window.noctule.refresh(true); return 1").await;
    browser.until("window.fresh > 0").await;
    let kept = "return document.getElementById('why-cancel').value + ' ' + document.querySelector('#act-cancel output.preview').hidden";
    assert_eq!(browser.run(kept).await, "wrong day false");
    browser.click("#act-cancel [type=submit]").await;
    let run = stage.over(&run).await;
    assert_eq!(run.phase.word(), "cancelled");
    browser
        .until("document.getElementById('events').textContent.includes('wrong day')")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graph_of_300_tasks_can_be_read_moved_and_cut_down_to_what_is_near() {
    let stage = Stage::new(&[&wide("large", 300)]).await;
    let browser = Browser::open(Window::Desk, false).await;
    browser.go(&url(&stage, "/dags/large/graph")).await;
    let count = "return document.querySelectorAll('#canvas [data-task]').length";
    assert_eq!(browser.run(count).await, 300);
    let tall = "return document.querySelector('#canvas .box').getBoundingClientRect().height";
    let readable = browser.run(tall).await.as_f64().unwrap();
    assert!(readable > 24.0, "{readable}");
    browser.picture("graph-300-light", false).await;
    browser.click("[data-zoom=fit]").await;
    let fits =
        "const c = document.getElementById('canvas'); return c.scrollWidth <= c.clientWidth + 1";
    assert_eq!(browser.run(fits).await, json!(true));
    browser.picture("graph-300-whole-light", false).await;
    browser.click("[data-zoom=one]").await;
    let large = browser.run(tall).await.as_f64().unwrap();
    assert!((47.0..=51.0).contains(&large), "{large}");
    browser
        .go(&url(&stage, "/dags/large/graph?near=load_table_150"))
        .await;
    assert_eq!(
        browser.run(count).await,
        5,
        "two before it and two after it"
    );
    let around = browser
        .run("return document.querySelector('.tools').innerText")
        .await;
    assert!(
        around.as_str().unwrap().contains("295 not shown"),
        "{around}"
    );
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_item_of_many_is_on_one_page_of_the_list() {
    let items: Vec<u32> = (0..250).collect();
    let dag = format!(
        "id = \"many\"\n[tasks.t]\nexecutor = \"scripted\"\nwait = \"block\"\nmap = {items:?}\n[tasks.after]\nexecutor = \"scripted\"\nwait = \"block\"\ndepends_on = [\"t\"]\n"
    );
    let stage = Stage::new(&[&dag]).await;
    let run = stage.trigger("many").await;
    stage.over(&run).await;
    let whole = String::from_utf8(
        Ask::get(&format!("/runs/{run}"))
            .send(stage.address)
            .await
            .body,
    )
    .unwrap();
    assert!(whole.len() < 150_000, "{}", whole.len());
    assert_eq!(
        whole.matches("<tr id=\"t-").count() + whole.matches("<tr id=\"r-").count(),
        2,
        "items stand together"
    );
    let mut seen = std::collections::BTreeSet::new();
    let mut target = format!("/runs/{run}?task=t");
    loop {
        let page = String::from_utf8(Ask::get(&target).send(stage.address).await.body).unwrap();
        let rows: Vec<&str> = page
            .split("<tr id=\"r-")
            .skip(1)
            .filter_map(|row| row.split('"').next())
            .collect();
        assert!(!rows.is_empty() && rows.len() <= 100);
        seen.extend(rows.into_iter().map(str::to_owned));
        let more = page.split("class=\"button\" href=\"").find_map(|rest| {
            let (way, rest) = rest.split_once('"')?;
            rest.starts_with(">More<")
                .then(|| way.replace("&amp;", "&"))
        });
        let Some(more) = more else { break };
        target = more.split('#').next().unwrap().to_owned();
    }
    assert_eq!(seen.len(), 250);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_names_nothing_is_a_page_that_says_so() {
    let (stage, run) = broken().await;
    let other = stage.trigger("broken").await;
    stage.over(&other).await;
    let id = stage.task(&other, "score").await;
    for (path, status) in [
        (format!("/runs/{run}/tasks/{id}/attempts/1"), 404),
        (format!("/runs/{other}/tasks/{id}/attempts/9"), 404),
        (format!("/runs/{other}/tasks/xx"), 404),
        (format!("/runs/{other}?state=nothing"), 400),
        (
            format!("/runs/{other}?near=nothing&open=%00,x&from=99999&before=0"),
            200,
        ),
        ("/dags/none/graph".to_owned(), 404),
    ] {
        let answer = Ask::get(&path)
            .header("accept", "text/html")
            .send(stage.address)
            .await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(
            answer.header("content-type"),
            Some("text/html; charset=utf-8"),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_of_a_run_and_an_attempt_are_kept() {
    let dag = NIGHT.trim_start();
    let stage = stage(&[dag], &[]).await;
    let run = stage.trigger("nightly").await;
    stage.over(&run).await;
    let id = stage.task(&run, "score").await;
    for (window, dark, name) in [
        (Window::Desk, false, "light"),
        (Window::Desk, true, "dark"),
        (Window::Phone, false, "phone"),
    ] {
        let browser = Browser::open(window, dark).await;
        for (path, page) in [
            (format!("/runs/{run}"), "run"),
            (format!("/runs/{run}/tasks/{id}/attempts/1"), "attempt"),
            ("/dags/nightly/graph".to_owned(), "graph"),
        ] {
            browser.go(&url(&stage, &path)).await;
            live(&browser).await;
            browser.until("!document.getElementById('log') || document.getElementById('log-state').textContent.startsWith('complete')").await;
            browser.picture(&format!("{page}-{name}"), false).await;
            browser.picture(&format!("{page}-{name}-whole"), true).await;
            let wide = browser
                .run("return document.documentElement.scrollWidth")
                .await;
            let room = if window == Window::Phone { 390 } else { 1280 };
            assert!(
                wide.as_i64().unwrap() <= room,
                "{page} is {wide} wide in {window:?}"
            );
        }
        assert_eq!(browser.console().await, Vec::<String>::new(), "{name}");
    }
}
