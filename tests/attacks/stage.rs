//! A project in a temporary folder, and the binary run in it to its end.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Far beyond what anything here takes on a busy machine.
const IN_VAIN: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);

/// A project that goes when it is dropped.
pub(crate) struct Project {
    folder: TempDir,
    env: Vec<(String, String)>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    /// The most memory that it had, as far as it was seen.
    pub(crate) most_memory: u64,
}

impl Project {
    /// A project with these settings and one DAG, `d`.
    pub(crate) fn of(settings: &str, dag: &str) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .unwrap();
        let project = Self {
            folder,
            env: Vec::new(),
        };
        fs::create_dir(project.path("dags")).unwrap();
        let usual = "[engine]\nlisten = \"127.0.0.1:0\"\n[defaults]\npoll_interval = \"20ms\"\n";
        project.write("noctule.toml", &format!("{usual}{settings}"));
        project.write("dags/d.toml", dag);
        project
    }

    /// The same, where every command gets this variable.
    pub(crate) fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(name)).unwrap_or_default()).into_owned()
    }

    /// Runs the binary with these words to its end.
    pub(crate) fn noctule(&self, words: &[&str]) -> Ended {
        self.run(Command::new(env!("CARGO_BIN_EXE_noctule-scripted")).args(words))
    }

    /// The same by a shell that says something first: `umask 000;`.
    pub(crate) fn noctule_after(&self, first: &str, words: &[&str]) -> Ended {
        let script = format!("{first} exec \"$0\" \"$@\"");
        let binary = env!("CARGO_BIN_EXE_noctule-scripted");
        self.run(Command::new("sh").args(["-c", &script, binary]).args(words))
    }

    /// Starts the binary with these words; it ends with what is given back.
    pub(crate) fn start(&self, words: &[&str]) -> Engine {
        let stderr = self.path(".stderr.engine");
        let mut command = Command::new(env!("CARGO_BIN_EXE_noctule-scripted"));
        self.prepare(command.args(words), &self.path(".stdout.engine"), &stderr);
        Engine {
            child: command.spawn().unwrap(),
            stderr,
        }
    }

    fn prepare(&self, command: &mut Command, out: &Path, err: &Path) {
        command
            .current_dir(self.root())
            .env_clear()
            .env("HOME", self.root())
            .env("PATH", std::env::var_os("PATH").unwrap())
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(fs::File::create(out).unwrap())
            .stderr(fs::File::create(err).unwrap());
    }

    fn run(&self, command: &mut Command) -> Ended {
        let (out, err) = (self.path(".stdout"), self.path(".stderr"));
        self.prepare(command, &out, &err);
        let mut child = command.spawn().unwrap();
        let (end, mut most_memory) = (Instant::now() + IN_VAIN, 0);
        let status = loop {
            most_memory = most_memory.max(memory_of(child.id()));
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > end {
                drop(child.kill());
                drop(child.wait());
                panic!("{command:?} does not end: {}", self.read(".stderr"));
            }
            std::thread::sleep(LOOK);
        };
        let (stdout, stderr) = (fs::read(&out).unwrap(), self.read(".stderr"));
        Ended {
            code: status.code(),
            stdout,
            stderr,
            most_memory,
        }
    }

    /// Everything below the state folder, by path, with its bytes.
    pub(crate) fn state(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        collect(&self.path(".noctule"), &mut found);
        found
            .into_iter()
            .filter(|path| path.is_file())
            .map(|path| (path.clone(), fs::read(&path).unwrap()))
            .collect()
    }

    /// Everything below the state folder that others than its owner may touch.
    pub(crate) fn open_to_others(&self) -> Vec<(PathBuf, u32)> {
        let mut found = vec![self.path(".noctule")];
        collect(&self.path(".noctule"), &mut found);
        let mode = |path: &PathBuf| fs::symlink_metadata(path).unwrap().permissions().mode();
        let open = found.iter().map(|path| (path.clone(), mode(path) & 0o7777));
        open.filter(|(_, mode)| mode & 0o077 != 0).collect()
    }
}

/// A process that was started here, and goes with its test.
pub(crate) struct Engine {
    child: Child,
    stderr: PathBuf,
}

impl Engine {
    /// What it has told people so far; that it lives.
    #[track_caller]
    pub(crate) fn said(mut self) -> String {
        let said = fs::read_to_string(&self.stderr).unwrap();
        assert!(self.child.try_wait().unwrap().is_none(), "it ended: {said}");
        said
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + IN_VAIN;
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(LOOK);
    }
}

impl Ended {
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.text(), self.stderr);
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// The most memory that a process ever had, in bytes.
fn memory_of(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        found.push(path.clone());
        if is_dir {
            collect(&path, found);
        }
    }
}
