//! Target groups: registration, health, draining.

use std::{net::Ipv4Addr, time::Duration};

use noctule_ecs_simulator::{
    Action, Ending, Fault, Health, Service, Settings, Simulator, Status, TargetHealth,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::client::{authorization, call, form, held_settings, run, until};

const GROUP: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123";

async fn started(health: Health) -> Simulator {
    let settings = Settings {
        health,
        ..held_settings()
    };
    Simulator::start(settings).await.unwrap()
}

fn probing() -> Health {
    Health::Probe {
        path: "/ready".to_owned(),
        interval: Duration::from_millis(2),
        timeout: Duration::from_secs(5),
        healthy: 2,
        unhealthy: 2,
    }
}

/// Sends an action about one target; the answer is its status and text.
async fn send(sim: &Simulator, action: Action, address: Ipv4Addr, port: u16) -> (u16, String) {
    let (id, port) = (address.to_string(), port.to_string());
    let fields = [
        ("TargetGroupArn", GROUP),
        ("Targets.member.1.Id", &id),
        ("Targets.member.1.Port", &port),
    ];
    form(sim, action, &fields).await
}

async fn health(sim: &Simulator, address: Ipv4Addr, port: u16) -> String {
    let (status, text) = send(sim, Action::DescribeTargetHealth, address, port).await;
    assert_eq!(status, 200, "{text}");
    let inner = text.split("<State>").nth(1).unwrap();
    inner.split("</State>").next().unwrap().to_owned()
}

/// Answers each connection with this status, for ever.
async fn serve(address: Ipv4Addr, status: &'static str) -> u16 {
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 1024];
            let count = stream.read(&mut asked).await.unwrap_or_default();
            assert!(asked[..count].starts_with(b"GET /ready "));
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    port
}

async fn running(sim: &Simulator) -> Ipv4Addr {
    run(sim, json!({})).await;
    until(sim, Status::Running).await;
    sim.tasks()[0].address
}

async fn until_health(sim: &Simulator, health: TargetHealth) {
    sim.wait_for(|state| state.targets.iter().any(|target| target.health == health))
        .await;
}

#[tokio::test]
async fn a_target_is_healthy_once_its_port_answers_and_drains_when_it_is_taken_away() {
    let sim = started(probing()).await;
    let address = running(&sim).await;
    let port = serve(address, "200 OK").await;
    assert_eq!(health(&sim, address, port).await, "unused");
    for _ in 0..2 {
        assert_eq!(
            send(&sim, Action::RegisterTargets, address, port).await.0,
            200
        );
    }
    until_health(&sim, TargetHealth::Healthy).await;
    assert_eq!(
        (
            health(&sim, address, port).await.as_str(),
            sim.targets().len()
        ),
        ("healthy", 1)
    );
    for _ in 0..2 {
        assert_eq!(
            send(&sim, Action::DeregisterTargets, address, port).await.0,
            200
        );
    }
    assert_eq!(health(&sim, address, port).await, "draining");
    sim.advance(Duration::from_secs(299));
    assert_eq!(health(&sim, address, port).await, "draining");
    sim.advance(Duration::from_secs(1));
    assert_eq!(
        (
            health(&sim, address, port).await.as_str(),
            sim.targets().len()
        ),
        ("unused", 0)
    );
}

#[tokio::test]
async fn a_target_that_answers_badly_or_not_at_all_is_unhealthy() {
    let sim = started(probing()).await;
    let address = running(&sim).await;
    let port = serve(address, "503 Service Unavailable").await;
    send(&sim, Action::RegisterTargets, address, port).await;
    until_health(&sim, TargetHealth::WrongAnswer).await;
    assert_eq!(health(&sim, address, port).await, "unhealthy");
    // Nobody listens where no task is.
    send(
        &sim,
        Action::RegisterTargets,
        Ipv4Addr::new(10, 0, 0, 1),
        80,
    )
    .await;
    until_health(&sim, TargetHealth::NoAnswer).await;
}

#[tokio::test]
async fn a_target_becomes_unhealthy_when_its_task_ends() {
    let sim = started(probing()).await;
    let address = running(&sim).await;
    let port = serve(address, "200 OK").await;
    send(&sim, Action::RegisterTargets, address, port).await;
    until_health(&sim, TargetHealth::Healthy).await;
    sim.finish(&sim.tasks()[0].arn, &Ending::exit(1)).unwrap();
    until_health(&sim, TargetHealth::NoAnswer).await;
}

#[tokio::test]
async fn a_task_ordered_never_to_be_healthy_is_not() {
    for (fate, expected) in [
        (false, TargetHealth::Healthy),
        (true, TargetHealth::NoAnswer),
    ] {
        let sim = started(Health::After(Duration::ZERO)).await;
        if fate {
            sim.order(Fault::never_healthy());
        }
        let address = running(&sim).await;
        send(&sim, Action::RegisterTargets, address, 8080).await;
        until_health(&sim, expected).await;
    }
    let sim = started(probing()).await;
    sim.order(Fault::never_healthy());
    let address = running(&sim).await;
    let port = serve(address, "200 OK").await;
    send(&sim, Action::RegisterTargets, address, port).await;
    until_health(&sim, TargetHealth::WrongAnswer).await;
}

#[tokio::test]
async fn other_targets_and_other_groups_are_left_alone() {
    let sim = started(Health::After(Duration::ZERO)).await;
    let (one, two) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    for address in [one, two] {
        send(&sim, Action::RegisterTargets, address, 80).await;
    }
    send(&sim, Action::DeregisterTargets, one, 80).await;
    assert_ne!(health(&sim, two, 80).await, "draining");
    let other = GROUP.replace("/web/", "/other/");
    let (status, text) = form(
        &sim,
        Action::DescribeTargetHealth,
        &[("TargetGroupArn", &other)],
    )
    .await;
    assert_eq!(status, 200, "{text}");
    assert!(!text.contains("<Id>"), "{text}");
}

#[tokio::test]
async fn wrong_forms_are_refused_in_xml() {
    let settings = Settings {
        target_groups: Some(vec![GROUP.to_owned()]),
        ..held_settings()
    };
    let sim = Simulator::start(settings).await.unwrap();
    let other = GROUP.replace("/web/", "/other/");
    let register = Action::RegisterTargets;
    for (fields, code) in [
        (vec![], "ValidationError"),
        (vec![("TargetGroupArn", GROUP)], "ValidationError"),
        (
            vec![("TargetGroupArn", GROUP), ("Targets.member.1.Id", "i-1")],
            "ValidationError",
        ),
        (
            vec![
                ("TargetGroupArn", GROUP),
                ("Targets.member.1.Id", "10.0.0.1"),
                ("Targets.member.1.Port", "0"),
            ],
            "ValidationError",
        ),
        (
            vec![
                ("TargetGroupArn", GROUP),
                ("Targets.member.1.Id", "10.0.0.1"),
                ("Port", "1"),
            ],
            "ValidationError",
        ),
        (
            vec![
                ("TargetGroupArn", &other),
                ("Targets.member.1.Id", "10.0.0.1"),
            ],
            "TargetGroupNotFound",
        ),
        (
            vec![
                ("TargetGroupArn", "web"),
                ("Targets.member.1.Id", "10.0.0.1"),
            ],
            "ValidationError",
        ),
    ] {
        let (status, text) = form(&sim, register, &fields).await;
        assert_eq!(status, 400, "{fields:?}");
        assert!(
            text.contains(&format!("<Code>{code}</Code>")),
            "{fields:?}: {text}"
        );
    }
    assert!(sim.targets().is_empty());
    let (status, text) = crate::client::unsigned_form(&sim, register).await;
    assert_eq!(status, 403);
    assert!(
        text.contains("<Code>MissingAuthenticationToken</Code>"),
        "{text}"
    );
    assert!(authorization(Service::LoadBalancing).contains("elasticloadbalancing"));
    call(&sim, Action::ListTasks, json!({})).await;
}
