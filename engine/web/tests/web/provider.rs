//! Providers to log in by: a strict one of our own that lies on demand, and one that others wrote.
//!
//! The other one needs `python3` with `venv`, and PyPI by the ordinary client the first time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

/// What the provider gives for the next code, and what it was asked.
#[derive(Default)]
pub(crate) struct Lies {
    claims: BTreeMap<&'static str, Value>,
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) challenge: String,
    pub(crate) nonce: String,
}

#[derive(Clone)]
pub(crate) struct Strict {
    pub(crate) issuer: String,
    /// The key that it signs with, and its public half as it is told.
    key: Arc<Vec<u8>>,
    keys: Value,
    pub(crate) lies: Arc<Mutex<Lies>>,
}

impl Strict {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref().to_vec();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let strict = Self {
            issuer,
            key: Arc::new(pair.to_pkcs8v1().unwrap().as_ref().to_vec()),
            keys: json!({ "keys": [{
                "kty": "EC", "crv": "P-256", "kid": "k1", "alg": "ES256", "use": "sig",
                "x": part(&point[1..33]), "y": part(&point[33..]),
            }] }),
            lies: Arc::default(),
        };
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(about))
            .route(
                "/keys",
                get(async |State(strict): State<Self>| Json(strict.keys)),
            )
            .route("/token", post(token))
            .with_state(strict.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        strict
    }

    pub(crate) fn tells(&self, claims: &[(&'static str, Value)]) {
        let mut lies = self.lies.lock().unwrap();
        lies.claims = claims.iter().cloned().collect();
        lies.algorithm = None;
    }
}

async fn about(State(Strict { issuer, .. }): State<Strict>) -> Json<Value> {
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
    }))
}

/// As RFC 6749 and 7636 have it: the client, the code and the verifier, or nothing.
async fn token(
    State(strict): State<Strict>,
    headers: HeaderMap,
    form: String,
) -> Result<Json<Value>, axum::http::StatusCode> {
    let form: BTreeMap<String, String> = form_urlencoded::parse(form.as_bytes())
        .into_owned()
        .collect();
    let lies = strict.lies.lock().unwrap();
    let digest = Sha256::digest(form["code_verifier"].as_bytes());
    let shown = headers["authorization"].to_str().unwrap_or_default();
    let client = base64::engine::general_purpose::STANDARD.encode("noctule:s%26cret");
    let good = URL_SAFE_NO_PAD.encode(digest) == lies.challenge
        && form["code"] == "good"
        && form["grant_type"] == "authorization_code"
        && form["redirect_uri"] == "https://batch.example.com/noctule/login/callback"
        && shown == format!("Basic {client}");
    if !good {
        return Err(axum::http::StatusCode::BAD_REQUEST);
    }
    let now = chrono::Utc::now().timestamp();
    let mut claims = json!({
        "iss": strict.issuer, "aud": "noctule", "sub": "248289", "exp": now + 300, "iat": now,
        "nonce": lies.nonce, "email": "ada@example.com", "email_verified": true, "groups": ["ops"],
    });
    for (claim, value) in &lies.claims {
        claims[*claim] = value.clone();
    }
    let (algorithm, key) = match lies.algorithm {
        Some(algorithm) => (
            algorithm,
            EncodingKey::from_secret(strict.keys.to_string().as_bytes()),
        ),
        None => (Algorithm::ES256, EncodingKey::from_ec_der(&strict.key)),
    };
    let header = Header {
        kid: Some("k1".to_owned()),
        ..Header::new(algorithm)
    };
    let signed = encode(&header, &claims, &key).unwrap();
    Ok(Json(
        json!({ "id_token": signed, "access_token": "x", "token_type": "Bearer" }),
    ))
}

/// The program of others, ended with the test.
pub(crate) struct Mock(std::process::Child);

impl Drop for Mock {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

const PACKAGE: &str = "oidc-provider-mock==0.3.4";

pub(crate) async fn mock() -> (Mock, String) {
    let made = || crate::documented::venv(PACKAGE, "oidc-provider-mock");
    let program = tokio::task::spawn_blocking(made).await.unwrap();
    let free: SocketAddr = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let mut command = std::process::Command::new(program);
    command.args(["--host", "127.0.0.1", "--port", &free.port().to_string()]);
    command.args(["--require-nonce", "true"]);
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mock = Mock(command.spawn().unwrap());
    let up = async {
        while tokio::net::TcpStream::connect(free).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(crate::client::PATIENCE, up)
        .await
        .unwrap();
    (mock, format!("http://{free}"))
}
