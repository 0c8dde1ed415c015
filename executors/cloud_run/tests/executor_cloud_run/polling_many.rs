//! Polls of many executions: one list where there are several, and no storm on a backend in trouble.

use serde_json::json;

use crate::polling::{LONG, ONCE, in_turn, ours, poll, poll_by};
use crate::records::{KEY, execution, full_of, page, running, succeeded, with};
use crate::scripted::{Reply, Scripted};
use crate::world::{context, handle, suited_to};

#[tokio::test]
async fn several_of_one_job_are_one_list() {
    let cloud = Scripted::start(|asked| {
        assert_eq!(asked.line(), "GET etl/executions");
        Reply::ok(page(
            &[
                succeeded(execution("etl-3", KEY, 13)),
                running(execution("etl-2", KEY, 12)),
                execution("etl-1", KEY, 11),
            ],
            "more",
        ))
    })
    .await;
    let handles = ["etl-1", "etl-2", "etl-3"].map(|short| handle(&cloud.url, "etl", short));
    let states = poll(&context(&cloud.url), &handles, ONCE).await;
    assert_eq!(
        states,
        ["launching", "running", "succeeded"],
        "in the order of the input"
    );
    assert_eq!(cloud.asked().len(), 1);
}

#[tokio::test]
async fn several_jobs_of_a_region_are_one_list_and_the_missing_are_read_by_name() {
    let of = |job: &str, short: &str| {
        with(
            execution(short, KEY, 12),
            json!({ "name": full_of(job, short) }),
        )
    };
    let cloud = Scripted::start(move |asked| match asked.line().as_str() {
        "GET -/executions" => Reply::ok(page(
            &[
                succeeded(of("a", "a-1")),
                // The same short name in another job is another execution.
                succeeded(of("other", "b-1")),
            ],
            "",
        )),
        "GET b/executions/b-1" => Reply::ok(running(of("b", "b-1"))),
        line => panic!("nobody asks for {line}"),
    })
    .await;
    let handles = [
        handle(&cloud.url, "a", "a-1"),
        handle(&cloud.url, "b", "b-1"),
    ];
    assert_eq!(
        poll(&context(&cloud.url), &handles, ONCE).await,
        ["succeeded", "running"]
    );
    assert_eq!(cloud.lines(), ["GET -/executions", "GET b/executions/b-1"]);
}

#[tokio::test]
async fn a_region_that_may_not_be_listed_is_read_one_by_one() {
    let cloud = Scripted::start(|asked| match asked.path.ends_with("/executions") {
        true => Reply::error(403, "PERMISSION_DENIED"),
        false => {
            let (job, short) = asked.line()["GET ".len()..]
                .split_once("/executions/")
                .map(|(job, short)| (job.to_owned(), short.to_owned()))
                .unwrap();
            let name = full_of(&job, &short);
            Reply::ok(running(with(
                execution(&short, KEY, 12),
                json!({ "name": name }),
            )))
        }
    })
    .await;
    let handles = [
        handle(&cloud.url, "a", "a-1"),
        handle(&cloud.url, "b", "b-1"),
    ];
    assert_eq!(
        poll(&context(&cloud.url), &handles, ONCE).await,
        ["running", "running"]
    );
}

#[tokio::test]
async fn a_backend_in_trouble_is_asked_once_for_all() {
    for (reply, expected) in [
        (Reply::error(503, "UNAVAILABLE"), "unavailable"),
        (Reply::error(429, "RESOURCE_EXHAUSTED"), "throttled"),
        (Reply::Hang, "unavailable"),
        (Reply::Reset, "unavailable"),
    ] {
        let cloud = in_turn(vec![reply.clone()]).await;
        let handles = ["etl-1", "etl-2", "etl-3"].map(|short| handle(&cloud.url, "etl", short));
        let executor = suited_to(&reply);
        let states = poll_by(&executor, &context(&cloud.url), &handles, LONG).await;
        assert_eq!(states, [expected; 3], "{reply:?}");
        assert_eq!(cloud.asked().len(), 1, "{reply:?}");
    }
}

#[tokio::test]
async fn one_bad_handle_does_not_stop_the_others() {
    let cloud = in_turn(vec![Reply::ok(succeeded(ours()))]).await;
    let handles = [
        handle("http://127.0.0.1:1", "etl", "etl-9"),
        handle(&cloud.url, "etl", "etl-1"),
    ];
    assert_eq!(
        poll(&context(&cloud.url), &handles, LONG).await,
        ["alarm", "succeeded"]
    );
}

#[tokio::test]
async fn trouble_among_single_reads_ends_the_round() {
    let cloud = Scripted::start(|asked| match asked.path.ends_with("/executions") {
        true => Reply::error(403, "PERMISSION_DENIED"),
        false => Reply::error(503, "UNAVAILABLE"),
    })
    .await;
    let handles = ["etl-1", "etl-2", "etl-3"].map(|short| handle(&cloud.url, "etl", short));
    let states = poll(&context(&cloud.url), &handles, ONCE).await;
    assert_eq!(states, ["unavailable"; 3]);
    assert_eq!(
        cloud.lines(),
        ["GET etl/executions", "GET etl/executions/etl-1"]
    );
}
