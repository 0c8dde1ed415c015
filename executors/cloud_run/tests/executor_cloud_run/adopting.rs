//! A search after an unknown launch: by the key alone, to the end, and strangers are left alone.

use serde_json::{Value, json};

use crate::records::{KEY, OTHER_KEY, execution, full, full_of, page, running, succeeded, with};
use crate::scripted::{Reply, Scripted};
use crate::world::{adopt, adopt_by, context, name_of, suited_to, word};

async fn listing(executions: Vec<Value>) -> Scripted {
    Scripted::start(move |asked| match asked.method.as_str() {
        "GET" => Reply::ok(page(&executions, "")),
        _ => Reply::ok(json!({})),
    })
    .await
}

#[tokio::test]
async fn the_key_finds_it_among_strangers() {
    let cloud = listing(vec![
        running(execution("etl-newest", OTHER_KEY, 13)),
        running(execution("etl-ours", KEY, 12)),
        execution("etl-older", OTHER_KEY, 11),
    ])
    .await;
    let handle = adopt(&context(&cloud.url)).await.unwrap().unwrap();
    assert_eq!(name_of(&handle), full("etl-ours"));
    assert_eq!(cloud.lines(), ["GET etl/executions"], "nobody is cancelled");
}

#[tokio::test]
async fn an_execution_of_the_right_age_without_the_key_is_a_strangers() {
    let mut bare = execution("etl-bare", KEY, 12);
    bare["template"] =
        json!({ "containers": [{ "env": [{ "name": "TENANT_CODE", "value": KEY }] }] });
    let cloud = listing(vec![execution("etl-newest", OTHER_KEY, 12), bare]).await;
    assert_eq!(adopt(&context(&cloud.url)).await.unwrap(), None);
    assert_eq!(cloud.lines(), ["GET etl/executions"]);
}

#[tokio::test]
async fn an_execution_of_another_job_is_not_ours_whatever_it_carries() {
    let elsewhere = with(
        execution("x", KEY, 12),
        json!({ "name": full_of("other", "other-1") }),
    );
    let cloud = listing(vec![elsewhere]).await;
    assert_eq!(adopt(&context(&cloud.url)).await.unwrap(), None);
}

#[tokio::test]
async fn finished_work_is_found_too() {
    let cloud = listing(vec![succeeded(execution("etl-done", KEY, 12))]).await;
    let handle = adopt(&context(&cloud.url)).await.unwrap().unwrap();
    assert_eq!(name_of(&handle), full("etl-done"));
}

#[tokio::test]
async fn pages_are_read_until_they_are_older_than_the_intent() {
    let cloud = Scripted::start(|asked| {
        assert_eq!(asked.method, "GET");
        // Intended at 12:10, so nothing before 12:05 can be ours.
        Reply::ok(match asked.query.as_str() {
            query if query.ends_with("pageToken=2%2Fb") => page(
                &[
                    execution("etl-3", OTHER_KEY, 6),
                    execution("etl-4", OTHER_KEY, 4),
                ],
                "3",
            ),
            query if query.ends_with("pageToken=1") => page(&[], "2/b"),
            query if query.ends_with("pageToken=3") => panic!("that is too old"),
            _ => page(&[execution("etl-1", OTHER_KEY, 12)], "1"),
        })
    })
    .await;
    assert_eq!(adopt(&context(&cloud.url)).await.unwrap(), None);
    assert_eq!(cloud.asked().len(), 3);
    assert!(cloud.asked()[0].query.contains("pageSize=100"));
}

#[tokio::test]
async fn of_two_with_one_key_the_oldest_stays() {
    let cloud = listing(vec![
        execution("etl-c", KEY, 13),
        succeeded(execution("etl-b", KEY, 12)),
        execution("etl-stranger", OTHER_KEY, 12),
        running(execution("etl-a", KEY, 11)),
    ])
    .await;
    let handle = adopt(&context(&cloud.url)).await.unwrap().unwrap();
    assert_eq!(name_of(&handle), full("etl-a"));
    assert_eq!(
        cloud.lines(),
        ["GET etl/executions", "POST etl/executions/etl-c:cancel"],
        "what has ended is left alone"
    );
}

async fn refusing_cancels(code: u16, status: &'static str) -> Scripted {
    Scripted::start(move |asked| match asked.method.as_str() {
        "GET" => Reply::ok(page(
            &[execution("etl-b", KEY, 12), execution("etl-a", KEY, 11)],
            "",
        )),
        _ => Reply::error(code, status),
    })
    .await
}

#[tokio::test]
async fn a_double_that_cannot_be_cancelled_now_is_tried_again() {
    let cloud = refusing_cancels(503, "UNAVAILABLE").await;
    let error = adopt(&context(&cloud.url)).await.unwrap_err();
    assert_eq!(word(&error), "unavailable", "{error}");
}

#[tokio::test]
async fn a_double_that_may_not_be_cancelled_does_not_hide_the_oldest() {
    let cloud = refusing_cancels(403, "PERMISSION_DENIED").await;
    let handle = adopt(&context(&cloud.url)).await.unwrap().unwrap();
    assert_eq!(name_of(&handle), full("etl-a"));
}

#[tokio::test]
async fn a_search_that_could_not_be_made_is_no_evidence() {
    for (reply, expected) in [
        (Reply::error(503, "UNAVAILABLE"), "unavailable"),
        (Reply::error(500, "INTERNAL"), "unavailable"),
        (Reply::error(429, "RESOURCE_EXHAUSTED"), "throttled"),
        (Reply::error(403, "PERMISSION_DENIED"), "alarm"),
        (Reply::error(404, "NOT_FOUND"), "alarm"),
        (Reply::html(502), "unavailable"),
        (Reply::html(200), "unavailable"),
        (Reply::Truncated, "unavailable"),
        (Reply::Reset, "unavailable"),
        (Reply::Hang, "unavailable"),
    ] {
        let broken = reply.clone();
        let cloud = Scripted::start(move |asked| match asked.query.contains("pageToken") {
            true => broken.clone(),
            false => Reply::ok(page(&[execution("etl-1", OTHER_KEY, 12)], "2")),
        })
        .await;
        let found = adopt_by(&suited_to(&reply), &context(&cloud.url)).await;
        let error = found.unwrap_err();
        assert_eq!(word(&error), expected, "{reply:?}: {error}");
    }
}

#[tokio::test]
async fn a_list_without_an_end_is_no_evidence() {
    let cloud = Scripted::start(|_| Reply::ok(page(&[], "again"))).await;
    let error = adopt(&context(&cloud.url)).await.unwrap_err();
    assert_eq!(word(&error), "unavailable", "{error}");
}

#[tokio::test]
async fn a_list_that_lags_shows_it_to_a_later_look() {
    let mut looks = 0;
    let cloud = Scripted::start(move |_| {
        looks += 1;
        Reply::ok(match looks {
            1 => page(&[], ""),
            _ => page(&[execution("etl-late", KEY, 11)], ""),
        })
    })
    .await;
    let context = context(&cloud.url);
    assert_eq!(adopt(&context).await.unwrap(), None);
    assert_eq!(
        name_of(&adopt(&context).await.unwrap().unwrap()),
        full("etl-late")
    );
}

#[tokio::test]
async fn clocks_may_disagree_by_minutes() {
    let cloud = Scripted::start(|asked| {
        Reply::ok(match asked.query.contains("pageToken") {
            false => page(&[execution("etl-1", OTHER_KEY, 8)], "2"),
            true => page(&[execution("etl-ours", KEY, 7)], ""),
        })
    })
    .await;
    let handle = adopt(&context(&cloud.url)).await.unwrap().unwrap();
    assert_eq!(name_of(&handle), full("etl-ours"));
}
