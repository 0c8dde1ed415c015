//! A resend, and a search: what an earlier send started is found, and nothing is started twice.

use noctule_executor::Executor;
use serde_json::{Value, json};

use crate::records::{
    KEY, OTHER_KEY, arn, definition, failure, listed, revision, stopped, task, tasks,
};
use crate::scripted::{Asked, Reply, Scripted};
use crate::world::{
    arn_of, at, attempt, etl, etl_with, launch, launch_by, old_attempt, quick, request, word,
};

/// A cluster with these tasks, found by their mark; RunTask is answered by `run`.
async fn cluster(known: Vec<Value>, run: Reply) -> Scripted {
    Scripted::start(move |asked| match asked.action().as_str() {
        "DescribeTaskDefinition" => definition(3),
        "RunTask" => run.clone(),
        "ListTasks" => list(&known, asked),
        "DescribeTasks" => describe(&known, asked),
        "StopTask" => Reply::ok(json!({ "task": {} })),
        action => panic!("nobody asks for {action}"),
    })
    .await
}

fn list(known: &[Value], asked: &Asked) -> Reply {
    let asked = asked.json();
    let wants_stopped = asked["desiredStatus"] == "STOPPED";
    let fits = known.iter().filter(|task| {
        let is_stopped = task["lastStatus"] == "STOPPED";
        task["startedBy"] == asked["startedBy"] && is_stopped == wants_stopped
    });
    let arns: Vec<_> = fits.map(|task| task["taskArn"].clone()).collect();
    Reply::ok(json!({ "taskArns": arns }))
}

fn describe(known: &[Value], asked: &Asked) -> Reply {
    let wanted = asked.json()["tasks"].clone();
    let wanted = wanted.as_array().unwrap();
    let fits: Vec<_> = known
        .iter()
        .filter(|task| wanted.contains(&task["taskArn"]))
        .cloned()
        .collect();
    tasks(&fits)
}

#[tokio::test]
async fn a_resend_that_finds_the_work_sends_nothing() {
    for known in [
        task("old", KEY, "RUNNING"),
        stopped("old", KEY, 0),
        task("old", KEY, "PENDING"),
    ] {
        let ecs = cluster(
            vec![task("other", OTHER_KEY, "RUNNING"), known],
            Reply::Reset,
        )
        .await;
        assert_eq!(word(&launch(&at(&ecs.url), 2).await), "old");
        assert_eq!(ecs.of("RunTask").len(), 0);
    }
}

#[tokio::test]
async fn a_resend_that_cannot_look_sends_nothing() {
    let ecs = Scripted::start(|_| Reply::error(500, "ServerException", "busy")).await;
    assert_eq!(word(&launch(&at(&ecs.url), 2).await), "unavailable");
    assert_eq!(ecs.actions(), ["ListTasks"]);
}

#[tokio::test]
async fn a_resend_that_finds_nothing_is_sent() {
    let ecs = cluster(Vec::new(), tasks(&[task("new", KEY, "PROVISIONING")])).await;
    assert_eq!(word(&launch(&at(&ecs.url), 2).await), "new");
    assert_eq!(ecs.of("RunTask").len(), 1);
}

#[tokio::test]
async fn a_token_that_is_too_old_is_never_sent_again() {
    let ecs = cluster(Vec::new(), tasks(&[task("second", KEY, "RUNNING")])).await;
    let sent = launch_by(&quick(), &at(&ecs.url), &old_attempt(2, 24)).await;
    assert_eq!(word(&sent), "rejected unknown");
    assert_eq!(ecs.of("RunTask").len(), 0);
    let found = cluster(vec![stopped("old", KEY, 0)], Reply::Reset).await;
    let sent = launch_by(&quick(), &at(&found.url), &old_attempt(2, 24)).await;
    assert_eq!(word(&sent), "old");
    let young = launch_by(&quick(), &at(&ecs.url), &old_attempt(2, 22)).await;
    assert_eq!(
        word(&young),
        "second",
        "the token still stands for one task"
    );
    let first = launch_by(&quick(), &at(&ecs.url), &old_attempt(1, 48)).await;
    assert_eq!(word(&first), "second", "a first send has nothing to double");
}

#[tokio::test]
async fn a_conflict_is_the_task_that_the_token_stands_for() {
    let mut conflict = json!({ "__type": "ConflictException", "message": "other parameters" });
    conflict["resourceIds"] = json!([arn("first")]);
    let conflict = Reply::Json(400, conflict);
    let ecs = cluster(vec![task("first", KEY, "RUNNING")], conflict.clone()).await;
    // The list lags, or it would have been found before; here the first send says so.
    assert_eq!(word(&launch(&at(&ecs.url), 1).await), "first");
    assert_eq!(
        ecs.actions(),
        ["DescribeTaskDefinition", "RunTask", "DescribeTasks"]
    );
    let unread = cluster(Vec::new(), conflict.clone()).await;
    assert_eq!(
        word(&launch(&at(&unread.url), 1).await),
        "first",
        "it cannot be read yet"
    );
    let stranger = cluster(vec![task("first", OTHER_KEY, "RUNNING")], conflict).await;
    assert_eq!(
        word(&launch(&at(&stranger.url), 1).await),
        "rejected config"
    );
}

#[tokio::test]
async fn a_conflict_that_names_nobody_is_looked_up() {
    let conflict = || Reply::error(400, "ConflictException", "other parameters");
    let ecs = cluster(vec![task("first", KEY, "RUNNING")], conflict()).await;
    assert_eq!(word(&launch(&at(&ecs.url), 1).await), "first");
    let ecs = cluster(Vec::new(), conflict()).await;
    assert_eq!(word(&launch(&at(&ecs.url), 1).await), "unknown");
}

#[tokio::test]
async fn a_family_that_moved_between_two_sends_is_one_work() {
    let mut reads = 0;
    let mut started = false;
    let ecs = Scripted::start(move |asked| match asked.action().as_str() {
        "DescribeTaskDefinition" if asked.json()["taskDefinition"] == "etl" => {
            reads += 1;
            definition(2 + reads)
        }
        "DescribeTaskDefinition" => definition(3),
        "RunTask" if started => Reply::Json(
            400,
            json!({ "__type": "ConflictException", "resourceIds": [arn("first")] }),
        ),
        "RunTask" => {
            started = true;
            assert_eq!(asked.json()["taskDefinition"], revision(3));
            Reply::Reset
        }
        // Lists lag: the first task is not there yet.
        "ListTasks" => listed(&[]),
        _ => tasks(&[task("first", KEY, "RUNNING")]),
    })
    .await;
    let context = at(&ecs.url);
    let with = |sends| attempt(etl_with(json!({ "task_definition": "etl" })), sends);
    assert_eq!(
        word(&launch_by(&quick(), &context, &with(1)).await),
        "unknown"
    );
    let handle = launch_by(&quick(), &context, &with(2)).await.unwrap();
    assert_eq!(arn_of(&handle), arn("first"));
    assert_eq!(ecs.of("RunTask")[1].json()["taskDefinition"], revision(4));
    assert_eq!(
        serde_json::to_value(&handle).unwrap()["task_definition"],
        revision(3)
    );
}

#[tokio::test]
async fn a_refused_resend_still_finds_what_an_earlier_send_started() {
    let mut looks = 0;
    let ecs = Scripted::start(move |asked| match asked.action().as_str() {
        "DescribeTaskDefinition" => definition(3),
        "RunTask" => Reply::error(400, "AccessDeniedException", "no"),
        "ListTasks" => {
            looks += 1;
            listed(if looks > 2 { &["late"] } else { &[] })
        }
        _ => tasks(&[task("late", KEY, "RUNNING")]),
    })
    .await;
    assert_eq!(word(&launch(&at(&ecs.url), 2).await), "late");
    let ecs = cluster(Vec::new(), Reply::error(400, "AccessDeniedException", "no")).await;
    assert_eq!(word(&launch(&at(&ecs.url), 2).await), "rejected permission");
}

#[tokio::test]
async fn adopt_finds_running_and_stopped_work_and_starts_nothing() {
    for (known, expected) in [
        (vec![task("a", KEY, "RUNNING")], Some("a")),
        (vec![stopped("a", KEY, 1)], Some("a")),
        (vec![task("b", OTHER_KEY, "RUNNING")], None),
        (vec![], None),
    ] {
        let ecs = cluster(known, Reply::Reset).await;
        let context = at(&ecs.url);
        let attempt = attempt(etl(), 1);
        let request = request(&context, &attempt);
        let found = quick().adopt(&context, &attempt, &request).await.unwrap();
        assert_eq!(found.as_ref().map(arn_of), expected.map(arn));
        assert_eq!(ecs.of("RunTask").len(), 0);
    }
}

#[tokio::test]
async fn a_listed_task_that_cannot_be_read_yet_is_found() {
    let ecs = Scripted::start(move |asked| match asked.action().as_str() {
        "DescribeTaskDefinition" => definition(3),
        "ListTasks" if asked.json()["desiredStatus"] == "RUNNING" => listed(&["fresh"]),
        "ListTasks" => listed(&[]),
        _ => failure(&arn("fresh"), "MISSING"),
    })
    .await;
    assert_eq!(word(&launch(&at(&ecs.url), 2).await), "fresh");
}

#[tokio::test]
async fn of_two_tasks_with_one_key_the_oldest_is_kept() {
    let mut young = task("young", KEY, "RUNNING");
    young["createdAt"] = json!(1_768_305_700.0);
    let known = vec![
        young,
        task("old", KEY, "RUNNING"),
        task("other", OTHER_KEY, "RUNNING"),
    ];
    let ecs = cluster(known, Reply::Reset).await;
    assert_eq!(word(&launch(&at(&ecs.url), 2).await), "old");
    let stops: Vec<_> = ecs
        .of("StopTask")
        .iter()
        .map(|asked| asked.json()["task"].clone())
        .collect();
    assert_eq!(stops, [arn("young")]);
}

#[tokio::test]
async fn every_page_of_a_list_is_read() {
    let ecs = Scripted::start(move |asked| match asked.action().as_str() {
        "DescribeTaskDefinition" => definition(3),
        "ListTasks" if asked.json()["desiredStatus"] == "STOPPED" => listed(&[]),
        "ListTasks" if asked.json()["nextToken"] == "p2" => listed(&["second"]),
        "ListTasks" => Reply::ok(json!({ "taskArns": [], "nextToken": "p2" })),
        _ => tasks(&[task("second", KEY, "RUNNING")]),
    })
    .await;
    assert_eq!(word(&launch(&at(&ecs.url), 2).await), "second");
}
