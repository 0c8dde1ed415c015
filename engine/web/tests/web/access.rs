//! Tokens, sessions and the audit, over the API and in the store.

use chrono::{TimeDelta, Utc};
use noctule_core::access::{Role, Scope};
use noctule_core::run::Actor;
use noctule_store::{AccessSecret, Grant, Revocation, SecretKind, Session};
use noctule_web::provider_name;
use serde_json::json;

use crate::client::{Ask, Listener};
use crate::stage::{BAD, HELD, PROVIDER, QUICK, Stage, provided, settings};

/// A token that a test has.
#[derive(Clone, Copy)]
pub(crate) struct Token {
    role: Role,
    dags: Option<&'static str>,
    expired: bool,
    revoked: bool,
}

impl Token {
    pub(crate) fn new(role: Role) -> Self {
        Self {
            role,
            dags: None,
            expired: false,
            revoked: false,
        }
    }

    pub(crate) fn limited_to(self, glob: &'static str) -> Self {
        Self {
            dags: Some(glob),
            ..self
        }
    }

    pub(crate) fn expired(self) -> Self {
        Self {
            expired: true,
            ..self
        }
    }

    pub(crate) fn revoked(self) -> Self {
        Self {
            revoked: true,
            ..self
        }
    }
}

fn ada() -> Actor {
    Actor {
        name: "ada".to_owned(),
        via: "cli".to_owned(),
    }
}

/// Makes a token, as another process may; gives its secret.
pub(crate) async fn token(stage: &Stage, token: Token) -> String {
    let secret = AccessSecret::new(SecretKind::Token).unwrap();
    let now = Utc::now();
    let grant = Grant {
        name: secret.hash().short(),
        role: token.role,
        scope: Scope::of(token.dags.map(str::to_owned).into_iter().collect()).unwrap(),
        created_at: now,
        created_by: ada(),
        expires_at: token.expired.then(|| now - TimeDelta::milliseconds(1)),
    };
    let made = stage.store.create_token(&secret.hash(), &grant).await;
    assert!(made.unwrap());
    if token.revoked {
        revoke(stage, &secret.hash().short()).await;
    }
    secret.expose().to_owned()
}

async fn revoke(stage: &Stage, id: &str) {
    let revocation = Revocation {
        at: Utc::now(),
        by: ada(),
    };
    assert!(stage.store.revoke_token(id, &revocation).await.unwrap());
}

/// A session for so many seconds, begun by the provider of tests; gives its secret.
pub(crate) async fn log_in(stage: &Stage, role: Role, seconds: i64) -> String {
    let provider = provider_name(PROVIDER.0, PROVIDER.1);
    log_in_by(stage, role, seconds, &provider).await
}

/// The same by any provider.
pub(crate) async fn log_in_by(stage: &Stage, role: Role, seconds: i64, provider: &str) -> String {
    let secret = AccessSecret::new(SecretKind::Session).unwrap();
    let now = Utc::now();
    let session = Session {
        name: "ada@example.com".to_owned(),
        role,
        scope: Scope::everything(),
        provider: provider.to_owned(),
        created_at: now - TimeDelta::hours(1),
        expires_at: now + TimeDelta::seconds(seconds),
    };
    let opened = stage.store.open_session(&secret.hash(), &session).await;
    opened.unwrap();
    secret.expose().to_owned()
}

fn with(ask: Ask, secret: &str) -> Ask {
    ask.header("authorization", &format!("Bearer {secret}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_made_used_and_revoked_over_the_api_and_told_once() {
    let stage = Stage::new(&[QUICK]).await;
    let body = json!({ "name": "ci", "role": "operator", "dags": ["qui*"], "expires": "90d" });
    let made = stage.post("/api/v1/tokens", body.clone()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let secret = made["secret"].as_str().unwrap();
    let again = stage.post("/api/v1/tokens", body).await;
    assert_eq!(again.code(), "name_taken");

    let run = with(Ask::post("/api/v1/dags/quick/runs", &json!({})), secret);
    let run = run.send(stage.address).await;
    assert_eq!(run.status, 202, "{run:?}");
    let list = stage.get("/api/v1/tokens").await;
    assert!(!String::from_utf8_lossy(&list.body).contains(&secret[4..]));
    let list = list.json();
    assert_eq!(list["items"][0]["state"], "active");
    assert_eq!(list["items"][0]["created_by"], "loopback");

    let id = made["id"].as_str().unwrap();
    let revoked = stage
        .post(&format!("/api/v1/tokens/{id}/revoke"), json!({}))
        .await;
    assert_eq!(revoked.json()["state"], "revoked");
    let refused = with(Ask::get("/api/v1/dags/quick"), secret);
    let refused = refused.send(stage.address).await;
    assert_eq!(refused.code(), "unauthenticated");
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .contains("revoked")
    );
    let none = stage
        .post("/api/v1/tokens/0123456789ab/revoke", json!({}))
        .await;
    assert_eq!(none.code(), "no_such_token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_another_process_revokes_counts_no_more_at_once_and_its_streams_end() {
    let stage = Stage::new(&[QUICK]).await;
    let secret = token(&stage, Token::new(Role::Viewer)).await;
    let look = async || {
        let ask = with(Ask::get("/api/v1/dags"), &secret);
        ask.send(stage.address).await
    };
    assert_eq!(look().await.status, 200);
    let events = with(Ask::get("/api/v1/events"), &secret);
    let mut events = Listener::of(stage.address, events).await;
    assert_eq!(events.status, 200);
    events.next().await;
    let secret_hash = AccessSecret::read(SecretKind::Token, &secret)
        .unwrap()
        .hash();
    revoke(&stage, &secret_hash.short()).await;
    assert_eq!(look().await.status, 401);
    assert_eq!(events.next_or_end().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_use_of_a_token_is_noted() {
    let stage = Stage::new(&[QUICK]).await;
    let secret = token(&stage, Token::new(Role::Viewer)).await;
    let used = async || stage.store.tokens().await.unwrap()[0].last_used;
    assert_eq!(used().await, None);
    let looked = with(Ask::get("/api/v1/dags"), &secret);
    assert_eq!(looked.send(stage.address).await.status, 200);
    let noted = async {
        while used().await.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::client::PATIENCE, noted)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_events_of_other_dags_are_not_told_to_who_is_limited() {
    let stage = Stage::new(&[QUICK, BAD]).await;
    let limited = Token::new(Role::Viewer).limited_to("quick");
    let secret = token(&stage, limited).await;
    let ask = with(Ask::get("/api/v1/events"), &secret);
    let mut events = Listener::of(stage.address, ask).await;
    let first = events.next().await.id;
    let other = stage.trigger("bad").await;
    stage.over(&other).await;
    let own = stage.trigger("quick").await;
    let mut last = String::new();
    while !last.contains("run_ended") {
        last = events.next().await.data.unwrap();
        assert!(last.contains(&own) && !last.contains(&other), "{last}");
    }
    // Whoever comes back is told no more of them.
    let again = with(Ask::get("/api/v1/events"), &secret).header("last-event-id", &first);
    let mut again = Listener::of(stage.address, again).await;
    let told = again.next().await.data.unwrap();
    assert!(told.contains(&own), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_by_a_session_needs_a_page_of_this_server_or_the_header() {
    let stage = Stage::guarded(&[QUICK], settings(), provided()).await;
    let session = log_in(&stage, Role::Operator, 60).await;
    let cookie = format!("a=b; __Host-noctule_session={session}");
    let pause = || {
        let ask = Ask::post("/api/v1/dags/quick/pause", &json!({}));
        ask.header("host", "batch.example.com")
            .header("cookie", &cookie)
    };
    let origin = |site: &str| pause().header("origin", site);
    let fetch = |site: &str| pause().header("sec-fetch-site", site);
    for (ask, status) in [
        (pause(), 403),
        (origin("https://batch.example.com"), 200),
        (origin("https://evil.example"), 403),
        (origin("null"), 403),
        (fetch("same-origin"), 200),
        (fetch("same-site"), 403),
        (fetch("cross-site"), 403),
        (fetch("none"), 403),
        (pause().header("noctule-request", "1"), 200),
    ] {
        let headers = ask.headers.clone();
        let answer = ask.send(stage.address).await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
    // Another server of the domain can set this one.
    let plain = format!("noctule_session={session}");
    let look = Ask::get("/api/v1/dags").header("host", "batch.example.com");
    let look = look.header("cookie", &plain).send(stage.address).await;
    assert_eq!(look.status, 401);
    let look = Ask::get("/api/v1/dags").header("host", "batch.example.com");
    let look = look.header("cookie", &cookie).send(stage.address).await;
    assert_eq!(look.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_leaves_an_audit_event_with_its_actor_and_looking_leaves_none() {
    let stage = Stage::new(&[QUICK, HELD]).await;
    let secret = token(&stage, Token::new(Role::Operator)).await;
    let name = AccessSecret::read(SecretKind::Token, &secret).unwrap();
    let name = name.hash().short();
    let run = with(Ask::post("/api/v1/dags/held/runs", &json!({})), &secret);
    let run = run.send(stage.address).await.json();
    let run = run["id"].as_str().unwrap().to_owned();
    let rehearsed = format!("/api/v1/runs/{run}/cancel?dry_run=true");
    assert_eq!(stage.post(&rehearsed, json!({})).await.status, 200);
    let which = json!({ "which": { "state": "running" } });
    let rehearsed = "/api/v1/dags/held/runs/cancel?dry_run=true";
    assert_eq!(stage.post(rehearsed, which).await.status, 200);
    assert_eq!(stage.get("/api/v1/runs").await.status, 200);
    let refused = with(Ask::post("/api/v1/tokens", &json!({})), &secret);
    assert_eq!(refused.send(stage.address).await.status, 403);
    let retried = stage
        .post(&format!("/api/v1/runs/{run}/retry"), json!({}))
        .await;
    assert_eq!(retried.code(), "run_is_live");
    let made = json!({ "name": "x", "role": "viewer" });
    assert_eq!(stage.post("/api/v1/tokens", made).await.status, 201);

    let page = stage.get("/api/v1/audit?limit=2").await.json();
    let acts: Vec<_> = page["items"].as_array().unwrap().iter().collect();
    assert_eq!(acts.len(), 2);
    assert_eq!(acts[0]["act"], "create_token");
    assert_eq!(acts[0]["on"], "token x, viewer");
    assert_eq!(acts[0]["actor"], "loopback");
    assert_eq!(
        (&acts[1]["act"], &acts[1]["outcome"]),
        (&json!("retry_run"), &json!("run_is_live"))
    );
    let next = format!("/api/v1/audit?before={}", page["next"]);
    let rest = stage.get(&next).await.json();
    let rest = rest["items"].as_array().unwrap();
    assert_eq!(rest.len(), 1, "{rest:?}");
    assert_eq!(rest[0]["act"], "trigger_run");
    assert_eq!(rest[0]["actor"], json!(name));
    assert_eq!(rest[0]["via"], "api");
    assert_eq!(rest[0]["from"], "127.0.0.1");
    assert_eq!(rest[0]["on"], "dag held");
    assert_eq!(rest[0]["outcome"], format!("done: /api/v1/runs/{run}"));
}
