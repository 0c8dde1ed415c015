//! A project in a temporary folder, and the binary run in it.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use noctule_executor_testing::ScriptedWorld;
use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Ended, Process};

/// `noctule`, with one more executor where a scripted world is named.
const BINARY: &str = env!("CARGO_BIN_EXE_noctule-scripted");

/// What every project here has.
const SETTINGS: &str = r#"
[engine]
listen = "127.0.0.1:0"
[defaults]
poll_interval = "20ms"
"#;

/// A project: its files, its store, and the outputs of its processes.
pub(crate) struct Project {
    folder: TempDir,
    processes: Cell<usize>,
    scripted: bool,
}

impl Project {
    /// A project with these further settings and this DAG.
    pub(crate) fn new(settings: &str, dag: &str) -> Self {
        let folder = folder();
        let root = folder.path();
        fs::create_dir(root.join("dags")).unwrap();
        fs::create_dir(root.join("outputs")).unwrap();
        fs::write(root.join("noctule.toml"), format!("{SETTINGS}{settings}")).unwrap();
        fs::write(root.join("dags/dag.toml"), dag).unwrap();
        Self {
            folder,
            processes: Cell::default(),
            scripted: false,
        }
    }

    /// A project whose binary knows the scripted executor, and its world.
    pub(crate) fn scripted(dag: &str) -> (Self, Arc<ScriptedWorld>) {
        let project = Self {
            scripted: true,
            ..Self::new("", dag)
        };
        let world = ScriptedWorld::on_disk(project.world()).unwrap();
        (project, world)
    }

    /// A file of the project.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder of the scripted world.
    fn world(&self) -> PathBuf {
        self.path("world")
    }

    /// The lines of a file; none if there is no such file.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The keys under which the scripted world started work, in order.
    pub(crate) fn launches(&self) -> Vec<String> {
        let key = |line: &String| line.split(' ').next().unwrap().to_owned();
        self.lines("world/launches").iter().map(key).collect()
    }

    /// Starts the binary with these words.
    pub(crate) fn start(&self, words: &[&str]) -> Process {
        let number = self.processes.replace(self.processes.get() + 1);
        let mut command = Command::new(BINARY);
        command
            .args(words)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", std::env::var_os("PATH").unwrap());
        if self.scripted {
            command.env("SCRIPTED_WORLD", self.world());
        }
        Process::start(command, &self.path("outputs").join(number.to_string()))
    }

    /// Runs the binary with these words to its end.
    pub(crate) fn ends(&self, words: &[&str]) -> Ended {
        self.start(words).end()
    }

    /// Follows the latest run to its success, and gives what was printed of it.
    #[track_caller]
    pub(crate) fn succeeds(&self) -> Value {
        let run = self
            .ends(&["follow", "@latest", "-o", "json"])
            .with(0)
            .json();
        assert_eq!(run["state"], "succeeded", "{run:#}");
        run
    }
}

/// In memory where there is some: the kill of a process loses no page cache, so a disk would only cost time.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    tempfile::tempdir_in(memory)
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}
