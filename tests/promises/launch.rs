//! One launch for each attempt, whatever is lost on the way: what was accepted is found again and never started twice.

use std::time::Duration;

use noctule_cloud_run::simulator::{
    Answer, Effect, Ending, ExecutionView, JobScript, RequestPattern, State,
};
use noctule_core::ask::Wish;
use noctule_core::run::{AttemptState, Fact, Run};
use noctule_core::source::FileText;
use serde_json::{Value, json};

use crate::project::{ATEC, LLM_JOB, LLM_TASK};
use crate::running::{Running, end_of, word};
use crate::stage::Stage;

/// The next requests to run the conversion; the steps around it are left in peace.
fn conversion_runs() -> RequestPattern {
    RequestPattern::new("POST", &format!("*/jobs/{LLM_JOB}:run"))
}

fn runs_of_conversion(state: &State) -> usize {
    let path = format!("/{LLM_JOB}:run");
    state.sent("POST", &path).count()
}

/// How the engine came to know of the work: `Some(true)` by a search.
async fn adopted(engine: &Running<'_>, run: &Run, execution: &ExecutionView) -> Option<bool> {
    let facts = engine.facts(&run.facts.id).await;
    facts.iter().find_map(|fact| match fact {
        Fact::Launched { adopted, handle }
            if handle["execution_name"] == execution.name.as_str() =>
        {
            Some(*adopted)
        }
        _ => None,
    })
}

/// Ends the conversion well and looks at what came of it: one execution, one attempt, found by a search.
async fn assert_adopted(
    stage: &Stage,
    engine: Running<'_>,
    run: &noctule_core::name::RunId,
    how: &str,
) {
    let found = |fact: &Fact| matches!(fact, Fact::Launched { adopted: true, .. });
    engine.says("a search finds it", run, found).await;
    let conversion = stage.conversion().await;
    stage
        .cloud
        .finish(&conversion.id, Ending::Succeeded)
        .unwrap();
    let run = engine.over(run).await;
    assert_eq!(word(&run), "succeeded", "{how}");
    assert_eq!(stage.executions_of(LLM_JOB).len(), 1, "{how}");
    assert_eq!(stage.task(&run, LLM_TASK).attempts.len(), 1, "{how}");
    assert_eq!(stage.cloud.cancels_sent(), 0, "{how}");
    assert_eq!(
        adopted(&engine, &run, &conversion).await,
        Some(true),
        "{how}"
    );
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_launch_whose_answer_is_lost_is_found_again_and_not_sent_twice() {
    for effect in [
        Effect::LoseAnswer,
        Effect::Reset,
        Effect::Truncate { body_bytes: 40 },
        Effect::ActThenAnswer(Answer::unavailable()),
        Effect::ActThenAnswer(Answer::bad_gateway()),
        Effect::ActThenAnswer(Answer::html(
            200,
            "<html>a page where JSON was promised</html>",
        )),
    ] {
        let stage = Stage::of(&[ATEC]).await;
        let _order = stage.cloud.fault(conversion_runs(), 1, effect.clone());
        let engine = stage.start().await;
        let run = engine.trigger(ATEC.dag).await;
        assert_adopted(&stage, engine, &run, &format!("{effect:?}")).await;
        assert_eq!(runs_of_conversion(&stage.cloud.state()), 1, "{effect:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_launch_that_hangs_while_the_engine_is_killed_is_adopted_by_the_next_one() {
    let stage = Stage::of(&[ATEC]).await;
    let _order = stage.cloud.fault(conversion_runs(), 1, Effect::HangAnswer);
    let first = stage.start().await;
    let run = first.trigger(ATEC.dag).await;
    stage.conversion().await;
    first.kill().await;
    let second = stage.start().await;
    assert_adopted(&stage, second, &run, "hang and kill").await;
    assert_eq!(runs_of_conversion(&stage.cloud.state()), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_never_arrived_is_sent_again_under_the_same_key_after_the_search() {
    let stage = Stage::of(&[ATEC]).await;
    let _order = stage.cloud.fault(conversion_runs(), 1, Effect::DropRequest);
    let engine = stage.start().await;
    let id = engine.trigger(ATEC.dag).await;
    let conversion = stage.conversion().await;
    let run = engine.sees_running(&id, LLM_TASK).await;
    let attempts = &stage.task(&run, LLM_TASK).attempts;
    assert_eq!(attempts.len(), 1);
    assert_eq!(
        conversion.env["NOCTULE_ATTEMPT_KEY"],
        attempts[0].key.as_str()
    );
    stage
        .cloud
        .finish(&conversion.id, Ending::Succeeded)
        .unwrap();
    assert_eq!(word(&engine.over(&id).await), "succeeded");
    let state = stage.cloud.state();
    let path = format!("/{LLM_JOB}:run");
    let bodies: Vec<_> = state
        .sent("POST", &path)
        .map(|request| &request.body)
        .collect();
    assert!(bodies.len() == 2 && bodies[0] == bodies[1], "{bodies:?}");
    assert_eq!(stage.executions_of(LLM_JOB).len(), 1);
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_429_is_waited_out_as_told_and_uses_no_retry() {
    let stage = Stage::of(&[ATEC]).await;
    let _order = stage
        .cloud
        .fault(conversion_runs(), 1, Effect::Answer(Answer::throttled(1)));
    let engine = stage.start().await;
    let id = engine.trigger(ATEC.dag).await;
    let conversion = stage.conversion().await;
    stage
        .cloud
        .finish(&conversion.id, Ending::Succeeded)
        .unwrap();
    let run = engine.over(&id).await;
    assert_eq!(word(&run), "succeeded");
    let attempts = &stage.task(&run, LLM_TASK).attempts;
    assert_eq!((attempts.len(), attempts[0].number), (1, 1));
    let state = stage.cloud.state();
    let path = format!("/{LLM_JOB}:run");
    let arrivals: Vec<_> = state
        .sent("POST", &path)
        .map(|request| request.arrived)
        .collect();
    assert_eq!(arrivals.len(), 2);
    assert!(
        arrivals[1] - arrivals[0] >= Duration::from_secs(1),
        "{arrivals:?}"
    );
    let searched = |fact: &Fact| matches!(fact, Fact::Searching { .. } | Fact::SentAgain);
    assert!(
        !engine.facts(&id).await.iter().any(searched),
        "a refusal is no unknown outcome"
    );
    engine.drain().await;
}

/// Two conversions at once, of one job.
const TWINS: FileText<'static> = FileText {
    path: "dags/twins.toml",
    text: r#"
id = "twins"
[params.customer_code]
type = "string"
default = "cf526000"
[params.file_id]
type = "string"
optional = true
[params.prompt_id]
type = "string"
optional = true
[tasks.left]
template = "llm_convert"
[tasks.right]
template = "llm_convert"
"#,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tasks_of_one_job_never_adopt_each_others_execution() {
    let stage = Stage::open("prod", &[TWINS], [(LLM_JOB.to_owned(), JobScript::hold())]).await;
    let _order = stage.cloud.fault(conversion_runs(), 2, Effect::LoseAnswer);
    let engine = stage.start().await;
    let id = engine.trigger("twins").await;
    for task in ["left", "right"] {
        let run = engine.sees_running(&id, task).await;
        let attempt = &stage.task(&run, task).attempts[0];
        let AttemptState::Running(work) = &attempt.state else {
            panic!("{attempt:?}")
        };
        let ours = |execution: &&ExecutionView| {
            execution.env["NOCTULE_ATTEMPT_KEY"] == attempt.key.as_str()
        };
        let executions = stage.cloud.executions();
        let name = &executions.iter().find(ours).unwrap().name;
        assert_eq!(work.handle.public["execution_name"], name.as_str());
    }
    let executions = stage.cloud.executions();
    assert_eq!(
        (executions.len(), runs_of_conversion(&stage.cloud.state())),
        (2, 2)
    );
    stage
        .cloud
        .finish(&executions[0].id, Ending::Succeeded)
        .unwrap();
    stage
        .cloud
        .finish(&executions[1].id, Ending::failed(1))
        .unwrap();
    let run = engine.over(&id).await;
    let mut words = [end_of(&run.tasks[0]).0, end_of(&run.tasks[1]).0];
    words.sort_unstable();
    assert_eq!(words, ["failed", "succeeded"]);
    engine.drain().await;
}

/// Somebody else runs the conversion's job, perhaps with a key of theirs.
async fn a_stranger_runs_it(stage: &Stage, key: Option<&str>) {
    let keyed = key.map(|key| json!({ "name": "NOCTULE_ATTEMPT_KEY", "value": key }));
    let mut env = vec![json!({ "name": "TENANT_CODE", "value": ATEC.code })];
    env.extend(keyed);
    let body: Value = json!({ "overrides": { "containerOverrides": [{ "env": env }] } });
    let place = "v2/projects/hyperlounge-dev/locations/asia-northeast1/jobs";
    let url = format!("{}/{place}/{LLM_JOB}:run", stage.cloud.url());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.post(url).json(&body).send().await.unwrap();
    assert!(
        answer.status().is_success(),
        "{}",
        answer.text().await.unwrap()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_execution_is_never_adopted_nor_cancelled() {
    let stage = Stage::of(&[ATEC]).await;
    a_stranger_runs_it(&stage, None).await;
    a_stranger_runs_it(
        &stage,
        Some("n1-ffffffff-0000000000000000000000000000000000000000"),
    )
    .await;
    let _order = stage.cloud.fault(conversion_runs(), 1, Effect::LoseAnswer);
    let engine = stage.start().await;
    let id = engine.trigger(ATEC.dag).await;
    engine.sees_running(&id, LLM_TASK).await;
    a_stranger_runs_it(&stage, None).await;
    let cancel = Wish::Cancel {
        run: id.clone(),
        reason: None,
    };
    engine.ask(cancel).await;
    let run = engine.over(&id).await;
    assert_eq!(word(&run), "cancelled");
    let key = stage.task(&run, LLM_TASK).attempts[0].key.as_str();
    for execution in stage.executions_of(LLM_JOB) {
        let ours = execution
            .env
            .get("NOCTULE_ATTEMPT_KEY")
            .is_some_and(|carried| carried == key);
        assert_eq!(execution.cancel_requested, ours, "{}", execution.name);
        assert_eq!(execution.ended, ours, "{}", execution.name);
    }
    assert_eq!(
        (
            stage.executions_of(LLM_JOB).len(),
            stage.cloud.cancels_sent()
        ),
        (4, 1)
    );
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_lags_within_the_quiet_period_leads_to_one_execution() {
    let stage = Stage::of(&[ATEC]).await;
    let _order = stage.cloud.fault(conversion_runs(), 1, Effect::LoseAnswer);
    stage.cloud.lag_lists(Duration::from_millis(120));
    let engine = stage.start().await;
    let run = engine.trigger(ATEC.dag).await;
    assert_adopted(&stage, engine, &run, "a list that lags").await;
    assert_eq!(runs_of_conversion(&stage.cloud.state()), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_resend_the_oldest_execution_is_kept_and_the_double_cancelled() {
    let stage = Stage::of(&[ATEC]).await;
    let _lost = stage.cloud.fault(conversion_runs(), 1, Effect::LoseAnswer);
    let held = stage.cloud.fault(conversion_runs(), 1, Effect::HangAnswer);
    stage.cloud.hold_lists();
    let engine = stage.start().await;
    let id = engine.trigger(ATEC.dag).await;
    let doubled = |state: &State| state.executions.iter().filter(|e| e.job == LLM_JOB).count() == 2;
    stage.cloud_is("the request is sent again", doubled).await;
    stage.cloud.release_lists();
    held.release();
    engine.sees_running(&id, LLM_TASK).await;
    let [oldest, double] = stage.executions_of(LLM_JOB).try_into().unwrap();
    assert_eq!(
        (oldest.cancel_requested, double.cancel_requested),
        (false, true)
    );
    stage.cloud.finish(&oldest.id, Ending::Succeeded).unwrap();
    let run = engine.over(&id).await;
    assert_eq!(word(&run), "succeeded");
    let output = stage.task(&run, LLM_TASK).output().unwrap();
    assert_eq!(output["execution_name"], oldest.name.as_str());
    assert_eq!(stage.cloud.cancels_sent(), 1);
    engine.drain().await;
}
