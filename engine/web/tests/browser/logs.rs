//! The log of an attempt, as it grows and whatever it says.

use crate::browser::{Browser, Window};
use crate::run::{live, text, url};
use crate::stage::Stage;

/// Items, texts and logs that want to be more than texts.
const EVIL: &str = "\u{1b}[31mred\u{1b}[0m </pre></script><script>window.pwned=1</script><img src=x onerror=window.pwned=2>\u{202E}olleh\u{7} \u{1b}]8;;https://evil.example\u{7}link\u{1b}]8;;\u{7}\rover\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_follows_its_attempt_and_is_text_whatever_it_says() {
    let log = serde_json::to_string(EVIL).unwrap();
    let dag = format!(
        "id = \"loud\"\n[tasks.t]\nexecutor = \"scripted\"\nmap = [\"<img src=x onerror=window.pwned=3>\"]\n\
         map_key = \"{{{{ item }}}}\"\nwith = {{ hold = true, log = {log} }}\n"
    );
    let stage = Stage::new(&[&dag]).await;
    let run = stage.trigger("loud").await;
    stage.world.launched("t").await;
    stage
        .until(&run, |run| {
            run.tasks
                .iter()
                .any(|task| task.attempts.iter().any(|a| a.state.word() == "running"))
        })
        .await;
    let id = stage.task(&run, "t").await;
    let browser = Browser::open(Window::Desk, false).await;
    browser
        .go(&url(&stage, &format!("/runs/{run}/tasks/{id}/attempts/1")))
        .await;
    browser
        .until("document.getElementById('log-state').textContent.startsWith('live')")
        .await;
    browser
        .until("document.getElementById('log').textContent.includes('over')")
        .await;
    stage.world.succeed("t");
    stage.over(&run).await;
    browser
        .until("document.getElementById('log-state').textContent.startsWith('complete')")
        .await;
    browser
        .until("document.getElementById('head').textContent.includes('succeeded')")
        .await;
    assert_eq!(
        text(&browser, "log").await,
        "over\n",
        "what was written over is not shown"
    );
    for path in [
        format!("/runs/{run}"),
        format!("/runs/{run}?task=t"),
        format!("/runs/{run}/tasks/{id}/attempts/1"),
    ] {
        browser.go(&url(&stage, &path)).await;
        live(&browser).await;
        let shown = browser
            .run("return document.querySelector('main').innerText")
            .await;
        assert!(
            shown.as_str().unwrap().contains("<img src=x"),
            "{path}: the name is shown as it is"
        );
        let harm = "return [window.pwned === undefined, document.querySelectorAll('main img, main script').length].join()";
        assert_eq!(browser.run(harm).await, "true,0", "{path}");
    }
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_log_keeps_its_last_lines_and_no_more() {
    let lines: String = (0..5_300)
        .map(|line| match line {
            0..5_000 => "1\n".to_owned(),
            _ => format!("\u{1b}[3{}m{line}\u{1b}[0m\n", line % 8),
        })
        .collect();
    let log = serde_json::to_string(&lines).unwrap();
    let dag = format!(
        "id = \"long\"\n[tasks.t]\nexecutor = \"scripted\"\nwait = \"block\"\nwith = {{ log = {log} }}\n"
    );
    let stage = Stage::new(&[&dag]).await;
    let run = stage.trigger("long").await;
    stage.over(&run).await;
    let id = stage.task(&run, "t").await;
    let browser = Browser::open(Window::Desk, false).await;
    browser
        .go(&url(&stage, &format!("/runs/{run}/tasks/{id}")))
        .await;
    browser
        .until("document.getElementById('log-state').textContent.startsWith('complete')")
        .await;
    let shown = text(&browser, "log").await;
    let shown: Vec<&str> = shown.lines().collect();
    // Whole chunks are taken away.
    assert!((4_000..=5_000).contains(&shown.len()), "{}", shown.len());
    assert_eq!(shown.last(), Some(&"5299"));
    assert!(
        shown.iter().all(|line| line.parse::<u32>().is_ok()),
        "no colour codes, and no line cut in two"
    );
    let said = text(&browser, "log-state").await;
    assert!(
        said.contains(&format!("{} before them", 5_300 - shown.len())),
        "{said}"
    );
    let nodes = browser
        .run("return document.getElementById('log').childNodes.length")
        .await;
    assert!(nodes.as_u64().unwrap() < 2_000, "{nodes}");
}
