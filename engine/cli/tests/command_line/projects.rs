//! A project in a folder of its own, and the program run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A DAG of one local command.
pub(crate) const HELLO: &str = r#"
[params.who]
type = "string"
default = "world"
[tasks.say]
executor = "process"
with.command = ["sh", "-c", "echo hello {{ params.who }}; echo again"]
[tasks.after]
executor = "process"
depends_on = ["say"]
with.command = ["sh", "-c", "exit 3"]
"#;

/// A project that goes when it is dropped.
pub(crate) struct Project {
    folder: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Stdout as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// The same, if it ended so.
    pub(crate) fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// The same, if stderr says so.
    pub(crate) fn saying(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "`{text}` is missing: {self:#?}");
        self
    }
}

impl Project {
    /// A project with this file.
    pub(crate) fn new(file: &str) -> Self {
        let project = Self {
            folder: TempDir::new().unwrap(),
        };
        project.write("noctule.toml", file);
        std::fs::create_dir(project.path().join("dags")).unwrap();
        project
    }

    /// A project of defaults with one DAG.
    pub(crate) fn of(dag: &str) -> Self {
        let project = Self::new("");
        project.write("dags/d.toml", dag);
        project
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Every file below the project.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![self.path().to_owned()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    open.push(path);
                } else if !is_sidecar(&path) {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }

    /// The program, to be run in the project.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_noctule"));
        command
            .args(args)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .env_clear()
            .env("PATH", "/usr/bin:/bin");
        command
    }

    /// Runs a command in the project.
    pub(crate) fn noctule(&self, args: &[&str]) -> Ended {
        end(&mut self.command(args))
    }
}

/// Runs a command to its end.
pub(crate) fn end(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// What SQLite keeps beside a store while it is open: gone once the last process has closed it, whichever that is.
fn is_sidecar(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.ends_with("-wal") || name.ends_with("-shm")
}
