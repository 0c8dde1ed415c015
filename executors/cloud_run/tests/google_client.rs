//! The simulator seen by Google's own Python client: what that client accepts, a client of ours may rely on.
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
};

use noctule_cloud_run::simulator::{Fail, JobConfig, JobScript, Simulator};

/// The client and everything under it that speaks HTTP.
const PACKAGES: [&str; 4] = [
    "google-cloud-run==0.16.0",
    "google-api-core==2.44.0",
    "google-auth==2.62.2",
    "requests==2.34.2",
];

const NEEDED: &str = "this test needs python3 with its venv module (on Debian: apt-get install \
    python3-venv) and, from PyPI, the packages google-cloud-run and requests";

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
        .join(format!("google-client-{}", PACKAGES[0].replace("==", "-")));
    let (python, ready) = (folder.join("bin/python"), folder.join("ready"));
    if std::fs::read_to_string(&ready).is_ok_and(|known| known == PACKAGES.join(" ")) {
        return python;
    }
    succeeded(
        "making a venv",
        NEEDED,
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder)
            .output(),
    );
    let mut pip = Command::new(&python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ])
    .args(PACKAGES);
    succeeded("installing Google's client", NEEDED, pip.output());
    std::fs::write(&ready, PACKAGES.join(" ")).unwrap();
    python
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn googles_own_client_finds_nothing_strange() {
    let python = tokio::task::spawn_blocking(python).await.unwrap();
    let env = [("A", "job"), ("B", "job")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let etl = JobConfig {
        env: env.into(),
        ..JobConfig::default()
    };
    let broken = JobConfig {
        fail: Some(Fail::ExitCode(7)),
        ..JobConfig::default()
    };
    let builder = Simulator::builder()
        .job("etl", etl)
        .job("broken", broken)
        .job("held", JobScript::hold());
    let sim = builder.start().await.unwrap();
    let mut script = Command::new(python);
    script
        .arg("-B")
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/google_client.py"
        ))
        .arg(sim.url());
    script
        .env("NO_PROXY", "127.0.0.1")
        .env("GOOGLE_CLOUD_PROJECT", "p");
    let said = tokio::task::spawn_blocking(move || {
        succeeded(
            "Google's client",
            "its checks are in google_client.py",
            script.output(),
        )
    })
    .await
    .unwrap();
    assert!(said.contains("checks passed"), "{said}");
}
