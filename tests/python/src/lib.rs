//! Python packages that tests hold us against: installed once, by pip, in a folder that the caller gives.
//!
//! Guarantees: of several tests that want a package one installs it, and the others wait. Nothing is skipped: where it cannot
//! be had, the test fails and says what to install.

#![warn(missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const NEEDED: &str = "this test needs python3 with its venv module (on Debian: apt-get install python3-venv) and, from \
    PyPI, the packages that it names";

/// What a program said.
///
/// # Panics
/// It could not be run, or failed.
pub fn succeeded(what: &str, output: std::io::Result<Output>) -> String {
    let output = output.unwrap_or_else(|error| panic!("{what}: {error}; {NEEDED}"));
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    let said = said.concat();
    assert!(output.status.success(), "{what}: {said}; {NEEDED}");
    said
}

/// A program of a package (`python` is always there), in a folder below this one that is made once.
///
/// # Panics
/// The package cannot be installed.
#[must_use]
pub fn program(below: &Path, package: &str, program: &str) -> PathBuf {
    let folder = below.join(package.replace("==", "-"));
    let lock = std::fs::File::create(folder.with_extension("lock")).expect("a folder for tests");
    lock.lock().expect("a lock of our own");
    let (program, ready) = (folder.join("bin").join(program), folder.join("ready"));
    if std::fs::read_to_string(&ready).is_ok_and(|known| known == package) {
        return program;
    }
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "--clear"]).arg(&folder);
    succeeded("making a venv", venv.output());
    let mut pip = Command::new(folder.join("bin/python"));
    let quietly = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    pip.args(quietly).arg(package);
    succeeded(&format!("installing {package}"), pip.output());
    std::fs::write(&ready, package).expect("a folder for tests");
    program
}
