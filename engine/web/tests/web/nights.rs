//! Backfills and acts over many runs: planned first, done once, each with what became of it.

use serde_json::{Value, json};

use crate::stage::{BAD, HELD, Stage};

/// A DAG whose ticks are long past.
pub(crate) const NIGHTLY: &str = "id = \"nightly\"\nmax_active_runs = 2\n[schedule]\ncron = \"0 14 * * *\"\ntimezone = \"UTC\"\n\
    [tasks.t]\nexecutor = \"scripted\"\nwith = { hold = true }\npoll_interval = \"5ms\"\n";

const WEEK: [&str; 2] = ["2026-01-10", "2026-01-12"];

fn week() -> Value {
    json!({ "from": WEEK[0], "to": WEEK[1], "reason": "late files" })
}

async fn until_running(stage: &Stage, id: &str, running: u64) -> Value {
    let target = format!("/api/v1/backfills/{id}");
    let mut token = stage.store.change_token().await.unwrap();
    loop {
        let seen = stage.get(&target).await.json();
        if seen["progress"]["running"] == running {
            return seen;
        }
        let wait = std::time::Duration::from_secs(5);
        token = stage.store.changed_since(token, wait).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_is_planned_made_shown_paused_resumed_and_cancelled() {
    let stage = Stage::new(&[NIGHTLY]).await;
    let target = "/api/v1/dags/nightly/backfills";
    let plan = stage.post(&format!("{target}?dry_run=true"), week()).await;
    assert_eq!(plan.status, 200, "{plan:?}");
    let plan = plan.json();
    assert_eq!(plan["dry_run"], true);
    assert_eq!(
        plan["to"], "2026-01-12T23:59:59.000Z",
        "a bare date is the whole day"
    );
    let ids = |seen: &Value| -> Vec<String> {
        let nights = seen["nights"].as_array().unwrap().iter();
        nights
            .map(|night| night["ingestion_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let nights = ["20260110140000", "20260111140000", "20260112140000"];
    assert_eq!(ids(&plan), nights);
    assert_eq!(
        stage.get("/api/v1/backfills").await.json()["items"],
        json!([]),
        "a trial touches nothing"
    );

    let made = stage.post(target, week()).await;
    assert_eq!(made.status, 202, "{made:?}");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let seen = until_running(&stage, &id, 1).await;
    assert_eq!(ids(&seen), nights);
    assert_eq!(
        (&seen["by"], &seen["reason"]),
        (&json!("loopback"), &json!("late files"))
    );
    assert!(
        seen["waits"].as_str().unwrap().contains("its limit is 1"),
        "{seen}"
    );
    let run = seen["nights"][0]["run"].as_str().unwrap();
    let head = stage.get(&format!("/api/v1/runs/{run}")).await.json();
    assert_eq!(
        (&head["trigger"], &head["ingestion_id"]),
        (&json!("backfill"), &json!(nights[0]))
    );

    let act = |what: &str| format!("/api/v1/backfills/{id}/{what}");
    let paused = stage
        .post(&act("pause"), json!({ "reason": "month end" }))
        .await
        .json();
    assert_eq!(paused["state"], "paused");
    assert!(
        paused["waits"].as_str().unwrap().contains("month end"),
        "{paused}"
    );
    assert_eq!(
        stage.post(&act("resume"), json!({})).await.json()["state"],
        "running"
    );
    let live = stage
        .get("/api/v1/backfills?live=true&dag=nightly")
        .await
        .json();
    assert_eq!(live["items"][0]["id"], id.as_str());
    let cancelled = stage.post(&act("cancel"), json!({})).await.json();
    assert_eq!(cancelled["state"], "cancelled");
    let over = until_running(&stage, &id, 0).await;
    let states: Vec<&Value> = over["nights"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["state"])
        .collect();
    assert_eq!(states, ["cancelled", "cancelled", "cancelled"]);
    let late = stage.post(&act("pause"), json!({})).await;
    assert_eq!((late.status, late.code().as_str()), (409, "conflict"));
    let none = stage.post("/api/v1/backfills/none/pause", json!({})).await;
    assert_eq!(
        (none.status, none.code().as_str()),
        (404, "no_such_backfill")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_that_is_named_is_made_once_and_nonsense_is_refused() {
    let stage = Stage::new(&[NIGHTLY, HELD]).await;
    let target = "/api/v1/dags/nightly/backfills";
    let mut named = week();
    named["id"] = json!("january");
    assert_eq!(stage.post(target, named.clone()).await.status, 202);
    let again = stage.post(target, named).await;
    assert_eq!(
        (again.status, &again.json()["id"]),
        (200, &json!("january"))
    );
    for (dag, body, code) in [
        ("held", week(), "invalid"),
        ("none", week(), "no_such_dag"),
        ("nightly", json!({}), "invalid_body"),
        (
            "nightly",
            json!({ "from": "x", "to": "2026-01-01" }),
            "invalid",
        ),
        (
            "nightly",
            json!({ "from": "2026-01-02", "to": "2026-01-01" }),
            "invalid",
        ),
        (
            "nightly",
            json!({ "from": "2026-01-01", "to": "2026-01-02", "max_parallel": 0 }),
            "invalid",
        ),
        (
            "nightly",
            json!({ "from": "2026-01-01", "to": "2026-01-02", "only": "some" }),
            "invalid_body",
        ),
        (
            "nightly",
            json!({ "from": "2026-01-01", "to": "2026-01-02", "id": "../x" }),
            "invalid",
        ),
    ] {
        let refused = stage
            .post(&format!("/api/v1/dags/{dag}/backfills"), body.clone())
            .await;
        assert_eq!(refused.code(), code, "{dag} {body} {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_of_backfills_hold_each_once() {
    let stage = Stage::new(&[NIGHTLY]).await;
    for day in 1..=5 {
        let body = json!({ "from": format!("2026-02-0{day}"), "to": format!("2026-02-0{day}"), "id": format!("b-{day}") });
        assert_eq!(
            stage
                .post("/api/v1/dags/nightly/backfills", body)
                .await
                .status,
            202
        );
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = stage
            .get(&format!("/api/v1/backfills?limit=2{cursor}"))
            .await
            .json();
        let items = page["items"].as_array().unwrap().iter();
        seen.extend(items.map(|item| item["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["b-5", "b-4", "b-3", "b-2", "b-1"]);
    let strange = stage.get("/api/v1/backfills?cursor=cjE6eA").await;
    assert_eq!(strange.code(), "invalid_parameter");
}

fn outcomes(done: &Value) -> Vec<(&str, &str)> {
    let runs = done["runs"].as_array().unwrap().iter();
    runs.map(|run| {
        (
            run["run"].as_str().unwrap(),
            run["outcome"].as_str().unwrap(),
        )
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_runs_are_retried_each_with_what_became_of_it() {
    let stage = Stage::new(&[BAD, HELD]).await;
    let mut runs = Vec::new();
    for day in ["2026-01-10", "2026-01-11", "2026-01-12"] {
        let made = stage
            .post("/api/v1/dags/bad/runs", json!({ "at": day }))
            .await;
        let run = made.json()["id"].as_str().unwrap().to_owned();
        stage.over(&run).await;
        runs.push(run);
    }
    let task = stage.task(&runs[1], "t").await;
    for name in ["t", "after"] {
        let id = if name == "t" {
            task.clone()
        } else {
            stage.task(&runs[1], name).await
        };
        stage
            .post(
                &format!("/api/v1/task-runs/{id}/mark"),
                json!({ "state": "succeeded" }),
            )
            .await;
    }
    let which = json!({ "which": { "from": "2026-01-10", "to": "2026-01-12" } });
    let target = "/api/v1/dags/bad/runs/retry";
    let plan = stage
        .post(&format!("{target}?dry_run=true"), which.clone())
        .await
        .json();
    let wanted = |word| {
        vec![
            (runs[0].as_str(), word),
            (runs[1].as_str(), "left_alone"),
            (runs[2].as_str(), word),
        ]
    };
    assert_eq!(outcomes(&plan), wanted("planned"));
    assert_eq!(plan["runs"][0]["tasks"], json!(["t", "after"]));
    assert!(
        plan["runs"][1]["why"]
            .as_str()
            .unwrap()
            .contains("no failed task")
    );
    assert_eq!(
        stage.over(&runs[0]).await.round,
        1,
        "a trial touches nothing"
    );
    let done = stage.post(target, which).await.json();
    assert_eq!(outcomes(&done), wanted("done"));
    for (run, round) in runs.iter().zip([2, 1, 2]) {
        let over = stage
            .until(run, |run| run.round == round && run.is_over())
            .await;
        assert_eq!(over.round, round);
    }
    let one = json!({ "which": { "runs": [runs[2]], "state": "failed" }, "task": "t", "state": "skipped" });
    let marked = stage.post("/api/v1/dags/bad/runs/mark", one).await.json();
    assert_eq!(outcomes(&marked), [(runs[2].as_str(), "done")]);
    let id = json!({ "which": { "ingestion_ids": ["20260110000000"] } });
    let over = stage.post("/api/v1/dags/bad/runs/cancel", id).await.json();
    assert_eq!(outcomes(&over), [(runs[0].as_str(), "left_alone")]);
    for (body, code) in [
        (json!({}), "invalid_body"),
        (json!({ "which": {} }), "invalid"),
        (json!({ "which": { "from": "2026-01-10" } }), "invalid"),
        (json!({ "which": { "state": "odd" } }), "invalid"),
        (json!({ "which": { "ingestion_ids": ["x"] } }), "invalid"),
        (
            json!({ "which": { "state": "failed" }, "all": true, "tasks": ["t"] }),
            "invalid_body",
        ),
    ] {
        assert_eq!(
            stage.post(target, body.clone()).await.code(),
            code,
            "{body}"
        );
    }
    assert_eq!(
        stage
            .post("/api/v1/dags/none/runs/retry", json!({ "which": {} }))
            .await
            .code(),
        "no_such_dag"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_runs_are_cancelled_by_their_state() {
    let stage = Stage::new(&[HELD]).await;
    let runs = [stage.trigger("held").await, stage.trigger("held").await];
    for run in &runs {
        stage.until(run, |run| run.phase.word() == "running").await;
    }
    let body = json!({ "which": { "state": "running" }, "reason": "wrong night" });
    let done = stage
        .post("/api/v1/dags/held/runs/cancel", body)
        .await
        .json();
    assert_eq!(done["runs"].as_array().unwrap().len(), 2);
    for run in &runs {
        assert_eq!(stage.over(run).await.phase.word(), "cancelled");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_a_backfill_of_another_dag_has_is_taken() {
    let other = NIGHTLY.replace("\"nightly\"", "\"other\"");
    let stage = Stage::new(&[NIGHTLY, &other]).await;
    let body = json!({ "from": WEEK[0], "to": WEEK[1], "id": "january" });
    let made = stage.post("/api/v1/dags/nightly/backfills", body.clone());
    assert_eq!(made.await.status, 202);
    let again = stage.post("/api/v1/dags/nightly/backfills", body.clone());
    assert_eq!(again.await.status, 200);
    let taken = stage.post("/api/v1/dags/other/backfills", body).await;
    assert_eq!((taken.status, taken.code().as_str()), (409, "conflict"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_over_many_is_bounded_by_the_server_and_its_audit_says_what_it_touched() {
    let stage = Stage::new(&[HELD]).await;
    let run = stage.trigger("held").await;
    let target = "/api/v1/dags/held/runs/cancel";
    let names: Vec<String> = (0..1_001).map(|n| format!("r{n}")).collect();
    let ids: Vec<String> = (0..1_001).map(|n| format!("2026{n:010}")).collect();
    for which in [json!({ "runs": names }), json!({ "ingestion_ids": ids })] {
        let refused = stage.post(target, json!({ "which": which })).await;
        assert_eq!(refused.code(), "invalid", "{refused:?}");
        assert!(
            refused.json()["detail"]
                .as_str()
                .unwrap()
                .contains("at most 1000")
        );
    }
    let tasks: Vec<String> = (0..10_001).map(|n| format!("t{n}")).collect();
    let body = json!({ "which": { "state": "failed" }, "tasks": tasks });
    let refused = stage.post("/api/v1/dags/held/runs/retry", body).await;
    assert_eq!(refused.code(), "invalid", "{refused:?}");

    let id = stage.get(&format!("/api/v1/runs/{run}")).await.json();
    let id = id["ingestion_id"].as_str().unwrap();
    let which =
        json!({ "from": "2020-01-01", "to": "2126-01-01", "ingestion_ids": [id], "runs": [run] });
    let done = stage.post(target, json!({ "which": which })).await;
    assert_eq!(done.status, 200, "{done:?}");
    let audit = stage.get("/api/v1/audit?limit=1").await.json();
    let event = &audit["items"][0];
    assert_eq!(event["act"], "cancel_runs");
    let on = format!("dag held; from 2020-01-01 to 2126-01-01, ingestion id {id}, run {run}");
    assert_eq!(event["on"], on);
    let outcome = format!("done: 1 runs, 0 refused, 0 left alone: {run}");
    assert_eq!(event["outcome"], outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_of_a_backfill_says_its_range() {
    let stage = Stage::new(&[NIGHTLY]).await;
    let target = "/api/v1/dags/nightly/backfills";
    let made = stage.post(target, week()).await.json();
    let audit = stage.get("/api/v1/audit?limit=1").await.json();
    let event = &audit["items"][0];
    let on = "dag nightly; from 2026-01-10 to 2026-01-12, only missing";
    assert_eq!(event["on"], on);
    let id = made["id"].as_str().unwrap();
    let done = format!("done: /api/v1/backfills/{id}");
    assert_eq!(event["outcome"], done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_not_there_is_not_sent_again() {
    let stage = Stage::new(&[HELD]).await;
    for id in ["msg_0", "..", "msg%2f0"] {
        let target = format!("/api/v1/deliveries/{id}/resend");
        let answer = stage.post(&target, json!({})).await;
        assert_eq!(answer.status, 404, "{id}: {answer:?}");
    }
}
