//! Runs for past ticks, from the page of their DAG: the plan first, then the nights as they go on.

use serde_json::json;

use crate::browser::{Browser, Window};
use crate::stage::Stage;

const NIGHTLY: &str = "id = \"nightly\"\n[schedule]\ncron = \"0 2 * * *\"\ntimezone = \"UTC\"\n[tasks.t]\nexecutor = \"scripted\"\n\
    wait = \"block\"\nretries = 0\n";

/// What the preview says.
const PREVIEW: &str =
    "return document.querySelector('form output.preview:not([hidden])').textContent";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_shows_its_plan_then_its_progress_and_is_paused_and_cancelled_by_a_press() {
    let stage = Stage::new(&[NIGHTLY]).await;
    stage.world.hold("t");
    let browser = Browser::open(Window::Desk, false).await;
    let page = format!("http://{}/dags/nightly/nights", stage.address);
    browser.go(&page).await;
    let button = "form[data-post$=backfills] [type=submit]";
    browser.type_into("#backfill-from", "last week").await;
    browser.type_into("#backfill-to", "2026-01-12").await;
    browser.click(button).await;
    browser
        .until("document.querySelector('form .said:not([hidden]), form .wrong:not([hidden])')")
        .await;
    browser
        .run("document.getElementById('backfill-from').value = ''")
        .await;
    browser.type_into("#backfill-from", "2026-01-10").await;
    browser.click(button).await;
    browser
        .until("document.querySelector('form output.preview:not([hidden])')")
        .await;
    assert_eq!(
        browser.run(PREVIEW).await,
        json!(
            "This makes 3 nights: 20260110020000, 20260111020000, 20260112020000. Press again to do it."
        )
    );
    let all = stage.get("/api/v1/backfills").await.json();
    assert_eq!(all["items"], json!([]), "nothing was made yet");
    browser.click(button).await;
    let says =
        |words: &str| format!("document.getElementById('nights').textContent.includes('{words}')");
    browser.until(&says("1 under way, 2 waiting")).await;
    browser
        .click("#nights form[data-post$=pause] [type=submit]")
        .await;
    browser.until(&says("paused")).await;
    browser.click("#nights a").await;
    browser
        .until("document.querySelectorAll('#list tbody tr').length === 3 && document.querySelector('#list td a')")
        .await;
    browser.picture("backfill-light", false).await;
    browser
        .click("#nights form[data-post$=cancel] [type=submit]")
        .await;
    browser.until(&says("cancelled")).await;
    // The browser tells of the answer to "last week" in its own words.
    let mut said = browser.console().await;
    said.retain(|line| !line.contains("backfills?dry_run=true - Failed to load"));
    assert_eq!(said, Vec::<String>::new());
}
