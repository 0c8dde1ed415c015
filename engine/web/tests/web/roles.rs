//! What pages offer to whom, who is told of the project, and how sessions end.

use noctule_core::access::Role;
use serde_json::json;

use crate::access::{Token, log_in, log_in_by, token};
use crate::client::{Answer, Ask};
use crate::stage::{BAD, HELD, QUICK, Stage, provided, settings};

const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";
const PUBLIC: &str = "batch.example.com";

async fn look(stage: &Stage, target: &str, header: (&str, &str)) -> Answer {
    let ask = Ask::get(target).header("accept", BROWSER);
    let ask = ask.header("host", PUBLIC).header(header.0, header.1);
    ask.send(stage.address).await
}

/// The addresses that the forms of a page post to.
fn offered(page: &str) -> Vec<String> {
    let forms = page.split("data-post=\"").skip(1);
    forms
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

/// Every page about a DAG with a run that failed, and about one that goes on.
async fn pages(stage: &Stage) -> Vec<String> {
    let bad = stage.trigger("bad").await;
    stage.over(&bad).await;
    let held = stage.trigger("held").await;
    stage
        .until(&held, |run| run.tasks[0].state.word() == "running")
        .await;
    let mut pages = vec!["/".to_owned()];
    for below in ["", "/trigger", "/history", "/definition", "/graph"] {
        pages.push(format!("/dags/bad{below}"));
    }
    for run in [bad, held] {
        let task = stage.task(&run, "t").await;
        pages.push(format!("/runs/{run}/tasks/{task}"));
        pages.push(format!("/runs/{run}/tasks/{task}/attempts/1"));
        pages.push(format!("/runs/{run}"));
    }
    pages
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_page_offers_is_what_whoever_looks_may_do() {
    let stage = Stage::new(&[BAD, HELD]).await;
    let pages = pages(&stage).await;
    for (role, limits) in [
        (Role::Viewer, None),
        (Role::Viewer, Some("*")),
        (Role::Operator, None),
        (Role::Operator, Some("bad*")),
        (Role::Operator, Some("held")),
        (Role::Admin, None),
    ] {
        let of = limits.map_or(Token::new(role), |glob| Token::new(role).limited_to(glob));
        let bearer = format!("Bearer {}", token(&stage, of).await);
        let mut all = Vec::new();
        for target in &pages {
            let page = look(&stage, target, ("authorization", &bearer)).await;
            let text = page.text();
            let offers = offered(&text);
            if role == Role::Viewer {
                assert_eq!(page.status, 200, "{target}");
                assert_eq!(offers, Vec::<String>::new(), "{target} for a viewer");
                for act in [
                    "data-many",
                    "data-run=",
                    "/trigger\"",
                    "noctule retry",
                    "noctule pause",
                ] {
                    assert!(!text.contains(act), "{target} offers {act} to a viewer");
                }
            }
            if page.status != 200 {
                assert_eq!((page.status, offers.len()), (404, 0), "{target} {limits:?}");
            }
            all.extend(offers);
        }
        if role >= Role::Operator {
            // What failed can be retried, what goes on can be cancelled.
            for (act, of) in [("/retry", "bad"), ("/cancel", "held")] {
                let theirs = limits.is_none_or(|glob| glob.starts_with(of));
                let there = all.iter().any(|to| to.ends_with(act));
                assert_eq!(there, theirs, "{act} for {role} {limits:?}: {all:?}");
            }
        }
        for to in all {
            // A field that nothing takes: it is refused before anything is done, but after the right was looked at.
            let ask = Ask::post(&to, &json!({ "nonsense": 1 }))
                .header("host", PUBLIC)
                .header("authorization", &bearer);
            let refused = ask.send(stage.address).await;
            assert_eq!(refused.code(), "invalid_body", "{to} for {role} {limits:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_tells_strangers_nothing_of_the_project() {
    let mut hushed = settings();
    hushed.profile = "hushed".parse().unwrap();
    hushed.zone = chrono_tz::Europe::Rome;
    let stage = Stage::guarded(&[QUICK], hushed, noctule_web::Access::default()).await;
    let tells = |page: &Answer| {
        let text = page.text();
        ["hushed", "Europe/Rome", "quick"]
            .into_iter()
            .find(|word| text.contains(word))
    };
    for (target, header) in [
        ("/", ("accept-language", "en")),
        ("/nowhere", ("accept-language", "en")),
        ("/logged-out", ("accept-language", "en")),
        ("/dags/other", ("authorization", "Bearer guess")),
        ("/", ("cookie", "__Host-noctule_session=guess")),
        ("/", ("sec-fetch-site", "cross-site")),
    ] {
        let page = look(&stage, target, header).await;
        assert!(
            page.text().contains("<h1>"),
            "{target} {header:?}: {page:?}"
        );
        assert_eq!(tells(&page), None, "{target} {header:?}");
    }
    let strange = Ask::get("/")
        .header("accept", BROWSER)
        .header("host", "evil.example");
    let page = strange.send(stage.address).await;
    assert!(
        page.status >= 400 && page.text().contains("<h1>"),
        "{page:?}"
    );
    assert_eq!(tells(&page), None, "by another name");
    // Whoever is known is told where they are, also where there is nothing.
    let bearer = format!("Bearer {}", token(&stage, Token::new(Role::Viewer)).await);
    let page = look(&stage, "/nowhere", ("authorization", &bearer)).await;
    assert_eq!((page.status, tells(&page)), (404, Some("hushed")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_logged_in_has_a_button_to_log_out_and_is_out_then() {
    let stage = Stage::guarded(&[QUICK], settings(), provided()).await;
    let session = log_in(&stage, Role::Viewer, 60).await;
    let cookie = format!("__Host-noctule_session={session}");
    let page = look(&stage, "/health", ("cookie", &cookie)).await;
    let text = page.text();
    assert!(text.contains("id=\"logout\""), "{text}");
    assert!(text.contains("<bdi>ada@example.com</bdi>"), "{text}");
    let bearer = format!("Bearer {}", token(&stage, Token::new(Role::Viewer)).await);
    let by_token = look(&stage, "/health", ("authorization", &bearer)).await;
    assert!(
        !by_token.text().contains("id=\"logout\""),
        "there is no session"
    );
    // As the script of the button asks.
    let out = Ask::new("POST", "/logout")
        .header("host", PUBLIC)
        .header("cookie", &cookie)
        .header("noctule-request", "1");
    let out = out.send(stage.address).await;
    assert_eq!(out.status, 303);
    let to = out.header("location").unwrap();
    assert!(
        to.ends_with("/logged-out"),
        "not back to the provider: {to}"
    );
    let after = look(&stage, "/logged-out", ("cookie", &cookie)).await;
    assert!(after.status == 200 && after.text().contains("Logged out"));
    let again = look(&stage, "/api/v1/dags", ("cookie", &cookie)).await;
    assert_eq!(again.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_counts_only_while_its_provider_is_the_one_of_the_logins() {
    let stage = Stage::guarded(&[QUICK], settings(), provided()).await;
    let without = Stage::new(&[QUICK]).await;
    for (provider, counts) in [
        ("http://127.0.0.1:1 noctule", true),
        ("http://127.0.0.1:2 noctule", false),
        ("http://127.0.0.1:1 other", false),
        ("", false),
    ] {
        for (stage, counts) in [(&stage, counts), (&without, false)] {
            let session = log_in_by(stage, Role::Admin, 60, provider).await;
            let cookie = format!("__Host-noctule_session={session}");
            let seen = look(stage, "/api/v1/dags", ("cookie", &cookie)).await;
            let status = if counts { 200 } else { 401 };
            assert_eq!(seen.status, status, "{provider}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_ends_the_session_of_another_and_that_is_written_down() {
    let stage = Stage::guarded(&[QUICK], settings(), provided()).await;
    let session = log_in(&stage, Role::Operator, 60).await;
    let cookie = format!("__Host-noctule_session={session}");
    let seen = async || {
        look(&stage, "/api/v1/dags", ("cookie", &cookie))
            .await
            .status
    };
    assert_eq!(seen().await, 200);
    let listed = stage.get("/api/v1/sessions").await;
    assert!(!listed.text().contains(&session[4..]), "its secret is told");
    let listed = listed.json();
    let one = &listed["items"][0];
    assert_eq!(
        (&one["name"], &one["role"]),
        (&json!("ada@example.com"), &json!("operator"))
    );
    let id = one["id"].as_str().unwrap();
    let ended = stage
        .post(&format!("/api/v1/sessions/{id}/end"), json!({}))
        .await;
    assert_eq!(ended.status, 200, "{ended:?}");
    assert_eq!(seen().await, 401);
    let again = stage
        .post(&format!("/api/v1/sessions/{id}/end"), json!({}))
        .await;
    assert_eq!(again.code(), "no_such_session");
    let audit = stage.get("/api/v1/audit?limit=2").await.json();
    let event = |place: usize| {
        let event = &audit["items"][place];
        ["act", "on", "actor", "outcome"].map(|key| event[key].as_str().unwrap_or("-").to_owned())
    };
    assert_eq!(
        event(1),
        ["end_session", &format!("session {id}"), "loopback", "done"]
    );
    assert_eq!(event(0)[0], "end_session");
    assert!(event(0)[3].starts_with("no_such_session"), "{audit}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_this_machine_is_not_trusted_it_shows_a_token_as_everybody_does() {
    let mut access = noctule_web::Access::default();
    access.distrusts_loopback = true;
    let stage = Stage::guarded(&[QUICK], settings(), access).await;
    for target in ["/api/v1/dags", "/api/v1/audit", "/metrics", "/"] {
        assert_eq!(stage.get(target).await.status, 401, "{target}");
    }
    assert_eq!(stage.get("/healthz").await.status, 200);
    let secret = token(&stage, Token::new(Role::Viewer)).await;
    let ask = Ask::get("/api/v1/dags").header("authorization", &format!("Bearer {secret}"));
    assert_eq!(ask.send(stage.address).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_night_is_told_of_the_dags_of_whoever_asks_and_of_no_other() {
    let stage = Stage::new(&[BAD, HELD]).await;
    pages(&stage).await;
    let night = stage.get("/api/v1/tonight").await.json();
    assert_eq!(night["well"], false, "{night}");
    assert_eq!(night["failed"][0]["dag"], "bad", "{night}");
    assert_eq!(night["running"][0]["dag"], "held", "{night}");
    let counts = json!({
        "late": 0, "overdue": 0, "due": 0, "failed": 1, "needs_person": 0, "running": 1,
    });
    assert_eq!(night["counts"], counts);
    assert!(night["engine"].is_string(), "{night}");
    let work = stage.get("/api/v1/work").await.json();
    assert_eq!(work["items"].as_array().unwrap().len(), 1, "{work}");
    let item = &work["items"][0];
    assert_eq!((&item["dag"], &item["task"]), (&json!("held"), &json!("t")));
    assert_eq!(work["slots"]["size"], 8, "{work}");
    let limited = async |glob| {
        let secret = token(&stage, Token::new(Role::Viewer).limited_to(glob)).await;
        let bearer = format!("Bearer {secret}");
        let mut said = Vec::new();
        for target in ["/api/v1/tonight", "/api/v1/work"] {
            said.push(look(&stage, target, ("authorization", &bearer)).await);
        }
        let page = look(&stage, "/", ("authorization", &bearer)).await;
        (said[0].json(), said[1].json(), page)
    };
    let (night, work, page) = limited("held").await;
    assert_eq!(night["well"], true, "what failed is not theirs: {night}");
    assert_eq!(night["counts"]["running"], 1);
    assert_eq!((&work["slots"], &work["pools"]), (&json!(null), &json!([])));
    assert!(
        page.status == 200 && !page.text().contains("bad"),
        "{page:?}"
    );
    let (night, work, _) = limited("bad").await;
    assert_eq!(night["counts"]["failed"], 1, "{night}");
    assert_eq!(work["items"], json!([]));
    assert_eq!(work["runs"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_a_slot_is_told_to_nobody_who_may_not_see_its_dag() {
    let block = "executor = \"scripted\"\nwait = \"block\"\n";
    let tasks = (0..8).map(|number| format!("[tasks.full{number}]\n{block}"));
    let full = format!("id = \"full\"\n{}", tasks.collect::<String>());
    let mine = format!("id = \"mine\"\n[tasks.t]\n{block}");
    let stage = Stage::new(&[&full, &mine]).await;
    for number in 0..8 {
        stage.world.hold(&format!("full{number}"));
    }
    let run = stage.trigger("full").await;
    let live = |run: &noctule_core::run::Run| run.tasks.iter().all(|task| task.live().is_some());
    stage.until(&run, live).await;
    let run = stage.trigger("mine").await;
    let is_ready = |run: &noctule_core::run::Run| {
        matches!(
            run.tasks[0].state,
            noctule_core::run::TaskState::Ready { .. }
        )
    };
    stage.until(&run, is_ready).await;
    let all = stage.get("/api/v1/work").await.text();
    assert!(all.contains("8 of 8"), "{all}");
    let secret = token(&stage, Token::new(Role::Viewer).limited_to("mine")).await;
    let bearer = format!("Bearer {secret}");
    let work = look(&stage, "/api/v1/work", ("authorization", &bearer)).await;
    let items = work.json()["items"].clone();
    assert_eq!(items[0]["gate"], "slot", "{items}");
    assert!(!work.text().contains("full"), "{items}");
}
