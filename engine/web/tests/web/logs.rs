//! Logs: whole, in parts, and never anything but text.

use crate::stage::Stage;

const LOUD: &str = "id = \"loud\"\n[tasks.t]\nexecutor = \"scripted\"\nwait = \"block\"\n\
    with = { log = \"<script>alert(1)</script>\\n<!doctype html>\\nline three of many, to make more than one page of it\\nthe end\\n\" }\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_comes_whole_in_parts_and_as_text_to_be_saved() {
    let stage = Stage::new(&[LOUD]).await;
    let run = stage.trigger("loud").await;
    stage.over(&run).await;
    let id = stage.task(&run, "t").await;
    let base = format!("/api/v1/task-runs/{id}/attempts/1/logs");
    let (mut text, mut parts, mut query) = (String::new(), 0, String::new());
    loop {
        let part = stage.get(&format!("{base}{query}")).await;
        assert_eq!(part.status, 200, "{part:?}");
        assert_eq!(
            part.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(part.header("x-content-type-options"), Some("nosniff"));
        let shown = part.header("content-disposition").unwrap();
        assert!(shown.starts_with("attachment"), "{shown}");
        assert!(
            part.header("content-security-policy")
                .unwrap()
                .contains("sandbox")
        );
        assert_eq!(part.header("noctule-attempt-state"), Some("succeeded"));
        text.push_str(std::str::from_utf8(&part.body).unwrap());
        parts += 1;
        if part.header("noctule-log-drained") == Some("true") {
            break;
        }
        query = format!("?after={}", part.header("noctule-log-next").unwrap());
    }
    assert!(parts > 1, "the log is longer than a page");
    assert!(
        text.contains("<script>alert(1)</script>") && text.trim_end().ends_with("the end"),
        "{text}"
    );
    assert_eq!(text.matches("line three").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_is_none_of_a_log_is_refused() {
    let stage = Stage::new(&[LOUD]).await;
    let run = stage.trigger("loud").await;
    stage.over(&run).await;
    let id = stage.task(&run, "t").await;
    let base = format!("/api/v1/task-runs/{id}/attempts/1/logs");
    for cursor in ["%00", "a%20b", "====", "_w", &"A".repeat(9_000)] {
        let answer = stage.get(&format!("{base}?after={cursor}")).await;
        assert_eq!(answer.code(), "invalid_parameter", "{cursor}");
    }
    let other = stage
        .get(&format!("/api/v1/task-runs/{id}/attempts/2/logs"))
        .await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (404, "no_such_attempt")
    );
}
