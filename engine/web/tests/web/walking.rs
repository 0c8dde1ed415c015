//! Every route of the router, by every way to be known or not to be, for every role: made from the router itself, so that
//! a new route is walked too.

use noctule_core::access::Role;
use noctule_store::SecretHash;
use noctule_web::{Route, routes};

use crate::access::{Token, log_in, token};
use crate::client::{Answer, Ask, Listener};
use crate::stage::{QUICK, Stage, provided, settings};

/// A DAG that somebody is not to know of.
const HIDDEN: &str = "id = \"hidden\"\n[tasks.veiled]\nexecutor = \"scripted\"\nwait = \"block\"\n";
const BOOTSTRAP: &str = "0123456789abcdef0123456789abcdef";
/// By which name it is asked from elsewhere.
const PUBLIC: &str = "batch.example.com";

/// A way to ask, and as whom one is known by it.
struct Way {
    name: String,
    headers: Vec<(&'static str, String)>,
    role: Option<Role>,
}

fn way(name: &str, headers: &[(&'static str, &str)], role: Option<Role>) -> Way {
    let mut headers: Vec<_> = headers.iter().map(|&(n, v)| (n, v.to_owned())).collect();
    if headers.iter().all(|(name, _)| *name != "host") {
        headers.push(("host", PUBLIC.to_owned()));
    }
    Way {
        name: name.to_owned(),
        headers,
        role,
    }
}

async fn ways(stage: &Stage) -> Vec<Way> {
    let own = stage.address.to_string();
    let bearer = |secret: &str| format!("Bearer {secret}");
    let mut all = vec![
        way("loopback", &[("host", &own)], Some(Role::Admin)),
        way("public name", &[], None),
        way(
            "proxy",
            &[("host", &own), ("x-forwarded-for", "10.0.0.1")],
            None,
        ),
        way("no token at all", &[("authorization", "")], None),
        way(
            "basic",
            &[("host", &own), ("authorization", "Basic YTpi")],
            None,
        ),
        way(
            "bootstrap",
            &[("authorization", &bearer(BOOTSTRAP))],
            Some(Role::Admin),
        ),
        way(
            "nearly",
            &[("authorization", &bearer(&BOOTSTRAP[1..]))],
            None,
        ),
    ];
    let unknown = noctule_store::AccessSecret::new(noctule_store::SecretKind::Token).unwrap();
    let shown = bearer(unknown.expose());
    all.push(way(
        "unknown",
        &[("host", &own), ("authorization", &shown)],
        None,
    ));
    for role in Role::ALL {
        let good = bearer(&token(stage, Token::new(role)).await);
        let session = log_in(stage, role, 60).await;
        let cookie = format!("__Host-noctule_session={session}");
        let over = format!("__Host-noctule_session={}", log_in(stage, role, -60).await);
        let expired = bearer(&token(stage, Token::new(role).expired()).await);
        let revoked = bearer(&token(stage, Token::new(role).revoked()).await);
        let as_token = bearer(&session);
        let secret = &good["Bearer ".len()..];
        let as_session = format!("__Host-noctule_session={secret}");
        let asked = ("noctule-request", "1");
        for (name, headers, known) in [
            ("token", vec![("authorization", good.as_str())], true),
            (
                "token here",
                vec![("host", own.as_str()), ("authorization", &good)],
                true,
            ),
            ("session", vec![("cookie", cookie.as_str()), asked], true),
            (
                "session here",
                vec![("host", own.as_str()), ("cookie", &cookie), asked],
                true,
            ),
            (
                "session over",
                vec![("cookie", over.as_str()), asked],
                false,
            ),
            (
                "expired",
                vec![("host", own.as_str()), ("authorization", &expired)],
                false,
            ),
            (
                "revoked",
                vec![("host", own.as_str()), ("authorization", &revoked)],
                false,
            ),
            (
                "two tokens",
                vec![("authorization", good.as_str()), ("authorization", &good)],
                false,
            ),
            (
                "revoked and session",
                vec![("authorization", revoked.as_str()), ("cookie", &cookie)],
                false,
            ),
            (
                "session as token",
                vec![("authorization", as_token.as_str())],
                false,
            ),
            (
                "token as session",
                vec![("cookie", as_session.as_str()), asked],
                false,
            ),
        ] {
            all.push(way(
                &format!("{name} {role}"),
                &headers,
                known.then_some(role),
            ));
        }
    }
    all
}

/// An address of a route, about a DAG, one of its runs and a task of that.
pub(crate) fn target(route: &Route, dag: &str, run: &str, task: &str) -> String {
    let filled = |part: &str| match part {
        "{dag}" => dag.to_owned(),
        "{run}" => run.to_owned(),
        "{id}" => task.to_owned(),
        "{hash}" => "0".repeat(64),
        "{token}" | "{session}" => "0".repeat(12),
        "{n}" => "1".to_owned(),
        part => part.to_owned(),
    };
    let parts: Vec<String> = route.path.split('/').map(filled).collect();
    parts.join("/")
}

/// What comes of asking; of a stream only its head.
async fn answer(stage: &Stage, route: &Route, ask: Ask) -> (u16, Vec<u8>) {
    if route.path.ends_with("/stream") || route.path == "/api/v1/events" {
        return (Listener::of(stage.address, ask).await.status, Vec::new());
    }
    let Answer { status, body, .. } = ask.send(stage.address).await;
    (status, body)
}

fn ask(route: &Route, target: &str, headers: &[(&'static str, String)]) -> Ask {
    let ask = match route.method {
        "POST" => Ask::post(target, &serde_json::json!({})),
        method => Ask::new(method, target),
    };
    let headers = headers.iter();
    headers.fold(ask, |ask, (name, value)| ask.header(name, value))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_asks_everybody_for_its_role_whatever_they_show() {
    let mut access = provided();
    access.bootstrap = Some(SecretHash::of(BOOTSTRAP));
    let stage = Stage::guarded(&[QUICK], settings(), access).await;
    let run = stage.trigger("quick").await;
    stage.over(&run).await;
    let task = stage.task(&run, "t").await;
    let ways = ways(&stage).await;
    let mut walked = 0;
    for route in routes() {
        let target = target(&route, "quick", &run, &task);
        for way in &ways {
            let ask = ask(&route, &target, &way.headers);
            let (status, body) = answer(&stage, &route, ask).await;
            // A login that never began is refused by the login, whoever asks.
            let login = String::from_utf8_lossy(&body).contains("login_refused");
            let of = format!("{} {} by {}: {status}", route.method, route.path, way.name);
            match (route.role, way.role) {
                (None, _) => assert!((status != 401 && status != 403) || login, "{of}"),
                (Some(_), None) => assert_eq!(status, 401, "{of}"),
                (Some(needed), Some(role)) if role < needed => assert_eq!(status, 403, "{of}"),
                (Some(_), Some(_)) => assert!(status != 401 && status != 403, "{of}"),
            }
            walked += 1;
        }
    }
    assert!(walked > 30 * 24, "{walked}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_limited_to_dags_finds_no_trace_of_another_by_any_route() {
    let stage = Stage::new(&[QUICK, HIDDEN]).await;
    let mut of = Vec::new();
    for (dag, task) in [("quick", "t"), ("hidden", "veiled")] {
        let run = stage.trigger(dag).await;
        stage.over(&run).await;
        let task = stage.task(&run, task).await;
        of.push((dag, run, task));
    }
    let hidden_run = of[1].1.clone();
    let limited = Token::new(Role::Admin).limited_to("qui*");
    let shown = format!("Bearer {}", token(&stage, limited).await);
    let headers = [("authorization", shown)];
    for route in routes().filter(|route| route.role.is_some()) {
        let names = ["{dag}", "{run}", "task-runs/{id}"];
        let names_one = names.iter().any(|name| route.path.contains(name));
        for (dag, run, task) in &of {
            let target = target(&route, dag, run, task);
            let (status, body) = answer(&stage, &route, ask(&route, &target, &headers)).await;
            let of = format!("{} {target}: {status}", route.method);
            let theirs = *dag == "quick";
            match (names_one, theirs) {
                (true, false) => assert_eq!(status, 404, "{of}"),
                (true, true) => assert!(status != 401 && status != 403, "{of}"),
                // About all DAGs: filtered, or refused.
                (false, _) => assert!([200, 303, 403].contains(&status), "{of}"),
            }
            let text = String::from_utf8_lossy(&body);
            // What somebody asked for is said back to them, and is no trace.
            let told = text.contains("veiled") || (theirs && text.contains(&hidden_run));
            assert!(!told, "{of}: {text}");
        }
    }
    let runs = ask_as(&stage, "/api/v1/runs?limit=200", &headers).await;
    let runs = runs.json();
    let mut dags = runs["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| &run["dag"]);
    assert!(dags.len() > 0 && dags.all(|dag| dag == "quick"), "{runs}");
    let none = ask_as(&stage, "/api/v1/runs?dag=hidden", &headers).await;
    assert_eq!(none.json()["items"].as_array().unwrap().len(), 0);
    let dags = ask_as(&stage, "/api/v1/dags", &headers).await;
    assert_eq!(dags.json()["items"].as_array().unwrap().len(), 1);
}

async fn ask_as(stage: &Stage, target: &str, headers: &[(&'static str, String)]) -> Answer {
    let all = headers.iter();
    let ask = all.fold(Ask::get(target), |ask, (name, value)| {
        ask.header(name, value)
    });
    ask.send(stage.address).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_not_theirs_answers_as_one_that_never_was() {
    let stage = Stage::new(&[QUICK, HIDDEN]).await;
    let run = stage.trigger("hidden").await;
    let task = stage.task(&run, "veiled").await;
    let limited = Token::new(Role::Admin).limited_to("quick");
    let headers = [(
        "authorization",
        format!("Bearer {}", token(&stage, limited).await),
    )];
    let (no_run, no_task) = ("01900000-0000-7000-8000-000000000000", {
        use noctule_core::view::TaskRunId;
        let id: TaskRunId = task.parse().unwrap();
        TaskRunId {
            run: "01900000-0000-7000-8000-000000000000".parse().unwrap(),
            ..id
        }
        .to_string()
    });
    for route in routes() {
        if !["{dag}", "{run}", "{id}"]
            .iter()
            .any(|name| route.path.contains(name))
        {
            continue;
        }
        let there = target(&route, "hidden", &run, &task);
        let never = target(&route, "never_was", no_run, &no_task);
        let mut said = Vec::new();
        for target in [&there, &never] {
            // A body and a query that nothing takes: what is not theirs is not looked at so far.
            let target = format!("{target}?nonsense=1");
            let (status, body) = answer(&stage, &route, ask(&route, &target, &headers)).await;
            let text = String::from_utf8_lossy(&body);
            let same = text.replace(no_run, "R").replace(&run, "R");
            said.push((
                status,
                same.replace("never_was", "D").replace("hidden", "D"),
            ));
        }
        assert_eq!(said[0], said[1], "{route:?}");
    }
}
