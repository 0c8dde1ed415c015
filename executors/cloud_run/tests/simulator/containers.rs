//! Executions whose containers are real processes.

use std::{path::Path, time::Duration};

use noctule_cloud_run::simulator::{Counts, Ending, Fail, JobConfig, Simulator, SimulatorError};
use serde_json::json;

use crate::client::{condition, failing, id, post, read, run, run_to_the_end, shell, simulator};

#[tokio::test]
async fn a_job_without_a_command_succeeds_after_its_delay() {
    let sim = simulator(JobConfig {
        delay: Some(Duration::from_millis(5)),
        ..JobConfig::default()
    })
    .await;
    let ended = run_to_the_end(&sim, &json!({})).await;
    assert_eq!(ended["succeededCount"], 1);
    assert!(ended["startTime"].is_string());
}

#[tokio::test]
async fn a_container_gets_the_secrets_that_its_environment_refers_to_and_nothing_shows_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut job = shell("echo \"$DB $OTHER\" > seen");
    job.cwd = Some(folder.path().to_owned());
    let sim = simulator(job).await;
    sim.keep_secret("db", "canary-one");
    sim.keep_secret("projects/q/secrets/other", "canary-two");
    let env = |other: &str| {
        let of = |name: &str, secret: &str| {
            let key = json!({"secret": secret, "version": "latest"});
            json!({"name": name, "valueSource": {"secretKeyRef": key}})
        };
        json!({"containerOverrides": [{"env": [of("DB", "db"), of("OTHER", other)]}]})
    };
    let ended = run_to_the_end(&sim, &env("projects/q/secrets/other")).await;
    assert_eq!(ended["succeededCount"], 1, "{ended}");
    let seen = std::fs::read_to_string(folder.path().join("seen")).unwrap();
    assert_eq!(seen, "canary-one canary-two\n");
    assert!(
        !ended.to_string().contains("canary") && !format!("{:?}", sim.state()).contains("canary")
    );
    // What does not exist, or is another project's, starts nothing.
    for missing in ["other", "projects/q/secrets/none"] {
        let ended = run_to_the_end(&sim, &env(missing)).await;
        assert_eq!(
            condition(&ended, "Completed")["reason"],
            "SECRETS_ACCESS_CHECK_FAILED",
            "{ended}"
        );
    }
}

#[tokio::test]
async fn a_container_sees_its_arguments_the_merged_environment_and_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"env | sort > "$CLOUD_RUN_TASK_INDEX"; echo "$0 $*" >> "$CLOUD_RUN_TASK_INDEX""#;
    let mut job = shell(script);
    job.command.push("etl.sh".to_owned());
    job.env = [("A", "job"), ("B", "job")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
    job.cwd = Some(folder.path().to_owned());
    let sim = simulator(job).await;
    let env = json!([{"name": "B", "value": "run"}, {"name": "C", "value": ""}]);
    let overrides =
        json!({"containerOverrides": [{"args": ["--day", "1"], "env": env}], "taskCount": 2});
    let ended = run_to_the_end(&sim, &overrides).await;
    let seen = std::fs::read_to_string(folder.path().join("1")).unwrap();
    let execution = id(ended["name"].as_str().unwrap());
    for line in [
        "A=job",
        "B=run",
        "C=",
        "CLOUD_RUN_JOB=etl",
        "CLOUD_RUN_TASK_INDEX=1",
        "CLOUD_RUN_TASK_ATTEMPT=0",
        "CLOUD_RUN_TASK_COUNT=2",
        "etl.sh --day 1",
        &format!("CLOUD_RUN_EXECUTION={execution}"),
    ] {
        assert!(
            seen.lines().any(|known| known == line),
            "{line} is missing in:\n{seen}"
        );
    }
    assert!(!seen.contains("CARGO"), "the environment is cleared");
    let shown = &ended["template"]["containers"][0];
    assert_eq!(shown["args"], json!(["--day", "1"]));
    assert_eq!(shown["env"][1], json!({"name": "B", "value": "run"}));
}

#[tokio::test]
async fn a_failed_task_is_tried_again_as_often_as_the_job_allows() {
    let mut job = shell("test $CLOUD_RUN_TASK_ATTEMPT = 2");
    job.max_retries = Some(2);
    let sim = simulator(job).await;
    let ended = run_to_the_end(&sim, &json!({})).await;
    assert_eq!(
        (&ended["succeededCount"], &ended["retriedCount"]),
        (&json!(1), &json!(2))
    );
    let path = format!("/v2/{}/tasks", ended["name"].as_str().unwrap());
    assert_eq!(read(&sim, &path).await["tasks"][0]["retried"], 2);
}

#[tokio::test]
async fn an_exit_code_arrives_at_the_task() {
    let sim = simulator(shell("exit 42")).await;
    let ended = run_to_the_end(&sim, &json!({})).await;
    assert_eq!(
        (&ended["failedCount"], &ended["succeededCount"]),
        (&json!(1), &json!(null))
    );
    assert_eq!(
        condition(&ended, "Completed")["executionReason"],
        "NON_ZERO_EXIT_CODE"
    );
    let path = format!("/v2/{}/tasks", ended["name"].as_str().unwrap());
    assert_eq!(
        read(&sim, &path).await["tasks"][0]["lastAttemptResult"]["exitCode"],
        42
    );
}

#[tokio::test]
async fn a_container_that_kills_itself_shows_the_signal() {
    let sim = simulator(shell("kill -9 $$")).await;
    let ended = run_to_the_end(&sim, &json!({})).await;
    let path = format!("/v2/{}/tasks", ended["name"].as_str().unwrap());
    assert_eq!(
        read(&sim, &path).await["tasks"][0]["lastAttemptResult"]["termSignal"],
        9
    );
}

#[tokio::test]
async fn a_program_that_is_not_there_fails() {
    let job = JobConfig {
        command: vec!["/no/such/program".to_owned()],
        ..JobConfig::default()
    };
    let sim = simulator(job).await;
    let ended = run_to_the_end(&sim, &json!({})).await;
    let message = condition(&ended, "Completed")["message"].to_string();
    assert!(message.contains("Application failed to start"), "{message}");
}

#[tokio::test]
async fn fail_decides_which_tasks_fail() {
    for (fail, failed) in [
        (Fail::All(true), 3),
        (Fail::All(false), 0),
        (Fail::ExitCode(4), 3),
        (Fail::Tasks(vec![1]), 1),
    ] {
        let sim = simulator(failing(fail.clone())).await;
        run_to_the_end(&sim, &json!({"taskCount": 3})).await;
        let counts = sim.executions()[0].counts;
        assert_eq!(
            counts,
            Counts {
                failed,
                succeeded: 3 - failed,
                ..Counts::default()
            },
            "{fail:?}"
        );
    }
}

#[tokio::test]
async fn cancel_sends_term_to_the_container() {
    let sim = simulator(shell(
        "trap 'exit 130' TERM; echo ready; while :; do sleep 0.01; done",
    ))
    .await;
    let path = run(&sim, &json!({})).await;
    ready(&sim, "ready").await;
    assert_eq!(
        post(&sim, &format!("{path}:cancel"), &json!({})).await.0,
        200
    );
    let state = sim.wait_for(|state| state.executions[0].ended).await;
    assert_eq!(
        state.executions[0].counts,
        Counts {
            cancelled: 1,
            ..Counts::default()
        }
    );
    let tasks = read(&sim, &format!("{path}/tasks")).await;
    assert_eq!(tasks["tasks"][0]["lastAttemptResult"]["exitCode"], 130);
}

#[tokio::test]
async fn kill_follows_term_after_the_grace_and_takes_the_whole_group() {
    let folder = tempfile::tempdir().unwrap();
    let mut job = shell(
        "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > child; echo ready; while :; do sleep 0.01; done' & wait",
    );
    job.cwd = Some(folder.path().to_owned());
    let builder = Simulator::builder()
        .job("etl", job)
        .grace(Duration::from_millis(20));
    let sim = builder.start().await.unwrap();
    let path = run(&sim, &json!({})).await;
    ready(&sim, "ready").await;
    assert_eq!(
        post(&sim, &format!("{path}:cancel"), &json!({})).await.0,
        200
    );
    sim.wait_for(|state| state.executions[0].ended).await;
    let tasks = read(&sim, &format!("{path}/tasks")).await;
    assert_eq!(tasks["tasks"][0]["lastAttemptResult"]["termSignal"], 9);
    gone(folder.path()).await;
}

#[tokio::test]
async fn an_attempt_out_of_time_is_stopped_and_fails() {
    let sim = simulator(shell("while :; do sleep 0.01; done")).await;
    let ended = run_to_the_end(&sim, &json!({"timeout": "0.2s"})).await;
    let completed = condition(&ended, "Completed");
    assert_eq!(completed["executionReason"], "NON_ZERO_EXIT_CODE");
    assert!(
        completed["message"]
            .as_str()
            .unwrap()
            .contains("maximum timeout"),
        "{completed}"
    );
    assert_eq!(ended["template"]["timeout"], "0.200s");
}

#[tokio::test]
async fn tasks_run_beside_each_other_only_as_parallelism_allows() {
    let folder = tempfile::tempdir().unwrap();
    let mut job = shell("mkdir busy && sleep 0.02 && rmdir busy");
    (job.cwd, job.parallelism) = (Some(folder.path().to_owned()), Some(1));
    let sim = simulator(job).await;
    let ended = run_to_the_end(&sim, &json!({"taskCount": 4})).await;
    assert_eq!(ended["succeededCount"], 4, "two at once would collide");
}

#[tokio::test]
async fn the_end_of_a_real_container_is_not_for_the_test_to_decide() {
    let sim = simulator(shell("while :; do sleep 0.01; done")).await;
    let path = run(&sim, &json!({})).await;
    let refused = sim.finish(id(&path), Ending::Succeeded);
    assert!(matches!(refused, Err(SimulatorError::NotScripted { .. })));
}

#[tokio::test]
async fn a_dropped_simulator_leaves_no_process_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut job = shell(
        "sh -c 'trap \"\" TERM; echo $$ > child; echo ready; while :; do sleep 0.01; done'; true",
    );
    job.cwd = Some(folder.path().to_owned());
    let sim = simulator(job).await;
    run(&sim, &json!({})).await;
    ready(&sim, "ready").await;
    drop(sim);
    gone(folder.path()).await;
}

/// Waits until a container has printed this line.
async fn ready(sim: &Simulator, line: &str) {
    let logs =
        json!({"resourceNames": ["projects/p"], "filter": format!("textPayload=\"{line}\"")});
    let mut found = false;
    while !found {
        let (_, body) = post(sim, "/v2/entries:list", &logs).await;
        found = body.get("entries").is_some();
    }
}

/// Waits until the process that left its number in the file `child` is gone.
async fn gone(folder: &Path) {
    let process = std::fs::read_to_string(folder.join("child")).unwrap();
    let alive = || {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", process.trim()));
        status.is_ok_and(|status| !status.contains(") Z "))
    };
    while alive() {
        tokio::task::yield_now().await;
    }
}
