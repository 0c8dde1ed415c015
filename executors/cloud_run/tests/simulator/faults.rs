//! Faults to order.

use noctule_cloud_run::simulator::{
    Answer, Effect, JobScript, RequestPattern, Simulator, SimulatorConfig,
};
use serde_json::json;

use crate::client::{ETL, get, post, request, run, simulator};

async fn held() -> Simulator {
    simulator(JobScript::hold()).await
}

async fn broken_run(sim: &Simulator) -> reqwest::Error {
    let sent = request(sim, "POST", &format!("{ETL}:run"))
        .json(&json!({}))
        .send()
        .await;
    match sent {
        Ok(response) => response.bytes().await.unwrap_err(),
        Err(error) => error,
    }
}

#[tokio::test]
async fn an_ordered_answer_is_given_so_many_times_and_nothing_is_done() {
    let sim = held().await;
    let fault = sim.fault(
        RequestPattern::runs(),
        2,
        Effect::Answer(Answer::throttled(7)),
    );
    for remaining in [1, 0] {
        let response = request(&sim, "POST", &format!("{ETL}:run"))
            .json(&json!({}))
            .send()
            .await
            .unwrap();
        assert_eq!(
            (
                response.status().as_u16(),
                &response.headers()["retry-after"]
            ),
            (429, &"7".parse().unwrap())
        );
        assert_eq!(fault.remaining(), remaining);
    }
    assert_eq!(sim.executions().len(), 0);
    run(&sim, &json!({})).await;
    assert_eq!((sim.executions().len(), sim.runs_sent()), (1, 3));
}

#[tokio::test]
async fn a_front_end_may_answer_a_page() {
    let sim = held().await;
    sim.fault(
        RequestPattern::any(),
        1,
        Effect::Answer(Answer::bad_gateway()),
    );
    let response = request(&sim, "GET", ETL).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 502);
    assert!(
        response
            .text()
            .await
            .unwrap()
            .starts_with("<!DOCTYPE html>")
    );
}

#[tokio::test]
async fn a_run_may_be_accepted_and_its_answer_replaced() {
    let sim = held().await;
    sim.fault(
        RequestPattern::runs(),
        1,
        Effect::ActThenAnswer(Answer::unavailable()),
    );
    assert_eq!(post(&sim, &format!("{ETL}:run"), &json!({})).await.0, 503);
    assert_eq!(sim.executions().len(), 1);
}

#[tokio::test]
async fn a_run_may_be_accepted_and_its_answer_lost_or_cut() {
    for effect in [
        Effect::LoseAnswer,
        Effect::Reset,
        Effect::Truncate { body_bytes: 40 },
    ] {
        let sim = held().await;
        sim.fault(RequestPattern::runs(), 1, effect.clone());
        let error = broken_run(&sim).await;
        assert!(!error.is_connect(), "{effect:?}: {error}");
        assert_eq!(
            (sim.executions().len(), sim.runs_sent()),
            (1, 1),
            "{effect:?}"
        );
        assert_eq!(get(&sim, ETL).await.0, 200, "{effect:?}");
    }
}

#[tokio::test]
async fn a_cut_answer_arrives_up_to_the_cut() {
    let sim = held().await;
    sim.fault(
        RequestPattern::runs(),
        1,
        Effect::Truncate { body_bytes: 10 },
    );
    let mut response = request(&sim, "POST", &format!("{ETL}:run"))
        .json(&json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status().as_u16(), 200);
    assert_eq!(response.chunk().await.unwrap().unwrap().len(), 10);
    assert!(response.chunk().await.is_err());
}

#[tokio::test]
async fn a_request_may_be_dropped_before_anything_is_done() {
    let sim = held().await;
    sim.fault(RequestPattern::runs(), 1, Effect::DropRequest);
    broken_run(&sim).await;
    assert_eq!((sim.executions().len(), sim.runs_sent()), (0, 1));
}

#[tokio::test]
async fn a_request_may_hang_until_it_is_released() {
    for (effect, done) in [(Effect::Hang, 0), (Effect::HangAnswer, 1)] {
        let sim = held().await;
        let fault = sim.fault(RequestPattern::runs(), 1, effect);
        let release = async {
            sim.wait_for(|state| state.runs().count() == 1 && state.executions.len() == done)
                .await;
            fault.release();
        };
        let overrides = json!({});
        let (path, ()) = tokio::join!(run(&sim, &overrides), release);
        assert_eq!((get(&sim, &path).await.0, sim.executions().len()), (200, 1));
    }
}

#[tokio::test]
async fn a_client_may_give_up_on_a_request_that_hangs() {
    let sim = held().await;
    sim.fault(RequestPattern::runs(), 1, Effect::HangAnswer);
    let path = format!("{ETL}:run");
    let body = json!({});
    tokio::select! {
        answer = post(&sim, &path, &body) => panic!("{answer:?}"),
        _ = sim.wait_for(|state| state.executions.len() == 1) => {}
    }
    assert_eq!(get(&sim, ETL).await.0, 200);
}

#[tokio::test]
async fn a_withdrawn_fault_does_nothing() {
    let sim = held().await;
    let fault = sim.fault(
        RequestPattern::new("GET", "*/jobs/etl"),
        usize::MAX,
        Effect::Answer(Answer::unavailable()),
    );
    assert_eq!((get(&sim, ETL).await.0, get(&sim, ETL).await.0), (503, 503));
    fault.withdraw();
    assert_eq!(get(&sim, ETL).await.0, 200);
}

#[tokio::test]
async fn faults_for_reads_leave_other_calls_alone() {
    let sim = held().await;
    let path = run(&sim, &json!({})).await;
    let gone = Answer::error(404, "NOT_FOUND", "Requested entity was not found.");
    sim.fault(RequestPattern::execution_reads(), 1, Effect::Answer(gone));
    assert_eq!(get(&sim, &format!("{path}/tasks")).await.0, 200);
    assert_eq!(get(&sim, &format!("{ETL}/executions")).await.0, 200);
    assert_eq!(
        (get(&sim, &path).await.0, get(&sim, &path).await.0),
        (404, 200)
    );
}

#[tokio::test]
async fn a_configuration_may_order_faults_too() {
    let config = json!({"jobs": {"etl": {}}, "faults": [{"method": "POST", "path": "*:run", "effect": "lose_answer"},
        {"path": "*/jobs/etl", "times": 2, "effect": "bad_gateway"}]});
    let config: SimulatorConfig = serde_json::from_value(config).unwrap();
    let sim = Simulator::builder().config(config).start().await.unwrap();
    broken_run(&sim).await;
    assert_eq!(sim.executions().len(), 1);
    assert_eq!(
        (
            get(&sim, ETL).await.0,
            get(&sim, ETL).await.0,
            get(&sim, ETL).await.0
        ),
        (502, 502, 200)
    );
    let wrong = json!({"path": "*", "effect": "lose_everything"});
    assert!(serde_json::from_value::<noctule_cloud_run::simulator::FaultConfig>(wrong).is_err());
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error_with_the_address() {
    let sim = held().await;
    let Err(error) = Simulator::builder().listen(sim.address()).start().await else {
        panic!("two simulators on one address");
    };
    assert_eq!(
        error.to_string(),
        format!("cannot listen on {}", sim.address())
    );
}
