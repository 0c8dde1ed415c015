//! The simulator seen by AWS's own Python client: what that client accepts, a client of ours may rely on.
//!
//! Needs `python3` with `venv`, and PyPI by the ordinary client the first time; the packages stay in
//! the target folder. It never skips: without them it fails and says what to install.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use noctule_ecs_simulator::{
    ContainerDefinition, Definition, Health, KeyPair, Settings, Simulator,
};

const PACKAGE: &str = "boto3==1.44.5";

const NEEDED: &str = "this test needs python3 with its venv module (on Debian: apt-get install \
    python3-venv) and, from PyPI, the package boto3";

const GROUP: &str =
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef";

/// Answers every request for /health with 200.
const WEB: &str = r#"
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
    def log_message(self, *args):
        pass
place = (os.environ["ECS_SIM_ADDRESS"], int(os.environ["ECS_SIM_PORT"]))
http.server.HTTPServer(place, Handler).serve_forever()
"#;

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

/// The interpreter of a folder with the client in it, made once.
fn python() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("aws-client-{}", PACKAGE.replace("==", "-")));
    let (python, ready) = (folder.join("bin/python"), folder.join("ready"));
    if ready.exists() {
        return python;
    }
    let venv = ["-m", "venv", "--clear"];
    let made = Command::new("python3").args(venv).arg(&folder).output();
    succeeded("making a venv", NEEDED, made);
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        PACKAGE,
    ];
    let installed = Command::new(&python).args(install).output();
    succeeded("installing AWS's client", NEEDED, installed);
    std::fs::write(&ready, PACKAGE).unwrap();
    python
}

fn settings(python: &Path) -> Settings {
    let python = python.to_str().unwrap();
    let lines = r#"echo "hello $WHO"; echo bye"#;
    let etl = Definition::new("etl")
        .container(ContainerDefinition::command("main", &["sh", "-c", lines]).env("WHO", "you"))
        .container(ContainerDefinition::command("side", &["sleep", "1000"]).sidecar());
    let web = ContainerDefinition::command("web", &[python, "-B", "-c", WEB]).port(8080);
    let key_pair = KeyPair {
        access_key_id: "AKIDSIMULATED".to_owned(),
        secret_access_key: "simulated".to_owned(),
    };
    Settings {
        clusters: Some(vec!["default".to_owned()]),
        target_groups: Some(vec![GROUP.to_owned()]),
        health: Health::Probe {
            path: "/health".to_owned(),
            interval: Duration::from_millis(20),
            timeout: Duration::from_secs(5),
            healthy: 2,
            unhealthy: 3,
        },
        verify: Some(key_pair),
        ..Settings::default()
    }
    .definition(etl)
    .definition(Definition::new("web").container(web))
    .definition(Definition::held("held", "main"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn awss_own_client_finds_nothing_strange() {
    let python = tokio::task::spawn_blocking(python).await.unwrap();
    let sim = Simulator::start(settings(&python)).await.unwrap();
    let mut script = Command::new(python);
    script
        .arg("-B")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/aws_client.py"))
        .arg(sim.endpoint())
        .env("NO_PROXY", "127.0.0.1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    let said = tokio::task::spawn_blocking(move || {
        let hint = "its checks are in aws_client.py";
        succeeded("AWS's client", hint, script.output())
    })
    .await
    .unwrap();
    assert!(said.contains("checks passed"), "{said}");
}
