//! Credentials of every kind that a file or the environment can hold, against a token server on this machine.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use noctule_cloud_run::CloudRun;
use noctule_executor::{Context, Executor, Status};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::records::{KEY, execution, running};
use crate::scripted::{Asked, Reply, Scripted};
use crate::world::{connection, context_of, handle, quick, word};

/// A Cloud Run and a token server in one; `token` is what the token server gives for its nth request.
pub(crate) async fn cloud(token: impl Fn(&Asked, usize) -> Reply + Send + 'static) -> Scripted {
    let mut given = 0;
    Scripted::start(move |asked| {
        if asked.path.starts_with("/v2/") {
            return Reply::ok(running(execution("etl-1", KEY, 11)));
        }
        given += 1;
        token(asked, given)
    })
    .await
}

pub(crate) fn oauth(token: &str) -> Reply {
    Reply::ok(json!({ "access_token": token, "expires_in": 3600, "token_type": "Bearer" }))
}

/// A context whose credentials are this file.
pub(crate) fn with_file(
    cloud: &Scripted,
    folder: &TempDir,
    file: &Value,
    settings: Value,
) -> Context {
    let path = folder.path().join("credentials.json");
    std::fs::write(&path, file.to_string()).unwrap();
    let settings = [("auth".to_owned(), json!("adc"))]
        .into_iter()
        .chain(settings.as_object().unwrap().clone())
        .collect();
    context_of(
        connection(&cloud.url, Value::Object(settings)),
        &[("GOOGLE_APPLICATION_CREDENTIALS", path.to_str().unwrap())],
    )
}

pub(crate) async fn poll(executor: &CloudRun, cloud: &Scripted, context: &Context) -> String {
    let handles = [handle(&cloud.url, "etl", "etl-1")];
    let answers = executor
        .poll(context, &handles, std::time::Duration::ZERO)
        .await;
    match &answers[0] {
        Ok(Status::Running { .. }) => "running".to_owned(),
        Ok(other) => format!("{other:?}"),
        Err(error) => format!("{}: {error}", word(error)),
    }
}

/// What the calls of Cloud Run were authorised with, and the token server's requests.
pub(crate) fn seen(cloud: &Scripted) -> (Vec<Option<String>>, Vec<Asked>) {
    let (calls, tokens): (Vec<_>, Vec<_>) = cloud
        .asked()
        .into_iter()
        .partition(|asked| asked.path.starts_with("/v2/"));
    let bearers = calls
        .iter()
        .map(|call| call.header("authorization").map(str::to_owned));
    (bearers.collect(), tokens)
}

pub(crate) fn bearer(token: &str) -> Option<String> {
    Some(format!("Bearer {token}"))
}

/// A fresh key and its file.
pub(crate) fn service_account(token_uri: Option<&str>) -> (KeyPair, Value) {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
    let body = BASE64_STANDARD.encode(der.as_ref());
    let mut file = json!({
        "type": "service_account", "client_email": "batch@p.iam.gserviceaccount.com", "private_key_id": "kid-1",
        "private_key": format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"), "project_id": "p",
    });
    if let Some(uri) = token_uri {
        file["token_uri"] = json!(uri);
    }
    (key, file)
}

/// The header and claims of a token, after its signature was checked.
fn verified(key: &KeyPair, jwt: &str) -> (Value, Value) {
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref())
        .verify(signed.as_bytes(), &signature)
        .unwrap();
    let part = |part: &str| {
        serde_json::from_slice::<Value>(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let (header, claims) = signed.split_once('.').unwrap();
    (part(header), part(claims))
}

#[tokio::test]
async fn a_key_signs_its_own_token() {
    let cloud = cloud(|_, _| Reply::error(500, "nobody asks")).await;
    let folder = TempDir::new().unwrap();
    for token_uri in [None, Some("https://oauth2.googleapis.com/token")] {
        let (key, file) = service_account(token_uri);
        let context = with_file(&cloud, &folder, &file, json!({}));
        assert_eq!(poll(&quick(), &cloud, &context).await, "running");
        let (bearers, tokens) = seen(&cloud);
        assert_eq!(tokens.len(), 0);
        let jwt = bearers.last().unwrap().clone().unwrap();
        let (header, claims) = verified(&key, jwt.trim_start_matches("Bearer "));
        assert_eq!(header["kid"], "kid-1");
        assert_eq!(
            claims["scope"],
            "https://www.googleapis.com/auth/cloud-platform"
        );
    }
}

#[tokio::test]
async fn a_token_uri_of_its_own_is_obeyed() {
    let cloud = cloud(|_, _| oauth("exchanged")).await;
    let folder = TempDir::new().unwrap();
    let uri = format!("{}/token", cloud.url);
    let (key, file) = service_account(Some(&uri));
    let context = with_file(&cloud, &folder, &file, json!({ "quota_project": "q" }));
    let executor = quick();
    for _ in 0..2 {
        assert_eq!(poll(&executor, &cloud, &context).await, "running");
    }
    let (bearers, tokens) = seen(&cloud);
    assert_eq!(bearers, [bearer("exchanged"), bearer("exchanged")]);
    assert_eq!(tokens.len(), 1, "the token is kept");
    let form = tokens[0].text();
    let assertion = form
        .strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=")
        .unwrap();
    let (header, claims) = verified(&key, assertion);
    assert_eq!(
        (&header["alg"], &header["kid"]),
        (&json!("RS256"), &json!("kid-1"))
    );
    assert_eq!(claims["iss"], "batch@p.iam.gserviceaccount.com");
    assert_eq!(claims["aud"], uri.as_str());
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        3_600
    );
    let call = cloud
        .asked()
        .into_iter()
        .find(|asked| asked.path.starts_with("/v2/"))
        .unwrap();
    assert_eq!(call.header("x-goog-user-project"), Some("q"));
}

#[tokio::test]
async fn a_token_uri_in_clear_is_refused() {
    let cloud = cloud(|_, _| oauth("never")).await;
    let folder = TempDir::new().unwrap();
    let (_, file) = service_account(Some("http://token.example/token"));
    let context = with_file(&cloud, &folder, &file, json!({}));
    let said = poll(&quick(), &cloud, &context).await;
    assert!(
        said.starts_with("alarm") && said.contains("plain http"),
        "{said}"
    );
}

pub(crate) fn user(cloud: &Scripted) -> Value {
    json!({
        "type": "authorized_user", "client_id": "id", "client_secret": "hush", "refresh_token": "kept-in-the-dark",
        "token_uri": format!("{}/token", cloud.url), "quota_project_id": "quota",
    })
}

#[tokio::test]
async fn a_user() {
    let cloud = cloud(|_, _| oauth("users")).await;
    let folder = TempDir::new().unwrap();
    let context = with_file(&cloud, &folder, &user(&cloud), json!({}));
    assert_eq!(poll(&quick(), &cloud, &context).await, "running");
    let (bearers, tokens) = seen(&cloud);
    assert_eq!(bearers, [bearer("users")]);
    assert!(tokens[0].text().contains("kept-in-the-dark"));
    let call = cloud
        .asked()
        .into_iter()
        .find(|asked| asked.path.starts_with("/v2/"))
        .unwrap();
    assert_eq!(call.header("x-goog-user-project"), Some("quota"));
}

#[tokio::test]
async fn gclouds_own_file() {
    let cloud = cloud(|_, _| oauth("users")).await;
    let home = TempDir::new().unwrap();
    let folder = home.path().join(".config/gcloud");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("application_default_credentials.json");
    std::fs::write(file, user(&cloud).to_string()).unwrap();
    for env in [("HOME", home.path()), ("CLOUDSDK_CONFIG", folder.as_path())] {
        let own = connection(&cloud.url, json!({ "auth": "adc" }));
        let context = context_of(own, &[(env.0, env.1.to_str().unwrap())]);
        assert_eq!(poll(&quick(), &cloud, &context).await, "running", "{env:?}");
    }
}

#[tokio::test]
async fn a_workload_identity() {
    let cloud = cloud(|asked, _| match asked.path.as_str() {
        "/sts" => {
            assert!(asked.text().contains("subject-1"), "{}", asked.text());
            Reply::ok(json!({
                "access_token": "federated", "expires_in": 3600, "token_type": "Bearer",
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            }))
        }
        _ => Reply::ok(json!({ "accessToken": "acted", "expireTime": "2099-01-01T00:00:00Z" })),
    })
    .await;
    let folder = TempDir::new().unwrap();
    let subject = folder.path().join("subject");
    std::fs::write(&subject, "subject-1").unwrap();
    let mut file = json!({
        "type": "external_account", "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/x/providers/y",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "token_url": format!("{}/sts", cloud.url),
        "credential_source": { "file": subject },
    });
    let context = with_file(&cloud, &folder, &file, json!({}));
    assert_eq!(poll(&quick(), &cloud, &context).await, "running");
    assert_eq!(seen(&cloud).0, [bearer("federated")]);
    file["service_account_impersonation_url"] = json!(format!(
        "{}/v1/projects/-/serviceAccounts/batch@p.iam.gserviceaccount.com:generateAccessToken",
        cloud.url
    ));
    let context = with_file(&cloud, &folder, &file, json!({}));
    assert_eq!(poll(&quick(), &cloud, &context).await, "running");
    assert_eq!(seen(&cloud).0.last().unwrap(), &bearer("acted"));
}

#[tokio::test]
async fn an_impersonated_account() {
    let cloud = cloud(|asked, _| match asked.path.as_str() {
        "/token" => oauth("source"),
        path => {
            assert!(
                path.ends_with("batch@p.iam.gserviceaccount.com:generateAccessToken"),
                "{path}"
            );
            assert_eq!(asked.header("authorization"), Some("Bearer source"));
            Reply::ok(json!({ "accessToken": "acted", "expireTime": "2099-01-01T00:00:00Z" }))
        }
    })
    .await;
    let folder = TempDir::new().unwrap();
    let url = format!(
        "{}/v1/projects/-/serviceAccounts/batch@p.iam.gserviceaccount.com:generateAccessToken",
        cloud.url
    );
    let file = json!({
        "type": "impersonated_service_account", "service_account_impersonation_url": url, "source_credentials": user(&cloud),
    });
    let context = with_file(&cloud, &folder, &file, json!({}));
    assert_eq!(poll(&quick(), &cloud, &context).await, "running");
    assert_eq!(seen(&cloud).0, [bearer("acted")]);
}

pub(crate) fn on_metadata(cloud: &Scripted) -> Context {
    let own = connection(&cloud.url, json!({ "auth": "adc" }));
    context_of(
        own,
        &[("GCE_METADATA_HOST", cloud.host()), ("HOME", "/nowhere")],
    )
}

#[tokio::test]
async fn the_metadata_server() {
    let cloud = cloud(|asked, _| {
        assert_eq!(
            asked.path,
            "/computeMetadata/v1/instance/service-accounts/default/token"
        );
        assert_eq!(asked.header("metadata-flavor"), Some("Google"));
        oauth("machines")
    })
    .await;
    assert_eq!(
        poll(&quick(), &cloud, &on_metadata(&cloud)).await,
        "running"
    );
    assert_eq!(seen(&cloud).0, [bearer("machines")]);
}
