//! Names and texts that want to be more than texts: in every page they are what they say, and nothing happens.

use serde_json::json;

use crate::browser::{Browser, Window};
use crate::seed::stage;
use crate::stage::Stage;

/// Ways out of text, of attributes, of scripts, and of the direction of writing.
pub(crate) const EVIL: &str = "</script><script>window.pwned=1</script>\"'><img src=x onerror=window.pwned=2>\u{202E}olleh ${window.pwned=3} &lt;";

pub(crate) fn dag() -> String {
    let evil = serde_json::to_string(EVIL).unwrap();
    format!(
        "id = \"evil\"\ndescription = {evil}\nowner = {evil}\ntags = [{evil}]\n\
         [params.text]\ntype = \"string\"\ndescription = {evil}\ndefault = {evil}\n\
         [params.dataset]\ntype = \"string\"\ndefault = \"the name of a property of a form\"\n\
         [params.pick]\ntype = \"string\"\nenum = [{evil}, \"b\"]\ndefault = {evil}\n\
         [tasks.t]\nexecutor = \"scripted\"\nwait = \"block\"\nretries = 0\nwith = {{ ends = \"failed\", message = {evil} }}\n"
    )
}

async fn is_harmless(browser: &Browser, stage: &Stage, path: &str) {
    browser.go(&format!("http://{}{path}", stage.address)).await;
    browser
        .until("(document.getElementById('stream')?.dataset.state ?? 'opening') !== 'opening'")
        .await;
    let pwned = browser.run("return window.pwned === undefined").await;
    assert_eq!(pwned, json!(true), "{path}");
    let broken = browser
        .run("return document.querySelectorAll('img:not(.name img), main script').length")
        .await;
    assert_eq!(broken, 0, "{path}");
    let said = browser.console().await;
    assert_eq!(said, Vec::<String>::new(), "{path}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_text_is_a_text_in_every_page() {
    let text = dag();
    let stage = stage(&[&text], &[]).await;
    let run = stage.trigger("evil").await;
    stage.over(&run).await;
    let paused = stage
        .post("/api/v1/dags/evil/pause", json!({ "reason": EVIL }))
        .await;
    assert_eq!(paused.status, 200);
    let browser = Browser::open(Window::Desk, false).await;
    for path in [
        "/",
        "/dags/evil",
        "/dags/evil/history",
        "/dags/evil/definition",
        "/dags/evil/trigger",
        "/health",
    ] {
        is_harmless(&browser, &stage, path).await;
    }
    browser
        .go(&format!("http://{}/dags/evil/trigger", stage.address))
        .await;
    let default = browser
        .run("return document.querySelector(\"[name='params.text']\").value")
        .await;
    assert_eq!(default, EVIL, "the whole text, and nothing beside it");
    browser.click(".trigger [type=submit]").await;
    browser
        .until("location.pathname.startsWith('/runs/')")
        .await;
    let runs = stage.get("/api/v1/runs").await.json();
    assert_eq!(runs["items"][0]["params"]["text"], EVIL);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_address_is_shown_as_it_is() {
    let stage = stage(&[&dag()], &[]).await;
    let browser = Browser::open(Window::Desk, false).await;
    for path in [
        "/dags/%3Cscript%3Ewindow.pwned=1%3C%2Fscript%3E",
        "/dags/evil?state=%22%3E%3Cscript%3Ewindow.pwned=1%3C/script%3E",
        "/runs/%3Cimg%20src=x%20onerror=window.pwned=1%3E/cells/t",
    ] {
        browser.go(&format!("http://{}{path}", stage.address)).await;
        let pwned = browser.run("return window.pwned === undefined").await;
        assert_eq!(pwned, json!(true), "{path}");
        let scripts = browser
            .run("return document.querySelectorAll('main script, main img').length")
            .await;
        assert_eq!(scripts, 0, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_that_stands_in_a_page_would_not_run() {
    let stage = stage(&[&dag()], &[]).await;
    let browser = Browser::open(Window::Desk, false).await;
    browser.go(&format!("http://{}/", stage.address)).await;
    for script in [
        "const b = document.createElement('button'); b.setAttribute('onclick', 'window.pwned = 1'); document.body.append(b); b.click()",
        "document.body.innerHTML = '<img src=x onerror=window.pwned=1>'",
        "const s = document.createElement('script'); s.text = 'window.pwned = 1'; document.body.append(s)",
        "const i = document.createElement('img'); i.src = 'http://127.0.0.1:1/leak'; document.body.append(i)",
        "const s = document.createElement('style'); s.textContent = 'main { display: none }'; document.body.append(s)",
    ] {
        let tried = format!(
            "try {{ {script} }} catch (refused) {{ return 'refused' }} \
             return window.pwned === undefined && document.querySelector('main').offsetHeight > 0 ? 'nothing' : 'pwned'"
        );
        let ended = browser.run(&tried).await;
        assert_ne!(ended, "pwned", "{script}");
    }
    let said = browser.console().await.join("\n");
    assert!(said.contains("Content Security Policy"), "{said}");
    assert!(
        said.contains("/leak'"),
        "nothing of another host is asked for: {said}"
    );
}
