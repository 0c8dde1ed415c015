//! Secrets of vaults, through the whole program: what a plan shows, who gets the value, and where it is never found.

use serde_json::json;

use crate::projects::{Ended, Project, end};

const CANARY: &str = "canary-5f0e7c31-must-never-be-seen";

const PROJECT: &str = r#"
[secrets.remote]
from = "gcp:projects/q/secrets/remote/versions/3"
[secrets.local]
from = "aws:prod/db"
[connections.gcp]
kind = "google"
project = "p"
endpoint = "simulator"
search_after = ["10ms"]
[connections.aws]
kind = "aws"
endpoint = "simulator"
[simulator.secrets]
"projects/q/secrets/remote" = "env:SIMULATED"
"prod/db" = "env:SIMULATED"
[simulator.jobs.etl]
command = ["sh", "-c", "test -n \"$TOKEN\" && printf %s \"$TOKEN\" | wc -c > etl.length"]
"#;

const DAG: &str = r#"
[tasks.by_reference]
executor = "cloud_run"
wait = "block"
with = { job = "etl", region = "r1", env = { TOKEN = { secret = "remote" } } }
[tasks.at_the_call]
executor = "process"
depends_on = ["by_reference"]
with.command = ["sh", "-c", "printf %s \"$TOKEN\" | wc -c > call.length"]
with.env.TOKEN = { secret = "local" }
"#;

fn project() -> Project {
    let project = Project::of(DAG);
    project.write("noctule.toml", PROJECT);
    project
}

fn noctule(project: &Project, args: &[&str]) -> Ended {
    let ended = end(project.command(args).env("SIMULATED", CANARY));
    assert!(!ended.stdout.contains(CANARY), "{ended:#?}");
    assert!(!ended.stderr.contains(CANARY), "{ended:#?}");
    ended
}

#[test]
fn a_value_reaches_who_needs_it_and_is_found_nowhere_else() {
    let project = project();
    noctule(&project, &["-v", "-v", "run", "d"]).with_code(0);
    for file in ["etl.length", "call.length"] {
        let length = std::fs::read_to_string(project.path().join(file)).unwrap();
        assert_eq!(length.trim(), CANARY.len().to_string(), "{file}");
    }
    for args in [
        &["runs", "-o", "json"][..],
        &["show", "-", "-o", "json"],
        &["events", "-", "-o", "json"],
        &["explain", "-"],
        &["logs", "-"],
        &["config", "-o", "json"],
        &["plan", "d"],
    ] {
        noctule(&project, args);
    }
    for file in project.files().into_iter().filter(|file| file.is_file()) {
        let content = std::fs::read(&file).unwrap();
        let found = content
            .windows(CANARY.len())
            .any(|some| some == CANARY.as_bytes());
        assert!(!found, "{}", file.display());
    }
}

#[test]
fn a_plan_shows_the_reference_that_the_backend_gets() {
    let plan = noctule(&project(), &["plan", "d", "-o", "json"]).with_code(0);
    let plan = plan.json();
    let variable = &plan[0]["request"]["body"]["overrides"]["containerOverrides"][0]["env"][1];
    let key = json!({ "secret": "projects/q/secrets/remote", "version": "3" });
    assert_eq!(
        variable,
        &json!({ "name": "TOKEN", "valueSource": { "secretKeyRef": key } })
    );
    assert_eq!(
        plan[1]["request"]["env"]["TOKEN"],
        json!({ "secret": "local" })
    );
}

#[test]
fn doctor_reads_what_this_identity_is_to_read_and_names_the_rights() {
    let project = project();
    let found = noctule(&project, &["doctor", "-o", "json"]).stdout;
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let said = |subject: &str| {
        let findings = found.as_array().unwrap().iter();
        let mut ours = findings.filter(|one| one["subject"].as_str().unwrap().starts_with(subject));
        ours.next()
            .cloned()
            .unwrap_or_else(|| panic!("{subject}: {found:#}"))
    };
    assert_eq!(said("secret local through aws")["good"], true, "{found:#}");
    let passed = said("secret remote");
    assert!(
        passed["message"]
            .as_str()
            .unwrap()
            .contains("as a reference")
    );
    let rights = noctule(&project, &["doctor", "--policy", "-o", "json"]).with_code(0);
    let rights = rights.json();
    let ours = rights
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["secrets"] == "aws");
    let statement = &ours.unwrap()["rights"]["Statement"][0];
    assert_eq!(
        statement["Action"],
        json!(["secretsmanager:GetSecretValue"])
    );
    // What Cloud Run reads by itself needs no right of ours.
    assert!(!rights.to_string().contains("secretmanager.versions.access"));
}
