//! The nightly scenario, for both tenants and both ways to wait: the tick, the one call, the order, the result.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use noctule_cloud_run::simulator::{Ending, ExecutionView, State};
use noctule_core::ask::{Answer, Wish};
use noctule_core::name::RunId;
use noctule_core::run::{Run, Trigger};
use noctule_executor::Wait;
use serde_json::{Value, json};

use crate::project::{ATEC, LLM_JOB, LLM_TASK, TRINITYSPA, Tenant, instant};
use crate::running::{env_of, word};
use crate::stage::Stage;

const JOB_PATH: &str =
    "/v2/projects/hyperlounge-dev/locations/asia-northeast1/jobs/claude-agent-sdk-batch-job:run";

/// What was sent to the conversion's job, oldest first.
fn calls(state: &State) -> Vec<BTreeMap<String, String>> {
    let calls = state.runs().filter(|request| request.path == JOB_PATH);
    calls.map(env_of).collect()
}

/// The variables that the conversion of a tenant is given, with the key of the attempt that gave them.
fn variables(
    stage: &Stage,
    run: &Run,
    tenant: Tenant,
    more: &[(&str, &str)],
) -> BTreeMap<String, String> {
    let key = stage.task(run, LLM_TASK).attempts[0].key.to_string();
    let mut all = vec![
        ("TENANT_CODE", tenant.code),
        ("BSDA", tenant.bsda),
        ("NOCTULE_ATTEMPT_KEY", &key),
    ];
    all.extend_from_slice(more);
    all.into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn time(execution: &ExecutionView, field: &str) -> DateTime<Utc> {
    instant(execution.json[field].as_str().unwrap())
}

/// The executions of the tasks that depend on the conversion, found by the keys of their attempts.
fn downstream(stage: &Stage, run: &Run, tenant: Tenant) -> Vec<ExecutionView> {
    let executions = stage.cloud.executions();
    let of = |task: &&str| {
        let key = stage.task(run, task).attempts[0].key.as_str();
        let ours = |execution: &&ExecutionView| execution.env["NOCTULE_ATTEMPT_KEY"] == key;
        executions.iter().find(ours).unwrap().clone()
    };
    tenant.after_conversion.iter().map(of).collect()
}

/// Lets the schedule fire, and looks at the night from the tick to the end of the run.
async fn a_night(tenant: Tenant, wait: Wait) {
    let stage = Stage::of(&[tenant]).await.adjusted(|task| task.wait = wait);
    let engine = stage.start_before(tenant.tick).await;
    let id = engine.scheduled(tenant.dag).await;
    let conversion = stage.conversion().await;
    let run = engine.sees_running(&id, LLM_TASK).await;
    assert_eq!(
        run.facts.trigger,
        Trigger::Schedule {
            tick: instant(tenant.tick)
        }
    );
    for task in tenant.after_conversion {
        assert!(
            stage.task(&run, task).attempts.is_empty(),
            "{task} did not wait"
        );
    }
    stage
        .cloud
        .finish(&conversion.id, Ending::Succeeded)
        .unwrap();
    let run = engine.over(&id).await;
    assert_eq!(word(&run), "succeeded");
    assert!(
        run.tasks.iter().all(|task| task.attempts.len() == 1),
        "{run:#?}"
    );
    assert_eq!(
        calls(&stage.cloud.state()),
        [variables(&stage, &run, tenant, &[])]
    );
    assert_eq!(stage.cloud.executions().len(), run.tasks.len());
    assert_result(&stage, &run, &conversion.name);
    let ended = time(&stage.executions_of(LLM_JOB)[0], "completionTime");
    for later in downstream(&stage, &run, tenant) {
        assert!(
            time(&later, "createTime") >= ended,
            "{} began before the conversion ended",
            later.job
        );
        assert_eq!(later.env["BSDA"], tenant.bsda);
    }
    engine.drain().await;
}

/// The five fields that the old batch pushed to those after it.
fn assert_result(stage: &Stage, run: &Run, execution: &str) {
    let output = stage.task(run, LLM_TASK).output().unwrap();
    assert_eq!(output["status"], "succeeded");
    assert_eq!(output["execution_name"], execution);
    assert_eq!(
        (&output["succeeded_count"], &output["failed_count"]),
        (&json!(1), &json!(0))
    );
    let completed = output["completion_time"].as_str().map(instant);
    assert_eq!(
        completed,
        Some(time(&stage.executions_of(LLM_JOB)[0], "completionTime"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_of_cf526000_with_block_is_one_call_and_one_chain() {
    Box::pin(a_night(ATEC, Wait::Block)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_of_cf526000_with_poll_is_one_call_and_one_chain() {
    Box::pin(a_night(ATEC, Wait::Poll)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_of_c8cd3500_with_block_is_one_call_and_two_sources() {
    Box::pin(a_night(TRINITYSPA, Wait::Block)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_of_c8cd3500_with_poll_is_one_call_and_two_sources() {
    Box::pin(a_night(TRINITYSPA, Wait::Poll)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_that_came_while_no_engine_ran_is_caught_up_under_its_own_ingestion_id() {
    let stage = Stage::with_conversion(&[ATEC], ends_well()).await;
    stage.at("2025-11-07T11:00:00Z");
    stage.start().await.drain().await;
    stage.at("2025-11-07T12:47:31Z");
    let engine = stage.start().await;
    let id = engine.scheduled(ATEC.dag).await;
    let run = engine.over(&id).await;
    let tick = instant(ATEC.tick);
    assert_eq!(
        (word(&run), &run.facts.trigger),
        ("succeeded", &Trigger::CatchUp { tick })
    );
    assert_eq!(
        calls(&stage.cloud.state()),
        [variables(&stage, &run, ATEC, &[])]
    );
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_wait_holds_no_slot_and_a_block_wait_does() {
    for (wait, others_go_on) in [(Wait::Poll, true), (Wait::Block, false)] {
        let mut stage = Stage::of(&[TRINITYSPA])
            .await
            .adjusted(|task| task.wait = wait);
        stage.slots = 1;
        stage.at(TRINITYSPA.tick);
        let engine = stage.start().await;
        let run = engine.trigger(TRINITYSPA.dag).await;
        let conversion = stage.conversion().await;
        if others_go_on {
            let tagged = |run: &Run| stage.task(run, "sd_tag").end().is_some();
            engine
                .until("sd_tag ends beside the conversion", &run, tagged)
                .await;
        }
        let seen = engine.sees_running(&run, LLM_TASK).await;
        assert_eq!(
            stage.task(&seen, "sd_tag").end().is_some(),
            others_go_on,
            "{wait:?}"
        );
        stage
            .cloud
            .finish(&conversion.id, Ending::Succeeded)
            .unwrap();
        assert_eq!(word(&engine.over(&run).await), "succeeded", "{wait:?}");
        engine.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parameter_that_is_given_is_exactly_one_variable_more() {
    for tenant in [ATEC, TRINITYSPA] {
        let stage = Stage::with_conversion(&[tenant], ends_well()).await;
        stage.at(tenant.tick);
        let engine = stage.start().await;
        let mut expected = Vec::new();
        for (param, variable, value) in [
            ("file_id", "FILE_ID", "WEEKLY_PROFIT_AND_LOSS"),
            ("prompt_id", "PROMPT_ID", "weekly_summary"),
        ] {
            let given = [(param, value)];
            let run = engine
                .trigger_with(tenant.dag, &given, Some(tenant.bsda))
                .await
                .unwrap();
            let run = engine.over(&run).await;
            assert_eq!(word(&run), "succeeded");
            expected.push(variables(&stage, &run, tenant, &[(variable, value)]));
        }
        assert_eq!(calls(&stage.cloud.state()), expected);
        engine.drain().await;
    }
}

fn ends_well() -> noctule_cloud_run::simulator::JobScript {
    noctule_cloud_run::simulator::JobScript::ends_at_once(Ending::Succeeded)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ingestion_id_by_hand_has_8_or_14_digits_or_is_refused_before_any_call() {
    let stage = Stage::with_conversion(&[TRINITYSPA], ends_well()).await;
    stage.at(TRINITYSPA.tick);
    let engine = stage.start().await;
    for refused in [
        "2025110714",
        "20251107T14000",
        "",
        "2025110714000",
        "202511071400000",
    ] {
        let answer = engine
            .trigger_with(TRINITYSPA.dag, &[], Some(refused))
            .await;
        assert!(answer.is_err(), "`{refused}` was taken");
    }
    assert_eq!(stage.cloud.runs_sent(), 0);
    for taken in ["20251107", "20251107140000"] {
        let run = engine
            .trigger_with(TRINITYSPA.dag, &[], Some(taken))
            .await
            .unwrap();
        assert_eq!(word(&engine.over(&run).await), "succeeded");
    }
    let calls = calls(&stage.cloud.state());
    let sent: Vec<_> = calls.iter().map(|env| env["BSDA"].as_str()).collect();
    assert_eq!(sent, ["20251107", "20251107140000"]);
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_failure_of_one_tenant_leaves_the_other_alone() {
    let stage = Stage::of(&[ATEC, TRINITYSPA]).await;
    stage.at(TRINITYSPA.tick);
    let engine = stage.start().await;
    let runs = [
        engine
            .trigger_with(ATEC.dag, &[], Some(ATEC.bsda))
            .await
            .unwrap(),
        engine
            .trigger_with(TRINITYSPA.dag, &[], Some(TRINITYSPA.bsda))
            .await
            .unwrap(),
    ];
    let both = |state: &State| {
        state
            .executions
            .iter()
            .filter(|e| e.job == LLM_JOB && e.started)
            .count()
            == 2
    };
    stage.cloud_is("both conversions are under way", both).await;
    let of = |tenant: Tenant| {
        let all = stage.executions_of(LLM_JOB);
        all.into_iter()
            .find(|execution| execution.env["TENANT_CODE"] == tenant.code)
            .unwrap()
    };
    assert_eq!(
        (
            of(ATEC).env["BSDA"].as_str(),
            of(TRINITYSPA).env["BSDA"].as_str()
        ),
        (ATEC.bsda, TRINITYSPA.bsda)
    );
    stage.cloud.finish(&of(ATEC).id, Ending::failed(1)).unwrap();
    assert_eq!(word(&engine.over(&runs[0]).await), "failed");
    let other = engine.sees_running(&runs[1], LLM_TASK).await;
    assert_eq!(word(&other), "running");
    stage
        .cloud
        .finish(&of(TRINITYSPA).id, Ending::Succeeded)
        .unwrap();
    assert_eq!(word(&engine.over(&runs[1]).await), "succeeded");
    assert_eq!(
        (
            calls(&stage.cloud.state()).len(),
            stage.cloud.cancels_sent()
        ),
        (2, 0)
    );
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_on_the_next_day_keeps_the_ingestion_id_and_all_that_was_done() {
    let stage = Stage::of(&[TRINITYSPA]).await;
    let evening = stage.start_before("2026-01-13T14:00:00Z").await;
    let id = evening.scheduled(TRINITYSPA.dag).await;
    let first = stage.conversion().await;
    stage.cloud.finish(&first.id, Ending::failed(1)).unwrap();
    let failed = evening.over(&id).await;
    assert_eq!(word(&failed), "failed");
    let done = stage.cloud.executions().len();
    evening.drain().await;

    stage.at("2026-01-14T01:30:00Z");
    let morning = stage.start().await;
    let answer = morning.ask(retry(&id)).await;
    assert!(matches!(answer, Answer::Done { .. }), "{answer:?}");
    let second = stage.conversion().await;
    stage.cloud.finish(&second.id, Ending::Succeeded).unwrap();
    let again = |run: &Run| run.round == 2 && run.is_over();
    let run = morning.until("the second round is over", &id, again).await;
    assert_eq!((word(&run), &run.facts), ("succeeded", &failed.facts));
    let ids: Vec<Value> = stage
        .cloud
        .executions()
        .iter()
        .map(|e| json!(e.env["BSDA"]))
        .collect();
    assert!(ids.iter().all(|bsda| bsda == "20260113140000"), "{ids:?}");
    let keys: Vec<_> = stage
        .task(&run, LLM_TASK)
        .attempts
        .iter()
        .map(|attempt| &attempt.key)
        .collect();
    assert!(keys.len() == 2 && keys[0] != keys[1]);
    assert_eq!(
        stage.cloud.executions().len(),
        done + 1 + TRINITYSPA.after_conversion.len()
    );
    morning.drain().await;
}

fn retry(run: &RunId) -> Wish {
    Wish::Retry {
        run: run.clone(),
        tasks: Vec::new(),
        downstream: false,
        all: false,
        reason: None,
        definition: noctule_core::ask::Take::Pinned,
    }
}
