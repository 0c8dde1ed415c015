//! The document and the server, held against each other: by our own walk, and by schemathesis.
//!
//! Needs `python3` with `venv`, and PyPI by the ordinary client the first time; the packages stay in the target folder. It
//! never skips: without them it fails and says what to install. `NOCTULE_SCHEMATHESIS_EXAMPLES` asks for more examples of
//! each operation, `NOCTULE_SCHEMATHESIS_SEED` for others.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use noctule_web::{Code, routes};
use serde_json::json;

use crate::nights::NIGHTLY;
use crate::stage::{BAD, HELD, QUICK, Stage};

const PACKAGE: &str = "schemathesis==4.32.5";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_served_document_holds_every_route_every_code_and_every_role() {
    let stage = Stage::new(&[QUICK]).await;
    let document = stage.get("/api/v1/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    for route in routes().filter(|route| !route.page) {
        let operation = &document["paths"][route.path][route.method.to_ascii_lowercase()];
        assert!(operation["summary"].is_string(), "{route:?}");
        let role = operation["x-noctule-role"].as_str();
        assert_eq!(role, route.role.map(noctule_web::Role::word), "{route:?}");
        let parameters = operation["parameters"].as_array().unwrap();
        let names = parameters.iter().filter(|given| given["in"] == "path");
        let told: BTreeSet<String> = names
            .map(|given| format!("{{{}}}", given["name"].as_str().unwrap()))
            .collect();
        let there: BTreeSet<String> = route
            .path
            .split('/')
            .filter(|part| part.starts_with('{'))
            .map(str::to_owned)
            .collect();
        assert_eq!(told, there, "{route:?}");
    }
    let codes = &document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"];
    let told: BTreeSet<&str> = codes
        .as_array()
        .unwrap()
        .iter()
        .map(|code| code.as_str().unwrap())
        .collect();
    assert_eq!(told, Code::ALL.iter().map(|code| code.as_str()).collect());
}

/// What a program said; a panic with `hint` if it could not be run or failed.
fn succeeded(what: &str, hint: &str, output: std::io::Result<Output>) -> String {
    let output = output.unwrap_or_else(|error| panic!("{what}: {error}; {hint}"));
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let said = said.join("\n");
    assert!(
        output.status.success(),
        "{what}: {}; {hint}\n{said}",
        output.status
    );
    said
}

/// Schemathesis, made once.
fn schemathesis() -> PathBuf {
    venv(PACKAGE, "schemathesis")
}

/// A program of a package that is installed once.
pub(crate) fn venv(package: &str, program: &str) -> PathBuf {
    noctule_test_python::program(Path::new(env!("CARGO_TARGET_TMPDIR")), package, program)
}

fn asked(variable: &str, default: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| default.to_owned())
}

async fn attack(stage: &Stage, parameters: &str) -> String {
    let program = tokio::task::spawn_blocking(schemathesis).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("schemathesis.toml");
    std::fs::write(&config, format!("[parameters]\n{parameters}")).unwrap();
    let base = format!("http://{}", stage.address);
    let mut command = Command::new(program);
    command.arg("--config-file").arg(&config);
    command.args([
        "run",
        &format!("{base}/api/v1/openapi.json"),
        "--url",
        &base,
    ]);
    let examples = asked("NOCTULE_SCHEMATHESIS_EXAMPLES", "12");
    let seed = asked("NOCTULE_SCHEMATHESIS_SEED", "20261121");
    command.args([
        "--max-examples",
        &examples,
        "--seed",
        &seed,
        "--workers",
        "1",
    ]);
    command.args(["--phases", "examples,coverage,fuzzing", "--checks", "all"]);
    // A schema cannot say which params a DAG has, so a body that fits may name some that it has not.
    command.args(["--exclude-checks", "positive_data_acceptance"]);
    // Streams do not end; tests of their own listen to them.
    command.args([
        "--exclude-operation-id",
        "events",
        "--exclude-operation-id",
        "run_stream",
    ]);
    command.args([
        "--request-timeout",
        "60",
        "--suppress-health-check",
        "all",
        "--no-color",
    ]);
    command
        .current_dir(folder.path())
        .env("NO_PROXY", "127.0.0.1");
    let hint = "schemathesis found that the document and the server disagree";
    let said =
        tokio::task::spawn_blocking(move || succeeded("schemathesis", hint, command.output()));
    let said = said.await.unwrap();
    drop(folder);
    said
}

/// How many requests it made: a run that tested nothing has failed.
fn generated(said: &str) -> u64 {
    let line = said
        .lines()
        .find(|line| line.contains(" generated, "))
        .unwrap_or_default();
    let number = line.split_whitespace().find_map(|word| word.parse().ok());
    number.unwrap_or_else(|| panic!("no number of test cases in:\n{said}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_nothing_among_names_of_its_own() {
    let stage = Stage::new(&[QUICK, BAD, HELD]).await;
    let said = attack(&stage, "").await;
    assert!(generated(&said) > 500, "{said}");
    assert_eq!(stage.get("/readyz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_nothing_among_things_that_are_there() {
    let stage = Stage::new(&[QUICK, BAD, HELD, NIGHTLY]).await;
    let week = json!({ "from": "2026-01-10", "to": "2026-01-12", "id": "january" });
    stage.post("/api/v1/dags/nightly/backfills", week).await;
    let run = stage.trigger("bad").await;
    stage.over(&run).await;
    let id = stage.task(&run, "t").await;
    stage.post("/api/v1/dags/held/runs", json!({})).await;
    let dag = stage.get("/api/v1/dags/bad").await.json();
    let hash = dag["version"].as_str().unwrap();
    let there = format!(
        "\"path.dag\" = \"bad\"\n\"path.run\" = \"{run}\"\n\"path.id\" = \"{id}\"\n\"path.n\" = 1\n\"path.backfill\" = \"january\"\n\"path.hash\" = \"{hash}\"\n"
    );
    let said = attack(&stage, &there).await;
    assert!(generated(&said) > 400, "{said}");
    assert_eq!(stage.get("/readyz").await.status, 200);
}
