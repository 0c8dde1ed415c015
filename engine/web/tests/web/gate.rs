//! What passes the gate: every route of the router, by every method, from every place.

use noctule_web::{Route, routes};

use crate::client::{Answer, Ask};
use crate::stage::{QUICK, Stage};

const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND",
];

/// An address of a route, its parameters filled in.
fn target(route: &Route) -> String {
    let filled = |part: &str| match part {
        "{dag}" => "quick".to_owned(),
        "{run}" => "no-such-run".to_owned(),
        "{hash}" => "0".repeat(64),
        "{n}" => "1".to_owned(),
        part if part.starts_with('{') => "AAAA".to_owned(),
        part => part.to_owned(),
    };
    let parts: Vec<String> = route.path.split('/').map(filled).collect();
    parts.join("/")
}

fn is_marked(answer: &Answer, of: &str) {
    assert_eq!(
        answer.header("x-content-type-options"),
        Some("nosniff"),
        "{of}"
    );
    let policy = answer.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("default-src 'none'"), "{of}: {policy}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{of}");
    let foreign = answer
        .headers
        .iter()
        .find(|(name, _)| name.starts_with("access-control-"));
    assert_eq!(foreign, None, "{of}: no other origin is told anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_shows_an_unknown_token_gets_nothing_but_what_is_public() {
    let stage = Stage::new(&[QUICK]).await;
    let mut walked = 0;
    for route in routes() {
        for method in METHODS {
            let ask = Ask::new(method, &target(&route)).header("authorization", "Bearer guess");
            let answer = ask.send(stage.address).await;
            let of = format!("{method} {}", route.path);
            is_marked(&answer, &of);
            let public = route.role.is_none() && (method == route.method || method == "HEAD");
            if public {
                // There is no provider to log in by.
                let there = if route.path.starts_with("/login") {
                    404
                } else {
                    200
                };
                assert_eq!(answer.status, there, "{of}");
            } else {
                assert_eq!(answer.status, 401, "{of}");
                assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{of}");
            }
            walked += 1;
        }
    }
    assert!(walked >= 9 * 20, "{walked}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_takes_its_methods_and_names_them_for_any_other() {
    let stage = Stage::new(&[QUICK]).await;
    for route in routes() {
        let here =
            |method: &str| routes().any(|other| other.path == route.path && other.method == method);
        for method in METHODS {
            let is_known = here(method) || (method == "HEAD" && here("GET"));
            // Streams do not end by themselves; another test listens to them.
            if is_known && route.path.ends_with("/events") || route.path.ends_with("/stream") {
                continue;
            }
            let answer = Ask::new(method, &target(&route)).send(stage.address).await;
            let of = format!("{method} {}", route.path);
            is_marked(&answer, &of);
            assert_eq!(answer.status == 405, !is_known, "{of}: {}", answer.status);
            if !is_known {
                let allow = answer.header("allow").unwrap_or_default();
                assert_eq!(allow.contains("GET"), here("GET"), "{of}: {allow}");
                assert_eq!(allow.contains("POST"), here("POST"), "{of}: {allow}");
            }
        }
    }
}

/// A browser says where it was sent, and which site sent it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_names_of_this_server_and_pages_of_its_own_may_ask() {
    let stage = Stage::new(&[QUICK]).await;
    let port = stage.address.port();
    let own = format!("127.0.0.1:{port}");
    let local = format!("localhost:{port}");
    let (own_page, local_page) = (format!("http://{own}"), format!("http://{local}"));
    let cases: [(&str, Option<&str>, &str); 24] = [
        (&own, None, ""),
        (&local, None, ""),
        ("LOCALHOST:9", None, ""),
        ("localhost", None, ""),
        ("[::1]:7878", None, ""),
        // By its public name it is asked from elsewhere.
        ("batch.example.com", None, "unauthenticated"),
        (&own, Some(&own_page), ""),
        (&local, Some(&local_page), ""),
        (
            "batch.example.com",
            Some("https://batch.example.com"),
            "unauthenticated",
        ),
        ("evil.example", None, "host_not_allowed"),
        ("127.0.0.1.evil.example", None, "host_not_allowed"),
        ("localhost.evil.example", None, "host_not_allowed"),
        ("0.0.0.0", None, "host_not_allowed"),
        ("10.0.0.1", None, "host_not_allowed"),
        ("batch.example.com:81", None, "host_not_allowed"),
        (
            "evil.example",
            Some("http://evil.example"),
            "host_not_allowed",
        ),
        (&own, Some("http://evil.example"), "origin_not_allowed"),
        (&own, Some("null"), "origin_not_allowed"),
        (&own, Some("http://localhost:1"), "origin_not_allowed"),
        (&own, Some(&local_page), "origin_not_allowed"),
        (
            &own,
            Some("https://batch.example.com"),
            "origin_not_allowed",
        ),
        (
            "batch.example.com",
            Some("http://batch.example.com"),
            "origin_not_allowed",
        ),
        ("a@localhost", None, "malformed_request"),
        ("", None, "malformed_request"),
    ];
    for (host, origin, code) in cases {
        for (method, target) in [
            ("GET", "/api/v1/dags"),
            ("POST", "/api/v1/dags/quick/pause"),
        ] {
            let mut ask = Ask::new(method, target).header("host", host);
            if let Some(origin) = origin {
                ask = ask.header("origin", origin);
            }
            let answer = ask.send(stage.address).await;
            let of = format!("{method} {host:?} {origin:?}");
            if code.is_empty() {
                assert_eq!(answer.status, 200, "{of}");
            } else {
                assert_eq!(answer.code(), code, "{of}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_has_one_host_and_a_browser_may_follow_a_link_from_elsewhere() {
    let stage = Stage::new(&[QUICK]).await;
    let own = stage.address.to_string();
    let two = Ask::get("/api/v1/dags")
        .header("host", &own)
        .header("host", "evil.example");
    assert_eq!(two.send(stage.address).await.code(), "malformed_request");
    let none = Ask::get("/api/v1/dags").no_host();
    assert_eq!(none.send(stage.address).await.code(), "malformed_request");
    let other = Ask::get("http://evil.example/api/v1/dags");
    assert_eq!(other.send(stage.address).await.code(), "malformed_request");
    let link = |site: &str, mode: &str, method: &str| {
        Ask::new(
            method,
            if method == "GET" {
                "/api/v1/dags"
            } else {
                "/api/v1/dags/quick/pause"
            },
        )
        .header("sec-fetch-site", site)
        .header("sec-fetch-mode", mode)
    };
    for (site, mode, method, status) in [
        ("cross-site", "navigate", "GET", 200),
        ("none", "navigate", "GET", 200),
        ("same-origin", "cors", "POST", 200),
        ("cross-site", "cors", "GET", 403),
        ("cross-site", "no-cors", "GET", 403),
        ("same-site", "cors", "GET", 403),
        ("cross-site", "navigate", "POST", 403),
        ("same-site", "navigate", "POST", 403),
    ] {
        let answer = link(site, mode, method).send(stage.address).await;
        assert_eq!(answer.status, status, "{site} {mode} {method}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_public_is_so_in_one_way_of_writing_it() {
    let stage = Stage::new(&[QUICK]).await;
    let stranger = |target: &str| Ask::get(target).header("authorization", "Bearer x");
    for target in ["/healthz", "/readyz", "/healthz?", "/readyz?"] {
        assert_eq!(
            stranger(target).send(stage.address).await.status,
            200,
            "{target}"
        );
    }
    for target in [
        "/healthz/",
        "//healthz",
        "/HEALTHZ",
        "/healthz;x",
        "/%68ealthz",
        "/healthz%2f",
        "/healthz/../api/v1/dags",
        "/api/v1/healthz",
        "/api/v1/dags/healthz",
        "/api/v1/runs/readyz",
        "/healthz%00",
        "/static/healthz",
        "/logout",
        "/login/",
        "/metrics",
        "/",
        "/api",
        "/api/v1",
    ] {
        let answer = stranger(target).send(stage.address).await;
        assert_eq!(answer.status, 401, "{target}");
    }
    // A probe asks by any address and learns nothing.
    let probe = Ask::get("/healthz").header("host", "10.1.2.3:80");
    assert_eq!(probe.send(stage.address).await.body, b"ok\n");
}
