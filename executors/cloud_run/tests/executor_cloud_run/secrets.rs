//! Secrets of Secret Manager: read at the call, or passed on as Cloud Run's own reference.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use noctule_cloud_run::{Pacing, SecretManager};
use noctule_executor::secrecy::ExposeSecret;
use noctule_executor::{Context, Executor, ExecutorError, Passing, Vault};
use noctule_executor_testing::{CANARY, CanarySecrets};
use serde_json::{Value, json};

use crate::credentials::{bearer, cloud, oauth};
use crate::scripted::{Asked, Reply, Scripted};
use crate::world::{attempt, connection, context, context_of, quick, word};

const NAME: &str = "projects/p/secrets/db";

/// The CRC32C of the canary, reckoned bit by bit.
fn checksum(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
    !bytes
        .iter()
        .fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

fn payload(value: &[u8], crc: u32) -> Reply {
    Reply::ok(json!({
        "name": format!("{NAME}/versions/3"),
        "payload": { "data": BASE64_STANDARD.encode(value), "dataCrc32c": crc.to_string() },
    }))
}

fn given(value: &str) -> Reply {
    payload(value.as_bytes(), checksum(value.as_bytes()))
}

/// A Secret Manager, with a metadata server beside it.
async fn manager(answer: impl Fn(&Asked, usize) -> Reply + Send + 'static) -> Scripted {
    let asked_before = AtomicUsize::new(0);
    Scripted::start(move |asked| {
        if asked.path.starts_with("/computeMetadata/") {
            return oauth("machines");
        }
        answer(asked, asked_before.fetch_add(1, Ordering::SeqCst))
    })
    .await
}

fn with_identity(manager: &Scripted) -> Context {
    let own = connection(&manager.url, json!({ "auth": "adc" }));
    let env = [("GCE_METADATA_HOST", manager.host()), ("HOME", "/nowhere")];
    context_of(own, &env)
}

fn vault() -> SecretManager {
    SecretManager::new()
}

async fn read(manager: &Scripted, name: &str) -> Result<String, ExecutorError> {
    let value = vault().read(&with_identity(manager), name).await?;
    assert!(!format!("{value:?}").contains(CANARY));
    Ok(value.expose_secret().to_owned())
}

#[tokio::test]
async fn a_value_is_read_by_the_identity_of_the_connection() {
    let manager = manager(|_, _| given(CANARY)).await;
    assert_eq!(read(&manager, NAME).await.unwrap(), CANARY);
    let version = format!("{NAME}/versions/7");
    assert_eq!(read(&manager, &version).await.unwrap(), CANARY);
    let asked = manager.asked();
    let calls: Vec<_> = asked
        .iter()
        .filter(|asked| asked.path.starts_with("/v1/"))
        .collect();
    let paths: Vec<_> = calls.iter().map(|call| call.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/v1/projects/p/secrets/db/versions/latest:access",
            "/v1/projects/p/secrets/db/versions/7:access"
        ]
    );
    let header = |call: &&Asked| call.header("authorization").map(str::to_owned);
    assert!(calls.iter().all(|call| header(call) == bearer("machines")));
}

#[tokio::test]
async fn a_value_that_was_changed_is_read_changed() {
    let manager = manager(|_, n| given(["first", "second"][n])).await;
    let (vault, context) = (vault(), with_identity(&manager));
    for value in ["first", "second"] {
        let read = vault.read(&context, NAME).await.unwrap();
        assert_eq!(read.expose_secret(), value);
    }
}

#[tokio::test]
async fn what_went_wrong_is_said_of_the_secret_and_the_identity_and_shows_no_value() {
    let crc = checksum(CANARY.as_bytes());
    for (reply, class, says) in [
        (
            Reply::error(403, "PERMISSION_DENIED"),
            "rejected permission",
            "secretmanager.versions.access",
        ),
        (
            Reply::error(404, "NOT_FOUND"),
            "rejected not_found",
            "NOT_FOUND",
        ),
        (Reply::html(404), "unavailable", "no Google error"),
        (
            Reply::error(400, "FAILED_PRECONDITION"),
            "rejected config",
            "FAILED_PRECONDITION",
        ),
        (
            Reply::error(429, "RESOURCE_EXHAUSTED"),
            "throttled",
            "RESOURCE_EXHAUSTED",
        ),
        (Reply::error(503, "UNAVAILABLE"), "unavailable", "503"),
        (Reply::Reset, "unavailable", "answer is lost"),
        (Reply::Truncated, "unavailable", "answer is lost"),
        (Reply::Hang, "unavailable", ""),
        (
            payload(CANARY.as_bytes(), crc ^ 1),
            "unavailable",
            "checksum",
        ),
        (
            payload(b"\xff", checksum(b"\xff")),
            "rejected config",
            "UTF-8",
        ),
        (payload(b"", 0), "unavailable", "no payload"),
        (
            Reply::ok(json!({ "payload": { "data": "%%%" } })),
            "unavailable",
            "base64",
        ),
    ] {
        let shown = format!("{reply:?}");
        let answer = match reply {
            Reply::Hang => Duration::from_millis(500),
            _ => Duration::from_secs(20),
        };
        let manager = manager(move |_, _| reply.clone()).await;
        let vault = SecretManager::with_pacing(Pacing {
            answer,
            ..Pacing::default()
        });
        let read = vault.read(&with_identity(&manager), NAME).await;
        let error = read.err().unwrap();
        let said = error.to_string();
        assert_eq!(word(&error), class, "{shown}: {said}");
        assert!(
            said.contains(says) && said.contains(NAME),
            "{shown}: {said}"
        );
        assert!(!said.contains(CANARY) && !format!("{error:?}").contains(CANARY));
        if class.starts_with("rejected p") {
            assert!(
                said.contains("the service account of this machine"),
                "{said}"
            );
        }
    }
}

#[tokio::test]
async fn nobody_asks_without_credentials() {
    let manager = manager(|_, _| given(CANARY)).await;
    let error = vault()
        .read(&context(&manager.url), NAME)
        .await
        .unwrap_err();
    assert_eq!(word(&error), "rejected config");
    assert!(error.to_string().contains("anonymous"), "{error}");
    assert_eq!(manager.asked().len(), 0);
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_is_never_sent() {
    let manager = manager(|_, _| given(CANARY)).await;
    for name in [
        "projects/p/secrets/../../x",
        "hunter2",
        "projects/p/secrets/a?b",
    ] {
        let error = read(&manager, name).await.unwrap_err();
        assert_eq!(word(&error), "rejected config");
        assert!(!error.to_string().contains(name));
    }
    assert_eq!(manager.asked().len(), 0);
}

#[tokio::test]
async fn doctor_tells_what_can_be_read_and_never_what_it_is() {
    let manager = manager(|asked, _| {
        if asked.path.contains("/open/") {
            return given(CANARY);
        }
        Reply::error(403, "PERMISSION_DENIED")
    })
    .await;
    let names = ["projects/p/secrets/open", "projects/p/secrets/shut"].map(str::to_owned);
    let found = vault().preflight(&with_identity(&manager), &names).await;
    let good: Vec<_> = found.iter().map(|finding| finding.good).collect();
    assert_eq!(good, [true, false]);
    assert!(!format!("{found:?}").contains(CANARY));
    let role = vault().rights(&names);
    assert_eq!(
        role["includedPermissions"],
        json!(["secretmanager.versions.access"])
    );
}

/// What the attempt under test sends and stores, with one secret in its environment.
fn request_with(passing: Passing, context: &Context) -> Result<Value, noctule_executor::Problem> {
    let mut attempt = attempt(1);
    attempt.config.env = serde_json::from_value(json!({ "DB": { "secret": "db" } })).unwrap();
    attempt.passing = passing;
    let request = quick().request(&attempt, context.connection.as_ref());
    request.map(|request| request.0)
}

fn passing(reference: Option<&str>, exposed: bool) -> Passing {
    let named = |reference: &str| ("db".to_owned(), reference.to_owned());
    Passing {
        references: reference.map(named).into_iter().collect(),
        exposed,
    }
}

fn variable(request: &Value) -> &Value {
    &request["body"]["overrides"]["containerOverrides"][0]["env"][0]
}

#[test]
fn a_secret_of_secret_manager_is_passed_as_cloud_runs_own_reference() {
    let context = context("http://127.0.0.1:1");
    for (reference, secret, version) in [
        ("gcp:projects/p/secrets/db", "db", "latest"),
        (
            "gcp:projects/q/secrets/db/versions/4",
            "projects/q/secrets/db",
            "4",
        ),
    ] {
        // Also where showing would be allowed.
        for exposed in [false, true] {
            let request = request_with(passing(Some(reference), exposed), &context).unwrap();
            let key = json!({ "secret": secret, "version": version });
            assert_eq!(
                variable(&request),
                &json!({ "name": "DB", "valueSource": { "secretKeyRef": key } })
            );
        }
    }
}

#[test]
fn a_value_that_cloud_run_would_show_is_refused_whatever_was_checked_before() {
    let context = context("http://127.0.0.1:1");
    for reference in [None, Some("aws:db")] {
        let problem = request_with(passing(reference, false), &context).unwrap_err();
        assert_eq!(problem.path, ["env", "DB"]);
    }
}

#[tokio::test]
async fn a_secret_that_may_be_shown_is_resolved_at_the_launch_and_stored_as_a_reference() {
    let cloud = cloud(|_, _| oauth("nobody asks")).await;
    let mut context = context(&cloud.url);
    context.secrets = Arc::new(CanarySecrets);
    let request = request_with(passing(None, true), &context).unwrap();
    assert_eq!(
        variable(&request),
        &json!({ "name": "DB", "value": { "secret": "db" } })
    );
    let stored = noctule_executor::Request(request);
    // The answer is no operation, so the outcome is unknown; what counts is what was sent.
    let launched = quick().launch(&context, &attempt(1), &stored).await;
    assert!(!format!("{launched:?}").contains(CANARY));
    let sent = cloud.asked().remove(0).json();
    let sent = json!({ "body": sent });
    assert_eq!(variable(&sent), &json!({ "name": "DB", "value": CANARY }));
    assert!(!stored.canonical().contains(CANARY));
}

#[tokio::test]
async fn a_reference_goes_out_as_it_is_stored_and_nobody_resolves_it() {
    let cloud = cloud(|_, _| oauth("nobody asks")).await;
    // Its secrets answer every question with an error.
    let context = context(&cloud.url);
    let request = request_with(passing(Some("gcp:projects/p/secrets/db"), false), &context);
    let stored = noctule_executor::Request(request.unwrap());
    let launched = quick().launch(&context, &attempt(1), &stored).await;
    drop(launched);
    assert_eq!(cloud.asked().remove(0).json(), stored.0["body"]);
}
