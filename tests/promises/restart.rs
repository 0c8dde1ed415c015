//! An engine killed at any stage of any task goes on where it was: one execution for each task, and the run succeeds.

use noctule_cloud_run::simulator::{Effect, Ending, JobScript, RequestPattern, State};
use noctule_core::name::RunId;
use noctule_core::source::FileText;
use noctule_executor::Wait;

use crate::running::{Running, word};
use crate::stage::Stage;

/// Five steps of a night, in a row.
const CHAIN: FileText<'static> = FileText {
    path: "dags/chain.toml",
    text: r#"
id = "chain"
[params.customer_code]
type = "string"
default = "cf526000"
[tasks.crawler]
template = "step"
with.job = "{{ vars.crawler_job }}"
[tasks.fileid_mapping]
template = "step"
depends_on = ["crawler"]
with.job = "{{ vars.fileid_mapping_job }}"
[tasks.filter]
template = "step"
depends_on = ["fileid_mapping"]
with.job = "{{ vars.filter_job }}"
[tasks.converter]
template = "step"
depends_on = ["filter"]
with.job = "{{ vars.converter_job }}"
[tasks.tag]
template = "step"
depends_on = ["converter"]
with.job = "{{ vars.tag_job }}"
"#,
};

/// The tasks, with their jobs.
const STEPS: [(&str, &str); 5] = [
    ("crawler", "crawler"),
    ("fileid_mapping", "fileid-mapping"),
    ("filter", "filter"),
    ("converter", "converter"),
    ("tag", "tag"),
];

/// Where the kill strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// The request is on its way, and is lost with the engine.
    BeforeItArrives,
    /// The work was accepted; its answer is lost with the engine.
    BeforeTheAnswer,
    /// The engine knows the work, which goes on meanwhile.
    WhileItRuns,
    /// The work ends while no engine runs: the next task is still to come.
    BetweenTasks,
}

/// Lets the chain come to a moment of a step, and kills the engine there.
async fn killed_at(
    stage: &Stage,
    engine: Running<'_>,
    run: &RunId,
    step: (&str, &str),
    moment: Moment,
) {
    let (task, job) = step;
    match moment {
        Moment::BeforeItArrives => {
            let path = format!("/{job}:run");
            let arrives = |state: &State| state.sent("POST", &path).next().is_some();
            stage.cloud_is("the request is sent", arrives).await;
        }
        Moment::BeforeTheAnswer => drop(stage.begun(job).await),
        Moment::WhileItRuns | Moment::BetweenTasks => drop(engine.sees_running(run, task).await),
    }
    engine.kill().await;
    if moment == Moment::BetweenTasks {
        let execution = stage.begun(job).await;
        stage
            .cloud
            .finish(&execution.id, Ending::Succeeded)
            .unwrap();
    }
}

/// Runs the chain and kills one engine at this moment of each step.
async fn a_chain_of_kills(moment: Moment, wait: Wait) {
    let jobs = STEPS.map(|(_, job)| (job.to_owned(), JobScript::hold()));
    let stage = Stage::open("prod", &[CHAIN], jobs)
        .await
        .adjusted(|task| task.wait = wait);
    let hang = match moment {
        Moment::BeforeItArrives => Some(Effect::Hang),
        Moment::BeforeTheAnswer => Some(Effect::HangAnswer),
        Moment::WhileItRuns | Moment::BetweenTasks => None,
    };
    for (_, job) in STEPS {
        let first = RequestPattern::new("POST", &format!("*/jobs/{job}:run"));
        hang.clone()
            .map(|effect| stage.cloud.fault(first, 1, effect));
    }
    let mut engine = stage.start().await;
    let run = engine.trigger("chain").await;
    for step in STEPS {
        killed_at(&stage, engine, &run, step, moment).await;
        engine = stage.start().await;
        if moment != Moment::BetweenTasks {
            let execution = stage.begun(step.1).await;
            stage
                .cloud
                .finish(&execution.id, Ending::Succeeded)
                .unwrap();
        }
    }
    let run = engine.over(&run).await;
    assert_eq!(word(&run), "succeeded", "{moment:?} {wait:?}");
    let jobs: Vec<_> = stage
        .cloud
        .executions()
        .into_iter()
        .map(|e| e.job)
        .collect();
    assert_eq!(jobs, STEPS.map(|(_, job)| job), "{moment:?} {wait:?}");
    assert!(
        run.tasks.iter().all(|task| task.attempts.len() == 1),
        "{moment:?} {wait:?}"
    );
    assert_eq!(stage.cloud.cancels_sent(), 0, "{moment:?} {wait:?}");
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_before_a_request_arrives_leads_to_one_execution_of_each_task() {
    Box::pin(a_chain_of_kills(Moment::BeforeItArrives, Wait::Block)).await;
    Box::pin(a_chain_of_kills(Moment::BeforeItArrives, Wait::Poll)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_before_an_answer_arrives_leads_to_one_execution_of_each_task() {
    Box::pin(a_chain_of_kills(Moment::BeforeTheAnswer, Wait::Block)).await;
    Box::pin(a_chain_of_kills(Moment::BeforeTheAnswer, Wait::Poll)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_while_work_runs_leads_to_one_execution_of_each_task() {
    Box::pin(a_chain_of_kills(Moment::WhileItRuns, Wait::Block)).await;
    Box::pin(a_chain_of_kills(Moment::WhileItRuns, Wait::Poll)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_ends_while_no_engine_runs_is_seen_and_the_chain_goes_on() {
    Box::pin(a_chain_of_kills(Moment::BetweenTasks, Wait::Block)).await;
    Box::pin(a_chain_of_kills(Moment::BetweenTasks, Wait::Poll)).await;
}
