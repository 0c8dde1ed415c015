//! Tokens over time: refused, missing, mended; and never shown.

use noctule_executor::Executor;
use serde_json::json;
use tempfile::TempDir;

use crate::credentials::{
    bearer, cloud, oauth, on_metadata, poll, seen, service_account, user, with_file,
};
use crate::records::{KEY, execution, running};
use crate::scripted::{Reply, Scripted};
use crate::world::{attempt, quick, request, word};

/// Refuses the tokens in `refused`.
async fn picky(refused: &'static [&'static str]) -> Scripted {
    let mut given = 0;
    Scripted::start(move |asked| {
        if !asked.path.starts_with("/v2/") {
            given += 1;
            return oauth(&format!("t{given}"));
        }
        let bearer = asked
            .header("authorization")
            .unwrap()
            .trim_start_matches("Bearer ");
        if refused.contains(&bearer) {
            return Reply::error(401, "UNAUTHENTICATED");
        }
        let ours = running(execution("etl-1", KEY, 11));
        match asked.method.as_str() {
            "POST" => Reply::ok(crate::records::operation(ours)),
            _ => Reply::ok(ours),
        }
    })
    .await
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_call_made_again() {
    let cloud = picky(&["t1"]).await;
    let context = on_metadata(&cloud);
    let executor = quick();
    assert_eq!(poll(&executor, &cloud, &context).await, "running");
    assert_eq!(poll(&executor, &cloud, &context).await, "running");
    assert_eq!(seen(&cloud).0, [bearer("t1"), bearer("t2"), bearer("t2")]);
}

#[tokio::test]
async fn a_launch_is_sent_again_only_after_a_401() {
    let cloud = picky(&["t1"]).await;
    let context = on_metadata(&cloud);
    let stored = request(&context, &attempt(1));
    quick()
        .launch(&context, &attempt(1), &stored)
        .await
        .unwrap();
    assert_eq!(seen(&cloud).0, [bearer("t1"), bearer("t2")]);
    let cloud = picky(&["t1", "t2", "t3"]).await;
    let context = on_metadata(&cloud);
    let stored = request(&context, &attempt(1));
    let error = quick()
        .launch(&context, &attempt(1), &stored)
        .await
        .unwrap_err();
    assert_eq!(word(&error), "rejected permission");
    assert_eq!(seen(&cloud).0.len(), 2);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    for (reply, expected) in [
        (Reply::error(503, "UNAVAILABLE"), "unavailable"),
        (
            Reply::Json(400, json!({ "error": "invalid_grant" })),
            "alarm",
        ),
        (Reply::Reset, "unavailable"),
    ] {
        let scripted = reply.clone();
        let cloud = cloud(move |_, _| scripted.clone()).await;
        let folder = TempDir::new().unwrap();
        let (_, key) = service_account(Some(&format!("{}/token", cloud.url)));
        for file in [user(&cloud), key] {
            let context = with_file(&cloud, &folder, &file, json!({}));
            let stored = request(&context, &attempt(1));
            let error = quick()
                .launch(&context, &attempt(1), &stored)
                .await
                .unwrap_err();
            assert_eq!(
                word(&error),
                expected,
                "{reply:?} {}: {error}",
                file["type"]
            );
        }
        assert_eq!(seen(&cloud).0.len(), 0);
    }
}

#[tokio::test]
async fn what_a_person_mends_is_seen_by_the_next_call() {
    let cloud = cloud(|_, nth| match nth {
        1 => Reply::Json(400, json!({ "error": "invalid_grant" })),
        _ => oauth("mended"),
    })
    .await;
    let folder = TempDir::new().unwrap();
    let context = with_file(&cloud, &folder, &user(&cloud), json!({}));
    let executor = quick();
    assert!(poll(&executor, &cloud, &context).await.starts_with("alarm"));
    assert_eq!(poll(&executor, &cloud, &context).await, "running");
}

#[tokio::test]
async fn no_message_shows_a_secret() {
    let cloud = cloud(|_, _| Reply::Json(400, json!({ "error": "invalid_grant" }))).await;
    let folder = TempDir::new().unwrap();
    let context = with_file(&cloud, &folder, &user(&cloud), json!({}));
    let said = poll(&quick(), &cloud, &context).await;
    assert!(said.contains("invalid_grant"), "{said}");
    assert!(
        !said.contains("hush") && !said.contains("kept-in-the-dark"),
        "{said}"
    );
}
