//! Secrets of AWS Secrets Manager, read by signed calls whose signature is checked.

use std::time::Duration;

use noctule_ecs_simulator::{Action, Answer, Effect, Fault, KeyPair, Settings, Simulator};
use noctule_executor::secrecy::ExposeSecret;
use noctule_executor::{Connection, Context, ExecutorError, Vault};
use noctule_executor_testing::{CANARY, context};
use noctule_fargate::{Pacing, SecretsManager};
use serde_json::json;

const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1B2c3";

async fn simulator() -> Simulator {
    let pair = KeyPair {
        access_key_id: "noctule".to_owned(),
        secret_access_key: "noctule".to_owned(),
    };
    let settings = Settings {
        verify: Some(pair),
        ..Settings::default()
    };
    let simulator = Simulator::start(settings).await.unwrap();
    simulator.keep_secret("prod/db", CANARY);
    simulator
}

fn through(simulator: &Simulator) -> Context {
    let settings = json!({ "endpoint": simulator.endpoint(), "region": "us-east-1" });
    context(Some(Connection {
        name: "aws1".to_owned(),
        kind: "aws".to_owned(),
        settings: serde_json::from_value(settings).unwrap(),
    }))
}

fn vault() -> SecretsManager {
    SecretsManager::with_pacing(Pacing {
        answer: Duration::from_secs(5),
        ..Pacing::default()
    })
}

async fn read(simulator: &Simulator, name: &str) -> Result<String, ExecutorError> {
    let value = vault().read(&through(simulator), name).await?;
    assert!(!format!("{value:?}").contains(CANARY));
    Ok(value.expose_secret().to_owned())
}

#[tokio::test]
async fn a_name_is_read_in_the_region_of_the_connection_and_an_arn_in_its_own() {
    let simulator = simulator().await;
    for (name, region) in [("prod/db", "us-east-1"), (ARN, "eu-west-1")] {
        assert_eq!(read(&simulator, name).await.unwrap(), CANARY);
        let requests = simulator.requests();
        let signed = requests.last().unwrap().header("authorization").unwrap();
        assert!(
            signed.contains(&format!("/{region}/secretsmanager/aws4_request")),
            "{signed}"
        );
    }
}

#[tokio::test]
async fn a_value_that_was_changed_is_read_changed() {
    let simulator = simulator().await;
    let (vault, context) = (vault(), through(&simulator));
    for value in ["first", "second"] {
        simulator.keep_secret("prod/db", value);
        let read = vault.read(&context, "prod/db").await.unwrap();
        assert_eq!(read.expose_secret(), value);
    }
}

fn class(error: &ExecutorError) -> String {
    match error {
        ExecutorError::Rejected { class, .. } => format!("rejected {class}"),
        ExecutorError::Throttled { .. } => "throttled".to_owned(),
        ExecutorError::Unknown { .. } => "unknown".to_owned(),
        ExecutorError::Unavailable { .. } => "unavailable".to_owned(),
    }
}

#[tokio::test]
async fn what_went_wrong_is_said_of_the_secret_and_the_identity_and_shows_no_value() {
    let told = |status: u16, code: &str| {
        let body = json!({ "__type": code, "message": "as ordered" }).to_string();
        Effect::Answer(Answer::text(status, "application/x-amz-json-1.1", body))
    };
    for (effect, is, says) in [
        (
            told(400, "AccessDeniedException"),
            "rejected permission",
            "secretsmanager:GetSecretValue",
        ),
        (
            told(400, "ResourceNotFoundException"),
            "rejected not_found",
            "ResourceNotFound",
        ),
        (
            told(400, "InvalidRequestException"),
            "rejected config",
            "InvalidRequest",
        ),
        (
            told(400, "DecryptionFailure"),
            "rejected config",
            "Decryption",
        ),
        (told(400, "ThrottlingException"), "throttled", "Throttling"),
        (told(500, "InternalServiceError"), "unavailable", "500"),
        (told(200, "no value"), "rejected config", "holds no value"),
        (Effect::LoseAnswer, "unavailable", "answer is lost"),
    ] {
        let simulator = simulator().await;
        let shown = format!("{effect:?}");
        let _order = simulator.order(Fault::wire(Action::GetSecretValue, effect));
        let error = read(&simulator, "prod/db").await.unwrap_err();
        let said = error.to_string();
        assert_eq!(class(&error), is, "{shown}: {said}");
        assert!(
            said.contains(says) && said.contains("prod/db"),
            "{shown}: {said}"
        );
        assert!(
            said.contains("the identity that the AWS chain finds"),
            "{said}"
        );
        assert!(!said.contains(CANARY));
    }
    let missing = read(&simulator().await, "none").await.unwrap_err();
    assert_eq!(class(&missing), "rejected not_found");
}

#[tokio::test]
async fn doctor_tells_what_can_be_read_and_never_what_it_is() {
    let simulator = simulator().await;
    let names = ["prod/db", "none"].map(str::to_owned);
    let found = vault().preflight(&through(&simulator), &names).await;
    let good: Vec<_> = found.iter().map(|finding| finding.good).collect();
    assert_eq!(good, [true, false]);
    assert!(!format!("{found:?}").contains(CANARY));
}
