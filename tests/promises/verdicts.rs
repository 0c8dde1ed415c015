//! Only a whole success is a success: what ends otherwise fails under its right name, and nothing after it starts.

use std::time::Duration;

use noctule_cloud_run::simulator::{Answer, Effect, Ending, JobConfig, JobScript, RequestPattern};
use noctule_core::run::{Fact, Run};
use noctule_executor::{ErrorClass, Wait};

use crate::project::{ATEC, LLM_TASK};
use crate::running::{end_of, word};
use crate::stage::Stage;

/// Crawl, mapping, and the conversion itself: what runs before anything depends on its verdict.
const UP_TO_CONVERSION: usize = 3;

/// Nothing that depends on the conversion was started.
fn assert_downstream_untouched(stage: &Stage, run: &Run) {
    for task in ATEC.after_conversion {
        let task = stage.task(run, task);
        assert_eq!(task.state.word(), "upstream_failed");
        assert!(task.attempts.is_empty(), "{task:?}");
    }
}

/// Ends a conversion of ten containers like this; gives the word and the class of its end.
async fn ended_like(ending: Ending, wait: Wait) -> (&'static str, Option<ErrorClass>) {
    let ten = JobConfig {
        task_count: Some(10),
        ..JobConfig::default()
    };
    let stage = Stage::with_conversion(&[ATEC], JobScript::hold().with(ten)).await;
    let stage = stage.adjusted(|task| task.wait = wait);
    let engine = stage.start().await;
    let id = engine.trigger(ATEC.dag).await;
    let conversion = stage.conversion().await;
    stage.cloud.finish(&conversion.id, ending).unwrap();
    let run = engine.over(&id).await;
    assert_eq!(word(&run), "failed");
    assert_downstream_untouched(&stage, &run);
    assert_eq!(stage.cloud.runs_sent(), UP_TO_CONVERSION);
    let end = end_of(stage.task(&run, LLM_TASK));
    engine.drain().await;
    end
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_less_than_a_whole_success_is_none_and_has_its_class() {
    let never = |reason: &str| Ending::NeverStarted {
        reason: reason.to_owned(),
        message: "no container began".to_owned(),
    };
    let partly = |failed, succeeded| Ending::Failed {
        exit_code: 3,
        failed,
        succeeded,
    };
    for (ending, expected) in [
        (partly(10, 0), ("failed", Some(ErrorClass::User))),
        (partly(2, 8), ("failed", Some(ErrorClass::User))),
        (
            Ending::SucceededShort { succeeded: 9 },
            ("failed", Some(ErrorClass::Unknown)),
        ),
        (
            Ending::SucceededShort { succeeded: 0 },
            ("failed", Some(ErrorClass::Unknown)),
        ),
        (
            Ending::Cancelled,
            ("cancelled", Some(ErrorClass::Cancelled)),
        ),
        (
            Ending::CancelledUncounted,
            ("cancelled", Some(ErrorClass::Cancelled)),
        ),
        (Ending::Deleted, ("failed", Some(ErrorClass::Lost))),
        (
            never("CONTAINER_MISSING"),
            ("failed", Some(ErrorClass::Config)),
        ),
        (
            never("CONTAINER_PERMISSION_DENIED"),
            ("failed", Some(ErrorClass::Permission)),
        ),
    ] {
        for wait in [Wait::Block, Wait::Poll] {
            let end = Box::pin(ended_like(ending.clone(), wait)).await;
            assert_eq!(end, expected, "{ending:?} {wait:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_that_somebody_cancels_is_cancelled_and_its_run_failed() {
    let stage = Stage::of(&[ATEC]).await;
    let engine = stage.start().await;
    let id = engine.trigger(ATEC.dag).await;
    let conversion = stage.conversion().await;
    let url = format!("{}/v2/{}:cancel", stage.cloud.url(), conversion.name);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.post(url).body("{}").send().await.unwrap();
    assert!(answer.status().is_success());
    let run = engine.over(&id).await;
    assert_eq!(word(&run), "failed");
    let task = stage.task(&run, LLM_TASK);
    assert_eq!(task.state.word(), "cancelled");
    assert_eq!(end_of(task), ("cancelled", Some(ErrorClass::Cancelled)));
    assert_downstream_untouched(&stage, &run);
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_cancels_once_and_is_timed_out_when_the_work_has_ended() {
    for wait in [Wait::Block, Wait::Poll] {
        let slow_to_stop = JobScript::hold().lingers_when_cancelled();
        let stage = Stage::with_conversion(&[ATEC], slow_to_stop)
            .await
            .adjusted(|task| {
                task.wait = wait;
                if task.name.as_str() == LLM_TASK {
                    task.timeout = Some(Duration::from_millis(700));
                }
            });
        let engine = stage.start().await;
        let id = engine.trigger(ATEC.dag).await;
        let conversion = stage.conversion().await;
        let asked = stage.cloud_is("its end is asked for", |state| {
            state.executions.iter().any(|e| e.cancel_requested)
        });
        asked.await;
        let stopping =
            |run: &Run| stage.task(run, LLM_TASK).attempts[0].state.word() == "cancelling";
        let run = engine.until("it is stopping", &id, stopping).await;
        assert_eq!(
            stage.task(&run, LLM_TASK).state.word(),
            "running",
            "its end is not said before it is there"
        );
        stage
            .cloud
            .finish(&conversion.id, Ending::Cancelled)
            .unwrap();
        let run = engine.over(&id).await;
        assert_eq!(word(&run), "failed");
        assert_eq!(
            end_of(stage.task(&run, LLM_TASK)),
            ("timed_out", Some(ErrorClass::TimedOut))
        );
        assert_eq!(stage.task(&run, LLM_TASK).state.word(), "timed_out");
        assert_downstream_untouched(&stage, &run);
        assert_eq!(
            (stage.cloud.cancels_sent(), stage.cloud.runs_sent()),
            (1, UP_TO_CONVERSION)
        );
        engine.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_polls_that_fail_in_a_row_change_nothing() {
    for wait in [Wait::Block, Wait::Poll] {
        let stage = Stage::of(&[ATEC]).await.adjusted(|task| task.wait = wait);
        let engine = stage.start().await;
        let id = engine.trigger(ATEC.dag).await;
        let conversion = stage.conversion().await;
        let before = engine.sees_running(&id, LLM_TASK).await;
        // A pause that is told keeps the test short: those between other failures grow to a minute.
        let throttled = Effect::Answer(Answer::throttled(0));
        let down = Effect::Answer(Answer::unavailable().header("retry-after", "0"));
        let orders = [throttled, down].map(|effect| {
            stage
                .cloud
                .fault(RequestPattern::execution_reads(), 10, effect)
        });
        let read = |_: &_| orders.iter().all(|order| order.remaining() == 0);
        stage.cloud_is("twenty reads have failed", read).await;
        let after = engine.until("any reader sees the run", &id, |_| true).await;
        assert_eq!(after, before, "{wait:?}");
        stage
            .cloud
            .finish(&conversion.id, Ending::Succeeded)
            .unwrap();
        let run = engine.over(&id).await;
        assert_eq!(word(&run), "succeeded");
        assert_eq!(stage.task(&run, LLM_TASK).attempts.len(), 1);
        assert_eq!(
            (stage.executions_of("tag").len(), stage.cloud.cancels_sent()),
            (1, 0)
        );
        let alarmed = |fact: &Fact| matches!(fact, Fact::Alarm { .. });
        assert!(!engine.facts(&id).await.iter().any(alarmed));
        engine.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_is_missing_while_polling_alarms_and_ends_nothing() {
    for wait in [Wait::Block, Wait::Poll] {
        let stage = Stage::of(&[ATEC]).await.adjusted(|task| task.wait = wait);
        let engine = stage.start().await;
        let id = engine.trigger(ATEC.dag).await;
        let conversion = stage.conversion().await;
        engine.sees_running(&id, LLM_TASK).await;
        let denied = Answer::error(
            403,
            "PERMISSION_DENIED",
            "Permission 'run.executions.get' denied",
        );
        let order = stage.cloud.fault(
            RequestPattern::execution_reads(),
            usize::MAX,
            Effect::Answer(denied),
        );
        engine
            .says("an alarm", &id, |fact| matches!(fact, Fact::Alarm { .. }))
            .await;
        let run = engine.until("any reader sees the run", &id, |_| true).await;
        assert_eq!(stage.task(&run, LLM_TASK).state.word(), "running");
        order.withdraw();
        engine
            .says("the alarm is over", &id, |fact| {
                matches!(fact, Fact::AlarmOver)
            })
            .await;
        stage
            .cloud
            .finish(&conversion.id, Ending::Succeeded)
            .unwrap();
        assert_eq!(word(&engine.over(&id).await), "succeeded");
        assert_eq!(
            (stage.cloud.executions().len(), stage.cloud.cancels_sent()),
            (7, 0)
        );
        engine.drain().await;
    }
}
