//! Tokens from the command line: made, listed, used over a server, revoked; and who may come in from elsewhere.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;

use crate::projects::{Ended, HELLO, Project, end};
use crate::served::Served;

fn secret_of(ended: &Ended) -> &str {
    let secret = ended.stdout.trim_end();
    assert!(
        secret.starts_with("nct_") && !secret.contains('\n'),
        "{ended:#?}"
    );
    assert!(!ended.stderr.contains(&secret[4..]), "{ended:#?}");
    secret
}

fn asked_with(project: &Project, served: &Served, token: &str, args: &[&str]) -> Ended {
    let args = [args, &["--server", &served.url]].concat();
    end(project.command(&args).env("NOCTULE_TOKEN", token))
}

#[test]
fn a_token_is_made_listed_used_and_revoked_and_each_is_written_down() {
    let project = Project::of(HELLO);
    let made = project.noctule(&[
        "token",
        "create",
        "--role",
        "operator",
        "--dag",
        "d*",
        "--expires",
        "90d",
        "--name",
        "ci",
    ]);
    let made = made
        .with_code(0)
        .saying("operator of DAGs d*")
        .saying("not shown again");
    let secret = secret_of(&made);
    project
        .noctule(&["token", "create", "--role", "viewer", "--name", "ci"])
        .with_code(4);
    for wrong in [
        &["--role", "root"][..],
        &["--role", "viewer", "--dag", "a b"],
        &["--role", "viewer", "--expires", "soon"],
        &["--role", "viewer", "--name", ""],
        &[],
    ] {
        let args = [&["token", "create"], wrong].concat();
        project.noctule(&args).with_code(2);
    }
    let served = Served::over(&project);
    // Made by another process while the engine has the store.
    let other = project.noctule(&[
        "token", "create", "--role", "viewer", "--dag", "x*", "-o", "json",
    ]);
    let other = other.with_code(0).json();
    let other = other["secret"].as_str().unwrap();
    let run = asked_with(&project, &served, secret, &["trigger", "d", "--wait"]);
    run.with_code(1);
    asked_with(&project, &served, secret, &["token", "list"]).with_code(5);
    asked_with(&project, &served, other, &["trigger", "d"]).with_code(5);
    asked_with(&project, &served, other, &["show", "d@latest"]).with_code(3);
    let none = asked_with(&project, &served, other, &["runs", "-o", "json"]);
    assert_eq!(none.with_code(0).json(), serde_json::json!([]));

    let listed = project
        .noctule(&["token", "list", "-o", "json"])
        .with_code(0);
    assert!(!listed.stdout.contains(&secret[4..]));
    let ci = listed
        .json()
        .as_array()
        .unwrap()
        .iter()
        .find(|t| t["name"] == "ci")
        .cloned();
    assert_eq!(ci.unwrap()["state"], "active");
    let there = served.asked(&project, &["token", "list", "-o", "json"]);
    let names = |ended: &Ended| -> Vec<serde_json::Value> {
        let all = ended.json();
        all.as_array()
            .unwrap()
            .iter()
            .map(|t| t["id"].clone())
            .collect()
    };
    assert_eq!(names(&there), names(&listed));

    project.noctule(&["token", "revoke", "ci"]).with_code(0);
    asked_with(&project, &served, secret, &["runs"])
        .with_code(5)
        .saying("revoked");
    project.noctule(&["token", "revoke", "nobody"]).with_code(3);
    served
        .asked(
            &project,
            &["token", "create", "--role", "admin", "--name", "far"],
        )
        .with_code(0);
    served
        .asked(&project, &["token", "revoke", "far"])
        .with_code(0);

    let audit = project.noctule(&["audit", "-o", "json"]).with_code(0);
    let acts: Vec<(String, String, String)> = audit
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            (text("act"), text("via"), text("outcome"))
        })
        .collect();
    let acts: Vec<(&str, &str, &str)> = acts
        .iter()
        .map(|(a, v, o)| (a.as_str(), v.as_str(), o.split(':').next().unwrap()))
        .collect();
    assert_eq!(
        acts,
        [
            ("revoke_token", "api", "done"),
            ("create_token", "api", "done"),
            ("revoke_token", "cli", "done"),
            ("trigger_run", "api", "done"),
            ("create_token", "cli", "done"),
            ("create_token", "cli", "name_taken"),
            ("create_token", "cli", "done"),
        ]
    );
    let there = served
        .asked(&project, &["audit", "-o", "json"])
        .with_code(0);
    assert_eq!(there.stdout, audit.stdout);
    let two = served
        .asked(&project, &["audit", "--limit", "2", "-o", "json"])
        .json();
    assert_eq!(two.as_array().unwrap().len(), 2);
}

#[test]
fn a_token_comes_from_a_flag_a_file_or_the_environment_and_the_file_is_private() {
    let project = Project::of(HELLO);
    let made = project
        .noctule(&["token", "create", "--role", "viewer"])
        .with_code(0);
    project.write("token", &made.stdout);
    let served = Served::over(&project);
    let with = |args: &[&str]| {
        let mut command = project.command(&[args, &["runs", "--server", &served.url]].concat());
        // What is worse must not count.
        end(command.env("NOCTULE_TOKEN", "unknown"))
    };
    with(&[]).with_code(5);
    with(&["--token", secret_of(&made)]).with_code(0);
    let file = project.path().join("token");
    let mode =
        |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    for open in [0o644, 0o640, 0o604] {
        mode(open);
        with(&["--token-file", "token"])
            .with_code(2)
            .saying("chmod 600");
    }
    mode(0o600);
    with(&["--token-file", "token"]).with_code(0);
    with(&["--token-file", "none"]).with_code(2);
    project
        .noctule(&["runs", "--token-file", "token"])
        .with_code(2)
        .saying("--server");
}

/// The first line of the answer to a request as it stands.
fn answered(address: SocketAddr, host: &str, more: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request =
        format!("GET /api/v1/dags HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{more}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    all.lines().next().unwrap_or_default().to_owned()
}

const ELSEWHERE: [&str; 3] = ["serve", "--listen", "0.0.0.0:0"];

#[test]
fn nobody_listens_for_others_without_a_name_and_a_token() {
    let project = Project::of(HELLO);
    project
        .noctule(&ELSEWHERE)
        .with_code(2)
        .saying("public_url");
    project.write(
        "noctule.toml",
        "[engine]\npublic_url = \"https://batch.example.com\"\n",
    );
    project
        .noctule(&ELSEWHERE)
        .with_code(2)
        .saying("token create");
    let made = project
        .noctule(&["token", "create", "--role", "admin", "--name", "a"])
        .with_code(0);
    let secret = secret_of(&made);
    let served = Served::with(&project, &ELSEWHERE);
    let port = served.url.rsplit(':').next().unwrap().parse().unwrap();
    let here = SocketAddr::from(([127, 0, 0, 1], port));
    let shown = format!("authorization: Bearer {secret}\r\n");
    assert!(answered(here, "localhost", "").contains("200"));
    assert!(answered(here, "batch.example.com", "").contains("401"));
    assert!(answered(here, "batch.example.com", &shown).contains("200"));
    assert!(answered(here, "evil.example", &shown).contains("403"));
    // From an address that is not loopback, where the machine has one: nothing is sent to find it.
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    if socket.connect("192.0.2.1:9").is_ok() {
        let own = socket.local_addr().unwrap().ip();
        assert!(!own.is_loopback());
        let there = SocketAddr::new(own, port);
        assert!(answered(there, "localhost", "").contains("401"), "{own}");
        assert!(
            answered(there, "batch.example.com", &shown).contains("200"),
            "{own}"
        );
    }
    drop(served);
    project.noctule(&["token", "revoke", "a"]).with_code(0);
    project
        .noctule(&ELSEWHERE)
        .with_code(2)
        .saying("token create");
}

#[test]
fn a_container_is_started_with_a_token_that_cannot_be_guessed() {
    let project = Project::of(HELLO);
    project.write(
        "noctule.toml",
        "[engine]\npublic_url = \"https://batch.example.com\"\n\
        bootstrap_token = { secret = \"door\" }\n[secrets.door]\nfrom = \"file:door\"\n",
    );
    project
        .noctule(&ELSEWHERE)
        .with_code(2)
        .saying("secret `door`");
    project.write("door", "short\n");
    project
        .noctule(&ELSEWHERE)
        .with_code(2)
        .saying("32 characters");
    let secret = "0123456789abcdef0123456789abcdef";
    project.write("door", &format!("{secret}\n"));
    let served = Served::with(&project, &ELSEWHERE);
    let port = served.url.rsplit(':').next().unwrap().parse().unwrap();
    let here = SocketAddr::from(([127, 0, 0, 1], port));
    let with = |token: &str| {
        answered(
            here,
            "batch.example.com",
            &format!("authorization: Bearer {token}\r\n"),
        )
    };
    assert!(with(secret).contains("200"));
    assert!(with(&secret[1..]).contains("401"));
    project.write(
        "noctule.toml",
        "[engine]\nbootstrap_token = \"in the open\"\n",
    );
    project
        .noctule(&["check"])
        .with_code(2)
        .saying("is a secret");
}

#[test]
fn this_machine_shows_a_token_where_the_project_says_so() {
    let project = Project::new("[engine]\ntrust_loopback = false\n");
    project.write("dags/d.toml", HELLO);
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    project
        .noctule(&serve)
        .with_code(2)
        .saying("engine.trust_loopback is off, and there is no token yet");
    let made = project.noctule(&["token", "create", "--role", "viewer"]);
    let made = made.with_code(0);
    let served = Served::with(&project, &serve);
    served.asked(&project, &["runs"]).with_code(5);
    asked_with(&project, &served, secret_of(&made), &["runs"]).with_code(0);
    let config = project.noctule(&["config", "-o", "json"]).with_code(0);
    assert!(
        config.stdout.contains("engine.trust_loopback"),
        "{config:#?}"
    );
}

/// A session in the store of a project, as a login makes one; gives its short name.
fn logged_in(project: &Project, name: &str) -> String {
    use noctule_core::access::{Role, Scope};
    use noctule_store::{AccessSecret, OpenOptions, SecretKind, Session, Store};
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let now = chrono::Utc::now();
        let options = OpenOptions {
            profile: "default".parse().unwrap(),
            new_id: "0123abcd".parse().unwrap(),
            now,
            base: project.path().to_owned(),
            create: false,
            hook: None,
        };
        let store = Store::open("sqlite://.noctule/default/state.db", options).await;
        let store = store.unwrap();
        let secret = AccessSecret::new(SecretKind::Session).unwrap();
        let session = Session {
            name: name.to_owned(),
            role: Role::Operator,
            scope: Scope::everything(),
            provider: "https://login.example.com noctule".to_owned(),
            created_at: now,
            expires_at: now + chrono::TimeDelta::hours(1),
        };
        let opened = store.open_session(&secret.hash(), &session).await;
        opened.unwrap();
        secret.hash().short()
    })
}

#[test]
fn sessions_are_listed_and_ended_by_id_or_by_name_and_each_end_is_written_down() {
    let project = Project::of(HELLO);
    project.noctule(&["run", "d"]).with_code(1);
    assert_eq!(
        project.noctule(&["session", "list"]).with_code(0).stdout,
        ""
    );
    let ada = [logged_in(&project, "ada"), logged_in(&project, "ada")];
    let bea = logged_in(&project, "be\u{1b}[2Ja");
    let cleo = logged_in(&project, "cleo");
    let names = || {
        let listed = project.noctule(&["session", "list", "-o", "json"]);
        let listed = listed.with_code(0).json();
        let all = listed.as_array().unwrap().iter();
        let mut ids: Vec<String> = all
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    assert_eq!(names().len(), 4);
    let table = project.noctule(&["session", "list"]).with_code(0).stdout;
    assert!(!table.contains('\u{1b}'), "{table:?}");
    project.noctule(&["session", "end", "ada"]).with_code(0);
    assert!(!ada.iter().any(|id| names().contains(id)));
    project.noctule(&["session", "end", "ada"]).with_code(3);
    let told = project.noctule(&["session", "end", &bea]).with_code(0);
    assert!(!told.stderr.contains('\u{1b}'), "{told:?}");
    let served = Served::over(&project);
    let there = served.asked(&project, &["session", "list", "-o", "json"]);
    assert_eq!(there.with_code(0).json()[0]["id"], cleo.as_str());
    served
        .asked(&project, &["session", "end", "cleo"])
        .with_code(0);
    assert_eq!(names(), Vec::<String>::new());
    let audit = project
        .noctule(&["audit", "-o", "json"])
        .with_code(0)
        .json();
    let events = audit.as_array().unwrap().iter();
    let ends = events.filter(|event| event["act"] == "end_session" && event["outcome"] == "done");
    assert_eq!(ends.count(), 4, "{audit:#}");
}
