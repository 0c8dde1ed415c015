//! Logging in, by a strict provider of our own that lies on demand, and by one that others wrote.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use noctule_core::access::Role;
use noctule_executor::secrecy::SecretString;
use noctule_web::{Access, Oidc};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::client::{Answer, Ask};
use crate::provider::{Strict, mock};
use crate::stage::{QUICK, Stage, settings};

fn oidc(issuer: &str, client: &str) -> Oidc {
    Oidc {
        issuer: issuer.to_owned(),
        client_id: client.to_owned(),
        client_secret: SecretString::from("s&cret".to_owned()),
        groups_claim: "groups".to_owned(),
        scopes: vec!["email".to_owned()],
        roles: BTreeMap::from([
            (Role::Viewer, vec!["staff".to_owned()]),
            (Role::Operator, vec!["ops".to_owned()]),
        ]),
        session: Duration::from_secs(3_600),
    }
}

async fn stage_with(oidc: Oidc) -> Stage {
    let access = Access::default().with_oidc(oidc).unwrap();
    Stage::guarded(&[QUICK], settings(), access).await
}

fn public(ask: Ask) -> Ask {
    ask.header("host", "batch.example.com")
}

/// The cookies that an answer sets, as a browser sends them back.
fn cookies(answer: &Answer) -> String {
    let set = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    let pairs = set.filter_map(|(_, text)| text.split(';').next().map(str::to_owned));
    let all: Vec<String> = pairs.collect();
    all.join("; ")
}

fn query_of(address: &str) -> BTreeMap<String, String> {
    let query = address.split_once('?').unwrap().1;
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

/// Begins a login; gives the ticket of the browser and what is sent to the provider.
async fn begin(stage: &Stage, strict: &Strict) -> (String, BTreeMap<String, String>) {
    let begun = public(Ask::get("/login?next=/runs/1"))
        .send(stage.address)
        .await;
    assert_eq!(begun.status, 303, "{begun:?}");
    let sent = query_of(begun.header("location").unwrap());
    let mut lies = strict.lies.lock().unwrap();
    lies.challenge.clone_from(&sent["code_challenge"]);
    lies.nonce.clone_from(&sent["nonce"]);
    (cookies(&begun), sent)
}

async fn come_back(stage: &Stage, ticket: &str, state: &str, code: &str) -> Answer {
    let back = Ask::get(&format!("/login/callback?code={code}&state={state}"));
    let back = public(back)
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-mode", "navigate");
    back.header("cookie", ticket).send(stage.address).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_logs_in_acts_in_their_role_and_logs_out() {
    let strict = Strict::start().await;
    let stage = stage_with(oidc(&strict.issuer, "noctule")).await;
    let page = public(Ask::get("/api/v1/dags?x=1").header("accept", "text/html"));
    assert_eq!(
        page.send(stage.address).await.status,
        401,
        "the API sends nobody on"
    );
    let page = public(Ask::get("/anything?x=1").header("accept", "text/html,*/*"));
    let sent = page.send(stage.address).await;
    assert_eq!(sent.status, 303);
    let to = sent.header("location").unwrap();
    assert_eq!(
        to,
        "https://batch.example.com/noctule/login?next=%2Fanything%3Fx%3D1"
    );

    let (ticket, sent) = begin(&stage, &strict).await;
    assert_eq!(sent["code_challenge_method"], "S256");
    assert_eq!(sent["response_type"], "code");
    assert!(ticket.starts_with("__Host-noctule_login="), "{ticket}");
    let entered = come_back(&stage, &ticket, &sent["state"], "good").await;
    assert_eq!(
        entered.status,
        303,
        "{}",
        String::from_utf8_lossy(&entered.body)
    );
    let to = entered.header("location").unwrap();
    assert_eq!(to, "https://batch.example.com/noctule/runs/1");
    let set = entered.header("set-cookie").unwrap();
    for mark in [
        "__Host-noctule_session=ncs_",
        "; HttpOnly",
        "; SameSite=Lax",
        "; Secure",
        "; Path=/",
    ] {
        assert!(set.contains(mark), "{mark} in {set}");
    }
    let session = cookies(&entered);
    let known = |ask: Ask| {
        public(ask)
            .header("cookie", &session)
            .header("noctule-request", "1")
    };
    let pause = known(Ask::post("/api/v1/dags/quick/pause", &json!({})));
    assert_eq!(pause.send(stage.address).await.status, 200);
    let above = known(Ask::get("/api/v1/tokens")).send(stage.address).await;
    assert_eq!(above.code(), "forbidden");
    let paused = stage.get("/api/v1/dags/quick").await.json();
    assert_eq!(paused["paused"]["by"], "ada@example.com");

    let out = known(Ask::new("POST", "/logout"))
        .header("content-type", "application/x-www-form-urlencoded");
    let out = out.send(stage.address).await;
    assert_eq!(out.status, 303);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    let after = known(Ask::get("/api/v1/dags")).send(stage.address).await;
    assert_eq!(
        after.code(),
        "unauthenticated",
        "the cookie that was kept is of no use"
    );
    let audit = stage.get("/api/v1/audit").await.json();
    let acts = audit["items"].as_array().unwrap().iter();
    let acts: Vec<_> = acts
        .map(|e| (e["act"].clone(), e["actor"].clone(), e["via"].clone()))
        .collect();
    let ada = |act: &str| (json!(act), json!("ada@example.com"), json!("web"));
    assert_eq!(acts, [ada("logout"), ada("pause_dag"), ada("login")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_the_provider_signed_for_this_login_lets_somebody_in() {
    let strict = Strict::start().await;
    let stage = stage_with(oidc(&strict.issuer, "noctule")).await;
    let past = chrono::Utc::now().timestamp() - 3_600;
    let lies: [(&'static str, Value, &str); 11] = [
        ("nonce", json!("another"), "login_refused"),
        ("nonce", Value::Null, "login_refused"),
        ("iss", json!("https://evil.example"), "login_refused"),
        ("aud", json!("another"), "login_refused"),
        ("aud", json!(["noctule", "another"]), "login_refused"),
        ("azp", json!("another"), "login_refused"),
        ("exp", json!(past), "login_refused"),
        ("sub", json!(""), "login_refused"),
        ("groups", json!(["guests"]), "forbidden"),
        ("groups", json!([]), "forbidden"),
        ("groups", json!("op"), "forbidden"),
    ];
    for (claim, value, code) in lies {
        strict.tells(&[(claim, value.clone())]);
        let (ticket, sent) = begin(&stage, &strict).await;
        let refused = come_back(&stage, &ticket, &sent["state"], "good").await;
        assert_eq!(refused.code(), code, "{claim} = {value}");
        assert_eq!(refused.header("set-cookie"), None, "{claim} = {value}");
    }
    // Signed with what everybody knows: the public key, as if it were a shared secret.
    strict.tells(&[]);
    let (ticket, sent) = begin(&stage, &strict).await;
    strict.lies.lock().unwrap().algorithm = Some(Algorithm::HS256);
    let refused = come_back(&stage, &ticket, &sent["state"], "good").await;
    assert_eq!(refused.code(), "login_refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_ends_in_the_browser_and_the_moment_where_it_began() {
    let strict = Strict::start().await;
    let stage = stage_with(oidc(&strict.issuer, "noctule")).await;
    let (other, others) = begin(&stage, &strict).await;
    let (ticket, sent) = begin(&stage, &strict).await;
    for (cookie, state, code, refused) in [
        ("", sent["state"].as_str(), "good", "login_refused"),
        (&other, &sent["state"], "good", "login_refused"),
        (&ticket, &others["state"], "good", "login_refused"),
        (&ticket, "", "good", "login_refused"),
        // The code of somebody else, whose verifier is not here.
        (&other, &others["state"], "good", "login_unavailable"),
        (&ticket, &sent["state"], "stolen", "login_unavailable"),
    ] {
        let answer = come_back(&stage, cookie, state, code).await;
        assert_eq!(answer.code(), refused, "{cookie} {state} {code}");
    }
    let denied = format!(
        "/login/callback?error=access_denied&state={}",
        sent["state"]
    );
    let denied = public(Ask::get(&denied)).header("cookie", &ticket);
    let denied = denied.send(stage.address).await;
    assert_eq!(denied.code(), "login_refused");
    assert!(
        denied.json()["detail"]
            .as_str()
            .unwrap()
            .contains("access_denied")
    );
    let good = come_back(&stage, &ticket, &sent["state"], "good").await;
    assert_eq!(good.status, 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_logs_in_where_no_provider_is_named_or_it_is_away() {
    let stage = Stage::new(&[QUICK]).await;
    for target in ["/login", "/login/callback?code=x&state=y"] {
        let none = stage.get(target).await;
        assert_eq!(none.code(), "no_such_route", "{target}");
    }
    let free: SocketAddr = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let stage = stage_with(oidc(&format!("http://{free}"), "noctule")).await;
    let away = public(Ask::get("/login")).send(stage.address).await;
    assert_eq!(away.code(), "login_unavailable");
    let strange = Ask::get("/login").header("host", "evil.example");
    assert_eq!(strange.send(stage.address).await.code(), "host_not_allowed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_logs_in_by_a_provider_that_others_wrote() {
    let (_mock, issuer) = mock().await;
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    let claims = json!({ "email": "ada@example.com", "email_verified": true, "groups": ["staff"] });
    let user = client.put(format!("{issuer}/users/ada")).json(&claims);
    assert!(user.send().await.unwrap().status().is_success());

    let stage = stage_with(oidc(&issuer, "noctule")).await;
    let begun = public(Ask::get("/login?next=/dags"))
        .send(stage.address)
        .await;
    assert_eq!(begun.status, 303, "{begun:?}");
    let sent = client
        .post(begun.header("location").unwrap())
        .header("content-type", "application/x-www-form-urlencoded")
        .body("sub=ada");
    let sent = sent.send().await.unwrap();
    let back = sent.headers()["location"].to_str().unwrap().to_owned();
    let own = "https://batch.example.com/noctule";
    let back = public(Ask::get(back.strip_prefix(own).unwrap()));
    let entered = back
        .header("cookie", &cookies(&begun))
        .send(stage.address)
        .await;
    assert_eq!(
        entered.status,
        303,
        "{}",
        String::from_utf8_lossy(&entered.body)
    );
    let session = cookies(&entered);
    let look = public(Ask::get("/api/v1/dags")).header("cookie", &session);
    assert_eq!(look.send(stage.address).await.status, 200);
    let act = public(Ask::post("/api/v1/dags/quick/pause", &json!({})));
    let act = act
        .header("cookie", &session)
        .header("noctule-request", "1");
    assert_eq!(act.send(stage.address).await.code(), "forbidden");
}
