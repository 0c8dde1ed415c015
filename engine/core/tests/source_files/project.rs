//! The project file and the chain of settings above it.

use std::collections::BTreeMap;

use noctule_core::source::{
    FileText, FlagSetting, Inputs, NewDags, Origin, SecretOrigin, load_project,
};
use serde_json::json;

use super::contract::PROJECT;
use super::stand_ins::{assert_good, codes, load_all, load_with, now, registry, said};

#[test]
fn the_example_project_arrives() {
    let loaded = load_all(PROJECT, &[]);
    assert_good(&loaded);
    let project = loaded.project.unwrap();
    assert_eq!(project.profile.as_str(), "default");
    assert_eq!(project.engine.slots, 16);
    assert_eq!(project.engine.new_dags, NewDags::Active);
    assert_eq!(project.engine.retention.runs.as_secs(), 90 * 86_400);
    assert_eq!(project.connections["gcp"].kind, "google");
    assert_eq!(
        project.connections["gcp"].settings["project"],
        "hyperlounge-dev"
    );
    assert_eq!(
        project.connections["adverts"].settings["url"],
        json!({ "secret": "adverts_db" })
    );
    assert_eq!(
        project.secrets["adverts_db"].from,
        SecretOrigin::Environment("ADVERTS_DATABASE_URL".into())
    );
    assert!(project.secrets["adverts_db"].allows("adverts-nightly"));
    assert!(!project.secrets["adverts_db"].allows("other"));
    assert_eq!(project.pools["gpu"], 1);
    assert_eq!(
        project.simulator["claude-agent-sdk-batch-job"]
            .delay
            .unwrap()
            .as_secs(),
        2
    );
}

#[test]
fn without_a_file_a_project_is_its_defaults() {
    let loaded = load_project(&Inputs {
        project: None,
        dags: &[],
        env: &BTreeMap::new(),
        flags: &[],
        profile: None,
        registry: &registry(),
        now: now(),
    });
    let project = loaded.project.unwrap();
    assert_eq!(project.store_url, "sqlite://.noctule/default/state.db");
    assert!(
        project
            .settings
            .iter()
            .all(|setting| setting.origin == Origin::Default)
    );
}

#[test]
fn a_flag_beats_the_environment_beats_the_profile_beats_the_file() {
    let text = "[engine]\nslots = 1\ndags = \"file\"\nlisten = \"127.0.0.1:1\"\n[vars]\na = \"file\"\nb = \"file\"\n\
                [profiles.p.engine]\nslots = 2\ndags = \"profile\"\nlisten = \"127.0.0.1:2\"\n[profiles.p.vars]\na = \"profile\"\n";
    let env = [
        ("NOCTULE__ENGINE__SLOTS", "3"),
        ("NOCTULE__ENGINE__LISTEN", "127.0.0.1:3"),
        ("NOCTULE__ENGINE__DAGS", ""),
        ("NOCTULE_ENGINE", "x"),
    ];
    let env = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let flags = [FlagSetting {
        flag: "--listen".into(),
        path: "engine.listen".into(),
        value: "127.0.0.1:4".into(),
    }];
    let project = Some(FileText {
        path: "noctule.toml",
        text,
    });
    let loaded = load_project(&Inputs {
        project,
        dags: &[],
        env: &env,
        flags: &flags,
        profile: Some("p"),
        registry: &registry(),
        now: now(),
    });
    assert_good(&loaded);
    let project = loaded.project.unwrap();
    let shown: Vec<_> = project
        .settings
        .iter()
        .map(|setting| {
            format!(
                "{} = {} from {}",
                setting.path, setting.value, setting.origin
            )
        })
        .collect();
    for line in [
        "engine.slots = 3 from environment NOCTULE__ENGINE__SLOTS",
        "engine.listen = \"127.0.0.1:4\" from flag --listen",
        "engine.dags = \"profile\" from profile p (noctule.toml:10)",
        "vars.a = \"profile\" from profile p (noctule.toml:13)",
        "vars.b = \"file\" from noctule.toml:7",
        "engine.watch = true from default",
        "store.url = \"sqlite://.noctule/p/state.db\" from default",
    ] {
        assert!(
            shown.iter().any(|shown| shown == line),
            "{line} is not in {shown:#?}"
        );
    }
    assert_eq!(project.engine.slots, 3);
}

#[test]
fn the_environment_reaches_names_of_any_case_and_values_of_any_type() {
    let text = "[vars]\nSteps_Url = \"a\"\ncount = 1\n";
    let env = [
        ("NOCTULE__VARS__STEPS_URL", "https://b"),
        ("NOCTULE__VARS__COUNT", "2"),
        ("NOCTULE__VARS__NEW", "[1]x"),
        ("NOCTULE__ENGINE__WATCH", "false"),
        ("NOCTULE__ENGINE__RETENTION", "{ runs = \"1d\" }"),
        ("NOCTULE__CONNECTIONS__GCP__KIND", "google"),
    ];
    let loaded = load_with(text, &[], &env, None);
    assert_good(&loaded);
    let project = loaded.project.unwrap();
    assert_eq!(
        serde_json::Value::from(project.vars),
        json!({ "Steps_Url": "https://b", "count": 2, "new": "[1]x" })
    );
    assert!(!project.engine.watch);
    assert_eq!(project.engine.retention.runs.as_secs(), 86_400);
    assert!(project.connections.contains_key("gcp"));
}

#[test]
fn a_bad_variable_is_reported_by_its_name() {
    let env = [
        ("NOCTULE__ENGINE__SLOTZ", "3"),
        ("NOCTULE__ENGINE__SLOTS", "many"),
        ("NOCTULE__", "x"),
        ("NOCTULE__PROFILES__P__VARS__A", "x"),
    ];
    let loaded = load_with("", &[], &env, None);
    let said: Vec<_> = loaded
        .diagnostics
        .errors()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        said,
        [
            "NOCTULE__:1:1: error[unknown_key]: this names no setting",
            "NOCTULE__ENGINE__SLOTS:1:1: error[wrong_type]: `slots`: expected integer, found text",
            "NOCTULE__ENGINE__SLOTZ:1:1: error[unknown_key]: unknown key `slotz`, did you mean `slots`?",
            "NOCTULE__PROFILES__P__VARS__A:1:1: error[unknown_key]: this names no setting",
        ]
    );
}

#[test]
fn a_simulator_gets_no_credentials() {
    let text = "[connections.gcp]\nkind = \"google\"\nauth = \"adc\"\n[profiles.local]\nconnections.gcp = { endpoint = \"simulator\" }\n";
    let auth = |profile| {
        load_with(text, &[], &[], profile)
            .project
            .unwrap()
            .connections["gcp"]
            .settings["auth"]
            .clone()
    };
    assert_eq!(auth(None), "adc");
    assert_eq!(auth(Some("local")), "anonymous");
    let settings = load_with(text, &[], &[("NOCTULE_PROFILE", "local")], None)
        .project
        .unwrap()
        .settings;
    let auth = settings
        .iter()
        .find(|setting| setting.path == "connections.gcp.auth")
        .unwrap();
    assert_eq!(
        auth.origin,
        Origin::Profile {
            name: "local".into(),
            file: "noctule.toml".into(),
            line: 5
        }
    );
}

#[test]
fn a_profile_that_does_not_exist_is_refused() {
    let text = "[profiles.local]\n[profiles.prod]\n";
    let loaded = load_with(text, &[], &[], Some("prd"));
    assert!(loaded.project.is_none());
    let shown = said(&loaded, &[("noctule.toml", text)]);
    assert!(
        shown.starts_with(
            "--profile:1:1: error[unknown_profile]: there is no profile `prd`, did you mean `prod`?"
        ),
        "{shown}"
    );
}

#[test]
fn a_password_in_a_url_is_never_shown() {
    let loaded = load_with(
        "",
        &[],
        &[("NOCTULE__STORE__URL", "postgres://me:hunter2@db/x")],
        None,
    );
    let project = loaded.project.unwrap();
    let url = project
        .settings
        .iter()
        .find(|setting| setting.path == "store.url")
        .unwrap();
    assert_eq!(url.value, "postgres://me:***@db/x");
    assert_eq!(project.store_url, "postgres://me:hunter2@db/x");
}

#[test]
fn plain_http_goes_to_loopback_only() {
    for (address, good) in [
        ("http://127.0.0.1:8080", true),
        ("http://localhost", true),
        ("http://[::1]:9/x", true),
        ("https://run.example.com", true),
        ("http://10.0.0.1", false),
        ("http://localhost.example.com", false),
        ("ftp://x", false),
    ] {
        let text = format!("[connections.g]\nkind = \"google\"\nendpoint = \"{address}\"\n");
        assert_eq!(
            codes(&load_all(&text, &[]).diagnostics).is_empty(),
            good,
            "{address}"
        );
    }
}

#[test]
fn connections_name_vars_and_nothing_else() {
    let text = "[vars]\np = \"x\"\n[connections.g]\nkind = \"google\"\nproject = \"{{ vars.q }}\"\nquota_project = \"{{ params.p }}\"\n";
    let loaded = load_all(text, &[]);
    assert_eq!(codes(&loaded.diagnostics), ["template", "template"]);
    assert_eq!(
        (
            loaded.diagnostics.iter().next().unwrap().line,
            loaded.diagnostics.iter().next().unwrap().column
        ),
        (5, 15)
    );
}

#[test]
fn a_connection_of_kind_aws_says_what_its_tasks_share() {
    let with = |line: &str| {
        let text = format!("[connections.a]\nkind = \"aws\"\nregion = \"us-east-1\"\n{line}\n");
        load_all(&text, &[])
    };
    for line in [
        "cluster = \"c\"",
        "subnets = [\"subnet-1a\", \"subnet-2b\"]",
        "security_groups = \"sg-1a,sg-2b\"",
        "target_group = \"arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/t/1\"",
        "search_after = [\"1s\", \"5s\"]",
    ] {
        let loaded = with(line);
        assert!(
            !loaded.diagnostics.has_errors(),
            "{line}: {:?}",
            codes(&loaded.diagnostics)
        );
        let key = line.split(' ').next().unwrap();
        let project = loaded.project.unwrap();
        assert!(
            project.connections["a"].settings.contains_key(key),
            "{line}"
        );
    }
    for line in [
        "subnets = 5",
        "security_groups = [5]",
        "search_after = [\"5s\", \"1s\"]",
        "clusters = \"c\"",
    ] {
        assert!(with(line).diagnostics.has_errors(), "{line}");
    }
}
