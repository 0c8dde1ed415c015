//! A retry with the latest definition, from the page of its run.

use serde_json::json;

use crate::browser::{Browser, Window};
use crate::stage::{BAD, Stage};

/// `first` before `t`, which is mended; `after` is gone.
const LATER: &str = "id = \"bad\"\n[tasks.first]\nexecutor = \"scripted\"\nwait = \"block\"\n[tasks.t]\nexecutor = \"scripted\"\n\
    wait = \"block\"\nretries = 0\ndepends_on = [\"first\"]\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_form_of_a_retry_says_what_the_latest_definition_changes_before_it_takes_it() {
    let stage = Stage::new(&[BAD]).await;
    let run = stage.trigger("bad").await;
    stage.over(&run).await;
    stage.publish("bad", LATER).await;
    let browser = Browser::open(Window::Desk, false).await;
    let page = format!("http://{}/runs/{run}", stage.address);
    browser.go(&page).await;
    browser.click("#act-retry summary").await;
    browser
        .run("document.getElementById('retry-definition').value = 'latest'")
        .await;
    browser.click("#act-retry [type=submit]").await;
    browser
        .until("!document.querySelector('#act-retry output.preview').hidden")
        .await;
    let said = browser
        .run("return document.querySelector('#act-retry output.preview').textContent")
        .await;
    assert_eq!(
        said,
        json!(
            "The latest definition: new: first; removed: after; changed: t. \
             This touches 2 tasks: t, first. Press again to do it."
        )
    );
    let before = stage.get(&format!("/api/v1/runs/{run}")).await.json();
    assert_eq!(before["round"], 1, "nothing was touched yet");
    browser.click("#act-retry [type=submit]").await;
    let over = stage
        .until(&run, |run| run.round == 2 && run.is_over())
        .await;
    assert_eq!(over.phase.word(), "succeeded");
    browser
        .until("document.body.textContent.includes('has no longer')")
        .await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}
