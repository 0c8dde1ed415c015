//! What the pages promise to whoever looks at them.

use noctule_store::{AccessSecret, SecretKind, Session};
use noctule_web::Stand;
use serde_json::json;

use crate::browser::{Browser, Window};
use crate::client::Ask;
use crate::line::Line;
use crate::seed::{stage, wide};
use crate::stage::{BAD, HELD, PROVIDER, QUICK, Stage, provided, settings};

mod strangers;

/// A DAG whose parameters are of every kind.
const ASKING: &str = r#"
id = "asking"
description = "Loads one day"
[params.day]
type = "date"
default = "2026-01-13"
[params.rows]
type = "integer"
description = "How many rows at most"
minimum = 1
maximum = 500
default = 100
[params.mode]
type = "string"
enum = ["full", "delta"]
default = "full"
[params.tables]
type = "list"
optional = true
[params.note]
type = "string"
optional = true
[tasks.t]
executor = "scripted"
with = { hold = true }
"#;

fn url(stage: &Stage, path: &str) -> String {
    format!("http://{}{path}", stage.address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_value_is_said_at_its_field_and_a_good_form_makes_a_run() {
    let stage = stage(&[ASKING.trim_start()], &[]).await;
    let browser = Browser::open(Window::Desk, false).await;
    browser.go(&url(&stage, "/dags/asking/trigger")).await;
    browser.type_into("[name='params.rows']", "many").await;
    browser.type_into("[name='params.tables']", "[1,").await;
    let command = "return document.querySelector('.trigger .command code').textContent";
    let told = browser.run(command).await;
    assert!(
        told.as_str().unwrap().contains("--param rows=many"),
        "{told}"
    );
    browser.click(".trigger [type=submit]").await;
    browser
        .until("document.querySelectorAll('.trigger [aria-invalid]').length === 2")
        .await;
    for field in ["rows", "tables"] {
        let script = format!(
            "const f = document.querySelector(\"[name='params.{field}']\"); return document.getElementById(f.id + '-wrong').innerText"
        );
        let said = browser.run(&script).await;
        assert!(said.as_str().unwrap().contains(field), "{field}: {said}");
    }
    browser.picture("trigger-refused-light", true).await;
    let none = stage.get("/api/v1/runs").await.json();
    assert_eq!(none["items"], json!([]), "nothing was made");
    browser.type_into("[name='params.rows']", "7").await;
    browser.type_into("[name='params.tables']", "[\"a\"]").await;
    browser.click(".trigger [type=submit]").await;
    browser
        .until("location.pathname.startsWith('/runs/')")
        .await;
    let runs = stage.get("/api/v1/runs").await.json();
    let params = &runs["items"][0]["params"];
    assert_eq!(params["rows"], 7, "{runs}");
    assert_eq!(params["tables"], json!(["a"]), "{runs}");
    assert_eq!(params["mode"], "full", "{runs}");
    assert_eq!(runs["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_ends_is_seen_to_end_without_a_reload() {
    let stage = Stage::new(&[HELD]).await;
    let browser = Browser::open(Window::Desk, false).await;
    let run = stage.trigger("held").await;
    browser.go(&url(&stage, "/dags/held")).await;
    browser
        .until("document.getElementById('stream').dataset.state === 'live'")
        .await;
    browser
        .run("window.before = document.querySelector('#cells'); return 1")
        .await;
    browser
        .until(&format!(
            "document.getElementById('r-{run}').innerText.includes('running')"
        ))
        .await;
    stage.world.succeed("t");
    stage.over(&run).await;
    browser
        .until(&format!(
            "document.getElementById('r-{run}').innerText.includes('succeeded')"
        ))
        .await;
    assert_eq!(
        browser
            .run("return window.before === document.querySelector('#cells')")
            .await,
        json!(true),
        "patched in place"
    );
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_comes_or_goes_under_a_pointer_until_it_is_asked_for() {
    let stage = Stage::new(&[HELD]).await;
    let browser = Browser::open(Window::Desk, false).await;
    let first = stage.trigger("held").await;
    browser.go(&url(&stage, "/dags/held")).await;
    browser
        .until("document.getElementById('stream').dataset.state === 'live'")
        .await;
    browser
        .run("document.querySelector('.list a').focus()")
        .await;
    let second = stage.trigger("held").await;
    browser
        .until("!document.getElementById('held').hidden")
        .await;
    let there = |run: &str| format!("return !!document.getElementById('r-{run}')");
    assert_eq!(browser.run(&there(&first)).await, json!(true));
    assert_eq!(
        browser.run(&there(&second)).await,
        json!(false),
        "held back"
    );
    browser.click("#held button").await;
    browser
        .until(&format!("document.getElementById('r-{second}')"))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_whose_server_is_gone_says_that_it_is_stale() {
    let stage = Stage::new(&[QUICK]).await;
    let line = Line::to(stage.address).await;
    let browser = Browser::open(Window::Desk, false).await;
    browser.go(&format!("http://{}/", line.address)).await;
    browser
        .until("document.getElementById('stream').dataset.state === 'live'")
        .await;
    line.cut();
    browser
        .until("document.getElementById('stream').innerText.startsWith('stale since')")
        .await;
    browser.picture("stale-light", false).await;
    line.mend();
    browser
        .until("document.getElementById('stream').dataset.state === 'live'")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_a_server_that_loses_the_store_says_that_it_is_not_live_until_it_is() {
    let stage = Stage::new(&[QUICK]).await;
    let browser = Browser::open(Window::Desk, false).await;
    browser.go(&url(&stage, "/")).await;
    let state =
        |word: &str| format!("document.getElementById('stream').dataset.state === '{word}'");
    browser.until(&state("live")).await;
    stage.web.stand(Stand::Standby);
    browser.until(&state("polled")).await;
    browser
        .until("document.getElementById('stream').innerText.startsWith('not live, as of')")
        .await;
    browser
        .until("document.getElementById('stand').innerText.startsWith('This server stands by')")
        .await;
    stage.web.attach(stage.control.clone()).unwrap();
    browser.until(&state("live")).await;
    browser
        .until("document.getElementById('stand').innerText === ''")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_retried_at_once_and_what_fails_keeps_nothing_from_the_others() {
    let stage = Stage::new(&[BAD]).await;
    let browser = Browser::open(Window::Desk, false).await;
    let first = stage.trigger("bad").await;
    let second = stage.trigger("bad").await;
    for run in [&first, &second] {
        stage.over(run).await;
    }
    browser.go(&url(&stage, "/dags/bad")).await;
    for run in [&first, &second] {
        browser.click(&format!("[data-run='{run}']")).await;
    }
    browser.click("[data-many=retry]").await;
    browser.until("document.getElementById('many-said').innerText.includes('2 requests that touch 4 tasks')").await;
    let commands = browser
        .run("return document.getElementById('many-commands').textContent")
        .await;
    assert_eq!(commands.as_str().unwrap().lines().count(), 2, "{commands}");
    browser.picture("many-light", false).await;
    // One of them is not as it was when the plan was made.
    stage.world.hold("t");
    let raced = stage
        .post(&format!("/api/v1/runs/{first}/retry"), json!({}))
        .await;
    assert_eq!(raced.status, 200, "{raced:?}");
    browser.click("#many-sure").await;
    browser
        .until("document.querySelectorAll('#many-ends li').length === 2")
        .await;
    let ends = browser.run("return [...document.querySelectorAll('#many-ends li')].map((li) => li.className).sort()").await;
    assert_eq!(ends, json!(["bad", "good"]));
    let rounds = stage.get(&format!("/api/v1/runs/{second}")).await.json()["round"].clone();
    assert_eq!(rounds, 2, "the other was retried");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_is_asked_for_with_its_reason_and_undone() {
    let stage = Stage::new(&[QUICK]).await;
    let browser = Browser::open(Window::Desk, false).await;
    browser.go(&url(&stage, "/dags/quick")).await;
    browser.click("#acts summary").await;
    browser.type_into("#why", "the moon is wrong").await;
    browser.click("#acts [type=submit]").await;
    browser
        .until("document.getElementById('dag').innerText.includes('the moon is wrong')")
        .await;
    let dag = stage.get("/api/v1/dags/quick").await.json();
    assert_eq!(dag["paused"]["reason"], "the moon is wrong");
    browser.go(&url(&stage, "/dags/quick")).await;
    browser.click("#acts summary").await;
    browser.click("#acts [type=submit]").await;
    browser
        .until("!document.getElementById('dag').innerText.includes('moon')")
        .await;
    let dag = stage.get("/api/v1/dags/quick").await.json();
    assert_eq!(dag["state"], "active");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grid_of_500_tasks_and_50_runs_is_small_and_is_walked_with_the_keyboard() {
    let text = wide("nightly", 500);
    let stage = stage(&[&text], &[(0, 50)]).await;
    let page = Ask::get("/dags/nightly").send(stage.address).await;
    assert_eq!(page.status, 200);
    let whole = String::from_utf8(page.body).unwrap();
    let assets = whole.split('"').filter(|part| part.starts_with("/assets/"));
    let mut size = whole.len();
    for asset in assets.collect::<std::collections::BTreeSet<_>>() {
        let asset = Ask::get(asset).send(stage.address).await;
        assert_eq!(asset.status, 200);
        assert!(asset.header("cache-control").unwrap().contains("immutable"));
        size += asset.body.len();
    }
    assert!(
        size < 300_000,
        "{size} bytes, {} of them the page",
        whole.len()
    );
    let browser = Browser::open(Window::Desk, false).await;
    browser.go(&url(&stage, "/dags/nightly")).await;
    assert_eq!(
        browser
            .run("return document.querySelectorAll('#cells tbody tr').length")
            .await,
        500
    );
    browser.run("document.getElementById('here').focus()").await;
    browser.press("\u{E015}").await;
    browser.press("\u{E012}").await;
    let told = browser
        .run("return document.activeElement.getAttribute('aria-label')")
        .await;
    let told = told.as_str().unwrap();
    assert!(told.starts_with("load_table_001, run "), "{told}");
    let said = browser
        .run("return document.getElementById('word').textContent")
        .await;
    assert_eq!(said, told, "what has the focus is said");
    browser.press(" ").await;
    browser
        .until("document.getElementById('many-count').innerText === '1 cell selected'")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_of_every_page_are_kept_and_none_leaves_this_host() {
    let text = wide("nightly", 60);
    let other = wide("invoices", 12).replace("0 2 * * *", "30 */6 * * *");
    let stage = stage(
        &[&text, &other, ASKING.trim_start(), BAD],
        &[(0, 50), (1, 20)],
    )
    .await;
    for _ in 0..2 {
        let run = stage.trigger("bad").await;
        stage.over(&run).await;
    }
    stage.trigger("asking").await;
    let paused = stage
        .post(
            "/api/v1/dags/invoices/pause",
            json!({ "reason": "waiting for the new price list" }),
        )
        .await;
    assert_eq!(paused.status, 200);
    let own = url(&stage, "/");
    for (window, dark, name) in [
        (Window::Desk, false, "light"),
        (Window::Desk, true, "dark"),
        (Window::Phone, false, "phone"),
    ] {
        let browser = Browser::open(window, dark).await;
        for (path, page) in [
            ("/", "tonight"),
            ("/dags/nightly", "grid"),
            ("/dags/nightly/history", "history"),
            ("/dags/nightly/nights", "nights"),
            ("/dags/nightly/definition", "definition"),
            ("/dags/asking/trigger", "trigger"),
            ("/health", "health"),
            ("/dags/none", "problem"),
        ] {
            browser.go(&url(&stage, path)).await;
            browser
                .until("document.getElementById('stream').dataset.state !== 'opening'")
                .await;
            browser.picture(&format!("{page}-{name}"), false).await;
            let wide = browser
                .run("return document.documentElement.scrollWidth - innerWidth")
                .await;
            assert!(
                wide.as_i64().unwrap() <= 0,
                "{page} is wider than {window:?} by {wide}"
            );
        }
        let foreign: Vec<String> = browser
            .requests()
            .await
            .into_iter()
            .filter(|url| !url.starts_with(&own))
            .collect();
        assert_eq!(foreign, Vec::<String>::new(), "{name}");
        let mut said = browser.console().await;
        said.retain(|line| !line.contains("/dags/none") && !line.contains("404"));
        assert_eq!(said, Vec::<String>::new(), "{name}");
    }
}
