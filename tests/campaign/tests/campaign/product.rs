//! The places where the program under fire ends itself are not in the product.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use noctule_campaign::strike::STRIKE;

const DAG: &str = r#"
id = "one"
[tasks.work]
executor = "process"
with.command = ["true"]
"#;

/// The product's own program. A build of the whole workspace puts it beside this one; else it is built now.
fn product() -> PathBuf {
    let ours = Path::new(env!("CARGO_BIN_EXE_noctule-campaign"));
    let profile = ours.parent().expect("a folder");
    let program = profile.join("noctule");
    if !program.exists() {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args([
                "build",
                "--locked",
                "--package",
                "noctule",
                "--bin",
                "noctule",
            ])
            .arg("--target-dir")
            .arg(profile.parent().expect("a folder"));
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let built = cargo.current_dir(root).status().expect("cargo is here");
        assert!(built.success(), "the product cannot be built");
    }
    program
}

/// Runs one task with a program that is told to end itself before its first commit.
fn runs(program: &Path) -> ExitStatus {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("dags")).expect("a folder");
    std::fs::write(folder.path().join("noctule.toml"), "").expect("a file");
    std::fs::write(folder.path().join("dags/one.toml"), DAG).expect("a file");
    let mut command = Command::new(program);
    command
        .args(["run", "one"])
        .current_dir(folder.path())
        .env(STRIKE, "kill commit.before 1");
    let ended = command.output().expect("it starts");
    ended.status
}

#[test]
fn only_the_program_of_this_package_ends_itself_where_it_is_told_to() {
    let ours = runs(Path::new(env!("CARGO_BIN_EXE_noctule-campaign")));
    assert_eq!(ours.signal(), Some(9), "{ours:?}");
    let product = product();
    let theirs = runs(&product);
    assert!(theirs.success(), "{theirs:?}");
    let bytes = std::fs::read(&product).expect("the product can be read");
    let name = STRIKE.as_bytes();
    assert!(!bytes.windows(name.len()).any(|part| part == name));
}
