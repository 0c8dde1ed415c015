//! The pages as they are sent: their policy, their pieces, and what is said to a browser when there is nothing to show.

use std::collections::BTreeMap;

use noctule_executor::Registry;
use noctule_executor_testing::{Scripted, ScriptedWorld};
use noctule_runtime::Publication;
use serde_json::json;

use crate::client::{Answer, Ask};
use crate::stage::{BAD, HELD, QUICK, Stage, read};

const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

async fn look(stage: &Stage, target: &str) -> Answer {
    Ask::get(target)
        .header("accept", BROWSER)
        .send(stage.address)
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_lets_a_browser_load_only_from_here_and_holds_no_script_and_no_style() {
    let stage = Stage::new(&[QUICK]).await;
    for target in [
        "/",
        "/health",
        "/dags/quick",
        "/dags/quick/history",
        "/dags/quick/definition",
        "/dags/quick/trigger",
    ] {
        let page = look(&stage, target).await;
        assert_eq!(page.status, 200, "{target}");
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        let policy = page.header("content-security-policy").unwrap();
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "form-action 'none'",
        ] {
            assert!(policy.contains(rule), "{target}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        let shown = text(&page);
        for wrong in [
            " style=",
            "<style",
            " onclick=",
            " onload=",
            "javascript:",
            "http://",
            "https://",
        ] {
            assert!(!shown.contains(wrong), "{target} has {wrong}");
        }
        let with_source = shown.matches("<script src=\"/assets/").count();
        assert_eq!(shown.matches("<script").count(), with_source, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_piece_is_kept_for_ever_and_a_piece_of_another_version_is_none() {
    let stage = Stage::new(&[]).await;
    let shown = text(&look(&stage, "/").await);
    let pieces: Vec<&str> = shown
        .split('"')
        .filter(|part| part.starts_with("/assets/"))
        .collect();
    assert!(pieces.len() >= 4, "{pieces:?}");
    for piece in pieces {
        let sent = Ask::get(piece).send(stage.address).await;
        assert_eq!(sent.status, 200, "{piece}");
        let kept = sent.header("cache-control").unwrap();
        assert!(
            kept.contains("immutable") && kept.contains("max-age=31536000"),
            "{kept}"
        );
        assert_eq!(sent.header("x-content-type-options"), Some("nosniff"));
    }
    for none in [
        "/assets/none",
        "/assets/0000000000000000-noctule.css",
        "/assets/..%2f..%2fCargo.toml",
        "/assets/",
    ] {
        assert_eq!(
            Ask::get(none).send(stage.address).await.status,
            404,
            "{none}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_is_told_of_a_problem_in_a_page_and_a_program_in_a_document() {
    let stage = Stage::new(&[QUICK]).await;
    for (target, status) in [
        ("/dags/none", 404),
        ("/nowhere", 404),
        ("/dags/quick?runs=0", 400),
        ("/dags/quick?x=1", 400),
    ] {
        let page = look(&stage, target).await;
        assert_eq!(page.status, status, "{target}");
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8"),
            "{target}"
        );
        assert!(text(&page).contains("<h1>"), "{target}");
        let document = stage.get(target).await;
        assert_eq!(
            document.header("content-type"),
            Some("application/problem+json"),
            "{target}"
        );
        assert!(text(&page).contains(&document.code()), "{target}");
    }
    let api = look(&stage, "/api/v1/dags/none").await;
    assert_eq!(api.header("content-type"), Some("application/problem+json"));
    let stranger = Ask::get("/")
        .header("accept", BROWSER)
        .header("authorization", "Bearer guess");
    let refused = stranger.send(stage.address).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_leads_to_the_last_attempt_of_its_task() {
    let stage = Stage::new(&[BAD]).await;
    let run = stage.trigger("bad").await;
    stage.over(&run).await;
    stage
        .post(&format!("/api/v1/runs/{run}/retry"), json!({}))
        .await;
    stage
        .until(&run, |run| run.round == 2 && run.is_over())
        .await;
    let id = stage.task(&run, "t").await;
    let way = look(&stage, &format!("/runs/{run}/cells/t")).await;
    assert_eq!(way.status, 303);
    assert_eq!(
        way.header("location").unwrap(),
        format!("/runs/{run}/tasks/{id}/attempts/2")
    );
    let never = look(&stage, &format!("/runs/{run}/cells/after")).await;
    assert_eq!(
        never.header("location").unwrap(),
        format!("/runs/{run}?task=after")
    );
    assert_eq!(
        look(&stage, &format!("/runs/{run}/cells/none"))
            .await
            .status,
        404
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_grid_shows_each_run_as_it_stands_now() {
    let stage = Stage::new(&[HELD]).await;
    let run = stage.trigger("held").await;
    stage
        .until(&run, |run| run.tasks[0].state.word() == "running")
        .await;
    let row = |page: &str, task: usize| {
        let (_, row) = page.split_once(&format!("<tr id=\"t{task}\">")).unwrap();
        row.split_once("</tr>").unwrap().0.to_owned()
    };
    let shown = text(&look(&stage, "/dags/held").await);
    assert!(
        row(&shown, 0).contains("<path class=\"r\" d=\"M0 0h1\">"),
        "{}",
        row(&shown, 0)
    );
    assert!(
        row(&shown, 1).contains("<path class=\"w\" d=\"M0 0h1\">"),
        "{}",
        row(&shown, 1)
    );
    stage.world.succeed("t");
    stage.over(&run).await;
    let shown = text(&look(&stage, "/dags/held").await);
    for task in [0, 1] {
        assert!(
            row(&shown, task).contains("<path class=\"s\" d=\"M0 0h1\">"),
            "{}",
            row(&shown, task)
        );
    }
    let filtered = text(&look(&stage, "/dags/held?state=failed").await);
    assert!(!filtered.contains(&run), "it did not fail");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_is_shown_with_what_differs_from_the_one_before() {
    let stage = Stage::new(&[QUICK]).await;
    let run = stage.trigger("quick").await;
    stage.over(&run).await;
    let before = stage.get("/api/v1/dags/quick").await.json()["version"].clone();
    let alone = text(&look(&stage, "/dags/quick/definition").await);
    assert!(
        !alone.contains("What differs"),
        "there is nothing before it"
    );
    let registry = Registry::new().with(Scripted::new(ScriptedWorld::new()));
    let changed = QUICK.replace("wait = \"block\"", "wait = \"block\"\npriority = 7");
    let publication = Publication {
        dags: read(&registry, &[&changed]),
        broken: BTreeMap::new(),
    };
    stage.control.publish(publication, None).unwrap();
    let shown = loop {
        let dag = stage.get("/api/v1/dags/quick").await.json();
        if dag["version"] != before {
            break text(&look(&stage, "/dags/quick/definition").await);
        }
        tokio::task::yield_now().await;
    };
    let (_, difference) = shown.split_once("What differs").unwrap();
    let row = "<bdi>tasks.t.priority</bdi></td><td><del><code><bdi>0</bdi></code></del></td><td><ins><code><bdi>7</bdi></code></ins></td>";
    assert!(difference.contains(row), "{difference}");
    assert_eq!(
        difference.matches("<del>").count(),
        1,
        "nothing else differs"
    );
    let none = "/dags/quick/definition?version=0000";
    assert_eq!(look(&stage, none).await.status, 404);
}
